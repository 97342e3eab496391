//! etcd's messages that are no commands of a program.

use bytes::Bytes;
use layers::coordination::{Event, ResponseHeader};
use prost::{Message, Oneof};

/// Says something about watches.
#[derive(Clone, PartialEq, Message)]
pub struct WatchRequest {
    /// What.
    #[prost(oneof = "Wish", tags = "1, 2, 3")]
    pub wish: Option<Wish>,
}

/// What can be said about watches.
#[derive(Clone, PartialEq, Oneof)]
pub enum Wish {
    /// Begins one.
    #[prost(message, tag = "1")]
    Create(WatchCreateRequest),
    /// Ends one.
    #[prost(message, tag = "2")]
    Cancel(WatchCancelRequest),
    /// Asks how far all have come.
    #[prost(message, tag = "3")]
    Progress(WatchProgressRequest),
}

/// Begins a watch.
#[derive(Clone, PartialEq, Message)]
pub struct WatchCreateRequest {
    /// The first key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// As in a range.
    #[prost(bytes = "bytes", tag = "2")]
    pub range_end: Bytes,
    /// From this revision on; 0 from now on.
    #[prost(int64, tag = "3")]
    pub start_revision: i64,
    /// Whether to tell now and then how far it has come.
    #[prost(bool, tag = "4")]
    pub progress_notify: bool,
    /// Kinds to leave out.
    #[prost(int32, repeated, tag = "5")]
    pub filters: Vec<i32>,
    /// With what stood there before.
    #[prost(bool, tag = "6")]
    pub prev_kv: bool,
    /// Its id; 0 for one that the server chooses.
    #[prost(int64, tag = "7")]
    pub watch_id: i64,
    /// Whether a large answer may come in parts.
    #[prost(bool, tag = "8")]
    pub fragment: bool,
}

/// Ends a watch.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct WatchCancelRequest {
    /// Which one.
    #[prost(int64, tag = "1")]
    pub watch_id: i64,
}

/// Asks how far all watches of the stream have come.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct WatchProgressRequest {}

/// What a watch has to say.
#[derive(Clone, PartialEq, Message)]
pub struct WatchResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Which watch.
    #[prost(int64, tag = "2")]
    pub watch_id: i64,
    /// It begins.
    #[prost(bool, tag = "3")]
    pub created: bool,
    /// It ends.
    #[prost(bool, tag = "4")]
    pub canceled: bool,
    /// From where on it could be watched.
    #[prost(int64, tag = "5")]
    pub compact_revision: i64,
    /// Why it ends.
    #[prost(string, tag = "6")]
    pub cancel_reason: String,
    /// More of the same answer follows.
    #[prost(bool, tag = "7")]
    pub fragment: bool,
    /// What happened.
    #[prost(message, repeated, tag = "11")]
    pub events: Vec<Event>,
}

/// Gives a lease its whole time again.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct LeaseKeepAliveRequest {
    /// Which lease.
    #[prost(int64, tag = "1")]
    pub id: i64,
}
