//! Changing the membership. (Raft paper, section 6; dissertation, section 4.3.)
//!
//! ```text
//!   old ──change()──▶ joint (old and new decide together) ──committed──▶ new
//! ```
//!
//! A change of voters always goes through the joint phase; the leader ends it by itself when
//! the joint entry is committed, and so does a later leader that finds it committed. A change
//! of learners alone moves no majority and takes one entry. One change at a time: the entry of
//! the last one must be committed, by an own entry of this term.
//!
//! Only a node that gets a vote is looked at. A voter that keeps its vote may be away, or without
//! memory: it counts as little in the change as it does outside, and what takes its place must not
//! wait for it.

use kernel::{
    NodeId, Now,
    bug::{Bug, planted},
};

use crate::{
    api::{Change, Refusal},
    entry::Entry,
    membership::Membership,
    progress::Mode,
    raft::Raft,
};

/// The largest group, learners included.
const MEMBERS_MAX: usize = 64;

impl Raft {
    /// Proposes a new membership. Returns index and term of the first entry of the change.
    ///
    /// # Errors
    /// [`Refusal::NotLeader`]; [`Refusal::Unready`] before this term has committed anything;
    /// [`Refusal::Transferring`]; [`Refusal::ChangePending`]; [`Refusal::NotCaughtUp`] if a new
    /// voter is not a learner that holds nearly everything; [`Refusal::Invalid`] if nothing
    /// would change, nobody would vote, or the group would be too large.
    pub fn change(&mut self, now: Now, change: Change) -> Result<(u64, u64), Refusal> {
        let lead = self.lead.as_ref().ok_or(self.not_leader())?;
        if let Some(transfer) = &lead.transfer {
            return Err(Refusal::Transferring { to: transfer.to });
        }
        if !self.ready_to_serve() {
            return Err(Refusal::Unready);
        }
        let group = self.log.membership();
        if group.is_joint() || self.log.membership_index() > self.commit {
            return Err(Refusal::ChangePending);
        }
        let target = Membership::new(change.voters, change.learners);
        if !target.is_valid() || target == *group || target.nodes().len() > MEMBERS_MAX {
            return Err(Refusal::Invalid);
        }
        let too_early = |node: &NodeId| !group.is_voter(*node) && !self.has_caught_up(now, *node);
        if let Some(node) = target.voters().find(too_early).filter(|_| !planted(Bug::StrangerVotes))
        {
            return Err(Refusal::NotCaughtUp { node });
        }
        let simple = target.voters == group.voters || planted(Bug::SkipJoint);
        let next = if simple { target } else { group.enter_joint(&target) };
        let entry = Entry::membership(self.log.last() + 1, self.term, &next);
        let index = entry.index;
        self.append_membership(now, entry);
        Ok((index, self.term))
    }

    /// Appends a membership, which is in force at once, and follows whom it names.
    pub(crate) fn append_membership(&mut self, now: Now, entry: Entry) {
        let next = entry.index;
        self.append_own(entry);
        if let Some(lead) = &mut self.lead {
            lead.follow(self.log.membership(), self.config.id, next, now.instant);
        }
    }

    /// Whether a node may vote from now on: its memory is whole, and it is a learner in touch that
    /// lacks no more than what is under way to it; or it is this one.
    fn has_caught_up(&self, now: Now, node: NodeId) -> bool {
        let peer = self.lead.as_ref().and_then(|lead| lead.peers.get(&node));
        let Some(peer) = peer else { return node == self.config.id };
        let in_touch = matches!(peer.mode, Mode::Replicate)
            && peer.next > self.commit
            && peer.is_active(now, self.config.election_timeout);
        peer.amnesia.is_none() && in_touch
    }
}
