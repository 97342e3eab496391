//! What a replica is asked, what it answers, and what it tells its host.

use alloc::{boxed::Box, vec::Vec};

use bytes::Bytes;
use kernel::{NodeId, Ticket};

use crate::{
    entry::{Entry, SnapshotMeta},
    membership::Membership,
};

/// What a replica is asked through [`kernel::Process::handle`].
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Replicate a command.
    Propose(Bytes),
    /// Find an index from which a read is linearizable; answered twice: `Accepted` or `Refused`
    /// as the reply, then [`Output::ReadReady`] or [`Output::ReadFailed`] with the same ticket.
    Read,
    /// Hand leadership to this node, or to the best one.
    Transfer(Option<NodeId>),
    /// Change the membership.
    Change(Change),
}

/// How a replica answers a [`Request`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The command (or change) has this place in the log: committed if [`Output::Commit`] shows
    /// an entry of this index and this term.
    Proposed {
        /// Its index.
        index: u64,
        /// Its term.
        term: u64,
    },
    /// It is under way.
    Accepted,
    /// Nothing was done.
    Refused(Refusal),
}

/// The members that a group shall have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Who shall vote. A new voter must be a learner that has caught up.
    pub voters: Vec<NodeId>,
    /// Who shall receive the log without a vote.
    pub learners: Vec<NodeId>,
}

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Ask the leader.
    NotLeader {
        /// As far as known; [`NodeId::NONE`] if not.
        leader: NodeId,
    },
    /// Leadership is on its way to another node.
    Transferring {
        /// Which one.
        to: NodeId,
    },
    /// Too many bytes wait for their commit; try again later.
    TooMuchUncommitted,
    /// A membership change is not complete.
    ChangePending,
    /// A node that shall vote, or lead, lacks a part of the log.
    NotCaughtUp {
        /// Which one.
        node: NodeId,
    },
    /// The request makes no sense in any state.
    Invalid,
    /// Not yet: the leader has committed nothing in its term, or the replica recovers.
    Unready,
}

/// What part a replica plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    /// Follows a leader, or waits for one. Learners are followers.
    #[default]
    Follower,
    /// Asks whether an election could be won.
    PreCandidate,
    /// Asks for votes.
    Candidate,
    /// Leads.
    Leader,
}

/// What a replica tells its host.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// These entries are committed: every entry once, in order, of every kind.
    Commit {
        /// Consecutive.
        entries: Vec<Entry>,
    },
    /// A read is linearizable once the engine has applied `index`.
    ReadReady {
        /// As asked.
        ticket: Ticket,
        /// Wait for it.
        index: u64,
        /// Answered from the lease, without a round of heartbeats.
        lease: bool,
    },
    /// A read cannot be answered here.
    ReadFailed {
        /// As asked.
        ticket: Ticket,
        /// Why.
        refusal: Refusal,
    },
    /// The role, the term or the leader changed.
    Role {
        /// What this replica is now.
        role: Role,
        /// In this term.
        term: u64,
        /// [`NodeId::NONE`] while unknown.
        leader: NodeId,
    },
    /// A follower needs a piece of a snapshot; answer with `snapshot_chunk` or
    /// `snapshot_unavailable`.
    SnapshotWanted {
        /// The follower.
        to: NodeId,
        /// Of this snapshot; the newest if none is named.
        snapshot: Option<Box<SnapshotMeta>>,
        /// Which piece, from 0.
        seq: u64,
    },
    /// A piece of a snapshot arrived, each once and in order. Piece 0 starts a new snapshot:
    /// what was staged before is void. After the last, answer with `snapshot_installed` or
    /// `snapshot_abandoned`.
    SnapshotReceived {
        /// The leader.
        from: NodeId,
        /// What the whole stands for.
        meta: Box<SnapshotMeta>,
        /// Which piece, from 0.
        seq: u64,
        /// The piece.
        data: Bytes,
        /// No piece follows.
        last: bool,
    },
    /// The membership in force changed. It follows the log, committed or not.
    MembershipChanged {
        /// The new one.
        membership: Box<Membership>,
    },
}
