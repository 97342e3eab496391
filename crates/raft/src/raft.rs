//! The replica.

use bytes::Bytes;
use kernel::{Effects, Event, NodeId, Now, Process, Rng, Ticket};

use crate::{
    Change, Config, Membership, Message, Note, Output, Record, Refusal, Reply, Request, Role,
    SnapshotMeta, Standing, Start, Status,
};

/// The effects of a replica.
pub type Out = Effects<Message, Reply, Record, Output, Note>;

/// One replica of one group.
#[derive(Clone, Debug)]
pub struct Raft {
    config: Config,
    start: Start,
    rng: Rng,
}

impl Raft {
    /// A replica that goes on from `start`.
    #[must_use]
    pub fn new(config: Config, start: Start, rng: Rng) -> Raft {
        Raft { config, start, rng }
    }

    /// Puts a command into the log of the leader; sent and persisted when the batch settles.
    /// Returns its index and term.
    ///
    /// # Errors
    /// If this replica does not lead, hands over, or holds too much that is not committed.
    pub fn propose(&mut self, _now: Now, _data: Bytes) -> Result<(u64, u64), Refusal> {
        Err(Refusal::NotLeader { leader: NodeId::NONE })
    }

    /// Asks for an index from which a read is linearizable; answered by [`Output::ReadReady`] or
    /// [`Output::ReadFailed`].
    ///
    /// # Errors
    /// If this replica does not lead, or has committed nothing in its term.
    pub fn read_index(
        &mut self,
        _now: Now,
        _ticket: Ticket,
        _out: &mut Out,
    ) -> Result<(), Refusal> {
        Err(Refusal::NotLeader { leader: NodeId::NONE })
    }

    /// Hands leadership over.
    ///
    /// # Errors
    /// If this replica does not lead, or there is nobody to hand over to.
    pub fn transfer(
        &mut self,
        _now: Now,
        _to: Option<NodeId>,
        _out: &mut Out,
    ) -> Result<(), Refusal> {
        Err(Refusal::NotLeader { leader: NodeId::NONE })
    }

    /// Changes the membership.
    ///
    /// # Errors
    /// If it cannot be done now, or ever.
    pub fn change(&mut self, _now: Now, _change: Change) -> Result<(u64, u64), Refusal> {
        Err(Refusal::NotLeader { leader: NodeId::NONE })
    }

    /// Drops the log up to `index`.
    pub fn compact(&mut self, _index: u64, _out: &mut Out) {}

    /// The engine has applied everything up to `index`.
    pub fn applied(&mut self, _index: u64) {}

    /// Answers [`Output::SnapshotWanted`].
    #[allow(clippy::too_many_arguments)]
    pub fn snapshot_chunk(
        &mut self,
        _now: Now,
        _to: NodeId,
        _snapshot: SnapshotMeta,
        _seq: u64,
        _data: Bytes,
        _last: bool,
        _out: &mut Out,
    ) {
    }

    /// There is no snapshot to send now.
    pub fn snapshot_unavailable(&mut self, _now: Now, _to: NodeId) {}

    /// A received snapshot is staged and durable in the engine.
    pub fn snapshot_installed(&mut self, _now: Now, _meta: &SnapshotMeta, _out: &mut Out) {}

    /// A received snapshot could not be installed.
    pub fn snapshot_abandoned(&mut self) {}

    /// Everything worth looking at.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            id: self.config.id,
            role: Role::Follower,
            term: self.start.term,
            leader: NodeId::NONE,
            first_index: 1,
            last_index: 0,
            commit: 0,
            applied: 0,
            membership: self.start.base.membership.clone(),
            standing: Standing::Sound,
            log_bytes: 0,
            persisted_index: 0,
            peers: alloc::vec::Vec::new(),
        }
    }

    /// Whether this replica leads, as far as it knows.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        false
    }

    /// Who leads, as far as known.
    #[must_use]
    pub fn leader(&self) -> NodeId {
        NodeId::NONE
    }

    /// The current term.
    #[must_use]
    pub fn term(&self) -> u64 {
        0
    }

    /// Known to be committed.
    #[must_use]
    pub fn commit(&self) -> u64 {
        0
    }

    /// Last index in the log.
    #[must_use]
    pub fn last_index(&self) -> u64 {
        0
    }

    /// Whether a lease read would be answered at once.
    #[must_use]
    pub fn lease_valid(&self, _now: Now) -> bool {
        false
    }

    /// The membership in force.
    #[must_use]
    pub fn membership(&self) -> &Membership {
        &self.start.base.membership
    }

    /// Whether this leader has committed an entry of its own term.
    #[must_use]
    pub fn ready_to_serve(&self) -> bool {
        false
    }

    /// The snapshot meta of a committed index that the log still covers.
    #[must_use]
    pub fn meta_at(&self, _index: u64) -> Option<SnapshotMeta> {
        None
    }
}

impl Process for Raft {
    type Message = Message;
    type Request = Request;
    type Reply = Reply;
    type Record = Record;
    type Output = Output;
    type Note = Note;

    fn handle(&mut self, _now: Now, event: Event<Message, Request>, out: &mut Out) {
        if let Event::Request { ticket, .. } = event {
            out.reply(ticket, Reply::Refused(Refusal::Unready));
        }
        let _ = self.rng.bits();
    }

    fn settle(&mut self, _now: Now, _out: &mut Out) {}
}
