//! `quorate increment | count`.

use clap::Args;
use kernel::Version;
use serde_json::json;

use super::kv::{document, line};
use crate::{
    cli::{Global, parse_version},
    exit::Failure,
};

/// Add to a counter.
#[derive(Debug, Args)]
pub struct Increment {
    /// Which keyspace.
    keyspace: String,
    /// Which counter.
    name: String,
    /// How much; may be negative.
    #[arg(long, default_value_t = 1, allow_hyphen_values = true)]
    by: i64,
    /// The name of this mutation: repeating it takes effect once.
    #[arg(long)]
    request_id: Option<String>,
}

impl Increment {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let mut counters = global.client().counters(&self.keyspace);
        if let Some(id) = &self.request_id {
            counters = counters.request_id(id);
        }
        let answer = counters.increment(self.name.as_bytes(), self.by).await?;
        let document = document(&answer.evidence, json!({ "value": answer.value }));
        global.show().print(&document, || line(&answer.value.to_string(), &answer.evidence))
    }
}

/// Read a counter.
#[derive(Debug, Args)]
pub struct Count {
    /// Which keyspace.
    keyspace: String,
    /// Which counter.
    name: String,
    /// The level.
    #[arg(long)]
    consistency: Option<String>,
    /// As of this version; the keyspace must keep history.
    #[arg(long, value_name = "VERSION", value_parser = parse_version)]
    at: Option<Version>,
}

impl Count {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let mut counters = global.client().counters(&self.keyspace);
        if let Some(level) = &self.consistency {
            counters = counters.at(level);
        }
        if let Some(version) = self.at {
            counters = counters.as_of(version);
        }
        let answer = counters.count(self.name.as_bytes()).await?;
        let document = document(&answer.evidence, json!({ "value": answer.value }));
        global.show().print(&document, || answer.value.to_string())
    }
}
