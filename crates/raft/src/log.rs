//! The log in memory, and the memberships that it holds.
//!
//! ```text
//!      base          first                          last
//!   ────┼──────────────┼──────┬──────┬──────┬────────┤
//!    snapshot          │ term │ term │ term │  term  │     terms never fall
//! ```
//!
//! Of an entry whose data a disk has lost only index and term are known: it stands in its place as
//! a *hole* (see [`crate::repair`]), and what compares logs does not see the difference.
//!
//! The membership in force is the newest one in the log, committed or not, so it lives here: it
//! moves with every append and every truncation.

mod run;

use alloc::{collections::BTreeSet, vec, vec::Vec};

use kernel::{
    NodeId,
    bug::{Bug, planted},
};

use crate::{
    entry::{Entry, SnapshotMeta},
    membership::Membership,
};
use run::Run;

/// How many forgotten entries are freed in one step.
const FREED_MAX: usize = 1024;

/// A consecutive run of entries after a base.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    base_index: u64,
    base_term: u64,
    entries: Run,
    /// Indexes of entries whose data is lost.
    holes: BTreeSet<u64>,
    bytes: u64,
    /// Never empty: the base's membership, then every later one with its index.
    memberships: Vec<(u64, Membership)>,
    /// Grows whenever the membership in force may have changed.
    generation: u64,
}

impl Log {
    pub(crate) fn new(base: SnapshotMeta, entries: Vec<Entry>) -> Log {
        let mut log = Log {
            base_index: base.index,
            base_term: base.term,
            entries: Run::with_capacity(entries.len()),
            holes: BTreeSet::new(),
            bytes: 0,
            memberships: vec![(base.index, base.membership)],
            generation: 0,
        };
        for entry in entries {
            if entry.index == log.last() + 1 && entry.term >= log.last_term() {
                log.push(entry);
            }
        }
        if planted(Bug::MembershipForgotten) {
            log.memberships.truncate(1);
        }
        log
    }

    /// First index that is here; `last() + 1` if none is.
    pub(crate) fn first(&self) -> u64 {
        self.base_index + 1
    }

    pub(crate) fn base(&self) -> u64 {
        self.base_index
    }

    pub(crate) fn last(&self) -> u64 {
        self.base_index + self.entries.len() as u64
    }

    pub(crate) fn last_term(&self) -> u64 {
        self.entries.back().map_or(self.base_term, |entry| entry.term)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The term at an index; `None` before the base and after the end.
    pub(crate) fn term(&self, index: u64) -> Option<u64> {
        match index.checked_sub(self.base_index)? {
            0 => Some(self.base_term),
            after => self.entries.get(after as usize - 1).map(|entry| entry.term),
        }
    }

    pub(crate) fn entry(&self, index: u64) -> Option<&Entry> {
        self.entries.get(index.checked_sub(self.first())? as usize)
    }

    /// The first entry whose data is lost.
    pub(crate) fn hole(&self) -> Option<u64> {
        self.holes.first().copied()
    }

    /// How many entries have lost their data.
    pub(crate) fn holes(&self) -> usize {
        self.holes.len()
    }

    /// Whether the entry at this index is here with its data.
    pub(crate) fn is_whole(&self, index: u64) -> bool {
        self.entry(index).is_some() && !self.holes.contains(&index)
    }

    /// Says that the data of these entries is lost.
    pub(crate) fn lose(&mut self, lost: &BTreeSet<u64>) {
        let range = self.first()..=self.last();
        self.holes.extend(lost.iter().filter(|index| range.contains(index)));
    }

    /// Those of these entries that are here, in runs of consecutive ones of one term.
    pub(crate) fn runs(&self, indexes: &BTreeSet<u64>) -> Vec<Vec<Entry>> {
        let mut runs: Vec<Vec<Entry>> = Vec::new();
        let whole = indexes.iter().filter(|index| self.is_whole(**index));
        for entry in whole.filter_map(|index| self.entry(*index)) {
            let goes_on = |run: &&mut Vec<Entry>| {
                run.last().is_some_and(|e| (e.index + 1, e.term) == (entry.index, entry.term))
            };
            match runs.last_mut().filter(goes_on) {
                Some(run) => run.push(entry.clone()),
                None => runs.push(vec![entry.clone()]),
            }
        }
        runs
    }

    /// Puts the data of a lost entry back; false if it is another entry, or none is lost there.
    pub(crate) fn fill(&mut self, entry: Entry) -> bool {
        let index = entry.index;
        if self.term(index) != Some(entry.term) || !self.holes.remove(&index) {
            return false;
        }
        if let Some(membership) = entry.as_membership().filter(Membership::is_valid) {
            let at = self.memberships.partition_point(|(known, _)| *known <= index);
            self.memberships.insert(at, (index, membership));
            self.generation += 1;
        }
        let place = (index - self.first()) as usize;
        if let Some(hole) = self.entries.get_mut(place) {
            self.bytes = self.bytes - hole.cost() + entry.cost();
            *hole = entry;
        }
        true
    }

    /// Puts an entry at the end; its index must be `last() + 1`.
    pub(crate) fn push(&mut self, entry: Entry) {
        debug_assert_eq!(entry.index, self.last() + 1);
        self.bytes += entry.cost();
        if let Some(membership) = entry.as_membership().filter(Membership::is_valid) {
            self.memberships.push((entry.index, membership));
            self.generation += 1;
        }
        self.entries.push_back(entry);
    }

    /// Drops everything from `index` on, but never the base.
    pub(crate) fn truncate(&mut self, index: u64) {
        while self.last() >= index.max(self.first()) {
            self.bytes -= self.entries.pop_back().map_or(0, |entry| entry.cost());
        }
        let last = self.last();
        self.holes.split_off(&(last + 1));
        let held = self.memberships.iter().skip(1).take_while(|(at, _)| *at <= last).count();
        self.memberships.truncate(1 + held);
        self.generation += 1;
    }

    /// Drops everything up to `index`, which becomes the base. Nothing happens if it is not here.
    pub(crate) fn compact(&mut self, index: u64) {
        let Some(meta) = self.meta_at(index) else { return };
        self.bytes -= self.cost(self.first(), index);
        self.entries.forget((index - self.base_index) as usize);
        self.base_index = index;
        self.base_term = meta.term;
        self.holes = self.holes.split_off(&(index + 1));
        self.memberships.retain(|(at, _)| *at > index);
        self.memberships.insert(0, (index, meta.membership));
    }

    /// Frees some of the entries that were dropped; to be called now and then.
    pub(crate) fn free(&mut self) {
        self.entries.free(FREED_MAX);
    }

    /// Starts anew after a snapshot. What follows is kept if it follows this very snapshot;
    /// returns whether it was.
    pub(crate) fn reset(&mut self, meta: &SnapshotMeta) -> bool {
        let generation = self.generation + 1;
        if self.term(meta.index) == Some(meta.term) {
            self.generation = generation;
            self.compact(meta.index);
            self.memberships[0].1 = meta.membership.clone();
            return true;
        }
        *self = Log::new(meta.clone(), Vec::new());
        self.generation = generation;
        false
    }

    /// The membership before the first entry becomes known.
    pub(crate) fn learn_base(&mut self, membership: Membership) {
        self.memberships[0].1 = membership;
        self.generation += 1;
    }

    /// Differs from an earlier value if the membership in force may have changed in between.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The entries of `from..=to` that are here.
    pub(crate) fn range(&self, from: u64, to: u64) -> Vec<Entry> {
        let (from, to) = (from.max(self.first()), to.min(self.last()));
        if from > to {
            return Vec::new();
        }
        let at = |index: u64| (index - self.first()) as usize;
        self.entries.range(at(from)..at(to) + 1).cloned().collect()
    }

    /// The entries from `from` on that cost at most `bytes_max` together, at least one if there
    /// is one; and their cost.
    pub(crate) fn slice(&self, from: u64, bytes_max: u64) -> (Vec<Entry>, u64) {
        let (mut bytes, mut count) = (0, 0);
        let start = (from.max(self.first()) - self.first()) as usize;
        for entry in self.entries.range(start..usize::MAX) {
            if count > 0 && bytes + entry.cost() > bytes_max {
                break;
            }
            bytes += entry.cost();
            count += 1;
        }
        (self.entries.range(start..start.saturating_add(count)).cloned().collect(), bytes)
    }

    /// The cost of everything after `index`.
    pub(crate) fn bytes_after(&self, index: u64) -> u64 {
        self.entries.iter().rev().take_while(|e| e.index > index).map(Entry::cost).sum()
    }

    /// The cost of `from..=to`, which are here.
    pub(crate) fn cost(&self, from: u64, to: u64) -> u64 {
        let at = |index: u64| index.saturating_sub(self.first()) as usize;
        self.entries.range(at(from)..at(to + 1)).map(Entry::cost).sum()
    }

    /// The first index here that has the term of `index`.
    pub(crate) fn first_of_term(&self, term: u64) -> u64 {
        self.first() + self.entries.partition_point(|entry| entry.term < term) as u64
    }

    /// The last index that has this term, if any has; the base counts.
    pub(crate) fn last_of_term(&self, term: u64) -> Option<u64> {
        let after = self.entries.partition_point(|entry| entry.term <= term) as u64;
        let index = self.base_index + after;
        (self.term(index) == Some(term)).then_some(index)
    }

    /// The membership in force.
    pub(crate) fn membership(&self) -> &Membership {
        &self.memberships[self.memberships.len() - 1].1
    }

    /// Where the membership in force stands.
    pub(crate) fn membership_index(&self) -> u64 {
        self.memberships[self.memberships.len() - 1].0
    }

    /// Whether a node votes in any membership that may decide while `commit` is known.
    pub(crate) fn may_decide(&self, node: NodeId, commit: u64) -> bool {
        let settled = self.memberships.partition_point(|(at, _)| *at <= commit);
        let open = &self.memberships[settled.saturating_sub(1)..];
        open.iter().any(|(_, membership)| membership.is_voter(node))
    }

    /// The membership before the first entry.
    pub(crate) fn base_membership(&self) -> &Membership {
        &self.memberships[0].1
    }

    /// What a snapshot of everything up to `index` stands for.
    pub(crate) fn meta_at(&self, index: u64) -> Option<SnapshotMeta> {
        let term = self.term(index)?;
        let known = self.memberships.iter().rev().find(|(at, _)| *at <= index);
        Some(SnapshotMeta { index, term, membership: known?.1.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn log(terms: &[u64]) -> Log {
        let entry = |(i, term): (u64, &u64)| Entry::command(i, *term, Bytes::from_static(b"abcd"));
        Log::new(SnapshotMeta::default(), (1..).zip(terms).map(entry).collect())
    }

    #[test]
    fn bytes_are_accounted_on_every_way_in_and_out() {
        let mut log = log(&[1, 1, 2, 3]);
        let each = Entry::OVERHEAD + 4;
        assert_eq!(log.bytes(), 4 * each);
        log.truncate(4);
        log.compact(1);
        assert_eq!((log.bytes(), log.first(), log.last()), (2 * each, 2, 3));
        assert_eq!(log.bytes_after(2), each);
        assert_eq!((log.term(0), log.term(1), log.term(4)), (None, Some(1), None));
    }

    #[test]
    fn terms_are_found_at_both_ends() {
        let log = log(&[1, 1, 3, 3, 5]);
        assert_eq!((log.first_of_term(3), log.last_of_term(3)), (3, Some(4)));
        assert_eq!((log.last_of_term(2), log.last_of_term(5)), (None, Some(5)));
        assert_eq!(log.last_of_term(0), Some(0), "the base counts");
    }

    #[test]
    fn a_slice_is_bounded_but_never_empty_handed() {
        let log = log(&[1; 10]);
        let each = Entry::OVERHEAD + 4;
        assert_eq!(log.slice(3, 2 * each).0.len(), 2);
        assert_eq!(log.slice(3, 1).0.len(), 1);
        assert_eq!(log.slice(11, 1_000), (Vec::new(), 0));
    }

    #[test]
    fn the_membership_moves_with_the_log() {
        let group = |n: u64| Membership::new((1..=n).map(NodeId), []);
        let mut log = log(&[1]);
        log.push(Entry::membership(2, 1, &group(2)));
        log.push(Entry::membership(3, 1, &group(3)));
        assert_eq!((log.membership(), log.membership_index()), (&group(3), 3));
        log.truncate(3);
        assert_eq!(log.membership(), &group(2));
        log.compact(2);
        assert_eq!((log.membership(), log.base_membership()), (&group(2), &group(2)));
        assert!(!log.reset(&SnapshotMeta { index: 2, term: 9, membership: group(4) }));
        assert_eq!((log.membership(), log.last()), (&group(4), 2));
    }

    #[test]
    fn a_hole_is_an_entry_until_its_data_comes_back() {
        let group = Membership::new([NodeId(7)], []);
        let mut log = log(&[1, 1, 2, 2]);
        log.lose(&[2, 3, 9].into());
        assert_eq!((log.hole(), log.holes(), log.last_term()), (Some(2), 2, 2));
        let other = Entry::membership(2, 2, &group);
        assert!(!log.fill(other.clone()), "another term is another entry");
        assert!(log.fill(Entry { term: 1, ..other }) && !log.fill(Entry::empty(4, 2)));
        assert_eq!((log.hole(), log.membership(), log.is_whole(2)), (Some(3), &group, true));
        log.truncate(3);
        assert_eq!((log.hole(), log.last()), (None, 2));
    }

    #[test]
    fn a_hole_goes_with_the_front_of_the_log() {
        let mut log = log(&[1, 1, 1]);
        log.lose(&[1, 3].into());
        log.compact(2);
        assert_eq!(log.hole(), Some(3));
        log.reset(&SnapshotMeta { index: 5, term: 2, ..SnapshotMeta::default() });
        assert_eq!(log.hole(), None);
    }
}
