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
    /// A mutation went through the stages of consensus on the leader.
    Round {
        /// Where.
        shard: ShardId,
        /// From arrival to the start of the append.
        queue: Duration,
        /// From the start of the append to the local `fdatasync`; `None` if it committed first.
        local: Option<Duration>,
        /// From the start of the append to the commit.
        commit: Duration,
        /// From the commit to applied.
        apply: Duration,
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
