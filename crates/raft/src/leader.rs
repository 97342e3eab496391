//! What only a leader has: its followers, its rounds, and its house work.

use alloc::{
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

use bytes::Bytes;
use kernel::{
    Instant, NodeId, Now, Ticket,
    bug::{Bug, planted},
};

use crate::{
    api::Refusal,
    entry::Entry,
    membership::Membership,
    note::StepDownReason,
    progress::Progress,
    raft::{Out, Raft},
    read::Round,
    transfer::Transfer,
};

/// The state of a leadership.
#[derive(Clone, Debug)]
pub(crate) struct Leading {
    /// Everybody who receives the log, but this replica.
    pub(crate) peers: BTreeMap<NodeId, Progress>,
    /// The first entry of this term.
    pub(crate) first_index: u64,
    /// Bytes that are not committed.
    pub(crate) uncommitted: u64,
    /// Last index of each batch of proposals, and when it was proposed.
    pub(crate) proposed: VecDeque<(u64, Instant)>,
    /// Heartbeat rounds that no majority has answered yet, oldest first.
    pub(crate) rounds: VecDeque<Round>,
    /// The newest round.
    pub(crate) round: u64,
    /// Reads for the next round.
    pub(crate) reads: Vec<Ticket>,
    /// When the newest round that a majority answered was sent.
    pub(crate) lease_from: Option<Instant>,
    /// A hand-over was sent in this term: it may take effect at any time, so no lease any more.
    pub(crate) lease_given_up: bool,
    pub(crate) transfer: Option<Transfer>,
    /// No hand-over for a slow disk before this.
    pub(crate) handover_after: Instant,
    /// Names snapshot transfers.
    pub(crate) streams: u64,
}

impl Leading {
    pub(crate) fn new(raft: &Raft, now: Now) -> Leading {
        let mut lead = Leading {
            peers: BTreeMap::new(),
            first_index: raft.log.last() + 1,
            uncommitted: raft.log.bytes_after(raft.commit),
            proposed: VecDeque::new(),
            rounds: VecDeque::new(),
            round: 0,
            reads: Vec::new(),
            lease_from: None,
            lease_given_up: false,
            transfer: None,
            handover_after: Instant::ZERO,
            streams: 0,
        };
        lead.follow(raft.log.membership(), raft.config.id, raft.log.last() + 1, now.instant);
        lead
    }

    /// Makes the followers those of this membership; new ones start at `next`.
    pub(crate) fn follow(&mut self, group: &Membership, own: NodeId, next: u64, now: Instant) {
        self.peers.retain(|node, _| group.contains(*node) && !planted(Bug::ProgressForgotten));
        for node in group.nodes().into_iter().filter(|node| *node != own) {
            self.peers.entry(node).or_insert_with(|| Progress::new(next, now));
        }
    }
}

impl Raft {
    /// Puts a command into the log of the leader; it is sent and persisted when the batch
    /// settles. Returns its index and term.
    ///
    /// # Errors
    /// [`Refusal::NotLeader`]; [`Refusal::Transferring`]; [`Refusal::TooMuchUncommitted`];
    /// [`Refusal::Invalid`] if the command alone passes the limit on uncommitted bytes.
    pub fn propose(&mut self, now: Now, data: Bytes) -> Result<(u64, u64), Refusal> {
        let refusal = self.not_leader();
        let limit = self.config.uncommitted_bytes_max.0;
        let lead = self.lead.as_mut().ok_or(refusal)?;
        if let Some(transfer) = &lead.transfer {
            return Err(Refusal::Transferring { to: transfer.to });
        }
        let entry = Entry::command(self.log.last() + 1, self.term, data);
        if entry.cost() > limit {
            return Err(Refusal::Invalid);
        }
        if lead.uncommitted + entry.cost() > limit {
            return Err(Refusal::TooMuchUncommitted);
        }
        let index = entry.index;
        match lead.proposed.back_mut() {
            Some((last, at)) if *at == now.instant => *last = index,
            _ => lead.proposed.push_back((index, now.instant)),
        }
        self.append_own(entry);
        Ok((index, self.term))
    }

    /// Appends an entry of this leader.
    pub(crate) fn append_own(&mut self, entry: Entry) {
        if let Some(lead) = &mut self.lead {
            lead.uncommitted += entry.cost();
        }
        self.disk.staged.stage_log(entry.index);
        self.log.push(entry);
    }

    /// Appends an entry that says nothing; returns its index.
    pub(crate) fn append_empty(&mut self) -> u64 {
        let index = self.log.last() + 1;
        self.append_own(Entry::empty(index, self.term));
        index
    }

    /// The leader's timer: rounds, and everything that has a deadline.
    pub(crate) fn housekeeping(&mut self, now: Now, out: &mut Out) {
        if self.config.check_quorum && !self.hears_majority(now) {
            kernel::sometimes!("raft: a leader without a majority steps down");
            return self.step_down(now, StepDownReason::NoQuorum, out);
        }
        self.timers.heartbeat_at = now.instant + self.config.heartbeat;
        self.check_transfer(now, out);
        self.check_disk(now, out);
        self.check_snapshots(now, out);
        self.start_round(now, out);
    }

    /// Whether a majority was heard within an election timeout.
    fn hears_majority(&self, now: Now) -> bool {
        let Some(lead) = &self.lead else { return false };
        self.log.membership().has_majority(|node| {
            node == self.config.id
                || lead.peers.get(&node).is_some_and(|peer| {
                    peer.amnesia.is_none() && peer.is_active(now, self.config.election_timeout)
                })
        })
    }
}
