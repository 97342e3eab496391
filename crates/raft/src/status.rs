//! What an operator, and the host, may look at.

use alloc::vec::Vec;

use kernel::{Instant, NodeId};

use crate::{api::Role, membership::Membership, start::Standing};

/// The state of a replica at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// This replica.
    pub id: NodeId,
    /// Its part.
    pub role: Role,
    /// Its term.
    pub term: u64,
    /// The leader, as far as known.
    pub leader: NodeId,
    /// First index in the log; `last_index + 1` if it is empty.
    pub first_index: u64,
    /// Last index in the log.
    pub last_index: u64,
    /// Known to be committed.
    pub commit: u64,
    /// Applied by the engine, as the host said.
    pub applied: u64,
    /// In force.
    pub membership: Membership,
    /// Whether its memory is whole.
    pub standing: Standing,
    /// What the log holds in memory, in bytes.
    pub log_bytes: u64,
    /// Durable on this replica's disk, without a hole.
    pub persisted_index: u64,
    /// Entries whose data its disk has lost, and that are not repaired yet.
    pub lost: usize,
    /// The others, as the leader sees them; empty on everybody else.
    pub peers: Vec<PeerStatus>,
}

/// A follower as its leader sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerStatus {
    /// Which one.
    pub node: NodeId,
    /// Durable there.
    pub matched: u64,
    /// To be sent next.
    pub next: u64,
    /// How it is being sent to.
    pub state: PeerState,
    /// On their way and not acknowledged, in bytes.
    pub inflight_bytes: u64,
    /// When it was last heard from.
    pub last_ack: Instant,
    /// It has lost its memory and does not count.
    pub amnesiac: bool,
}

/// How a follower is being sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// One message at a time, to find where the logs agree.
    Probe,
    /// Pipelined.
    Replicate,
    /// It needs what the log no longer holds.
    Snapshot,
}
