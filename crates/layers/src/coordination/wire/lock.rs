//! Locks: who waits, who holds, and the guard that lets only the holder write.

use alloc::vec::Vec;

use bytes::Bytes;
use prost::Message;

use super::{KeyValue, ResponseHeader};

/// Takes a place in the queue of a lock, or finds the one already taken under the same lease.
#[derive(Clone, PartialEq, Message)]
pub struct LockRequest {
    /// Which lock.
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
    /// The lease that the place ends with.
    #[prost(int64, tag = "2")]
    pub lease: i64,
}

/// A place in the queue.
#[derive(Clone, PartialEq, Message)]
pub struct LockResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The key that is the place: the lock is held as long as it exists.
    #[prost(bytes = "bytes", tag = "2")]
    pub key: Bytes,
    /// The place's create revision. Of the holder, the fencing token: it grows from holder to
    /// holder.
    #[prost(int64, tag = "100")]
    pub token: i64,
    /// Whether it is the first place: the lock is held.
    #[prost(bool, tag = "101")]
    pub held: bool,
    /// Else the place before it: when that key is gone, ask again.
    #[prost(bytes = "bytes", tag = "102")]
    pub behind: Bytes,
}

/// Gives up a place.
#[derive(Clone, PartialEq, Message)]
pub struct UnlockRequest {
    /// [`LockResponse::key`].
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
}

/// The place is free.
#[derive(Clone, PartialEq, Message)]
pub struct UnlockResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
}

/// Lets a command take effect only while a lock is held under this token. An election guards the
/// same way: its token is [`super::LeaderKey::rev`].
#[derive(Clone, PartialEq, Message)]
pub struct Guard {
    /// Which lock.
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
    /// [`LockResponse::token`] of the holder.
    #[prost(int64, tag = "2")]
    pub token: i64,
}

/// Reads the queue of a lock or an election.
#[derive(Clone, PartialEq, Message)]
pub struct QueueRequest {
    /// Which one.
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
}

/// A queue.
#[derive(Clone, PartialEq, Message)]
pub struct QueueResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The places, the holder first.
    #[prost(message, repeated, tag = "2")]
    pub places: Vec<KeyValue>,
}
