//! Imports: a keyspace that goes on where another store stood.

use alloc::vec::Vec;

use bytes::Bytes;
use prost::Message;

use super::{KeyValue, LeaseRecord, ResponseHeader};

/// A piece of an import. All pieces together are the leases by id, then the keys in their order.
#[derive(Clone, PartialEq, Message)]
pub struct ImportRequest {
    /// What is imported: the same bytes in all pieces of it, 1 to 64.
    #[prost(bytes = "bytes", tag = "1")]
    pub source: Bytes,
    /// The revision that the keyspace goes on from; the same in all pieces.
    #[prost(int64, tag = "2")]
    pub revision: i64,
    /// Leases and keys in the pieces before this one. What a repeated piece brings again is skipped.
    #[prost(uint64, tag = "3")]
    pub at: u64,
    /// Leases; negative ids last. How often they were renewed is not looked at.
    #[prost(message, repeated, tag = "4")]
    pub leases: Vec<LeaseRecord>,
    /// Keys with the revisions and versions that they keep.
    #[prost(message, repeated, tag = "5")]
    pub kvs: Vec<KeyValue>,
    /// Whether this is the last piece.
    #[prost(bool, tag = "6")]
    pub last: bool,
}

/// A piece is there.
#[derive(Clone, PartialEq, Message)]
pub struct ImportResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Leases and keys that are there: where the next piece begins.
    #[prost(uint64, tag = "2")]
    pub done: u64,
    /// Whether the import is finished and the keyspace is open.
    #[prost(bool, tag = "3")]
    pub finished: bool,
}
