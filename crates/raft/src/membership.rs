//! Who takes part, and what a majority is.
//!
//! ```text
//!   simple   voters {1,2,3}                     a majority of the voters decides
//!   joint    voters {3,4,5}, outgoing {1,2,3}   a majority of each decides, both are needed
//! ```
//!
//! Learners receive the log and count in no majority. A voter that is to become a learner
//! waits in `learners_next` while it still votes in the outgoing half. (Raft paper, section 6;
//! Ongaro's dissertation, section 4.3.)

use alloc::vec::Vec;

use kernel::{
    NodeId,
    bug::{Bug, planted},
};

/// The members of a group. Every list is sorted and without repetition.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, ::prost::Message)]
pub struct Membership {
    /// Who votes; while joint, the incoming half.
    #[prost(uint64, repeated, tag = "1")]
    pub voters: Vec<u64>,
    /// The outgoing half; not empty exactly while joint.
    #[prost(uint64, repeated, tag = "2")]
    pub outgoing: Vec<u64>,
    /// Who receives the log and never votes.
    #[prost(uint64, repeated, tag = "3")]
    pub learners: Vec<u64>,
    /// Outgoing voters that become learners when the joint phase ends.
    #[prost(uint64, repeated, tag = "4")]
    pub learners_next: Vec<u64>,
}

impl Membership {
    /// A simple membership of these voters and learners.
    #[must_use]
    pub fn new(
        voters: impl IntoIterator<Item = NodeId>,
        learners: impl IntoIterator<Item = NodeId>,
    ) -> Membership {
        Membership { voters: sorted(voters), learners: sorted(learners), ..Membership::default() }
    }

    /// Everybody with a vote, in either half, in order.
    pub fn voters(&self) -> impl Iterator<Item = NodeId> + '_ {
        let new = self.outgoing.iter().filter(|n| self.voters.binary_search(n).is_err());
        self.voters.iter().chain(new).map(|n| NodeId(*n))
    }

    /// Everybody who receives the log, in order.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeId> {
        let learners = self.learners.iter().chain(&self.learners_next).map(|n| NodeId(*n));
        sorted(self.voters().chain(learners)).into_iter().map(NodeId).collect()
    }

    /// Whether two halves decide together.
    #[must_use]
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Whether nobody is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.voters.is_empty()
    }

    /// Whether a node takes part in any role.
    #[must_use]
    pub fn contains(&self, node: NodeId) -> bool {
        self.is_voter(node) || self.is_learner(node)
    }

    /// Whether a node has a vote in either half.
    #[must_use]
    pub fn is_voter(&self, node: NodeId) -> bool {
        self.voters.binary_search(&node.0).is_ok() || self.outgoing.binary_search(&node.0).is_ok()
    }

    /// Whether a node receives the log without a vote.
    #[must_use]
    pub fn is_learner(&self, node: NodeId) -> bool {
        self.learners.binary_search(&node.0).is_ok()
    }

    /// Whether the nodes that `yes` names decide: a majority of each half.
    #[must_use]
    pub fn has_majority(&self, yes: impl Fn(NodeId) -> bool) -> bool {
        self.quorum_value(|node| u64::from(yes(node))) == 1
    }

    /// The greatest value that a majority of each half has reached.
    #[must_use]
    pub fn quorum_value(&self, value: impl Fn(NodeId) -> u64) -> u64 {
        let incoming = self.half(&self.voters, &value);
        if self.is_joint() && !planted(Bug::NewHalfDecides) {
            incoming.min(self.half(&self.outgoing, &value))
        } else {
            incoming
        }
    }

    fn half(&self, voters: &[u64], value: &impl Fn(NodeId) -> u64) -> u64 {
        let learners = if planted(Bug::LearnerCounts) { &self.learners[..] } else { &[] };
        let majority = match planted(Bug::HalfIsMajority) {
            true => voters.len().div_ceil(2).max(1),
            false => voters.len() / 2 + 1,
        };
        // This runs for every batch: no allocation for groups of ordinary size.
        let (mut few, mut many) = ([0; 16], Vec::new());
        let count = voters.len() + learners.len();
        let values = few.get_mut(..count).unwrap_or_else(|| {
            many.resize(count, 0);
            &mut many[..]
        });
        for (slot, node) in values.iter_mut().zip(voters.iter().chain(learners)) {
            *slot = value(NodeId(*node));
        }
        values.sort_unstable();
        count.checked_sub(majority).map_or(0, |at| values[at])
    }

    /// The joint membership between this simple one and the target.
    #[must_use]
    pub fn enter_joint(&self, target: &Membership) -> Membership {
        let votes_on = |n: &&u64| self.voters.binary_search(n).is_ok();
        Membership {
            voters: target.voters.clone(),
            outgoing: self.voters.clone(),
            learners: target.learners.iter().filter(|n| !votes_on(n)).copied().collect(),
            learners_next: target.learners.iter().filter(votes_on).copied().collect(),
        }
    }

    /// The simple membership that a joint one leads to.
    #[must_use]
    pub fn leave_joint(&self) -> Membership {
        let learners = self.learners.iter().chain(&self.learners_next).map(|n| NodeId(*n));
        Membership::new(self.voters.iter().map(|n| NodeId(*n)), learners)
    }

    /// Whether the lists are what they should be: sorted, nobody nameless, some voter, and no
    /// learner that votes.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let lists = [&self.voters, &self.outgoing, &self.learners, &self.learners_next];
        let sorted = |list: &Vec<u64>| {
            list.first() != Some(&0) && list.windows(2).all(|pair| pair[0] < pair[1])
        };
        let votes = |n: &u64| self.is_voter(NodeId(*n));
        lists.into_iter().all(sorted)
            && !self.voters.is_empty()
            && !self.learners.iter().any(votes)
            && self.learners_next.iter().all(|n| self.outgoing.binary_search(n).is_ok())
    }
}

fn sorted(nodes: impl IntoIterator<Item = NodeId>) -> Vec<u64> {
    let mut list: Vec<u64> = nodes.into_iter().map(|n| n.0).collect();
    list.sort_unstable();
    list.dedup();
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(nodes: &[u64]) -> Vec<NodeId> {
        nodes.iter().map(|n| NodeId(*n)).collect()
    }

    #[test]
    fn a_majority_is_more_than_half() {
        for (voters, needed) in [(1u64, 1), (2, 2), (3, 2), (4, 3), (5, 3), (7, 4)] {
            let group = Membership::new((1..=voters).map(NodeId), []);
            assert!(group.has_majority(|n| n.0 <= needed), "{needed} of {voters}");
            assert!(!group.has_majority(|n| n.0 < needed), "{} of {voters}", needed - 1);
        }
        assert!(!Membership::default().has_majority(|_| true), "nobody decides nothing");
    }

    #[test]
    fn joint_needs_both_halves_and_learners_never_count() {
        let old = Membership::new(of(&[1, 2, 3]), []);
        let joint = old.enter_joint(&Membership::new(of(&[3, 4, 5]), of(&[1, 6])));
        assert!(joint.is_joint() && joint.is_valid());
        assert_eq!((&joint.learners[..], &joint.learners_next[..]), (&[6][..], &[1][..]));
        assert!(!joint.has_majority(|n| [1, 2, 6].contains(&n.0)), "outgoing half alone");
        assert!(!joint.has_majority(|n| [4, 5, 6].contains(&n.0)), "incoming half alone");
        assert!(joint.has_majority(|n| [1, 3, 4].contains(&n.0)));
        let left = joint.leave_joint();
        assert_eq!(left, Membership::new(of(&[3, 4, 5]), of(&[1, 6])));
        assert_eq!(joint.nodes(), of(&[1, 2, 3, 4, 5, 6]));
    }

    #[test]
    fn the_quorum_value_is_what_a_majority_has_reached() {
        let group = Membership::new(of(&[1, 2, 3]), of(&[4]));
        assert_eq!(group.quorum_value(|n| [9, 5, 7, 100][n.0 as usize - 1]), 7);
    }

    #[test]
    fn malformed_memberships_are_seen() {
        let bad = |voters: &[u64], learners: &[u64]| Membership {
            voters: voters.to_vec(),
            learners: learners.to_vec(),
            ..Membership::default()
        };
        assert!(bad(&[1, 2], &[3]).is_valid());
        for (voters, learners) in
            [(&[][..], &[][..]), (&[0, 1], &[]), (&[2, 1], &[]), (&[1, 1], &[]), (&[1], &[1])]
        {
            assert!(!bad(voters, learners).is_valid(), "{voters:?} {learners:?}");
        }
    }
}
