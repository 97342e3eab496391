//! The replica: its state, and what can be asked of it at any time.

use alloc::{boxed::Box, vec::Vec};

use kernel::{
    Effects, NodeId, Now, Rng,
    bug::{Bug, planted},
};

use crate::{
    api::{Output, Reply, Role},
    config::Config,
    durable::Disk,
    election::Ballot,
    entry::{Entry, SnapshotMeta},
    follow::Following,
    leader::Leading,
    log::Log,
    membership::Membership,
    message::{Body, Message},
    note::Note,
    record::Record,
    recovery::Recovery,
    repair::Repair,
    snapshot::Incoming,
    start::{Standing, Start},
    status::{PeerStatus, Status},
    timer::Timers,
};

/// The effects of a replica.
pub type Out = Effects<Message, Reply, Record, Output, Note>;

/// One replica of one group. See the crate's page for how a host drives it.
#[derive(Clone, Debug)]
pub struct Raft {
    pub(crate) config: Config,
    pub(crate) rng: Rng,
    pub(crate) timers: Timers,

    // What the journal remembers.
    pub(crate) term: u64,
    pub(crate) vote: NodeId,
    pub(crate) log: Log,
    pub(crate) standing: Standing,
    pub(crate) disk: Disk,

    // What is known to be decided, what the host was told of it, and what it applied.
    pub(crate) commit: u64,
    pub(crate) emitted: u64,
    pub(crate) applied: u64,

    // The part that it plays.
    pub(crate) role: Role,
    pub(crate) leader: NodeId,
    pub(crate) following: Following,
    pub(crate) ballot: Ballot,
    pub(crate) lead: Option<Box<Leading>>,
    pub(crate) incoming: Option<Incoming>,
    /// A whole snapshot is with the host: nothing is committed past it until it is installed.
    pub(crate) installing: Option<SnapshotMeta>,
    pub(crate) recovery: Recovery,
    pub(crate) repair: Repair,

    /// Votes and confirmations of this batch: they leave once the batch is durable.
    pub(crate) promises: Vec<(NodeId, Message)>,
    /// What the host was told last: role, term, leader; the membership and its
    /// generation.
    pub(crate) shown: (Role, u64, NodeId),
    pub(crate) shown_membership: (u64, Membership),
    pub(crate) halted: bool,
}

impl Raft {
    /// A replica that goes on from `start`. It is silent until it gets [`kernel::Event::Start`].
    #[must_use]
    pub fn new(config: Config, start: Start, mut rng: Rng) -> Raft {
        let mut standing = start.standing;
        if planted(Bug::WipedDiskVotes) {
            standing = Standing::Sound;
        }
        let mut log = Log::new(start.base, start.entries);
        log.lose(&start.lost);
        if let Some(hole) = log.hole().filter(|_| planted(Bug::LostEntryForgotten)) {
            log.truncate(hole);
        }
        let mut disk = Disk::new(log.last());
        if start.rebased || standing == Standing::Amnesiac {
            // Where the log goes on behind its new start, the journal holds the rest of it.
            disk.staged.snapshot = start.rebased && log.last() == log.base();
            disk.staged.compacted = start.rebased && log.last() > log.base();
            disk.staged.standing = Some(standing);
        }
        let commit = start.applied.max(log.base()).min(log.last());
        Raft {
            timers: Timers::new(&config, &mut rng),
            recovery: Recovery::new(&mut rng),
            repair: Repair::default(),
            shown: (Role::Follower, start.term, NodeId::NONE),
            shown_membership: (log.generation(), log.membership().clone()),
            term: start.term.max(log.last_term()),
            vote: if start.term < log.last_term() { NodeId::NONE } else { start.vote },
            config,
            rng,
            log,
            standing,
            disk,
            commit,
            emitted: commit,
            applied: commit,
            role: Role::Follower,
            leader: NodeId::NONE,
            following: Following::default(),
            ballot: Ballot::default(),
            lead: None,
            incoming: None,
            installing: None,
            promises: Vec::new(),
            halted: false,
        }
    }

    /// The term of the last entry of the log.
    #[must_use]
    pub fn last_term(&self) -> u64 {
        self.log.last_term()
    }

    /// Whether this replica leads, as far as it knows.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.lead.is_some()
    }

    /// Who leads, as far as known.
    #[must_use]
    pub fn leader(&self) -> NodeId {
        self.leader
    }

    /// The current term.
    #[must_use]
    pub fn term(&self) -> u64 {
        self.term
    }

    /// Known to be committed.
    #[must_use]
    pub fn commit(&self) -> u64 {
        self.commit
    }

    /// Durable on this replica's disk up to here, without a hole.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.disk.durable().min(self.repair.reach(&self.log))
    }

    /// How many entries have lost their data on this replica's disk, and are not repaired yet.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.log.holes()
    }

    /// Last index in the log.
    #[must_use]
    pub fn last_index(&self) -> u64 {
        self.log.last()
    }

    /// The membership in force: the newest in the log, committed or not.
    #[must_use]
    pub fn membership(&self) -> &Membership {
        self.log.membership()
    }

    /// Where the membership in force stands in the log; where the log begins, if that is before it.
    #[must_use]
    pub fn membership_index(&self) -> u64 {
        self.log.membership_index()
    }

    /// Whether this replica leads and has committed an entry of its own term: only then does it
    /// know everything that is committed.
    #[must_use]
    pub fn ready_to_serve(&self) -> bool {
        self.lead.as_ref().is_some_and(|lead| self.commit >= lead.first_index)
    }

    /// An entry of the log, committed or not; `None` if the log does not hold that index, or has
    /// lost the data.
    #[must_use]
    pub fn entry(&self, index: u64) -> Option<&Entry> {
        self.log.entry(index).filter(|_| self.log.is_whole(index))
    }

    /// What a snapshot of everything up to `index` would stand for; `None` if the log does not
    /// hold that index or it is not committed.
    #[must_use]
    pub fn meta_at(&self, index: u64) -> Option<SnapshotMeta> {
        if index <= self.commit { self.log.meta_at(index) } else { None }
    }

    /// Whether a snapshot of this index would tell this replica anything new.
    #[must_use]
    pub fn wants_snapshot(&self, meta: &SnapshotMeta) -> bool {
        meta.index > self.emitted
    }

    /// Everything worth looking at.
    #[must_use]
    pub fn status(&self) -> Status {
        let peers = self.lead.iter().flat_map(|lead| &lead.peers);
        let peers = peers.map(|(node, peer)| PeerStatus {
            node: *node,
            matched: peer.matched,
            next: peer.next,
            state: peer.state(),
            inflight_bytes: peer.inflight.bytes(),
            last_ack: peer.last_ack,
            amnesiac: peer.amnesia.is_some(),
        });
        Status {
            id: self.config.id,
            role: self.role,
            term: self.term,
            leader: self.leader,
            first_index: self.log.first(),
            last_index: self.log.last(),
            commit: self.commit,
            applied: self.applied,
            membership: self.log.membership().clone(),
            standing: self.standing,
            log_bytes: self.log.bytes(),
            persisted_index: self.durable(),
            lost: self.lost(),
            peers: peers.collect(),
        }
    }

    /// A message of this term.
    pub(crate) fn message(&self, body: Body) -> Message {
        Message { term: self.term, body: Some(body) }
    }

    /// Everybody with a vote but this replica.
    pub(crate) fn other_voters(&self) -> Vec<NodeId> {
        self.log.membership().voters().filter(|node| *node != self.config.id).collect()
    }

    /// What replies say about this replica: its nonce without memory, zero with it.
    pub(crate) fn amnesia(&self) -> u64 {
        if self.standing == Standing::Amnesiac { self.recovery.nonce } else { 0 }
    }

    /// Whether this replica may take part in elections at all.
    pub(crate) fn may_vote(&self) -> bool {
        self.standing == Standing::Sound && !self.disk.failed
    }

    /// Whether a leader was heard so recently that a voter stays with it. The promise behind
    /// the lease: it also holds after a restart, since what was heard before is forgotten.
    pub(crate) fn stays_with_leader(&self, now: Now) -> bool {
        let heard =
            self.timers.heard.is_some_and(|at| at + self.config.election_timeout > now.instant);
        self.config.check_quorum && (heard || self.lead.is_some())
    }
}
