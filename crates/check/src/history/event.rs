//! One line of a history file.

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// An invocation or a completion, as it is written in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Who: a client does one thing at a time.
    pub process: Process,
    /// Invocation, or how it ended.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What; a completion may leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub f: Option<Verb>,
    /// The key, unless the value is `[key, value]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Json>,
    /// The argument, or what was returned.
    #[serde(default)]
    pub value: Json,
    /// Nanoseconds from any origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<i64>,
    /// Position in the history; not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<i64>,
    /// Evidence: the version written or read; our own text form, or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Json>,
    /// Evidence: the level that the read asked for; absent means linearizable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// Evidence: the session; absent means one session per process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The total that an `add` returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
}

impl Event {
    /// An event of a client process.
    #[must_use]
    pub fn new(process: u64, kind: Kind, f: Verb) -> Event {
        Event {
            process: Process::Client(process),
            kind,
            f: Some(f),
            key: None,
            value: Json::Null,
            time: None,
            index: None,
            version: None,
            level: None,
            session: None,
            total: None,
        }
    }

    /// With this key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Json>) -> Event {
        self.key = Some(key.into());
        self
    }

    /// With this value.
    #[must_use]
    pub fn value(mut self, value: impl Into<Json>) -> Event {
        self.value = value.into();
        self
    }

    /// At this time, in nanoseconds.
    #[must_use]
    pub fn at(mut self, nanos: i64) -> Event {
        self.time = Some(nanos);
        self
    }

    /// The event as one line of JSON, without the line's end.
    #[must_use]
    pub fn to_line(&self) -> String {
        // Serializing a tree of plain JSON values has no way to fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Invocation, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The client asks.
    Invoke,
    /// It happened.
    Ok,
    /// It did not happen.
    Fail,
    /// Nobody knows.
    Info,
}

/// What a client asks for. Aliases of other recorders are understood, never written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// A register's value, a counter's total, all elements of a set or list.
    #[serde(alias = "r", alias = "get")]
    Read,
    /// Sets a register; null deletes.
    #[serde(alias = "w", alias = "put", alias = "set")]
    Write,
    /// Deletes a register.
    Delete,
    /// Value `[expected, new]`.
    #[serde(alias = "compare-and-set")]
    Cas,
    /// Adds to a counter (default 1), or to a set.
    #[serde(alias = "increment", alias = "inc", alias = "add-and-get")]
    Add,
    /// Appends to a list.
    Append,
    /// Value `[["append", key, value], ["r", key, null], …]`.
    Txn,
    /// A request to a keyspace with etcd's model, named by the key: [`crate::etcd::Ask`], and
    /// [`crate::etcd::Answer`].
    Etcd,
    /// Anything else: allowed only on lines of processes that are not clients.
    #[serde(other)]
    Other,
}

/// Who did it: clients are numbered; names such as `nemesis` are not clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Process {
    /// A client.
    Client(u64),
    /// Not a client; its lines are counted and not judged.
    Other(String),
}

impl<'de> Deserialize<'de> for Process {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Process, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Process;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a process: a number, or a name such as \"nemesis\"")
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Process, E> {
                Ok(Process::Client(number))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Process, E> {
                Ok(Process::Other(number.to_string()))
            }
            fn visit_str<E: Error>(self, name: &str) -> Result<Process, E> {
                Ok(name.parse().map_or_else(|_| Process::Other(name.to_owned()), Process::Client))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let event = Event::new(3, Kind::Ok, Verb::Cas).key("x").value(vec![1, 2]).at(17);
        let line = event.to_line();
        let expected = r#"{"process":3,"type":"ok","f":"cas","key":"x","value":[1,2],"time":17}"#;
        assert_eq!(line, expected);
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
    }

    #[test]
    fn aliases_and_names_of_other_recorders_are_understood() {
        let line = r#"{"process":"nemesis","type":"info","f":"start-partition","value":["n1"]}"#;
        let event: Event = serde_json::from_str(line).unwrap();
        assert_eq!(event.process, Process::Other("nemesis".into()));
        assert_eq!(event.f, Some(Verb::Other));
        let line = r#"{"process":"4","type":"invoke","f":"increment","error":[":timeout"]}"#;
        let event: Event = serde_json::from_str(line).unwrap();
        assert_eq!((event.process, event.f), (Process::Client(4), Some(Verb::Add)));
    }
}
