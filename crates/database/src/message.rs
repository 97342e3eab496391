//! What nodes say to each other. The version of the format is in the seal of every frame.

use alloc::{string::String, vec::Vec};

use bytes::Bytes;
use kernel::{NodeId, ShardId};
use prost::{Message, Oneof};

use crate::api::Trace;

/// One message between two nodes.
#[derive(Clone, PartialEq, Message)]
pub struct Envelope {
    /// Which shard it concerns; 0 for the node itself.
    #[prost(uint64, tag = "1")]
    pub shard: u64,
    /// What it says.
    #[prost(oneof = "Body", tags = "2, 3, 4, 5")]
    pub body: Option<Body>,
    /// Which of the entries that `body` carries are traced; a node that does not know it ignores it.
    #[prost(message, repeated, tag = "6")]
    pub traced: Vec<Traced>,
}

/// An entry of the log that is part of a trace.
#[derive(Clone, PartialEq, Message)]
pub struct Traced {
    /// Which entry.
    #[prost(uint64, tag = "1")]
    pub index: u64,
    /// Its context, as in [`Ask`]; the span is the one that the leader makes of the entry.
    #[prost(bytes = "bytes", tag = "2")]
    pub trace: Bytes,
}

/// The kinds of messages.
#[derive(Clone, PartialEq, Oneof)]
pub enum Body {
    /// Between replicas of the shard.
    #[prost(message, tag = "2")]
    Raft(raft::Message),
    /// Do this for me.
    #[prost(message, tag = "3")]
    Ask(Ask),
    /// This is what became of it.
    #[prost(message, tag = "4")]
    Told(Told),
    /// How I am.
    #[prost(message, tag = "5")]
    Report(Report),
}

/// A request passed on to the node that can carry it out.
#[derive(Clone, PartialEq, Message)]
pub struct Ask {
    /// The asking node's number for it.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// How long the asking node will wait, in milliseconds.
    #[prost(uint64, tag = "2")]
    pub timeout_ms: u64,
    /// Trace context: 16 bytes of trace id, 8 of span id, 1 of flags; empty if there is none.
    #[prost(bytes = "bytes", tag = "3")]
    pub trace: Bytes,
    /// What is wanted.
    #[prost(oneof = "Want", tags = "4, 5, 6, 7")]
    pub want: Option<Want>,
}

/// What one node may want of another.
#[derive(Clone, PartialEq, Oneof)]
pub enum Want {
    /// Replicate a command.
    #[prost(message, tag = "4")]
    Mutate(Mutate),
    /// Read.
    #[prost(message, tag = "5")]
    Query(Query),
    /// Say what became of a request id, and see to it that "not done" stays true.
    #[prost(bytes = "bytes", tag = "6")]
    Fate(Bytes),
    /// Hand leadership to this node; 0 for the best.
    #[prost(uint64, tag = "7")]
    Transfer(u64),
}

/// Replicate a command.
#[derive(Clone, PartialEq, Message)]
pub struct Mutate {
    /// The client's id for it.
    #[prost(bytes = "bytes", tag = "1")]
    pub request_id: Bytes,
    /// The program's command.
    #[prost(bytes = "bytes", tag = "2")]
    pub command: Bytes,
}

/// Read.
#[derive(Clone, PartialEq, Message)]
pub struct Query {
    /// The program's query.
    #[prost(bytes = "bytes", tag = "1")]
    pub query: Bytes,
    /// Whether the answer must be linearizable.
    #[prost(bool, tag = "2")]
    pub linearizable: bool,
    /// The replica must have applied at least this index.
    #[prost(uint64, tag = "3")]
    pub index_min: u64,
    /// Read as of this version ([`kernel::Version::to_bytes`]); the newest values if empty.
    #[prost(bytes = "bytes", tag = "4")]
    pub at: Bytes,
    /// Read every version that is kept.
    #[prost(bool, tag = "5")]
    pub versions: bool,
}

/// What became of an [`Ask`].
#[derive(Clone, PartialEq, Message)]
pub struct Told {
    /// The asking node's number.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// What became of it.
    #[prost(oneof = "Result", tags = "2, 3, 4")]
    pub result: Option<Result>,
}

/// What may become of an [`Ask`].
#[derive(Clone, PartialEq, Oneof)]
pub enum Result {
    /// It was carried out.
    #[prost(message, tag = "2")]
    Done(Done),
    /// It was not.
    #[prost(message, tag = "3")]
    Failed(Failed),
    /// The request asked about never took effect and never will.
    #[prost(bool, tag = "4")]
    NotDone(bool),
}

/// A request that was carried out.
#[derive(Clone, PartialEq, Message)]
pub struct Done {
    /// The program's reply.
    #[prost(bytes = "bytes", tag = "1")]
    pub body: Bytes,
    /// The version of the write, or of the state that was read ([`kernel::Version::to_bytes`]).
    #[prost(bytes = "bytes", tag = "2")]
    pub version: Bytes,
    /// How many replicas hold the write.
    #[prost(uint32, tag = "3")]
    pub acks: u32,
    /// Whether this is the kept reply of an earlier attempt.
    #[prost(bool, tag = "4")]
    pub repeated: bool,
    /// An upper bound of the staleness of a read in milliseconds, plus one; 0 if unknown.
    #[prost(uint64, tag = "5")]
    pub staleness_plus_one: u64,
    /// The index that the replica had applied.
    #[prost(uint64, tag = "6")]
    pub applied: u64,
    /// The node whose replica applied the write or was read.
    #[prost(uint64, tag = "7")]
    pub replica: u64,
}

/// A request that was not carried out.
#[derive(Clone, PartialEq, Message)]
pub struct Failed {
    /// [`crate::Code::name`].
    #[prost(string, tag = "1")]
    pub code: String,
    /// For the person who must act.
    #[prost(string, tag = "2")]
    pub text: String,
    /// Whether it may have happened.
    #[prost(bool, tag = "3")]
    pub unknown: bool,
    /// When to try again, in milliseconds; 0 for never.
    #[prost(uint64, tag = "4")]
    pub retry_after_ms: u64,
    /// Who leads; 0 if unknown.
    #[prost(uint64, tag = "5")]
    pub leader: u64,
    /// The asked node is not the leader: ask that one.
    #[prost(bool, tag = "6")]
    pub elsewhere: bool,
}

/// How a node is, sent to every member now and then.
#[derive(Clone, PartialEq, Message)]
pub struct Report {
    /// Its process id.
    #[prost(uint32, tag = "1")]
    pub pid: u32,
    /// Whether its disk refuses writes.
    #[prost(bool, tag = "2")]
    pub disk_full: bool,
    /// Its replicas.
    #[prost(message, repeated, tag = "3")]
    pub replicas: Vec<ReplicaReport>,
    /// How far it has applied the catalog.
    #[prost(uint64, tag = "4")]
    pub catalog_applied: u64,
    /// For measuring the way; absent from a node that does not measure.
    #[prost(message, optional, tag = "5")]
    pub ping: Option<Ping>,
    /// How far it has applied the catalog, if by its journal it holds nothing that was dropped up to
    /// there; 0 if it does, or from a node that does not tell.
    #[prost(uint64, tag = "6")]
    pub shed: u64,
}

/// When a [`Report`] was sent, and which one of the receiver's it answers.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Ping {
    /// By the sender's monotonic clock, in microseconds.
    #[prost(uint64, tag = "1")]
    pub sent_us: u64,
    /// By the sender's wall clock, in milliseconds since 1970.
    #[prost(uint64, tag = "2")]
    pub wall_ms: u64,
    /// `sent_us` of the receiver's last report; 0 if there was none.
    #[prost(uint64, tag = "3")]
    pub echo_us: u64,
    /// How long ago that came, in microseconds.
    #[prost(uint64, tag = "4")]
    pub held_us: u64,
}

/// One replica in a [`Report`].
#[derive(Clone, PartialEq, Message)]
pub struct ReplicaReport {
    /// Which shard.
    #[prost(uint64, tag = "1")]
    pub shard: u64,
    /// 1 leader, 2 follower, 3 candidate, 4 learner, 5 recovering.
    #[prost(uint32, tag = "2")]
    pub role: u32,
    /// Its term.
    #[prost(uint64, tag = "3")]
    pub term: u64,
    /// Whom it follows; 0 for nobody.
    #[prost(uint64, tag = "4")]
    pub leader: u64,
    /// Its commit index.
    #[prost(uint64, tag = "5")]
    pub commit: u64,
    /// Its applied index.
    #[prost(uint64, tag = "6")]
    pub applied: u64,
    /// How long ago it was known to be up to date, in milliseconds, plus one; 0 if unknown.
    #[prost(uint64, tag = "7")]
    pub lag_plus_one: u64,
    /// Of a leader: the placement ([`crate::catalog::Placement::moved`]) that the group has come
    /// to; 0 if it is on its way. (Tag 8 said so without saying to which.)
    #[prost(uint64, tag = "9")]
    pub settled: u64,
    /// The end of its log.
    #[prost(uint64, tag = "10")]
    pub last: u64,
    /// Bytes of its current keys and what is stored under them.
    #[prost(uint64, tag = "11")]
    pub bytes: u64,
    /// The first index of its log; 0 from a node that does not tell.
    #[prost(uint64, tag = "12")]
    pub first: u64,
}

impl Envelope {
    /// A message about a shard.
    #[must_use]
    pub fn of(shard: ShardId, body: Body) -> Envelope {
        Envelope { shard: shard.0, body: Some(body), traced: Vec::new() }
    }
}

impl Failed {
    /// "Not here": ask that node instead.
    #[must_use]
    pub fn elsewhere(leader: NodeId) -> Failed {
        Failed { leader: leader.0, elsewhere: true, ..Failed::default() }
    }
}

/// Writes a trace context.
#[must_use]
pub fn trace_bytes(trace: &Trace) -> Bytes {
    if trace.trace_id == 0 {
        return Bytes::new();
    }
    let mut bytes = Vec::with_capacity(25);
    bytes.extend_from_slice(&trace.trace_id.to_be_bytes());
    bytes.extend_from_slice(&trace.span_id.to_be_bytes());
    bytes.push(u8::from(trace.sampled));
    bytes.into()
}

/// Reads a trace context; anything else than [`trace_bytes`] wrote is no context.
#[must_use]
pub fn trace_of(bytes: &[u8]) -> Trace {
    let (Some((id, rest)), true) = (bytes.split_first_chunk::<16>(), bytes.len() == 25) else {
        return Trace::default();
    };
    let Some((span, flags)) = rest.split_first_chunk::<8>() else { return Trace::default() };
    if *id == [0; 16] {
        return Trace::default();
    }
    Trace {
        trace_id: u128::from_be_bytes(*id),
        span_id: u64::from_be_bytes(*span),
        sampled: flags == [1],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written once and never changed: fields are only ever added, and one that is not there is
    /// not written.
    #[test]
    fn an_envelope_is_golden_with_traces_and_without() {
        let append = raft::Append { prev_index: 3, ..raft::Append::default() };
        let message = raft::Message { term: 2, body: Some(raft::Body::Append(append)) };
        let mut envelope = Envelope::of(ShardId(9), Body::Raft(message));
        let plain = [8, 9, 18, 6, 8, 2, 34, 2, 8, 3];
        assert_eq!(envelope.encode_to_vec(), plain);
        let trace = Trace { trace_id: 7, span_id: 8, sampled: true };
        envelope.traced.push(Traced { index: 4, trace: trace_bytes(&trace) });
        let mut bytes = [&plain[..], &[50, 29, 8, 4, 18, 25]].concat();
        bytes.extend([&[0; 15][..], &[7], &[0; 7], &[8], &[1]].concat());
        assert_eq!(envelope.encode_to_vec(), bytes);
        assert_eq!(Envelope::decode(bytes.as_slice()), Ok(envelope));
    }

    #[test]
    fn a_trace_survives_and_nothing_else_is_one() {
        let trace = Trace { trace_id: 7, span_id: 9, sampled: true };
        assert_eq!(trace_of(&trace_bytes(&trace)), trace);
        let nobody = [&[0; 16][..], &[1; 9]].concat();
        for bytes in [&[][..], &[1; 24], &[1; 26], &nobody] {
            assert_eq!(trace_of(bytes), Trace::default(), "{bytes:?}");
        }
    }
}
