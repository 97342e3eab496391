//! Elections: a lock whose holder says something.

use bytes::Bytes;
use prost::Message;

use super::{KeyValue, ResponseHeader};

/// Stands for election, or changes what a candidate says.
#[derive(Clone, PartialEq, Message)]
pub struct CampaignRequest {
    /// Which election.
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
    /// The lease that the candidacy ends with.
    #[prost(int64, tag = "2")]
    pub lease: i64,
    /// What the candidate says once it leads.
    #[prost(bytes = "bytes", tag = "3")]
    pub value: Bytes,
}

/// A candidacy.
#[derive(Clone, PartialEq, Message)]
pub struct LeaderKey {
    /// Which election.
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
    /// The key that is the candidacy.
    #[prost(bytes = "bytes", tag = "2")]
    pub key: Bytes,
    /// Its create revision: of the leader, the fencing token.
    #[prost(int64, tag = "3")]
    pub rev: i64,
    /// The lease that it ends with.
    #[prost(int64, tag = "4")]
    pub lease: i64,
}

/// Somebody stands.
#[derive(Clone, PartialEq, Message)]
pub struct CampaignResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The candidacy.
    #[prost(message, optional, tag = "2")]
    pub leader: Option<LeaderKey>,
    /// Whether it leads.
    #[prost(bool, tag = "101")]
    pub elected: bool,
    /// Else the candidacy before it: when that key is gone, ask again.
    #[prost(bytes = "bytes", tag = "102")]
    pub behind: Bytes,
}

/// Changes what a candidate says.
#[derive(Clone, PartialEq, Message)]
pub struct ProclaimRequest {
    /// The candidacy.
    #[prost(message, optional, tag = "1")]
    pub leader: Option<LeaderKey>,
    /// What it says.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

/// It is said.
#[derive(Clone, PartialEq, Message)]
pub struct ProclaimResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
}

/// Ends a candidacy.
#[derive(Clone, PartialEq, Message)]
pub struct ResignRequest {
    /// The candidacy.
    #[prost(message, optional, tag = "1")]
    pub leader: Option<LeaderKey>,
}

/// It is ended, or was.
#[derive(Clone, PartialEq, Message)]
pub struct ResignResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
}

/// Asks who leads.
#[derive(Clone, PartialEq, Message)]
pub struct LeaderRequest {
    /// Which election.
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
}

/// Who leads.
#[derive(Clone, PartialEq, Message)]
pub struct LeaderResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The leader's candidacy and what it says.
    #[prost(message, optional, tag = "2")]
    pub kv: Option<KeyValue>,
}
