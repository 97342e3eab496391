//! Keys and values: range, put, delete and transactions.

use alloc::vec::Vec;

use bytes::Bytes;
use prost::{Enumeration, Message, Oneof};

/// What every response begins with.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct ResponseHeader {
    /// The cluster; filled in by the gateway.
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
    /// The member that answered; filled in by the gateway.
    #[prost(uint64, tag = "2")]
    pub member_id: u64,
    /// The keyspace's revision when the request took effect or was answered.
    #[prost(int64, tag = "3")]
    pub revision: i64,
    /// The term; filled in by the gateway.
    #[prost(uint64, tag = "4")]
    pub raft_term: u64,
}

impl ResponseHeader {
    /// A header with the revision alone.
    #[must_use]
    pub fn at(revision: i64) -> Option<ResponseHeader> {
        Some(ResponseHeader { revision, ..ResponseHeader::default() })
    }
}

/// A key and what stands under it. Stored without its key, which is part of where it lies.
#[derive(Clone, PartialEq, Message)]
pub struct KeyValue {
    /// The key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// The revision that made the key, after it had not been there.
    #[prost(int64, tag = "2")]
    pub create_revision: i64,
    /// The revision that set the value.
    #[prost(int64, tag = "3")]
    pub mod_revision: i64,
    /// How many times the key was put since it was made; at least 1.
    #[prost(int64, tag = "4")]
    pub version: i64,
    /// The value.
    #[prost(bytes = "bytes", tag = "5")]
    pub value: Bytes,
    /// The lease that the key ends with; 0 for none.
    #[prost(int64, tag = "6")]
    pub lease: i64,
}

/// The order of a range's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum SortOrder {
    /// As the keys lie, unless the target says otherwise; then ascending.
    None = 0,
    /// Smallest first.
    Ascend = 1,
    /// Greatest first.
    Descend = 2,
}

/// By what a range's answer is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum SortTarget {
    /// By key.
    Key = 0,
    /// By version.
    Version = 1,
    /// By create revision.
    Create = 2,
    /// By mod revision.
    Mod = 3,
    /// By value.
    Value = 4,
}

/// Reads keys.
#[derive(Clone, PartialEq, Message)]
pub struct RangeRequest {
    /// The first key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// Up to but without this key; empty for the one key, a single zero byte for all from `key` on.
    #[prost(bytes = "bytes", tag = "2")]
    pub range_end: Bytes,
    /// At most so many keys and values; 0 for all.
    #[prost(int64, tag = "3")]
    pub limit: i64,
    /// As of this revision; 0 or less for now.
    #[prost(int64, tag = "4")]
    pub revision: i64,
    /// The order of the answer.
    #[prost(enumeration = "SortOrder", tag = "5")]
    pub sort_order: i32,
    /// By what to sort.
    #[prost(enumeration = "SortTarget", tag = "6")]
    pub sort_target: i32,
    /// Whether any replica may answer from what it has. A matter of who asks whom: not looked at
    /// by the program.
    #[prost(bool, tag = "7")]
    pub serializable: bool,
    /// Leave the values out.
    #[prost(bool, tag = "8")]
    pub keys_only: bool,
    /// Leave all but the count out.
    #[prost(bool, tag = "9")]
    pub count_only: bool,
    /// Only keys that were changed at this revision or later; 0 for all.
    #[prost(int64, tag = "10")]
    pub min_mod_revision: i64,
    /// Only keys that were changed at this revision or before; 0 for all.
    #[prost(int64, tag = "11")]
    pub max_mod_revision: i64,
    /// Only keys that were made at this revision or later; 0 for all.
    #[prost(int64, tag = "12")]
    pub min_create_revision: i64,
    /// Only keys that were made at this revision or before; 0 for all.
    #[prost(int64, tag = "13")]
    pub max_create_revision: i64,
    /// Leave the count out: with a limit, and without order and bounds, nothing behind the limit is
    /// looked at. For whoever reads page by page.
    #[prost(bool, tag = "100")]
    pub uncounted: bool,
}

/// What a range found.
#[derive(Clone, PartialEq, Message)]
pub struct RangeResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Keys and values.
    #[prost(message, repeated, tag = "2")]
    pub kvs: Vec<KeyValue>,
    /// Whether the limit left something out.
    #[prost(bool, tag = "3")]
    pub more: bool,
    /// Keys in the range, whatever limit and revision filters leave out; 0 if it is not asked for.
    #[prost(int64, tag = "4")]
    pub count: i64,
}

/// Sets a key.
#[derive(Clone, PartialEq, Message)]
pub struct PutRequest {
    /// Which key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// Its new value.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
    /// The lease that the key shall end with; 0 for none.
    #[prost(int64, tag = "3")]
    pub lease: i64,
    /// Answer with what the put replaced.
    #[prost(bool, tag = "4")]
    pub prev_kv: bool,
    /// Keep the value that the key has.
    #[prost(bool, tag = "5")]
    pub ignore_value: bool,
    /// Keep the lease that the key has.
    #[prost(bool, tag = "6")]
    pub ignore_lease: bool,
}

/// A key was set.
#[derive(Clone, PartialEq, Message)]
pub struct PutResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// What was replaced, if asked for.
    #[prost(message, optional, tag = "2")]
    pub prev_kv: Option<KeyValue>,
}

/// Removes keys.
#[derive(Clone, PartialEq, Message)]
pub struct DeleteRangeRequest {
    /// The first key.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    /// As in [`RangeRequest::range_end`].
    #[prost(bytes = "bytes", tag = "2")]
    pub range_end: Bytes,
    /// Answer with what was removed.
    #[prost(bool, tag = "3")]
    pub prev_kv: bool,
}

/// Keys were removed.
#[derive(Clone, PartialEq, Message)]
pub struct DeleteRangeResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// How many.
    #[prost(int64, tag = "2")]
    pub deleted: i64,
    /// What was removed, if asked for.
    #[prost(message, repeated, tag = "3")]
    pub prev_kvs: Vec<KeyValue>,
}

/// How a compare compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum CompareResult {
    /// What stands there equals the operand.
    Equal = 0,
    /// What stands there is greater than the operand.
    Greater = 1,
    /// What stands there is less than the operand.
    Less = 2,
    /// What stands there differs from the operand.
    NotEqual = 3,
}

/// What a compare looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum CompareTarget {
    /// The version.
    Version = 0,
    /// The create revision.
    Create = 1,
    /// The mod revision.
    Mod = 2,
    /// The value.
    Value = 3,
    /// The lease.
    Lease = 4,
}

/// What must hold of a key, or of every key of a range.
#[derive(Clone, PartialEq, Message)]
pub struct Compare {
    /// How to compare.
    #[prost(enumeration = "CompareResult", tag = "1")]
    pub result: i32,
    /// What to look at.
    #[prost(enumeration = "CompareTarget", tag = "2")]
    pub target: i32,
    /// The first key.
    #[prost(bytes = "bytes", tag = "3")]
    pub key: Bytes,
    /// The operand; one that is not of the target counts as zero or empty.
    #[prost(oneof = "TargetUnion", tags = "4, 5, 6, 7, 8")]
    pub target_union: Option<TargetUnion>,
    /// As in [`RangeRequest::range_end`].
    #[prost(bytes = "bytes", tag = "64")]
    pub range_end: Bytes,
}

/// The operand of a compare.
#[derive(Clone, PartialEq, Oneof)]
pub enum TargetUnion {
    /// A version.
    #[prost(int64, tag = "4")]
    Version(i64),
    /// A create revision.
    #[prost(int64, tag = "5")]
    CreateRevision(i64),
    /// A mod revision.
    #[prost(int64, tag = "6")]
    ModRevision(i64),
    /// A value.
    #[prost(bytes = "bytes", tag = "7")]
    Value(Bytes),
    /// A lease.
    #[prost(int64, tag = "8")]
    Lease(i64),
}

/// One operation of a transaction.
#[derive(Clone, PartialEq, Message)]
pub struct RequestOp {
    /// What to do.
    #[prost(oneof = "Request", tags = "1, 2, 3, 4")]
    pub request: Option<Request>,
}

/// The operations.
#[derive(Clone, PartialEq, Oneof)]
pub enum Request {
    /// Reads keys.
    #[prost(message, tag = "1")]
    RequestRange(RangeRequest),
    /// Sets a key.
    #[prost(message, tag = "2")]
    RequestPut(PutRequest),
    /// Removes keys.
    #[prost(message, tag = "3")]
    RequestDeleteRange(DeleteRangeRequest),
    /// A transaction inside.
    #[prost(message, tag = "4")]
    RequestTxn(TxnRequest),
}

/// What one operation found.
#[derive(Clone, PartialEq, Message)]
pub struct ResponseOp {
    /// The response.
    #[prost(oneof = "Response", tags = "1, 2, 3, 4")]
    pub response: Option<Response>,
}

/// The responses.
#[derive(Clone, PartialEq, Oneof)]
pub enum Response {
    /// Keys were read.
    #[prost(message, tag = "1")]
    ResponseRange(RangeResponse),
    /// A key was set.
    #[prost(message, tag = "2")]
    ResponsePut(PutResponse),
    /// Keys were removed.
    #[prost(message, tag = "3")]
    ResponseDeleteRange(DeleteRangeResponse),
    /// A transaction inside took effect.
    #[prost(message, tag = "4")]
    ResponseTxn(TxnResponse),
}

/// If all compares hold, then `success`, else `failure`; all of it at one revision.
#[derive(Clone, PartialEq, Message)]
pub struct TxnRequest {
    /// What must hold.
    #[prost(message, repeated, tag = "1")]
    pub compare: Vec<Compare>,
    /// What to do if it holds.
    #[prost(message, repeated, tag = "2")]
    pub success: Vec<RequestOp>,
    /// What to do if it does not.
    #[prost(message, repeated, tag = "3")]
    pub failure: Vec<RequestOp>,
}

/// A transaction took effect.
#[derive(Clone, PartialEq, Message)]
pub struct TxnResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Whether the compares held.
    #[prost(bool, tag = "2")]
    pub succeeded: bool,
    /// One for each operation.
    #[prost(message, repeated, tag = "3")]
    pub responses: Vec<ResponseOp>,
}
