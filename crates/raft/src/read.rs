//! Linearizable reads without a log entry. (Dissertation, section 6.4; raft paper, section 8.)
//!
//! ```text
//!   read ──▶ commit index noted ──▶ a heartbeat round sent after the read arrived ──▶
//!        ──▶ a majority answers: nobody else can have led when the read arrived ──▶ ready
//! ```
//!
//! All reads that wait when a batch settles share one round.
//!
//! The lease saves the round. A voter that heard the leader at `t` votes for nobody else before
//! `t + election timeout` on its own clock. So when a majority answered a round that was *sent*
//! at `s`, nobody else can be elected before `s + election timeout` by any of their clocks, and
//! the leader, whose clock may run slow where theirs run fast, trusts the lease for less: see
//! [`Config::lease_length`](crate::Config::lease_length). Only monotonic time is used. A
//! hand-over lets voters break the promise, so from the moment that a `TimeoutNow` is sent there
//! is no lease for the rest of the term: the message may take effect at any later time.

use alloc::vec::Vec;

use kernel::{
    Instant, NodeId, Now, Ticket,
    bug::{Bug, planted},
};

use crate::{
    api::{Output, Refusal},
    leader::Leading,
    message::{Body, Heartbeat, Message},
    raft::{Out, Raft},
};

/// Unconfirmed rounds without reads that are kept; older ones could only shorten the lease.
const IDLE_ROUNDS_MAX: usize = 16;

/// One round of heartbeats.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    round: u64,
    sent: Instant,
    /// The commit index when it was sent.
    index: u64,
    reads: Vec<Ticket>,
}

impl Raft {
    /// Asks for an index from which a read is linearizable; answered by [`Output::ReadReady`] or
    /// [`Output::ReadFailed`] with the same ticket.
    ///
    /// # Errors
    /// [`Refusal::NotLeader`]; [`Refusal::Unready`] while nothing of this term is committed.
    pub fn read_index(&mut self, now: Now, ticket: Ticket, out: &mut Out) -> Result<(), Refusal> {
        self.may_read()?;
        self.admit_read(now, ticket, out);
        Ok(())
    }

    pub(crate) fn may_read(&self) -> Result<(), Refusal> {
        match (self.is_leader(), self.ready_to_serve()) {
            (true, true) => Ok(()),
            (true, false) => Err(Refusal::Unready),
            (false, _) => Err(self.not_leader()),
        }
    }

    pub(crate) fn admit_read(&mut self, now: Now, ticket: Ticket, out: &mut Out) {
        let index = self.commit;
        let lease = self.lease_valid(now);
        if lease || planted(Bug::ReadWithoutQuorum) {
            out.output(Output::ReadReady { ticket, index, lease });
        } else if let Some(lead) = &mut self.lead {
            lead.reads.push(ticket);
        }
    }

    /// Whether a read would be answered at once, from the lease.
    #[must_use]
    pub fn lease_valid(&self, now: Now) -> bool {
        let Some(lead) = &self.lead else { return false };
        let on = self.config.lease && self.config.check_quorum && self.ready_to_serve();
        let length = match planted(Bug::LeaseTrustsClock) {
            true => self.config.election_timeout,
            false => self.config.lease_length(),
        };
        let fresh = lead.lease_from.is_some_and(|from| now.instant < from + length);
        on && fresh && !lead.lease_given_up
    }

    /// The latest moment at which this replica is known to have led: when it sent the newest round
    /// of heartbeats that a majority has answered. Nobody else can have been elected before that.
    /// `None` if it does not lead, or nothing is confirmed yet.
    #[must_use]
    pub fn proven_at(&self) -> Option<Instant> {
        self.lead.as_ref()?.lease_from
    }

    /// Starts a round for the reads that wait, unless enough rounds are under way.
    pub(crate) fn start_read_round(&mut self, now: Now, out: &mut Out) {
        let Some(lead) = &self.lead else { return };
        let under_way = lead.rounds.iter().filter(|round| !round.reads.is_empty()).count();
        if !lead.reads.is_empty() && under_way < self.config.read_rounds_max {
            self.send_round(now, false, out);
            self.confirm_rounds(now, out);
        }
    }

    /// The regular round: keeps leadership, renews the lease, shows what was lost.
    pub(crate) fn start_round(&mut self, now: Now, out: &mut Out) {
        self.send_round(now, true, out);
    }

    fn send_round(&mut self, now: Now, regular: bool, out: &mut Out) {
        let voters = self.log.membership();
        let Some(lead) = &mut self.lead else { return };
        lead.round += 1;
        let reads = core::mem::take(&mut lead.reads);
        let (round, index) = (lead.round, self.commit);
        forget_idle_rounds(lead);
        lead.rounds.push_back(Round { round, sent: now.instant, index, reads });
        for (node, peer) in &mut lead.peers {
            if !regular && !voters.is_voter(*node) {
                continue;
            }
            if regular {
                peer.ask(round);
            }
            let commit = self.commit.min(peer.matched);
            let acknowledged = peer.counted(peer.matched);
            let body = Some(Body::Heartbeat(Heartbeat { round, commit, acknowledged }));
            out.send(*node, Message { term: self.term, body });
        }
    }

    /// Answers the reads of every round that a majority has answered, and renews the lease.
    pub(crate) fn confirm_rounds(&mut self, now: Now, out: &mut Out) {
        let own = self.config.id;
        let Some(lead) = &mut self.lead else { return };
        if lead.rounds.is_empty() {
            return;
        }
        let answered = |node: NodeId| match lead.peers.get(&node) {
            Some(peer) => peer.counted(peer.round),
            None if node == own => u64::MAX,
            None => 0,
        };
        let confirmed = self.log.membership().quorum_value(answered);
        while let Some(round) = lead.rounds.pop_front_if(|round| round.round <= confirmed) {
            let from = if planted(Bug::LeaseTrustsClock) { now.instant } else { round.sent };
            lead.lease_from = Some(from);
            for ticket in round.reads {
                out.output(Output::ReadReady { ticket, index: round.index, lease: false });
            }
        }
    }

    /// Leadership ended: nobody will answer these reads.
    pub(crate) fn fail_reads(&mut self, lead: Leading, out: &mut Out) {
        let refusal = self.not_leader();
        let under_way = lead.rounds.into_iter().flat_map(|round| round.reads);
        for ticket in under_way.chain(lead.reads) {
            out.output(Output::ReadFailed { ticket, refusal });
        }
    }
}

fn forget_idle_rounds(lead: &mut Leading) {
    let idle = |round: &Round| round.reads.is_empty();
    if lead.rounds.iter().filter(|round| idle(round)).count() >= IDLE_ROUNDS_MAX
        && let Some(oldest) = lead.rounds.iter().position(idle)
    {
        lead.rounds.remove(oldest);
    }
}
