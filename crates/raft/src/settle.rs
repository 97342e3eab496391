//! The end of a batch: what the handlers marked becomes effects, in one fixed order.
//!
//! ```text
//!   decide      commit what a majority holds; answer reads that a majority confirmed
//!   persist     one write: hard state, snapshot, changed suffix of the log, standing
//!   replicate   one message per follower; it does not wait for the write
//!   promise     votes wait for the write; acknowledgements are sent when it is durable
//!   tell        role, membership, committed entries; then the timer
//! ```

use alloc::boxed::Box;

use kernel::{
    Now,
    bug::{Bug, planted},
};

use crate::{
    api::Output,
    durable::Cover,
    raft::{Out, Raft},
};

impl Raft {
    pub(crate) fn settle_batch(&mut self, now: Now, out: &mut Out) {
        if self.lead.is_some() {
            self.decide(now, out);
        }
        self.recover();
        let cover = self.persist(now, out);
        self.ballot_issued(cover);
        self.recovery_issued(cover);
        if self.lead.is_some() {
            self.replicate(now, out);
            self.start_read_round(now, out);
        }
        self.keep_promises(cover, out);
        self.acknowledge(now, out);
        self.tell(out);
        self.arm(out);
    }

    /// What binds this replica leaves once it is durable, and not at all if it cannot be.
    fn keep_promises(&mut self, cover: Cover, out: &mut Out) {
        for (to, message) in self.promises.drain(..) {
            match cover {
                Cover::After(token) if !planted(Bug::VoteBeforeDurable) => {
                    out.send_after(to, message, Some(token));
                }
                Cover::Blocked => {}
                _ => out.send(to, message),
            }
        }
    }

    fn tell(&mut self, out: &mut Out) {
        let state = (self.role, self.term, self.leader);
        if self.shown != state {
            self.shown = state;
            out.output(Output::Role { role: self.role, term: self.term, leader: self.leader });
        }
        if self.shown_membership.0 != self.log.generation() {
            let before = core::mem::take(&mut self.shown_membership.1);
            self.shown_membership = (self.log.generation(), self.log.membership().clone());
            if before != self.shown_membership.1 {
                let membership = Box::new(self.shown_membership.1.clone());
                out.output(Output::MembershipChanged { membership });
            }
        }
        if self.emitted < self.commit && self.installing.is_none() {
            let entries = self.log.range(self.emitted + 1, self.commit);
            self.emitted = self.commit;
            out.output(Output::Commit { entries });
        }
    }
}
