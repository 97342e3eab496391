//! What is decided, and what follows from it. (Raft paper, sections 5.3, 5.4.2 and 6.)

use kernel::{
    Now,
    bug::{Bug, planted},
};

use crate::{
    entry::Entry,
    note::{Note, StepDownReason},
    raft::{Out, Raft},
};

impl Raft {
    /// The leader's part of the end of a batch, before anything is written.
    pub(crate) fn decide(&mut self, now: Now, out: &mut Out) {
        let before = self.commit;
        self.advance_commit(now, out);
        if before < self.commit {
            self.leave_joint(now, out);
        }
        self.confirm_rounds(now, out);
        self.pump_transfer(out);
        self.retire(now, out);
    }

    /// Commits what a majority holds durably. An entry of an earlier term is never counted by
    /// itself (figure 8 of the paper): it is committed by the first entry of this term above it.
    fn advance_commit(&mut self, now: Now, out: &mut Out) {
        let own = match planted(Bug::AckBeforeDurable) {
            true => self.log.last(),
            false => self.durable(),
        };
        let Some(lead) = &mut self.lead else { return };
        let held = self.log.membership().quorum_value(|node| match lead.peers.get(&node) {
            Some(peer) => peer.counted(peer.matched),
            None if node == self.config.id => own,
            None => 0,
        });
        let of_this_term = held >= lead.first_index || planted(Bug::CommitOldTerm);
        if held <= self.commit || !of_this_term {
            return;
        }
        let bytes = self.log.cost(self.commit + 1, held);
        lead.uncommitted = lead.uncommitted.saturating_sub(bytes);
        self.commit = held;
        let mut oldest = None;
        while let Some((_, at)) = lead.proposed.front().filter(|(last, _)| *last <= held) {
            oldest = oldest.or(Some(*at));
            lead.proposed.pop_front();
        }
        if let Some(at) = oldest {
            out.note(Note::Committed { index: held, took: now.instant.since(at) });
        }
    }

    /// The joint phase ends as soon as it is committed.
    fn leave_joint(&mut self, now: Now, out: &mut Out) {
        let group = self.log.membership();
        if group.is_joint() && self.log.membership_index() <= self.commit && self.ready_to_serve() {
            let left = group.leave_joint();
            let entry = Entry::membership(self.log.last() + 1, self.term, &left);
            out.note(Note::ChangeProposed { index: entry.index, joint: false });
            self.append_membership(now, entry);
        }
    }

    /// A leader that its committed membership does not include hands over and goes.
    fn retire(&mut self, now: Now, out: &mut Out) {
        let included = self.log.membership().is_voter(self.config.id);
        if included || self.log.membership_index() > self.commit {
            return;
        }
        // The followers learn of this last commit before they are asked for votes.
        self.replicate(now, out);
        if let Some(best) = self.best_successor(now) {
            self.send_timeout_now(best, out);
        }
        self.step_down(now, StepDownReason::Removed, out);
    }
}
