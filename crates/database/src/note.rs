//! What the process observes, for metrics, logs and traces. Nothing here changes what happens.

use alloc::string::String;

use kernel::{Duration, NodeId, RequestId, ShardId};

use crate::{api::Trace, failure::Code};

/// An observation.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// Something that Raft saw in a shard.
    Raft {
        /// Where.
        shard: ShardId,
        /// What.
        note: raft::Note,
    },
    /// A request ended on the node that took it.
    Request {
        /// Of which keyspace.
        keyspace: String,
        /// Whether it changed state.
        mutation: bool,
        /// How it ended; `None` for success.
        failed: Option<Code>,
        /// From arrival to reply.
        took: Duration,
        /// Its place in a trace.
        trace: Trace,
        /// The mutation's id.
        request_id: Option<RequestId>,
    },
    /// A mutation went through the stages of consensus on the leader. It is applied in the batch
    /// of this observation; how long that took, only the host's clock can tell.
    ///
    /// ```text
    ///   arrived ── queue ──▶ proposed ─┬─ local ──▶ durable on this node
    ///                                  └─ commit ────────────▶ durable on a majority ── apply ──▶
    /// ```
    Round {
        /// Where.
        shard: ShardId,
        /// From arrival to the proposal: the host's inbox, and the wait for a leader.
        queue: Duration,
        /// From the proposal to the local `fdatasync`; `None` if it committed first.
        local: Option<Duration>,
        /// From the proposal to the commit.
        commit: Duration,
        /// Its place in a trace.
        trace: Trace,
        /// The span that followers were told to be this; 0 if they were told nothing.
        span: u64,
    },
    /// A traced entry of a leader went a step further on this node.
    Followed {
        /// Where.
        shard: ShardId,
        /// Whose entry.
        leader: NodeId,
        /// How far.
        step: Step,
        /// Since it arrived.
        took: Duration,
        /// Its place in a trace: under the leader's span.
        trace: Trace,
    },
    /// A call of another node was answered here.
    Served {
        /// Of which shard.
        shard: ShardId,
        /// For whom.
        peer: NodeId,
        /// From arrival to the answer.
        took: Duration,
        /// Its place in a trace.
        trace: Trace,
    },
    /// The engine was flushed.
    Flushed {
        /// How long it took.
        took: Duration,
    },
    /// A log was compacted.
    Compacted {
        /// Where.
        shard: ShardId,
        /// Up to which index.
        index: u64,
    },
    /// A request was refused at the door.
    Refused {
        /// Why.
        code: Code,
        /// Of which keyspace, if it was of one.
        keyspace: Option<String>,
    },
    /// A replica appeared on this node.
    ReplicaAdded {
        /// Of which shard.
        shard: ShardId,
    },
    /// A replica left this node.
    ReplicaRemoved {
        /// Of which shard.
        shard: ShardId,
    },
    /// A snapshot was sent or received whole.
    Snapshot {
        /// Of which shard.
        shard: ShardId,
        /// With whom.
        peer: NodeId,
        /// Whether this node sent it.
        sent: bool,
        /// Up to which index.
        index: u64,
        /// How many bytes.
        bytes: u64,
    },
}

/// How far an entry has come on a follower. The steps are taken in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Durable there.
    Durable,
    /// Known to be committed. It is applied in the batch of this observation.
    Committed,
}
