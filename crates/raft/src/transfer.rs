//! Handing leadership over. (Dissertation, section 3.10.)
//!
//! ```text
//!   asked ──▶ no proposals any more ──▶ target has the whole log ──▶ TimeoutNow ──▶ stepped down
//!     └──────────────── one election timeout without that: lead on ────────────────┘
//! ```
//!
//! A leader whose own disk is slow while a majority without it answers asks itself.

use kernel::{
    Instant, NodeId, Now,
    bug::{Bug, planted},
};

use crate::{
    api::Refusal,
    note::Note,
    raft::{Out, Raft},
};

/// A hand-over that is under way.
#[derive(Clone, Debug)]
pub(crate) struct Transfer {
    pub(crate) to: NodeId,
    deadline: Instant,
    sent: bool,
}

impl Raft {
    /// Hands leadership to `to`, or to the follower that suits best. It is given up on after an
    /// election timeout; until then proposals are refused. Reads go on, without the lease.
    ///
    /// # Errors
    /// [`Refusal::NotLeader`]; [`Refusal::Transferring`] if another hand-over is under way;
    /// [`Refusal::Invalid`] if `to` is this replica, has no vote, or nobody suits;
    /// [`Refusal::NotCaughtUp`] if `to` has lost its memory.
    pub fn transfer(&mut self, now: Now, to: Option<NodeId>, out: &mut Out) -> Result<(), Refusal> {
        let refusal = self.not_leader();
        let best = self.best_successor(now);
        let group = self.log.membership();
        let lead = self.lead.as_mut().ok_or(refusal)?;
        let to = to.or(best).ok_or(Refusal::Invalid)?;
        if to == self.config.id || group.voters.binary_search(&to.0).is_err() {
            return Err(Refusal::Invalid);
        }
        if let Some(running) = &lead.transfer {
            return if running.to == to { Ok(()) } else { Err(transferring(running)) };
        }
        if lead.peers.get(&to).is_none_or(|peer| peer.amnesia.is_some()) {
            return Err(Refusal::NotCaughtUp { node: to });
        }
        let deadline = now.instant + self.config.election_timeout;
        lead.transfer = Some(Transfer { to, deadline, sent: false });
        out.note(Note::TransferStarted { to });
        self.pump_transfer(out);
        Ok(())
    }

    /// The incoming voter that leads best: heard lately, whole memory, healthy disk, longest log.
    pub(crate) fn best_successor(&self, now: Now) -> Option<NodeId> {
        let group = self.log.membership();
        let fit = self.lead.as_ref()?.peers.iter().filter(|(node, peer)| {
            group.voters.binary_search(&node.0).is_ok()
                && peer.amnesia.is_none()
                && !peer.unwell
                && peer.is_active(now, self.config.heartbeat.saturating_mul(3))
        });
        fit.max_by_key(|(node, peer)| (peer.matched, core::cmp::Reverse(**node))).map(|(n, _)| *n)
    }

    /// Sends the word as soon as the target has everything.
    pub(crate) fn pump_transfer(&mut self, out: &mut Out) {
        let Some(lead) = &mut self.lead else { return };
        let Some(transfer) = &mut lead.transfer else { return };
        let matched = lead.peers.get(&transfer.to).map_or(0, |peer| peer.matched);
        let caught_up = matched == self.log.last() || planted(Bug::TransferWithoutCatchUp);
        if transfer.sent || !caught_up {
            return;
        }
        transfer.sent = true;
        lead.lease_given_up = true;
        let to = transfer.to;
        out.note(Note::TransferSent { to });
        self.send_timeout_now(to, out);
    }

    /// Gives up on a hand-over that takes too long, or says the word again.
    pub(crate) fn check_transfer(&mut self, now: Now, out: &mut Out) {
        let Some(lead) = &mut self.lead else { return };
        let Some(transfer) = &mut lead.transfer else { return };
        if now.instant >= transfer.deadline || !lead.peers.contains_key(&transfer.to) {
            out.note(Note::TransferAborted { to: transfer.to });
            lead.transfer = None;
            return;
        }
        transfer.sent = false;
        self.pump_transfer(out);
    }

    /// Hands over if the own disk is slow and a majority does without it. One attempt per
    /// memory of a slow write, so that two slow disks do not toss leadership to and fro.
    pub(crate) fn check_disk(&mut self, now: Now, out: &mut Out) {
        let waiting = self.disk.waiting(now);
        let pause = self.slow_memory();
        let window = self.config.heartbeat.saturating_mul(3);
        let Some(lead) = &mut self.lead else { return };
        let early = now.instant < lead.handover_after || lead.transfer.is_some();
        if waiting <= self.config.slow_disk || early {
            return;
        }
        let others = self.log.membership().has_majority(|node| {
            lead.peers.get(&node).is_some_and(|p| p.amnesia.is_none() && p.is_active(now, window))
        });
        if !others {
            return;
        }
        lead.handover_after = now.instant + pause;
        out.note(Note::SlowDisk { waiting });
        if let Some(best) = self.best_successor(now) {
            // Refusals leave everything as it is.
            let _ = self.transfer(now, Some(best), out);
        }
    }
}

fn transferring(transfer: &Transfer) -> Refusal {
    Refusal::Transferring { to: transfer.to }
}
