//! Changes: what watches are served from.

use alloc::vec::Vec;

use bytes::Bytes;
use prost::{Enumeration, Message};

use super::{KeyValue, ResponseHeader};

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum EventType {
    /// It was set.
    Put = 0,
    /// It was removed.
    Delete = 1,
}

/// A change of a key.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// What happened.
    #[prost(enumeration = "EventType", tag = "1")]
    pub r#type: i32,
    /// What stands there now; of a removal, the key and the revision of the removal.
    #[prost(message, optional, tag = "2")]
    pub kv: Option<KeyValue>,
    /// What stood there before the revision, if asked for and not compacted.
    #[prost(message, optional, tag = "3")]
    pub prev_kv: Option<KeyValue>,
}

impl Event {
    /// The revision of the change.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.kv.as_ref().map_or(0, |kv| kv.mod_revision)
    }
}

/// Events that a watcher does not want.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum Filter {
    /// No puts.
    Noput = 0,
    /// No removals.
    Nodelete = 1,
}

/// Reads changes from a cursor on, in the order in which they were made.
#[derive(Clone, PartialEq, Message)]
pub struct ChangesRequest {
    /// The first key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// As in [`super::RangeRequest::range_end`].
    #[prost(bytes = "bytes", tag = "2")]
    pub range_end: Bytes,
    /// From this revision on; 1 and less are the beginning.
    #[prost(int64, tag = "3")]
    pub start_revision: i64,
    /// Kinds to leave out.
    #[prost(enumeration = "Filter", repeated, tag = "5")]
    pub filters: Vec<i32>,
    /// With what stood there before.
    #[prost(bool, tag = "6")]
    pub prev_kv: bool,
    /// Of the first revision, only changes from this place on.
    #[prost(uint32, tag = "100")]
    pub start_sub: u32,
    /// Look at so many changes at most; 0 for the most allowed.
    #[prost(uint32, tag = "101")]
    pub limit: u32,
}

impl ChangesRequest {
    /// Changes of all keys, from a place in a revision on.
    #[must_use]
    pub fn of_all((start_revision, start_sub): (i64, u32)) -> ChangesRequest {
        let all = Bytes::from_static(&[0]);
        let (key, range_end) = (all.clone(), all);
        ChangesRequest { key, range_end, start_revision, start_sub, ..ChangesRequest::default() }
    }
}

/// A page of changes.
#[derive(Clone, PartialEq, Message)]
pub struct ChangesResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// If not 0, the start is compacted: this is the first revision that can be watched from.
    #[prost(int64, tag = "5")]
    pub compact_revision: i64,
    /// The changes. All of a revision stand together; a revision that the page cuts goes on at
    /// the beginning of the next one.
    #[prost(message, repeated, tag = "11")]
    pub events: Vec<Event>,
    /// Where the next page starts.
    #[prost(int64, tag = "100")]
    pub next_revision: i64,
    /// Where in that revision; not 0 if this page cuts it.
    #[prost(uint32, tag = "101")]
    pub next_sub: u32,
    /// Whether the next page has something to look at already.
    #[prost(bool, tag = "102")]
    pub more: bool,
    /// The auth revision; 0 while auth is off. Another one than before is a reason to ask again who
    /// may see what.
    #[prost(uint64, tag = "103")]
    pub auth_revision: u64,
    /// If not 0, the start lies before a cut of history, which began this incarnation: whatever was
    /// seen from there on may never have been.
    #[prost(uint64, tag = "104")]
    pub incarnation: u64,
}
