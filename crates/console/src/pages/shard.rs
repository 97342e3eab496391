//! One shard: its replicas with their logs, and what happened to it.

use askama::Template;

use super::{
    Page, Tab,
    events::{self, Line},
    keyspace::Shards,
    logs::Logs,
    missing, overview,
};
use crate::{facts::Event, picture::Picture};

/// Events that are shown.
const LINES_MAX: usize = 40;

#[derive(Template)]
#[template(path = "keyspaces/shard_events.html")]
struct Happened {
    id: String,
    lines: Vec<Line>,
    note: Option<String>,
}

/// The page.
pub fn page(picture: &Picture, id: &str) -> Page {
    let Some(shard) = picture.shard(id) else {
        return missing::page(Tab::Keyspaces, &format!("There is no shard {id}."));
    };
    let number = id.strip_prefix('s').and_then(|number| number.parse().ok());
    let own = |event: &Event| event.shard == number;
    let lines = events::latest(picture, LINES_MAX, own);
    let title = format!("Shard {id} of {}", overview::name(&shard.keyspace));
    let note = events::silent(picture);
    Page::new(Tab::Keyspaces, title)
        .with("logs", &Shards { shards: vec![Logs::of(shard, picture)], linked: false })
        .with("lately", &Happened { id: id.to_owned(), lines, note })
}
