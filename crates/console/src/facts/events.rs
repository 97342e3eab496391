//! `/v1/events`: the flight recorder.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What happened at one node, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Events {
    /// Who tells.
    pub node: String,
    /// What happened.
    pub events: Vec<Event>,
    /// After which to ask next.
    pub next: u64,
}

/// One thing that happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    /// Where: filled in when it was read.
    pub node: String,
    /// Its number there.
    pub id: u64,
    /// In which start of the node, from 1; 0 if that is not known.
    pub start: u64,
    /// When, as RFC 3339.
    pub time: String,
    /// What: `election-won`.
    pub kind: String,
    /// How bad.
    pub severity: Severity,
    /// Of which keyspace.
    pub keyspace: Option<String>,
    /// Of which shard.
    pub shard: Option<u64>,
    /// In which term.
    pub term: Option<u64>,
    /// One sentence for people.
    pub text: String,
    /// More of it.
    pub fields: Map<String, Value>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", from = "String")]
pub enum Severity {
    /// Good to know; also what is not known by name here.
    #[default]
    Info,
    /// Look at it today.
    Warning,
    /// Look at it now.
    Alarm,
}

impl From<String> for Severity {
    fn from(name: String) -> Severity {
        let known = [Severity::Warning, Severity::Alarm];
        known.into_iter().find(|known| known.name() == name).unwrap_or_default()
    }
}

impl Severity {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Alarm => "alarm",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_other_versions_are_read_for_what_they_tell() {
        let text = r#"{"node":"n1","events":[
            {"id":3,"kind":"election-won","severity":"warning","shard":2,"later":[1]},
            {"severity":"catastrophe","fields":{"by":"n2"}}]}"#;
        let events: Events = serde_json::from_str(text).unwrap();
        let [first, second] = &events.events[..] else { panic!("two events") };
        assert_eq!((first.id, first.severity, first.shard), (3, Severity::Warning, Some(2)));
        assert_eq!((second.severity, events.next), (Severity::Info, 0));
        assert_eq!(second.fields["by"], "n2");
    }
}
