//! Entries in a row that forget their front at once and free it bit by bit.
//!
//! ```text
//!   │ gone gone gone │ entry entry entry entry │
//!     └ freed by steps └ 0                      └ len
//! ```
//!
//! A compaction forgets some hundred thousand entries. To free them takes tens of milliseconds, in
//! which the group would answer nobody.

use alloc::collections::vec_deque::{Iter, VecDeque};
use core::ops::Range;

use crate::entry::Entry;

#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    all: VecDeque<Entry>,
    /// So many at the front are forgotten.
    gone: usize,
}

impl Run {
    pub(super) fn with_capacity(capacity: usize) -> Run {
        Run { all: VecDeque::with_capacity(capacity), gone: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len() - self.gone
    }

    pub(super) fn get(&self, at: usize) -> Option<&Entry> {
        self.all.get(self.gone.checked_add(at)?)
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Entry> {
        self.all.get_mut(self.gone.checked_add(at)?)
    }

    pub(super) fn back(&self) -> Option<&Entry> {
        self.all.back().filter(|_| self.len() > 0)
    }

    pub(super) fn push_back(&mut self, entry: Entry) {
        self.all.push_back(entry);
    }

    pub(super) fn pop_back(&mut self) -> Option<Entry> {
        if self.len() == 0 { None } else { self.all.pop_back() }
    }

    /// Those of the places that are there.
    pub(super) fn range(&self, places: Range<usize>) -> Iter<'_, Entry> {
        let place = |at: usize| self.gone + at.min(self.len());
        self.all.range(place(places.start)..place(places.end.max(places.start)))
    }

    pub(super) fn iter(&self) -> Iter<'_, Entry> {
        self.all.range(self.gone..)
    }

    /// How many entries stand before the first for which this is false; of those none may follow it.
    pub(super) fn partition_point(&self, pred: impl Fn(&Entry) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle).is_some_and(&pred) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }

    /// Forgets the first entries, at most all.
    pub(super) fn forget(&mut self, count: usize) {
        self.gone += count.min(self.len());
    }

    /// Frees some of what is forgotten.
    pub(super) fn free(&mut self, most: usize) {
        let count = most.min(self.gone);
        self.all.drain(..count);
        self.gone -= count;
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use bytes::Bytes;

    #[test]
    fn what_is_forgotten_is_nowhere_to_be_seen_before_it_is_freed() {
        let entry = |index| Entry::command(index, index / 3, Bytes::new());
        let mut run = Run::default();
        (0..10).for_each(|index| run.push_back(entry(index)));
        run.forget(4);
        for left in [4, 3, 0] {
            assert_eq!(run.gone, left);
            let indexes: Vec<u64> = run.iter().map(|entry| entry.index).collect();
            assert_eq!((run.len(), indexes), (6, (4..10).collect()));
            assert_eq!(run.get(0), Some(&entry(4)));
            assert_eq!(run.get_mut(6), None);
            assert_eq!(run.range(1..3).map(|e| e.index).sum::<u64>(), 5 + 6);
            assert_eq!(run.range(5..99).count(), 1);
            let (start, end) = (9, 3);
            assert_eq!(run.range(start..end).count(), 0);
            assert_eq!(run.partition_point(|entry| entry.term < 2), 2);
            run.free(if left == 4 { 1 } else { 3 });
        }
        run.forget(99);
        assert_eq!((run.len(), run.back()), (0, None));
        assert_eq!(run.pop_back(), None);
        run.push_back(entry(10));
        assert_eq!((run.len(), run.back()), (1, Some(&entry(10))));
    }
}
