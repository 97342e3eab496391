//! Queries that read keys, and their answers.

use alloc::{format, vec::Vec};
use core::ops::Bound;

use bytes::Bytes;
use kernel::{
    Version,
    bug::{Bug, planted},
};
use prost::{Message, Oneof};
use store::{
    engine::{EngineError, Read, ScanRange},
    mvcc::{Reader, Stored},
};

use crate::Rejected;

use super::KEY_BYTES_MAX;

/// The most items of one page.
pub const SCAN_ITEMS_MAX: u32 = 10_000;
/// The most versions of one page of a history.
pub const HISTORY_ITEMS_MAX: u32 = 1_000;
/// A page ends when its keys and values pass this many bytes.
const SCAN_BYTES_MAX: usize = 4 << 20;

/// Reads one key.
#[derive(Clone, PartialEq, Message)]
pub struct Get {
    /// Which key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
}

/// Reads a range of keys in order.
#[derive(Clone, PartialEq, Message)]
pub struct Scan {
    /// From this key on.
    #[prost(bytes = "bytes", tag = "1")]
    pub start: Bytes,
    /// Up to but without this key; empty for the end.
    #[prost(bytes = "bytes", tag = "2")]
    pub end: Bytes,
    /// At most so many items, 1 to [`SCAN_ITEMS_MAX`].
    #[prost(uint32, tag = "3")]
    pub limit: u32,
    /// Continue after this key: the cursor of the page before.
    #[prost(bytes = "bytes", tag = "4")]
    pub after: Bytes,
    /// Leave the values out.
    #[prost(bool, tag = "5")]
    pub keys_only: bool,
}

/// Reads the versions of one key that are kept, newest first.
#[derive(Clone, PartialEq, Message)]
pub struct History {
    /// Which key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// Only what was written before this version ([`Version::to_bytes`]); everything if empty.
    #[prost(bytes = "bytes", tag = "2")]
    pub before: Bytes,
    /// At most so many versions, 1 to [`HISTORY_ITEMS_MAX`].
    #[prost(uint32, tag = "3")]
    pub limit: u32,
}

/// A query.
#[derive(Clone, PartialEq, Message)]
pub struct Query {
    /// What to read.
    #[prost(oneof = "Ask", tags = "1, 2, 3")]
    pub ask: Option<Ask>,
}

/// The queries.
#[derive(Clone, PartialEq, Oneof)]
pub enum Ask {
    /// Reads one key.
    #[prost(message, tag = "1")]
    Get(Get),
    /// Reads a range.
    #[prost(message, tag = "2")]
    Scan(Scan),
    /// Reads the versions of one key.
    #[prost(message, tag = "3")]
    History(History),
}

/// A key with its value.
#[derive(Clone, PartialEq, Message)]
pub struct Item {
    /// The key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// Its value.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
    /// Its version ([`kernel::Version::to_bytes`]).
    #[prost(bytes = "bytes", tag = "3")]
    pub version: Bytes,
    /// When it expires (hybrid timestamp); 0 for never.
    #[prost(fixed64, tag = "4")]
    pub deadline: u64,
    /// Of a history: the version that ended it ([`Version::to_bytes`]); empty of the current.
    #[prost(bytes = "bytes", tag = "5")]
    pub until: Bytes,
}

/// The answer to a query.
#[derive(Clone, PartialEq, Message)]
pub struct QueryReply {
    /// The items, in key order; of a get, at most one; of a history, newest first.
    #[prost(message, repeated, tag = "1")]
    pub items: Vec<Item>,
    /// Whether the range, or the history, has more items.
    #[prost(bool, tag = "2")]
    pub more: bool,
}

/// A page is the answer to a scan.
pub type Page = QueryReply;

impl From<Get> for Query {
    fn from(get: Get) -> Query {
        Query { ask: Some(Ask::Get(get)) }
    }
}

impl From<Scan> for Query {
    fn from(scan: Scan) -> Query {
        Query { ask: Some(Ask::Scan(scan)) }
    }
}

impl From<History> for Query {
    fn from(history: History) -> Query {
        Query { ask: Some(Ask::History(history)) }
    }
}

impl Query {
    /// Decodes and checks limits.
    ///
    /// # Errors
    /// If the bytes are no query or a limit is passed.
    pub fn read(bytes: &Bytes) -> Result<Query, Rejected> {
        let query =
            Query::decode(bytes.clone()).map_err(|e| Rejected(format!("not a kv query: {e}")))?;
        match &query.ask {
            None => Err(Rejected("a kv query asks for a key or a range".into())),
            Some(Ask::Get(Get { key }) | Ask::History(History { key, .. }))
                if key.is_empty() || key.len() > KEY_BYTES_MAX =>
            {
                let length = key.len();
                Err(Rejected(format!("a key has 1 to {KEY_BYTES_MAX} bytes, not {length}")))
            }
            Some(Ask::History(history)) if !(1..=HISTORY_ITEMS_MAX).contains(&history.limit) => {
                Err(Rejected(format!("the limit of a history is 1 to {HISTORY_ITEMS_MAX}")))
            }
            Some(Ask::Scan(scan)) if !(1..=SCAN_ITEMS_MAX).contains(&scan.limit) => {
                Err(Rejected(format!("the limit of a scan is 1 to {SCAN_ITEMS_MAX}")))
            }
            Some(_) => Ok(query),
        }
    }

    pub(crate) fn answer<R: Read>(&self, reader: &Reader<'_, R>) -> Result<Bytes, EngineError> {
        let reply = match &self.ask {
            None => QueryReply::default(),
            Some(Ask::Get(get)) => {
                let found = reader.get(&get.key)?;
                let items = found.map(|stored| item(get.key.clone(), stored, false));
                QueryReply { items: items.into_iter().collect(), more: false }
            }
            Some(Ask::Scan(scan)) => page(scan, reader)?,
            Some(Ask::History(history)) => versions(history, reader)?,
        };
        Ok(reply.encode_to_vec().into())
    }
}

fn item(key: Bytes, stored: Stored, keys_only: bool) -> Item {
    Item {
        key,
        version: Bytes::copy_from_slice(&stored.version.to_bytes()),
        deadline: stored.deadline.map_or(0, |deadline| deadline.0),
        until: Bytes::new(),
        value: if keys_only { Bytes::new() } else { stored.value },
    }
}

/// A page ends like that of a scan; one more version than asked for tells whether there are more.
fn versions<R: Read>(history: &History, reader: &Reader<'_, R>) -> Result<QueryReply, EngineError> {
    let limit = history.limit as usize;
    let before = Version::from_bytes(&history.before);
    let mut items: Vec<Item> = Vec::new();
    let mut bytes = 0;
    for (stored, ended) in reader.versions(&history.key, before, limit + 1)? {
        if items.len() == limit || bytes > SCAN_BYTES_MAX {
            return Ok(QueryReply { items, more: true });
        }
        bytes += stored.value.len();
        let until = ended.map_or(Bytes::new(), |v| Bytes::copy_from_slice(&v.to_bytes()));
        items.push(Item { until, ..item(history.key.clone(), stored, false) });
    }
    Ok(QueryReply { items, more: false })
}

fn page<R: Read>(scan: &Scan, reader: &Reader<'_, R>) -> Result<QueryReply, EngineError> {
    let start = if scan.after.is_empty() || scan.after < scan.start {
        Bound::Included(scan.start.clone())
    } else {
        Bound::Excluded(scan.after.clone())
    };
    let end =
        if scan.end.is_empty() { Bound::Unbounded } else { Bound::Excluded(scan.end.clone()) };
    let limit = scan.limit as usize;
    let mut items: Vec<Item> = Vec::new();
    let mut bytes = 0;
    let range = ScanRange { start, end, reverse: false };
    let late = planted(Bug::PageSkipsKey) && !scan.after.is_empty();
    for entry in reader.entries(&range).skip(usize::from(late)) {
        let (key, stored) = entry?;
        if items.len() == limit || bytes > SCAN_BYTES_MAX {
            return Ok(QueryReply { items, more: true });
        }
        bytes += key.len() + stored.value.len();
        items.push(item(key, stored, scan.keys_only));
    }
    Ok(QueryReply { items, more: false })
}

impl QueryReply {
    /// Decodes an answer.
    ///
    /// # Errors
    /// If the bytes are no answer.
    pub fn read(bytes: &Bytes) -> Result<QueryReply, Rejected> {
        QueryReply::decode(bytes.clone()).map_err(|e| Rejected(format!("not a kv answer: {e}")))
    }
}
