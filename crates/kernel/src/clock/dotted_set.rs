//! Dotted version vector sets (Almeida, Baquero, Gonçalves, Preguiça and Fonte, 2014).
//!
//! All siblings of one key with one common stamp. For each replica there is a counter `n` (its
//! writes up to `n` are known) and a list of values, newest first, whose dots need not be
//! stored: they are `n`, `n-1`, … A known write without a value was overwritten.
//!
//! ```text
//!   n1: 4 [d, c]     n1 wrote 4 times; writes 4 and 3 stand as d and c, 1 and 2 are overwritten
//!   n2: 2 []         n2 wrote twice; both are overwritten
//! ```

use alloc::{collections::BTreeMap, vec::Vec};

use super::{dotted::Dot, vector::VersionVector};
use crate::id::NodeId;

/// The siblings of one key as one replica knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DottedSet<V> {
    columns: BTreeMap<NodeId, Column<V>>,
}

/// What is known of one replica's writes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Column<V> {
    known: u64,
    newest_first: Vec<V>,
}

impl<V> Default for Column<V> {
    fn default() -> Self {
        Column { known: 0, newest_first: Vec::new() }
    }
}

impl<V> Default for DottedSet<V> {
    fn default() -> Self {
        DottedSet { columns: BTreeMap::new() }
    }
}

impl<V> DottedSet<V> {
    /// Nothing was ever written.
    #[must_use]
    pub fn new() -> DottedSet<V> {
        DottedSet::default()
    }

    /// What a reader of the current siblings has seen; a write that follows brings it back.
    #[must_use]
    pub fn context(&self) -> VersionVector {
        self.columns.iter().map(|(node, column)| (*node, column.known)).collect()
    }

    /// The current values with their dots: one, none, or several that are concurrent.
    pub fn siblings(&self) -> impl Iterator<Item = (Dot, &V)> {
        self.columns.iter().flat_map(|(node, column)| {
            let dots = (1..=column.known).rev().map(|counter| Dot { node: *node, counter });
            dots.zip(&column.newest_first)
        })
    }

    /// How many values are current.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.values().map(|column| column.newest_first.len()).sum()
    }

    /// Whether no value is current.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Replaces everything that the author had seen by a value; `node` is the replica that
    /// accepts the write, and it must be the one that keeps this set.
    pub fn write(&mut self, node: NodeId, context: &VersionVector, value: V) -> Dot {
        self.delete(context);
        let column = self.columns.entry(node).or_default();
        column.known = column.known.saturating_add(1);
        column.newest_first.insert(0, value);
        Dot { node, counter: column.known }
    }

    /// Removes everything that the author had seen. Concurrent values stay.
    pub fn delete(&mut self, context: &VersionVector) {
        for (node, seen) in context.iter() {
            let column = self.columns.entry(node).or_default();
            column.keep_after(seen);
            column.known = column.known.max(seen);
        }
    }
}

impl<V: Clone> DottedSet<V> {
    /// Learns all that another replica knows of the same key.
    pub fn merge(&mut self, other: &DottedSet<V>) {
        for (node, theirs) in &other.columns {
            let ours = self.columns.entry(*node).or_default();
            let (ours_gone, theirs_gone) = (ours.gone(), theirs.gone());
            if theirs.known > ours.known {
                *ours = theirs.clone();
            }
            // What either has seen overwritten is overwritten.
            ours.keep_after(ours_gone.max(theirs_gone));
        }
    }
}

impl<V> Column<V> {
    /// All writes up to this one are overwritten: the list ends there.
    fn gone(&self) -> u64 {
        self.known.saturating_sub(self.newest_first.len() as u64)
    }

    /// Keeps the values of writes after this one.
    fn keep_after(&mut self, seen: u64) {
        let keep = self.known.saturating_sub(seen);
        self.newest_first.truncate(usize::try_from(keep).unwrap_or(usize::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    const REPLICAS: usize = 3;
    const CLIENTS: usize = 4;

    #[derive(Clone, Debug)]
    enum Step {
        Read { client: usize, replica: usize },
        Write { client: usize, replica: usize },
        Delete { client: usize, replica: usize },
        Merge { into: usize, from: usize },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step =
            (0..4, 0..CLIENTS, 0..REPLICAS, 0..REPLICAS).prop_map(
                |(kind, client, a, b)| match kind {
                    0 => Step::Read { client, replica: a },
                    1 => Step::Merge { into: a, from: b },
                    2 if client == 0 => Step::Delete { client, replica: a },
                    _ => Step::Write { client, replica: a },
                },
            );
        prop::collection::vec(step, 0..60)
    }

    type Writes = BTreeSet<u64>;

    /// The truth, by explicit causal histories: what each place has seen, and what each write or
    /// delete had seen.
    #[derive(Default)]
    struct Truth {
        replicas: [Writes; REPLICAS],
        clients: [Writes; CLIENTS],
        pasts: BTreeMap<u64, Writes>,
        deletes: BTreeSet<u64>,
    }

    impl Truth {
        /// Known writes that nothing known has overwritten.
        fn siblings(&self, replica: usize) -> Writes {
            let known = &self.replicas[replica];
            let gone: Writes = known.iter().flat_map(|id| self.pasts[id].clone()).collect();
            known.difference(&gone).filter(|id| !self.deletes.contains(id)).copied().collect()
        }

        fn apply(&mut self, id: u64, step: &Step) {
            match *step {
                Step::Read { client, replica } => {
                    self.clients[client] = self.replicas[replica].clone();
                }
                Step::Write { client, replica } | Step::Delete { client, replica } => {
                    self.pasts.insert(id, self.clients[client].clone());
                    self.replicas[replica].insert(id);
                    let past = self.clients[client].clone();
                    self.replicas[replica].extend(past);
                    if matches!(step, Step::Delete { .. }) {
                        self.deletes.insert(id);
                    }
                }
                Step::Merge { into, from } => {
                    let theirs = self.replicas[from].clone();
                    self.replicas[into].extend(theirs);
                }
            }
        }
    }

    fn node(replica: usize) -> NodeId {
        NodeId(replica as u64 + 1)
    }

    fn apply(
        replicas: &mut [DottedSet<u64>; REPLICAS],
        contexts: &mut [VersionVector; CLIENTS],
        id: u64,
        step: &Step,
    ) {
        match *step {
            Step::Read { client, replica } => contexts[client] = replicas[replica].context(),
            Step::Write { client, replica } => {
                replicas[replica].write(node(replica), &contexts[client], id);
            }
            Step::Delete { client, replica } => replicas[replica].delete(&contexts[client]),
            Step::Merge { into, from } => {
                let theirs = replicas[from].clone();
                replicas[into].merge(&theirs);
            }
        }
    }

    proptest! {
        #[test]
        fn no_false_siblings_and_no_lost_concurrent_write(steps in steps()) {
            let mut truth = Truth::default();
            let mut replicas: [DottedSet<u64>; REPLICAS] = Default::default();
            let mut contexts: [VersionVector; CLIENTS] = Default::default();
            for (id, step) in (0u64..).zip(&steps) {
                truth.apply(id, step);
                apply(&mut replicas, &mut contexts, id, step);
                for (i, replica) in replicas.iter().enumerate() {
                    let values: Writes = replica.siblings().map(|(_, value)| *value).collect();
                    prop_assert_eq!(&values, &truth.siblings(i), "replica {} after {:?}", i, step);
                    prop_assert_eq!(values.len(), replica.len(), "no value twice");
                }
            }
        }

        #[test]
        fn merge_is_a_join(steps in steps()) {
            let mut sets: [DottedSet<u64>; REPLICAS] = Default::default();
            let mut contexts: [VersionVector; CLIENTS] = Default::default();
            for (id, step) in (0u64..).zip(&steps) {
                apply(&mut sets, &mut contexts, id, step);
            }
            let join = |a: &DottedSet<u64>, b: &DottedSet<u64>| {
                let mut joined = a.clone();
                joined.merge(b);
                joined
            };
            let [a, b, c] = &sets;
            prop_assert_eq!(&join(a, a), a);
            prop_assert_eq!(join(a, b), join(b, a));
            prop_assert_eq!(join(&join(a, b), c), join(a, &join(b, c)));
        }

        #[test]
        fn size_is_bounded_by_replicas_and_siblings(writes in 1u64..200) {
            let mut set = DottedSet::new();
            for id in 0..writes {
                let context = set.context();
                set.write(NodeId(1 + id % 3), &context, id);
            }
            prop_assert_eq!(set.len(), 1);
            prop_assert!(set.context().iter().count() <= 3);
        }
    }

    #[test]
    fn siblings_carry_their_dots() {
        let mut set = DottedSet::new();
        let nothing = VersionVector::new();
        let dots = ["a", "b", "c"].map(|value| set.write(NodeId(1), &nothing, value));
        assert_eq!(
            set.siblings().map(|(dot, v)| (dot.counter, *v)).collect::<Vec<_>>(),
            [(3, "c"), (2, "b"), (1, "a")]
        );
        set.delete(&[(NodeId(1), dots[1].counter)].into_iter().collect());
        assert_eq!(set.siblings().collect::<Vec<_>>(), [(dots[2], &"c")]);
        assert!(!set.is_empty());
        set.delete(&set.context());
        assert!(set.is_empty());
    }
}
