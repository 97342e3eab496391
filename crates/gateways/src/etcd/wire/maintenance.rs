//! What operators ask a node.

use bytes::Bytes;
use layers::coordination::ResponseHeader;
use prost::{Enumeration, Message};

/// Reads or changes alarms.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct AlarmRequest {
    /// 0 reads, 1 raises, 2 clears.
    #[prost(int32, tag = "1")]
    pub action: i32,
    /// Of which member; 0 for all.
    #[prost(uint64, tag = "2")]
    pub member_id: u64,
    /// Which alarm; [`AlarmType::None`] for all.
    #[prost(enumeration = "AlarmType", tag = "3")]
    pub alarm: i32,
}

/// The alarms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum AlarmType {
    /// Any.
    None = 0,
    /// The disk is full.
    Nospace = 1,
    /// Replicas differ.
    Corrupt = 2,
}

/// An alarm that is raised.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct AlarmMember {
    /// Of which member.
    #[prost(uint64, tag = "1")]
    pub member_id: u64,
    /// Which.
    #[prost(enumeration = "AlarmType", tag = "2")]
    pub alarm: i32,
}

/// The alarms that are raised.
#[derive(Clone, PartialEq, Message)]
pub struct AlarmResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// By member.
    #[prost(message, repeated, tag = "2")]
    pub alarms: Vec<AlarmMember>,
}

/// How a node is.
#[derive(Clone, PartialEq, Message)]
pub struct StatusResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The version of etcd whose protocol is spoken.
    #[prost(string, tag = "2")]
    pub version: String,
    /// Bytes on the disk.
    #[prost(int64, tag = "3")]
    pub db_size: i64,
    /// The member that leads.
    #[prost(uint64, tag = "4")]
    pub leader: u64,
    /// The last index of the log that is known to be committed.
    #[prost(uint64, tag = "5")]
    pub raft_index: u64,
    /// The term.
    #[prost(uint64, tag = "6")]
    pub raft_term: u64,
    /// How far this node has applied the log.
    #[prost(uint64, tag = "7")]
    pub raft_applied_index: u64,
    /// What is wrong.
    #[prost(string, repeated, tag = "8")]
    pub errors: Vec<String>,
    /// Bytes on the disk that are used.
    #[prost(int64, tag = "9")]
    pub db_size_in_use: i64,
    /// Whether this node does not vote.
    #[prost(bool, tag = "10")]
    pub is_learner: bool,
}

/// There was nothing to do.
#[derive(Clone, PartialEq, Message)]
pub struct DefragmentResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
}

/// Asks for the hash of all keys.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct HashKvRequest {
    /// As of this revision; 0 for now.
    #[prost(int64, tag = "1")]
    pub revision: i64,
}

/// The hash of all keys.
#[derive(Clone, PartialEq, Message)]
pub struct HashKvResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// CRC-32C over keys and values.
    #[prost(uint32, tag = "2")]
    pub hash: u32,
    /// The first revision that can be read.
    #[prost(int64, tag = "3")]
    pub compact_revision: i64,
}

/// A piece of a snapshot file.
#[derive(Clone, PartialEq, Message)]
pub struct SnapshotResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Bytes of the store that come after this piece.
    #[prost(uint64, tag = "2")]
    pub remaining_bytes: u64,
    /// The piece.
    #[prost(bytes = "bytes", tag = "3")]
    pub blob: Bytes,
}

/// Hands leadership over.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct MoveLeaderRequest {
    /// To which member.
    #[prost(uint64, tag = "1")]
    pub target_id: u64,
}

/// It is handed over.
#[derive(Clone, PartialEq, Message)]
pub struct MoveLeaderResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
}
