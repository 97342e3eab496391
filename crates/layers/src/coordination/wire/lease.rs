//! Leases. Times are whole seconds, as in etcd's protocol.

use alloc::vec::Vec;

use bytes::Bytes;
use prost::Message;

use super::ResponseHeader;

/// Makes a lease.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct LeaseGrantRequest {
    /// How long it lives without a renewal, in seconds; less than the least allowed is the least.
    #[prost(int64, tag = "1")]
    pub ttl: i64,
    /// Its id; 0 for one that the program chooses.
    #[prost(int64, tag = "2")]
    pub id: i64,
}

/// A lease was made.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseGrantResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Its id.
    #[prost(int64, tag = "2")]
    pub id: i64,
    /// How long it lives, in seconds.
    #[prost(int64, tag = "3")]
    pub ttl: i64,
}

/// Ends a lease and removes the keys attached to it.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct LeaseRevokeRequest {
    /// Which lease.
    #[prost(int64, tag = "1")]
    pub id: i64,
}

/// A lease was ended.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseRevokeResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
}

/// Gives leases their whole time again: keep-alives, many in one command.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseRenewRequest {
    /// Which leases.
    #[prost(int64, repeated, tag = "1")]
    pub ids: Vec<i64>,
}

/// Leases were renewed.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseRenewResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// One for each lease asked for, in order.
    #[prost(message, repeated, tag = "2")]
    pub leases: Vec<LeaseKeepAlive>,
}

/// etcd's `LeaseKeepAliveResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseKeepAlive {
    /// The header; filled in by the gateway.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Which lease.
    #[prost(int64, tag = "2")]
    pub id: i64,
    /// How long it lives from now on, in seconds; 0 if there is no such lease.
    #[prost(int64, tag = "3")]
    pub ttl: i64,
    /// Its last renewal, or its grant: where that stands in the log.
    #[prost(uint64, tag = "100")]
    pub renewal: u64,
    /// Of a keep-alive by the leader's clock: the log says that less is left, so the next leader
    /// would give it less. Only when a [`LeaseRenewRequest`] for it has taken effect may its client
    /// be answered.
    #[prost(bool, tag = "101")]
    pub log_it: bool,
}

/// Notes how much time leases have left, so that the next leader does not begin anew.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseCheckpointRequest {
    /// Leases and their time.
    #[prost(message, repeated, tag = "1")]
    pub checkpoints: Vec<LeaseCheckpoint>,
}

/// How much time a lease has left, if it was not renewed since: whoever says so did not know.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct LeaseCheckpoint {
    /// Which lease.
    #[prost(int64, tag = "1")]
    pub id: i64,
    /// In seconds.
    #[prost(int64, tag = "2")]
    pub remaining_ttl: i64,
    /// Its last renewal, or its grant, that was known: where that stands in the log.
    #[prost(uint64, tag = "100")]
    pub renewal: u64,
}

/// It was noted.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseCheckpointResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
}

/// Ends leases whose time has run out by the clock of the leader that proposes it.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseExpireRequest {
    /// Which leases.
    #[prost(message, repeated, tag = "1")]
    pub overdue: Vec<Overdue>,
}

/// A lease whose time has run out since this renewal. One that was renewed since lives on: whoever
/// decided did not know.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Overdue {
    /// Which lease.
    #[prost(int64, tag = "1")]
    pub id: i64,
    /// Its last renewal, or its grant, that was known: where that stands in the log.
    #[prost(uint64, tag = "2")]
    pub renewal: u64,
}

/// Leases were ended.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseExpireResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The leases that ended.
    #[prost(int64, repeated, tag = "2")]
    pub ids: Vec<i64>,
}

/// Reads a lease.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct LeaseTimeToLiveRequest {
    /// Which lease.
    #[prost(int64, tag = "1")]
    pub id: i64,
    /// With the keys attached to it.
    #[prost(bool, tag = "2")]
    pub keys: bool,
}

/// A lease.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseTimeToLiveResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Which lease.
    #[prost(int64, tag = "2")]
    pub id: i64,
    /// What was left at the last renewal or checkpoint, in seconds; -1 if there is no such lease.
    /// The leader, which has the clock, puts what is left now in its place.
    #[prost(int64, tag = "3")]
    pub ttl: i64,
    /// What was granted, in seconds.
    #[prost(int64, tag = "4")]
    pub granted_ttl: i64,
    /// The keys attached, if asked for.
    #[prost(bytes = "bytes", repeated, tag = "5")]
    pub keys: Vec<Bytes>,
}

/// Lists all leases.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct LeaseLeasesRequest {}

/// A lease of a list.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct LeaseStatus {
    /// Which lease.
    #[prost(int64, tag = "1")]
    pub id: i64,
}

/// All leases, by id.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseLeasesResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The leases.
    #[prost(message, repeated, tag = "2")]
    pub leases: Vec<LeaseStatus>,
}

/// Reads what is replicated of leases: how a new leader learns whose time it has to count.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct LeaseRecordsRequest {
    /// Only leases behind this one; 0 from the first on.
    #[prost(int64, tag = "1")]
    pub after: i64,
    /// At most so many.
    #[prost(uint32, tag = "2")]
    pub limit: u32,
}

/// What is replicated of a lease.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct LeaseRecord {
    /// Which lease. Stored without it.
    #[prost(int64, tag = "1")]
    pub id: i64,
    /// What was granted, in seconds.
    #[prost(int64, tag = "2")]
    pub ttl: i64,
    /// What was left at the last renewal or checkpoint, in seconds.
    #[prost(int64, tag = "3")]
    pub remaining_ttl: i64,
    /// Its last renewal, or its grant: where that stands in the log.
    #[prost(uint64, tag = "4")]
    pub renewal: u64,
}

/// A page of leases.
#[derive(Clone, PartialEq, Message)]
pub struct LeaseRecordsResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The leases, by id; negative ids last.
    #[prost(message, repeated, tag = "2")]
    pub leases: Vec<LeaseRecord>,
    /// Whether there are more.
    #[prost(bool, tag = "3")]
    pub more: bool,
}
