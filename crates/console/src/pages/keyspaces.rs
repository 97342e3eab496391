//! All keyspaces: what each promises, who leads it, how large it is.

use askama::Template;
use serde_json::Value;

use super::{Page, Tab, overview};
use crate::{
    picture::{CATALOG, Picture, Shard},
    say,
};

#[derive(Template)]
#[template(path = "keyspaces/list.html")]
struct List<'a> {
    rows: Vec<Row<'a>>,
    shards: Vec<ShardRow<'a>>,
}

struct Row<'a> {
    name: &'a str,
    link: String,
    program: String,
    replicas: String,
    read: String,
    shards: usize,
    size: String,
}

struct ShardRow<'a> {
    id: &'a str,
    keyspace: &'a str,
    leader: Option<&'a str>,
    term: u64,
    commit: String,
    size: String,
    behind: Vec<(&'a str, String)>,
}

/// The page.
pub fn page(picture: &Picture) -> Page {
    let rows = picture.keyspaces.iter().map(|keyspace| {
        let of = |name: &str| text(keyspace.contract.get(name));
        let own = || picture.shards.iter().filter(|shard| shard.keyspace == keyspace.name);
        Row {
            name: &keyspace.name,
            link: link(&keyspace.name),
            program: of("program"),
            replicas: of("replicas"),
            read: of("read"),
            shards: own().count(),
            size: say::bytes(own().map(|shard| shard.bytes).sum()),
        }
    });
    let list =
        List { rows: rows.collect(), shards: picture.shards.iter().map(shard_row).collect() };
    Page::new(Tab::Keyspaces, "Keyspaces").with("keyspaces", &list)
}

/// Where a keyspace is shown.
pub fn link(name: &str) -> String {
    format!("/keyspaces/{}", client::text::percent::encode_component(name.as_bytes()))
}

/// A value of a contract, for people.
pub fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "–".into(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn shard_row(shard: &Shard) -> ShardRow<'_> {
    let behind = shard.replicas.iter().filter(|replica| replica.certain);
    ShardRow {
        id: &shard.id,
        keyspace: if shard.keyspace == CATALOG { overview::name(CATALOG) } else { &shard.keyspace },
        leader: shard.leader.as_deref(),
        term: shard.term,
        commit: say::count(shard.commit),
        size: say::bytes(shard.bytes),
        behind: behind
            .filter(|replica| replica.behind(shard) > 0)
            .map(|replica| (replica.node.as_str(), say::count(replica.behind(shard))))
            .collect(),
    }
}
