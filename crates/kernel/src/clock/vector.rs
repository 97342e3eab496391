//! Version vectors (Parker et al., 1983) and vector clocks (Fidge; Mattern, 1988).
//!
//! Both are a counter per node, and both are compared entry by entry. They differ in what is
//! counted:
//!
//! - A [`VectorClock`] counts *events*. Every event of a node, receipts included, adds one to
//!   its own entry. Its stamps tell for any two events whether one happened before the other.
//! - A [`VersionVector`] counts *updates* of one object. Only an update adds one; a replica that
//!   learns of updates merges and adds nothing. It tells for any two replicas whether one has
//!   seen all that the other has. Adding one at a merge, as a vector clock does, makes two
//!   replicas that exchanged everything look as if they diverged, for ever.

use alloc::collections::BTreeMap;
use core::cmp::Ordering;

use crate::id::NodeId;

/// How many updates of each node have been seen. Absent is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct VersionVector {
    // No entry is ever zero, so that equal vectors are equal maps.
    seen: BTreeMap<NodeId, u64>,
}

impl VersionVector {
    /// Nothing seen.
    #[must_use]
    pub fn new() -> VersionVector {
        VersionVector::default()
    }

    /// How many updates of a node have been seen.
    #[must_use]
    pub fn get(&self, node: NodeId) -> u64 {
        self.seen.get(&node).copied().unwrap_or(0)
    }

    /// Counts one more update of a node; its number.
    pub fn increment(&mut self, node: NodeId) -> u64 {
        let count = self.seen.entry(node).or_insert(0);
        *count = count.saturating_add(1);
        *count
    }

    /// Takes note that a node's updates up to this number have been seen.
    pub fn observe(&mut self, node: NodeId, count: u64) {
        if count > self.get(node) {
            self.seen.insert(node, count);
        }
    }

    /// Sees all that the other has seen: the least upper bound of both.
    pub fn merge(&mut self, other: &VersionVector) {
        for (node, count) in other.iter() {
            self.observe(node, count);
        }
    }

    /// Whether everything that the other has seen has been seen here.
    #[must_use]
    pub fn includes(&self, other: &VersionVector) -> bool {
        other.iter().all(|(node, count)| count <= self.get(node))
    }

    /// Every node of which something was seen, with the number, in order.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, u64)> {
        self.seen.iter().map(|(node, count)| (*node, *count))
    }
}

impl PartialOrd for VersionVector {
    /// `None` means concurrent: each has seen something that the other has not.
    fn partial_cmp(&self, other: &VersionVector) -> Option<Ordering> {
        match (other.includes(self), self.includes(other)) {
            (true, true) => Some(Ordering::Equal),
            (true, false) => Some(Ordering::Less),
            (false, true) => Some(Ordering::Greater),
            (false, false) => None,
        }
    }
}

impl FromIterator<(NodeId, u64)> for VersionVector {
    fn from_iter<I: IntoIterator<Item = (NodeId, u64)>>(entries: I) -> VersionVector {
        let mut vector = VersionVector::new();
        entries.into_iter().for_each(|(node, count)| vector.observe(node, count));
        vector
    }
}

/// The vector clock of one node. Its stamps are compared with `<`: `a < b` if and only if the
/// event of `a` happened before that of `b`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VectorClock {
    node: NodeId,
    last: VersionVector,
}

impl VectorClock {
    /// A clock that has seen nothing.
    #[must_use]
    pub fn new(node: NodeId) -> VectorClock {
        VectorClock { node, last: VersionVector::new() }
    }

    /// Stamps a local event or the sending of a message.
    pub fn tick(&mut self) -> VersionVector {
        self.last.increment(self.node);
        self.last.clone()
    }

    /// Stamps the receipt of a message that was stamped when it was sent.
    pub fn receive(&mut self, sent: &VersionVector) -> VersionVector {
        self.last.merge(sent);
        self.tick()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Small vectors, so that all four outcomes of a comparison come up.
    fn vectors() -> impl Strategy<Value = VersionVector> {
        prop::collection::vec((1u64..4, 0u64..4), 0..4)
            .prop_map(|entries| entries.into_iter().map(|(node, n)| (NodeId(node), n)).collect())
    }

    fn join(a: &VersionVector, b: &VersionVector) -> VersionVector {
        let mut joined = a.clone();
        joined.merge(b);
        joined
    }

    proptest! {
        #[test]
        fn less_is_a_strict_partial_order(a in vectors(), b in vectors(), c in vectors()) {
            prop_assert_eq!(a.partial_cmp(&a.clone()), Some(Ordering::Equal));
            prop_assert!(!(a < b && b < a));
            prop_assert!(!(a < b && b < c) || a < c);
            prop_assert_eq!(a == b, a <= b && b <= a);
        }

        #[test]
        fn join_is_the_least_upper_bound(a in vectors(), b in vectors(), c in vectors()) {
            prop_assert_eq!(join(&a, &a), a.clone());
            prop_assert_eq!(join(&a, &b), join(&b, &a));
            prop_assert_eq!(join(&join(&a, &b), &c), join(&a, &join(&b, &c)));
            prop_assert!(a <= join(&a, &b) && b <= join(&a, &b));
            prop_assert!(!(a <= c && b <= c) || join(&a, &b) <= c);
        }

        #[test]
        fn an_update_is_after_its_past(a in vectors(), node in 1u64..4) {
            let mut updated = a.clone();
            let count = updated.increment(NodeId(node));
            prop_assert!(a < updated);
            prop_assert_eq!(updated.get(NodeId(node)), count);
        }
    }

    #[test]
    fn replicas_that_exchanged_everything_are_equal_but_receipts_are_events() {
        let (one, two) = (NodeId(1), NodeId(2));
        let (mut a, mut b) = (VersionVector::new(), VersionVector::new());
        a.increment(one);
        b.increment(two);
        assert_eq!(a.partial_cmp(&b), None);
        b.merge(&a);
        a.merge(&b);
        assert_eq!(a, b);

        let (mut a, mut b) = (VectorClock::new(one), VectorClock::new(two));
        let (from_a, from_b) = (a.tick(), b.tick());
        let (at_a, at_b) = (a.receive(&from_b), b.receive(&from_a));
        assert_eq!(at_a.partial_cmp(&at_b), None, "two events, and neither saw the other");
    }
}
