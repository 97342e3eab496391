//! Events: what happened on a node, in order, for people and programs.
//!
//! The recorder keeps the newest, within a number and a number of bytes, whatever floods it: an
//! event store that can grow would fail when it is needed most.

mod recorder;

use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};

use serde::{Deserialize, Serialize};

pub use recorder::{Filter, Recorder};

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    #[default]
    Info,
    /// Somebody should look.
    Warning,
    /// Somebody must act.
    Alarm,
}

impl Severity {
    /// Reads a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Severity> {
        [Severity::Info, Severity::Warning, Severity::Alarm].into_iter().find(|s| s.name() == name)
    }

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Alarm => "alarm",
        }
    }
}

/// A fact beside the text of an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fact {
    /// Yes or no.
    Bool(bool),
    /// A number.
    Number(i64),
    /// A word.
    Text(String),
}

/// One thing that happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counts up on its node, from 1; every start begins a million of its own.
    pub id: u64,
    /// In which start of its node, from 1; 0 if that is not known.
    #[serde(default)]
    pub start: u64,
    /// When, as [`crate::time::rfc3339`] writes it.
    pub time: String,
    /// Which of the kinds: `election-won`.
    pub kind: String,
    /// How bad it is.
    pub severity: Severity,
    /// Of which keyspace, if of one and known.
    pub keyspace: Option<String>,
    /// Of which shard.
    pub shard: Option<u64>,
    /// In which term.
    pub term: Option<u64>,
    /// One sentence for people.
    pub text: String,
    /// Facts for programs.
    #[serde(default)]
    pub fields: BTreeMap<String, Fact>,
}

/// Events of one node, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Events {
    /// Which node: `n1`.
    pub node: String,
    /// Which of its starts it runs in; events of earlier ones are memories.
    #[serde(default)]
    pub start: u64,
    /// What it remembers, as far as it was asked for.
    pub events: Vec<Event>,
    /// Ask `after` this for more.
    pub next: u64,
}

impl Event {
    /// An event that has not been recorded yet.
    #[must_use]
    pub fn new(kind: &str, severity: Severity, text: impl Into<String>) -> Event {
        Event { kind: kind.to_string(), severity, text: text.into(), ..Event::default() }
    }

    /// Of this shard.
    #[must_use]
    pub fn shard(self, shard: u64) -> Event {
        Event { shard: Some(shard), ..self }
    }

    /// In this term.
    #[must_use]
    pub fn term(self, term: u64) -> Event {
        Event { term: Some(term), ..self }
    }

    /// With one more fact.
    #[must_use]
    pub fn with(mut self, name: &str, fact: impl Into<Fact>) -> Event {
        self.fields.insert(name.to_string(), fact.into());
        self
    }

    /// The number of a fact, if it is one.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.fields.get(name)? {
            Fact::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The word of a fact, if it is one.
    #[must_use]
    pub fn word(&self, name: &str) -> Option<&str> {
        match self.fields.get(name)? {
            Fact::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Bytes that it takes, about.
    fn weight(&self) -> usize {
        let facts = self.fields.iter().map(|(name, fact)| {
            let text = if let Fact::Text(text) = fact { text.len() } else { 0 };
            name.len() + text + size_of::<(String, Fact)>()
        });
        let keyspace = self.keyspace.as_ref().map_or(0, String::len);
        let texts = self.time.len() + self.kind.len() + self.text.len() + keyspace;
        size_of::<Event>() + texts + facts.sum::<usize>()
    }
}

impl From<&str> for Fact {
    fn from(text: &str) -> Fact {
        Fact::Text(text.to_string())
    }
}

impl From<String> for Fact {
    fn from(text: String) -> Fact {
        Fact::Text(text)
    }
}

impl From<u64> for Fact {
    fn from(number: u64) -> Fact {
        Fact::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<i64> for Fact {
    fn from(number: i64) -> Fact {
        Fact::Number(number)
    }
}

impl From<bool> for Fact {
    fn from(bool: bool) -> Fact {
        Fact::Bool(bool)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_written_as_the_interface_says_and_read_back() {
        let event = Event::new("election-won", Severity::Info, "n1 leads").shard(3).term(7);
        let event = event.with("took_ms", 9u64).with("pre", false).with("peer", "n2");
        let json = serde_json::to_string(&event).unwrap();
        let expected = "{\"id\":0,\"start\":0,\"time\":\"\",\"kind\":\"election-won\",\"severity\":\"info\",\
                        \"keyspace\":null,\"shard\":3,\"term\":7,\"text\":\"n1 leads\",\
                        \"fields\":{\"peer\":\"n2\",\"pre\":false,\"took_ms\":9}}";
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
        assert_eq!((event.number("took_ms"), event.word("peer")), (Some(9), Some("n2")));
        assert_eq!(Severity::parse("alarm"), Some(Severity::Alarm));
        assert!(Severity::Info < Severity::Alarm);
    }
}
