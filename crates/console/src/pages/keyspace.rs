//! One keyspace: its contract and what that means, its shards with their logs, and receipts.

use askama::Template;

use super::{Extra, Page, Tab, extra::Sample, keyspaces::text, logs::Logs, missing};
use crate::{
    facts::Objective,
    picture::{CATALOG, Picture},
};

#[derive(Template)]
#[template(path = "keyspaces/contract.html")]
struct Contract<'a> {
    fields: Vec<(String, String)>,
    /// Sentences, each with what it is about.
    lines: Vec<(&'a str, &'a str)>,
    objectives: Vec<Promise<'a>>,
    note: Option<&'a str>,
}

struct Promise<'a> {
    objective: &'a Objective,
    target: String,
    left: String,
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "keyspaces/logs.html")]
pub struct Shards {
    pub shards: Vec<Logs>,
    pub linked: bool,
}

#[derive(Template)]
#[template(path = "keyspaces/receipts.html")]
struct Receipts<'a> {
    samples: &'a [Sample],
    note: Option<&'a str>,
}

/// The page.
pub fn page(picture: &Picture, name: &str, extra: &Extra) -> Page {
    let found = picture.keyspaces.iter().find(|keyspace| keyspace.name == name);
    let contract = found.and_then(|keyspace| keyspace.contract.as_object());
    let shards: Vec<Logs> = picture
        .shards
        .iter()
        .filter(|shard| shard.keyspace == name)
        .map(|shard| Logs::of(shard, picture))
        .collect();
    if found.is_none() && (shards.is_empty() || name != CATALOG) {
        return missing::page(Tab::Keyspaces, &format!("There is no keyspace {name}."));
    }
    let fields = contract.into_iter().flatten();
    let contract = Contract {
        fields: fields.map(|(field, value)| (field.clone(), text(Some(value)))).collect(),
        lines: extra.explanation.iter().flatten().map(|line| about(line)).collect(),
        objectives: objectives(picture, name),
        note: extra.explanation.as_ref().err().map(String::as_str),
    };
    let receipts = Receipts {
        samples: extra.samples.as_deref().unwrap_or_default(),
        note: extra.samples.as_ref().err().map(String::as_str),
    };
    Page::new(Tab::Keyspaces, format!("Keyspace {name}"))
        .with("logs", &Shards { shards, linked: true })
        .with("contract", &contract)
        .with("receipts", &receipts)
}

/// A sentence of an explanation, without the word before its colon, and that word.
fn about(line: &str) -> (&str, &str) {
    line.split_once(": ").filter(|(word, _)| !word.contains(' ')).unwrap_or(("", line))
}

/// What was promised of a keyspace, by the first node that tells.
fn objectives<'a>(picture: &'a Picture, name: &str) -> Vec<Promise<'a>> {
    let told = picture.slos.iter().map(|(_, slo)| {
        slo.objectives.iter().filter(|objective| objective.keyspace == name).collect::<Vec<_>>()
    });
    let first = told.into_iter().find(|objectives| !objectives.is_empty()).unwrap_or_default();
    let promise = |objective: &'a Objective| {
        let left = objective.budget_left_permille;
        Promise {
            objective,
            target: objective.target(),
            left: left.map_or_else(|| "–".into(), |left| format!("{:.1} %", left as f64 / 10.0)),
            tone: match left {
                Some(..0) => "bad",
                Some(0..250) => "warn",
                Some(_) => "good",
                None => "none",
            },
        }
    };
    first.into_iter().map(promise).collect()
}
