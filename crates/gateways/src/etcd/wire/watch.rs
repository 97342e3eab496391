//! The two streams of etcd's protocol that clients keep open: watches and keep-alives.

use bytes::Bytes;
use layers::coordination::{Event, Filter, ResponseHeader};
use prost::{Message, Oneof};

/// What a client says on a stream of watches.
#[derive(Clone, PartialEq, Message)]
pub struct WatchRequest {
    /// Which of the three.
    #[prost(oneof = "RequestUnion", tags = "1, 2, 3")]
    pub request_union: Option<RequestUnion>,
}

/// What a client may say.
#[derive(Clone, PartialEq, Oneof)]
#[allow(clippy::enum_variant_names, reason = "named as in the protocol")]
pub enum RequestUnion {
    /// Begins a watch.
    #[prost(message, tag = "1")]
    CreateRequest(WatchCreateRequest),
    /// Ends one.
    #[prost(message, tag = "2")]
    CancelRequest(WatchCancelRequest),
    /// Asks how far the stream has come.
    #[prost(message, tag = "3")]
    ProgressRequest(WatchProgressRequest),
}

/// Begins a watch.
#[derive(Clone, PartialEq, Message)]
pub struct WatchCreateRequest {
    /// The first key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// Up to but without this key; empty for the one key, a single zero byte for all from `key` on.
    #[prost(bytes = "bytes", tag = "2")]
    pub range_end: Bytes,
    /// From this revision on; 0 for what comes from now on.
    #[prost(int64, tag = "3")]
    pub start_revision: i64,
    /// Whether to be told now and then that nothing happened.
    #[prost(bool, tag = "4")]
    pub progress_notify: bool,
    /// Kinds to leave out.
    #[prost(enumeration = "Filter", repeated, tag = "5")]
    pub filters: Vec<i32>,
    /// With what stood there before.
    #[prost(bool, tag = "6")]
    pub prev_kv: bool,
    /// The client's number for it; 0 for one that the server chooses.
    #[prost(int64, tag = "7")]
    pub watch_id: i64,
    /// Whether a response that is too long may be cut.
    #[prost(bool, tag = "8")]
    pub fragment: bool,
}

/// Ends a watch.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct WatchCancelRequest {
    /// Which.
    #[prost(int64, tag = "1")]
    pub watch_id: i64,
}

/// Asks how far the stream has come.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct WatchProgressRequest {}

/// What a client is told on a stream of watches.
#[derive(Clone, PartialEq, Message)]
pub struct WatchResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Which watch; -1 for all of the stream.
    #[prost(int64, tag = "2")]
    pub watch_id: i64,
    /// It began, or was refused if it is ended too.
    #[prost(bool, tag = "3")]
    pub created: bool,
    /// It ended.
    #[prost(bool, tag = "4")]
    pub canceled: bool,
    /// If not 0, what the watch needs is compacted: the first revision that can be watched from.
    #[prost(int64, tag = "5")]
    pub compact_revision: i64,
    /// Why it ended.
    #[prost(string, tag = "6")]
    pub cancel_reason: String,
    /// Whether the next response belongs to the same events.
    #[prost(bool, tag = "7")]
    pub fragment: bool,
    /// What happened.
    #[prost(message, repeated, tag = "11")]
    pub events: Vec<Event>,
}

/// Renews a lease. What answers it is [`layers::coordination::LeaseKeepAlive`].
#[derive(Clone, Copy, PartialEq, Message)]
pub struct LeaseKeepAliveRequest {
    /// Which lease.
    #[prost(int64, tag = "1")]
    pub id: i64,
}
