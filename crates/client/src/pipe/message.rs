//! What the two ends of a pipe say to each other. The version of the format is in the seal of
//! every frame.

use bytes::Bytes;
use prost::{Message, Oneof};

/// Do this.
#[derive(Clone, PartialEq, Message)]
pub struct Call {
    /// The caller's number for it; never used twice on one pipe, never 0.
    #[prost(uint64, tag = "1")]
    pub number: u64,
    /// Which keyspace, by name.
    #[prost(string, tag = "2")]
    pub keyspace: String,
    /// Which program understands the action: `kv`, `counter` …
    #[prost(string, tag = "3")]
    pub program: String,
    /// How long to try, in milliseconds; 0 for the server's default.
    #[prost(uint64, tag = "4")]
    pub timeout_ms: u64,
    /// The level asked for (`eventual+monotonic-reads`); the keyspace's default if empty.
    #[prost(string, tag = "5")]
    pub consistency: String,
    /// The session token; empty for none.
    #[prost(string, tag = "6")]
    pub session: String,
    /// The caller's name for a mutation; one is drawn if empty.
    #[prost(bytes = "bytes", tag = "7")]
    pub request_id: Bytes,
    /// W3C `traceparent`; empty for none.
    #[prost(string, tag = "8")]
    pub traceparent: String,
    /// What to do, in the program's own encoding.
    #[prost(oneof = "Action", tags = "9, 10, 11")]
    pub action: Option<Action>,
}

/// What a call does.
#[derive(Clone, PartialEq, Oneof)]
pub enum Action {
    /// Carries a command out, once per request id.
    #[prost(bytes = "bytes", tag = "9")]
    Mutate(Bytes),
    /// Answers a query.
    #[prost(bytes = "bytes", tag = "10")]
    Query(Bytes),
    /// Answers a query from the past.
    #[prost(message, tag = "11")]
    Past(Past),
}

/// A query of the past.
#[derive(Clone, PartialEq, Message)]
pub struct Past {
    /// The query.
    #[prost(bytes = "bytes", tag = "1")]
    pub query: Bytes,
    /// As of this version ([`kernel::Version::to_bytes`]); all that are kept if empty.
    #[prost(bytes = "bytes", tag = "2")]
    pub at: Bytes,
}

/// What became of a call.
#[derive(Clone, PartialEq, Message)]
pub struct Answer {
    /// The caller's number; 0 concerns the pipe, which is closed behind it.
    #[prost(uint64, tag = "1")]
    pub number: u64,
    /// Where the clients of the shard's leader connect, if that is another node.
    #[prost(string, tag = "2")]
    pub leader: String,
    /// What became of it.
    #[prost(oneof = "Result", tags = "3, 4")]
    pub result: Option<Result>,
    /// The trace under which nodes keep what they did for it, upper half; both 0 for none. A
    /// `traceparent` would make most answers half as long again.
    #[prost(fixed64, tag = "5")]
    pub trace_high: u64,
    /// Lower half.
    #[prost(fixed64, tag = "6")]
    pub trace_low: u64,
}

impl Answer {
    /// The same answer under this trace.
    #[must_use]
    pub fn traced(self, trace_id: u128) -> Answer {
        Answer { trace_high: (trace_id >> 64) as u64, trace_low: trace_id as u64, ..self }
    }

    /// The trace id; 0 for none.
    #[must_use]
    pub fn trace_id(&self) -> u128 {
        u128::from(self.trace_high) << 64 | u128::from(self.trace_low)
    }
}

/// What may become of a call.
#[derive(Clone, PartialEq, Oneof)]
pub enum Result {
    /// It was carried out.
    #[prost(message, tag = "3")]
    Done(Done),
    /// It was not, or nobody knows.
    #[prost(message, tag = "4")]
    Failed(Failed),
}

/// A call that was carried out.
#[derive(Clone, PartialEq, Message)]
pub struct Done {
    /// The program's reply.
    #[prost(bytes = "bytes", tag = "1")]
    pub body: Bytes,
    /// The session after it.
    #[prost(string, tag = "2")]
    pub session: String,
    /// The request id of a mutation.
    #[prost(bytes = "bytes", tag = "3")]
    pub request_id: Bytes,
    /// Whether this is the kept reply of an earlier attempt.
    #[prost(bool, tag = "4")]
    pub repeated: bool,
    /// The level that was met.
    #[prost(string, tag = "5")]
    pub consistency: String,
    /// The version of the receipt ([`kernel::Version::to_bytes`]).
    #[prost(bytes = "bytes", tag = "6")]
    pub version: Bytes,
    /// An upper bound of the staleness in milliseconds, plus one; 0 if unknown.
    #[prost(uint64, tag = "7")]
    pub staleness_plus_one: u64,
    /// The node that served.
    #[prost(uint64, tag = "8")]
    pub replica: u64,
    /// How many replicas hold a write; 0 for reads.
    #[prost(uint32, tag = "9")]
    pub acks: u32,
    /// On what they hold it.
    #[prost(string, tag = "10")]
    pub durability: String,
    /// The incarnation of the cluster.
    #[prost(uint64, tag = "11")]
    pub incarnation: u64,
}

/// A call that was not carried out, or of which nobody knows.
#[derive(Clone, PartialEq, Message)]
pub struct Failed {
    /// The stable code.
    #[prost(string, tag = "1")]
    pub code: String,
    /// The code in words.
    #[prost(string, tag = "2")]
    pub title: String,
    /// For the person who must act.
    #[prost(string, tag = "3")]
    pub detail: String,
    /// The HTTP status of the code.
    #[prost(uint32, tag = "4")]
    pub status: u32,
    /// Whether a mutation may have taken effect, or may yet.
    #[prost(bool, tag = "5")]
    pub unknown: bool,
    /// When trying again makes sense, in milliseconds, plus one; 0 for never.
    #[prost(uint64, tag = "6")]
    pub retry_after_plus_one: u64,
}
