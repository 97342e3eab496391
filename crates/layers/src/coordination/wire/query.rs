//! The envelope of queries and of their answers.

use bytes::Bytes;
use prost::{Message, Oneof};

use super::{
    AuthAnswer, AuthQuery, Caller, ChangesRequest, ChangesResponse, LeaderRequest, LeaderResponse,
    LeaseLeasesRequest, LeaseLeasesResponse, LeaseRecordsRequest, LeaseRecordsResponse,
    LeaseRenewRequest, LeaseRenewResponse, LeaseTimeToLiveRequest, LeaseTimeToLiveResponse,
    QueueRequest, QueueResponse, RangeRequest, RangeResponse, RecipeAnswer, RecipeQuery,
    ResponseHeader, TxnRequest, TxnResponse,
};
use crate::{Rejected, coordination::Error};

/// Reads where the keyspace stands.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct StatusRequest {}

/// Where the keyspace stands.
#[derive(Clone, PartialEq, Message)]
pub struct StatusResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The first revision that can be read; -1 before the first compaction.
    #[prost(sint64, tag = "2")]
    pub compact_revision: i64,
    /// Whether all space of what was compacted is given back; else a sweep goes on.
    #[prost(bool, tag = "3")]
    pub swept: bool,
    /// Leases there are.
    #[prost(uint64, tag = "4")]
    pub leases: u64,
    /// Whether an import is under way: nothing else can be read then.
    #[prost(bool, tag = "100")]
    pub importing: bool,
    /// The auth revision; 0 while auth is off.
    #[prost(uint64, tag = "101")]
    pub auth_revision: u64,
}

/// A query.
#[derive(Clone, PartialEq, Message)]
pub struct Query {
    /// What to read.
    #[prost(oneof = "Ask", tags = "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13")]
    pub ask: Option<Ask>,
    /// Who sends it. Looked at while auth is on.
    #[prost(message, optional, tag = "30")]
    pub caller: Option<Caller>,
}

/// The queries.
#[derive(Clone, PartialEq, Oneof)]
pub enum Ask {
    /// Reads keys.
    #[prost(message, tag = "2")]
    Range(RangeRequest),
    /// A transaction that changes nothing in either branch.
    #[prost(message, tag = "3")]
    Txn(TxnRequest),
    /// Reads changes.
    #[prost(message, tag = "4")]
    Changes(ChangesRequest),
    /// Reads a lease.
    #[prost(message, tag = "5")]
    LeaseTimeToLive(LeaseTimeToLiveRequest),
    /// Lists leases.
    #[prost(message, tag = "6")]
    LeaseLeases(LeaseLeasesRequest),
    /// Reads what is replicated of leases.
    #[prost(message, tag = "7")]
    LeaseRecords(LeaseRecordsRequest),
    /// Reads who leads.
    #[prost(message, tag = "8")]
    Leader(LeaderRequest),
    /// Reads who waits.
    #[prost(message, tag = "9")]
    Queue(QueueRequest),
    /// Reads where the keyspace stands.
    #[prost(message, tag = "10")]
    Status(StatusRequest),
    /// Gives leases their whole time again, on the leader's clock alone.
    #[prost(message, tag = "11")]
    LeaseKeepAlive(LeaseRenewRequest),
    /// Reads who may do what.
    #[prost(message, tag = "12")]
    Auth(AuthQuery),
    /// Reads what etcd leaves to recipes.
    #[prost(message, tag = "13")]
    Recipe(RecipeQuery),
}

/// The answer to a query: an error, or the response of the same kind.
#[derive(Clone, PartialEq, Message)]
pub struct QueryReply {
    /// Why it cannot be read; absent if it was.
    #[prost(enumeration = "Error", optional, tag = "1")]
    pub error: Option<i32>,
    /// The response.
    #[prost(oneof = "Answer", tags = "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13")]
    pub answer: Option<Answer>,
}

/// The responses.
#[derive(Clone, PartialEq, Oneof)]
pub enum Answer {
    /// Keys.
    #[prost(message, tag = "2")]
    Range(RangeResponse),
    /// A transaction.
    #[prost(message, tag = "3")]
    Txn(TxnResponse),
    /// Changes.
    #[prost(message, tag = "4")]
    Changes(ChangesResponse),
    /// A lease.
    #[prost(message, tag = "5")]
    LeaseTimeToLive(LeaseTimeToLiveResponse),
    /// Leases.
    #[prost(message, tag = "6")]
    LeaseLeases(LeaseLeasesResponse),
    /// What is replicated of leases.
    #[prost(message, tag = "7")]
    LeaseRecords(LeaseRecordsResponse),
    /// Who leads.
    #[prost(message, tag = "8")]
    Leader(LeaderResponse),
    /// Who waits.
    #[prost(message, tag = "9")]
    Queue(QueueResponse),
    /// Where the keyspace stands.
    #[prost(message, tag = "10")]
    Status(StatusResponse),
    /// Leases were kept alive.
    #[prost(message, tag = "11")]
    LeaseKeepAlive(LeaseRenewResponse),
    /// Who may do what.
    #[prost(message, tag = "12")]
    Auth(AuthAnswer),
    /// A recipe.
    #[prost(message, tag = "13")]
    Recipe(RecipeAnswer),
}

impl From<Ask> for Query {
    fn from(ask: Ask) -> Query {
        Query { ask: Some(ask), caller: None }
    }
}

impl QueryReply {
    /// Decodes an answer.
    ///
    /// # Errors
    /// If the bytes are no answer.
    pub fn read(bytes: &Bytes) -> Result<QueryReply, Rejected> {
        QueryReply::decode(bytes.clone())
            .map_err(|e| Rejected(alloc::format!("not a coordination answer: {e}")))
    }

    /// The response, or why it cannot be read.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn into_result(self) -> Result<Answer, Error> {
        match (self.error, self.answer) {
            (None, Some(answer)) => Ok(answer),
            (code, _) => Err(Error::of(code)),
        }
    }
}
