//! How far each watch of this node is behind: what an operator asks when a client says that it sees
//! changes late.
//!
//! A watch lags by the revisions between the one that it sees next and the newest one. It is *live*
//! (the hub hands changes out to it, and some may wait for its client to read) or *behind* (its
//! stream reads for it).

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::spec::{End, Spec};
use client::text::base64;

/// The watches of a node, those that lag most first.
#[derive(Debug, PartialEq, Eq)]
pub struct Survey {
    /// The revision of the keyspace.
    pub revision: i64,
    /// How many there are.
    pub watches: usize,
    /// Those that lag most.
    pub worst: Vec<Lag>,
}

/// A watch and how far it is behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The number of its stream on this node.
    pub stream: u64,
    /// What it wants.
    pub spec: Arc<Spec>,
    /// Whether the hub serves it.
    pub live: bool,
    /// The revision that it sees next, at the earliest.
    pub next: i64,
    /// Bytes that wait for its stream's client.
    pub waiting: usize,
}

impl Survey {
    /// Of all watches, the `limit` that lag most.
    pub fn new(revision: i64, mut all: Vec<Lag>, limit: usize) -> Survey {
        let watches = all.len();
        all.sort_unstable_by_key(|lag| (lag.next, lag.stream, lag.spec.id));
        all.truncate(limit);
        Survey { revision, watches, worst: all }
    }

    /// As the JSON gateway tells it: bytes in base64, whole numbers of 64 bits as text.
    pub fn json(&self) -> Value {
        let watch = |lag: &Lag| {
            let end = match &lag.spec.end {
                End::One => Value::Null,
                End::Before(end) => base64::encode(end).into(),
                End::Never => base64::encode(&[0]).into(),
            };
            json!({
                "stream": lag.stream.to_string(),
                "watch_id": lag.spec.id.to_string(),
                "key": base64::encode(&lag.spec.key),
                "range_end": end,
                "state": if lag.live { "live" } else { "behind" },
                "next_revision": lag.next.to_string(),
                "lag_revisions": (self.revision + 1 - lag.next).max(0).to_string(),
                "stream_waiting_bytes": lag.waiting.to_string(),
            })
        };
        json!({
            "revision": self.revision.to_string(),
            "watches": self.watches.to_string(),
            "worst": self.worst.iter().map(watch).collect::<Vec<_>>(),
        })
    }
}

/// Watches that read by themselves, by stream and number, and the revision that they see next.
#[derive(Debug, Default)]
pub struct Behinds(BTreeMap<(u64, i64), (Arc<Spec>, i64)>);

impl Behinds {
    /// A watch has come so far; whether it was not behind before.
    pub fn set(&mut self, stream: u64, spec: &Arc<Spec>, next: i64) -> bool {
        self.0.insert((stream, spec.id), (Arc::clone(spec), next)).is_none()
    }

    /// A watch is behind no more, or has ended; whether it was.
    pub fn remove(&mut self, stream: u64, id: i64) -> bool {
        self.0.remove(&(stream, id)).is_some()
    }

    /// All of them.
    pub fn lags(&self) -> impl Iterator<Item = Lag> {
        self.0.iter().map(|((stream, _), (spec, next))| {
            let (spec, next) = (Arc::clone(spec), *next);
            Lag { stream: *stream, spec, live: false, next, waiting: 0 }
        })
    }
}
