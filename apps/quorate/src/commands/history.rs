//! `quorate history`.

use clap::Args;
use client::document;
use kernel::Version;

use super::kv::text;
use crate::{
    cli::{Global, parse_version},
    exit::Failure,
    show,
};

/// Show the versions of a key that are kept, newest first.
#[derive(Debug, Args)]
pub struct History {
    /// Which keyspace; its contract must keep history.
    keyspace: String,
    /// Which key.
    key: String,
    /// At most so many versions.
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Only what was written before this version.
    #[arg(long, value_name = "VERSION", value_parser = parse_version)]
    before: Option<Version>,
    /// The level.
    #[arg(long)]
    consistency: Option<String>,
}

impl History {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let mut kv = global.client().kv(&self.keyspace);
        if let Some(level) = &self.consistency {
            kv = kv.at(level);
        }
        let answer = kv.history(self.key.as_bytes(), self.before, self.limit).await?;
        global.show().print(&answer.value, || table(&answer.value))
    }
}

fn table(history: &document::History) -> String {
    let mut table = show::table(&["version", "until", "value"]);
    for revision in &history.versions {
        let until = revision.until.clone().unwrap_or_else(|| "now".into());
        table.add_row([revision.version.clone(), until, text(revision.value_bytes())]);
    }
    match &history.before {
        Some(before) => format!("{table}\nthere are more: --before {before}"),
        None => table.to_string(),
    }
}
