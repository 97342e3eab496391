//! What a replica observes about itself: for metrics, logs and traces.

use kernel::{Duration, NodeId};

use crate::api::Role;

/// Why an election starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CampaignReason {
    /// No leader was heard for an election timeout.
    Timeout,
    /// The pre-vote was won.
    PreVoteWon,
    /// The leader handed over.
    Transfer,
    /// The only voter has nobody to wait for.
    Alone,
}

/// Why a replica stopped leading or campaigning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepDownReason {
    /// A message carried a greater term.
    HigherTerm,
    /// Another node leads this term.
    OtherLeader,
    /// No majority was heard for an election timeout.
    NoQuorum,
    /// The disk failed.
    Disk,
    /// The committed membership no longer includes it.
    Removed,
    /// A majority refused the vote.
    Lost,
}

/// One observation. Nothing depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// An election (or its rehearsal) starts.
    BecameCandidate {
        /// Only the rehearsal.
        pre: bool,
        /// The term asked for.
        term: u64,
        /// Why.
        reason: CampaignReason,
    },
    /// An election was won.
    BecameLeader {
        /// The term.
        term: u64,
        /// Since the campaign began.
        took: Duration,
    },
    /// Leading or campaigning ended.
    SteppedDown {
        /// What it was.
        role: Role,
        /// The term that it is in now.
        term: u64,
        /// Why.
        reason: StepDownReason,
    },
    /// A vote, or the promise of one, was given.
    VoteGranted {
        /// Only the promise.
        pre: bool,
        /// To whom.
        to: NodeId,
        /// In which term.
        term: u64,
    },
    /// A vote, or the promise of one, was refused.
    VoteRefused {
        /// Only the promise.
        pre: bool,
        /// To whom.
        to: NodeId,
        /// In which term.
        term: u64,
    },
    /// Leadership is being handed over.
    TransferStarted {
        /// To whom.
        to: NodeId,
    },
    /// The target has caught up and was told to start its election.
    TransferSent {
        /// To whom.
        to: NodeId,
    },
    /// The hand-over did not happen in time; this node leads on.
    TransferAborted {
        /// To whom.
        to: NodeId,
    },
    /// The leader's commit index moved.
    Committed {
        /// To here.
        index: u64,
        /// From being proposed to being committed, of the oldest batch.
        took: Duration,
    },
    /// A follower's log is being compared backwards.
    Backtracked {
        /// The follower.
        peer: NodeId,
        /// The next index to try.
        next: u64,
    },
    /// Uncommitted entries gave way to the leader's.
    Truncated {
        /// The first index that was replaced.
        from: u64,
    },
    /// The front of the log was dropped.
    Compacted {
        /// Up to here.
        index: u64,
    },
    /// This leader's disk is slow.
    SlowDisk {
        /// Age of the oldest write under way.
        waiting: Duration,
    },
    /// A write failed: no acknowledgements and no elections until one succeeds.
    DiskFailed,
    /// A write succeeded again.
    DiskRecovered,
    /// A follower has the whole snapshot.
    SnapshotSent {
        /// The follower.
        to: NodeId,
        /// Pieces.
        chunks: u64,
    },
    /// A transfer starts again from the front.
    SnapshotRestarted {
        /// The follower.
        to: NodeId,
    },
    /// The whole snapshot arrived.
    SnapshotReceived {
        /// The leader.
        from: NodeId,
        /// Its last index.
        index: u64,
    },
    /// The log starts anew after an installed snapshot.
    SnapshotInstalled {
        /// Its last index.
        index: u64,
    },
    /// An installed snapshot was older than what is already committed here; it changed nothing.
    SnapshotStale {
        /// Its last index.
        index: u64,
    },
    /// The disk lost its newest entries without a trace; the leader knows of more.
    Forgot {
        /// Acknowledged to this leader as durable.
        acknowledged: u64,
        /// The end of the log.
        held: u64,
    },
    /// The disk has lost the data of entries; their indexes and terms are known.
    EntriesLost {
        /// The first one.
        first: u64,
        /// How many.
        count: usize,
    },
    /// A lost entry was asked for.
    Fetching {
        /// Its index.
        index: u64,
        /// Its term.
        term: u64,
    },
    /// The last lost entry is back.
    Refilled,
    /// A lost entry was given up: no majority can have it, so it was never committed.
    GivenUp {
        /// The log ends before it.
        index: u64,
    },
    /// Memory is lost: a fence was asked for, in this term for the first time.
    Recovering {
        /// Of this leader.
        leader: NodeId,
    },
    /// The fence is known; recovery ends when it is committed and durable here.
    Fenced {
        /// Its index.
        fence: u64,
    },
    /// Memory is sound again.
    Recovered {
        /// In this term.
        term: u64,
    },
    /// A membership entry was proposed.
    ChangeProposed {
        /// Its index.
        index: u64,
        /// It opens a joint phase.
        joint: bool,
    },
    /// A message made no sense and was ignored.
    Malformed {
        /// The sender.
        from: NodeId,
    },
}
