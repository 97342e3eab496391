//! What a replica starts from, and how the journal gives it back.

use alloc::{collections::BTreeSet, vec::Vec};

use kernel::{
    NodeId,
    bug::{Bug, planted},
};

use crate::{
    entry::{Entry, SnapshotMeta},
    membership::Membership,
    record::Record,
};

/// Whether a replica's memory can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It remembers every vote that it gave and every entry that it acknowledged.
    Sound,
    /// It may have forgotten some: it neither votes nor counts until it has recovered.
    Amnesiac,
}

/// The durable state of a replica.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Current term.
    pub term: u64,
    /// The vote given in it, or [`NodeId::NONE`].
    pub vote: NodeId,
    /// The log starts after this point.
    pub base: SnapshotMeta,
    /// The log, consecutive from `base.index + 1`.
    pub entries: Vec<Entry>,
    /// Indexes in `entries` of which the journal has lost the data: they stand there empty, with
    /// the term that they have.
    pub lost: BTreeSet<u64>,
    /// What the engine has applied; committing goes on after it.
    pub applied: u64,
    /// Whether the memory is whole.
    pub standing: Standing,
    /// `base` is not in the journal yet: the replica writes it before anything else.
    pub rebased: bool,
}

impl Start {
    /// A founding member of a new group. All founders must be given the same membership, and no
    /// node may found the same group twice.
    #[must_use]
    pub fn fresh(membership: Membership) -> Start {
        let base = SnapshotMeta { index: 0, term: 0, membership };
        Start { base, standing: Standing::Sound, rebased: true, ..Start::joining() }
    }

    /// A node that remembers nothing: new, wiped or damaged.
    #[must_use]
    pub fn joining() -> Start {
        Start {
            term: 0,
            vote: NodeId::NONE,
            base: SnapshotMeta::default(),
            entries: Vec::new(),
            lost: BTreeSet::new(),
            applied: 0,
            standing: Standing::Amnesiac,
            rebased: false,
        }
    }

    /// Whether entries from this index on would go on from what is there. If not, the journal has
    /// lost what lay between, and what does not connect may have been acknowledged.
    #[must_use]
    pub fn connects(&self, first: u64) -> bool {
        first <= self.last().saturating_add(1) || planted(Bug::GapBelieved)
    }

    /// Takes the next record of the journal. One that does not connect is dropped.
    pub fn replay(&mut self, record: Record) {
        match record {
            Record::HardState { term, vote } if term >= self.term => {
                (self.term, self.vote) = (term, vote);
            }
            Record::HardState { .. } => {}
            Record::Append { entries } => self.replay_append(entries),
            Record::Fill { entries } => self.fill(entries),
            Record::Snapshot { meta } => self.rebase(*meta, false),
            Record::Compacted { meta } => self.rebase(*meta, true),
            Record::Standing { standing } => self.standing = standing,
        }
    }

    /// Takes, in its place among the records, an append of entries of one term whose record the
    /// journal has lost, while it still knows which entries they were.
    pub fn lose(&mut self, first: u64, last: u64, term: u64) {
        self.replay_append((first..=last).map(|index| Entry::empty(index, term)).collect());
        let held = self.last();
        self.lost.extend(first.max(self.base.index.saturating_add(1))..=last.min(held));
    }

    /// Some records are gone, and nobody knows what they said. An append that cut the log may have
    /// been among them: then entries stand here that were replaced, below later ones that are right,
    /// and Log Matching does not hold. So no entry is believed, and the log in the journal is void.
    pub fn forget(&mut self) {
        self.standing = Standing::Amnesiac;
        self.rebased = true;
        self.entries.clear();
        self.lost.clear();
    }

    /// What the log goes on from is not there: the log is of no use, and the group has to give
    /// everything anew.
    pub fn lose_state(&mut self) {
        self.forget();
        (self.base, self.applied) = (SnapshotMeta::default(), 0);
    }

    /// The engine holds everything up to here, perhaps more than the surviving log does. What the
    /// log has lost of that is not needed.
    pub fn applied_at(&mut self, meta: SnapshotMeta) {
        self.applied = self.applied.max(meta.index);
        let follows = self.term_at(meta.index) == Some(meta.term);
        let lost = self.lost.first().is_some_and(|first| *first <= meta.index);
        if meta.index > self.base.index && (!follows || lost) {
            self.rebase(meta, follows);
            self.rebased = true;
        }
    }

    /// Index of the last entry; that of the base if there is none.
    fn last(&self) -> u64 {
        self.base.index.saturating_add(self.entries.len() as u64)
    }

    fn replay_append(&mut self, entries: Vec<Entry>) {
        let next = self.base.index.saturating_add(1);
        for entry in entries {
            if entry.index < next || entry.index > self.last().saturating_add(1) {
                continue;
            }
            self.entries.truncate((entry.index - next) as usize);
            self.lost.split_off(&entry.index);
            if entry.term > self.term {
                (self.term, self.vote) = (entry.term, NodeId::NONE);
            }
            self.entries.push(entry);
        }
    }

    fn fill(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            let same = self.term_at(entry.index) == Some(entry.term);
            if same && self.lost.remove(&entry.index) {
                let place = (entry.index - self.base.index) as usize - 1;
                self.entries[place] = entry;
            }
        }
    }

    /// Moves the start of the log; `trusted` says that the point is known to be on this log.
    fn rebase(&mut self, meta: SnapshotMeta, trusted: bool) {
        if meta.index < self.base.index {
            return;
        }
        let last = self.last();
        let keeps = trusted || self.term_at(meta.index) == Some(meta.term);
        if keeps && meta.index <= last {
            self.entries.drain(..(meta.index - self.base.index) as usize);
        } else {
            self.entries.clear();
            self.lost.clear();
        }
        self.lost = self.lost.split_off(&meta.index.saturating_add(1));
        self.term = self.term.max(meta.term);
        self.applied = self.applied.max(meta.index);
        self.base = meta;
        self.rebased = false;
    }

    fn term_at(&self, index: u64) -> Option<u64> {
        match index.checked_sub(self.base.index)? {
            0 => Some(self.base.term),
            after => self.entries.get(after as usize - 1).map(|entry| entry.term),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn append(from: u64, terms: &[u64]) -> Record {
        let entry = |(i, term): (u64, &u64)| Entry::command(i, *term, Bytes::new());
        Record::Append { entries: (from..).zip(terms).map(entry).collect() }
    }

    fn terms(start: &Start) -> Vec<u64> {
        start.entries.iter().map(|e| e.term).collect()
    }

    fn meta(index: u64, term: u64) -> SnapshotMeta {
        SnapshotMeta { index, term, ..SnapshotMeta::default() }
    }

    #[test]
    fn later_records_override_earlier_ones() {
        let mut start = Start::joining();
        start.replay(append(1, &[1, 1, 1]));
        start.replay(append(2, &[2]));
        assert_eq!(terms(&start), [1, 2]);
        start.replay(Record::HardState { term: 3, vote: NodeId(2) });
        assert_eq!((start.term, start.vote), (3, NodeId(2)));
    }

    #[test]
    fn a_record_beyond_a_hole_is_dropped() {
        let mut start = Start::joining();
        start.replay(append(1, &[1, 1]));
        assert!(start.connects(1) && start.connects(3) && !start.connects(4));
        start.replay(append(4, &[1]));
        assert_eq!(terms(&start), [1, 1]);
    }

    #[test]
    fn a_snapshot_keeps_a_suffix_only_of_the_same_history() {
        for (term, rest) in [(1, &[1, 2][..]), (2, &[])] {
            let mut start = Start::joining();
            start.replay(append(1, &[1, 1, 1, 2]));
            start.replay(Record::Snapshot { meta: meta(2, term).into() });
            assert_eq!(terms(&start), rest, "term {term}");
            assert_eq!((start.base.index, start.applied), (2, 2));
        }
    }

    #[test]
    fn compaction_drops_the_front_and_only_that() {
        let mut start = Start::joining();
        start.replay(append(1, &[1, 1, 2]));
        start.replay(Record::Compacted { meta: meta(2, 1).into() });
        assert_eq!((terms(&start), start.base.index), (alloc::vec![2], 2));
        start.replay(append(4, &[2]));
        assert_eq!(terms(&start), [2, 2]);
    }

    #[test]
    fn what_may_have_been_cut_is_not_believed() {
        let mut start = Start::joining();
        start.replay(append(1, &[1, 1, 1]));
        // An append of 2 and 3 in term 2 stood here, and is gone without a trace of what it was.
        start.replay(append(4, &[2]));
        assert_eq!(terms(&start), [1, 1, 1, 2], "2 and 3 are not what the group has there");
        start.forget();
        start.applied_at(meta(1, 1));
        assert_eq!((start.base.index, start.entries.len(), start.rebased), (1, 0, true));
        assert_eq!(start.standing, Standing::Amnesiac);
    }

    #[test]
    fn a_log_without_what_it_goes_on_from_is_of_no_use() {
        let mut start = Start::joining();
        start.replay(Record::Standing { standing: Standing::Sound });
        start.replay(Record::Snapshot { meta: meta(61, 3).into() });
        start.replay(append(62, &[3, 4]));
        start.lose_state();
        assert_eq!((start.base.index, start.applied, start.entries.len()), (0, 0, 0));
        assert_eq!((start.standing, start.rebased), (Standing::Amnesiac, true));
        assert_eq!(start.term, 4, "its promises are kept");
    }

    #[test]
    fn an_engine_ahead_of_the_log_becomes_its_start_and_is_written_down() {
        let mut start = Start::joining();
        start.replay(append(1, &[1, 1]));
        start.applied_at(meta(2, 1));
        assert_eq!((terms(&start), start.rebased), (alloc::vec![1, 1], false));
        start.applied_at(meta(5, 1));
        assert_eq!((start.base.index, start.applied, start.rebased), (5, 5, true));
        assert!(start.entries.is_empty());
    }

    #[test]
    fn a_lost_append_keeps_its_place_until_it_is_replaced() {
        let mut start = Start::joining();
        start.replay(append(1, &[1, 1]));
        start.lose(2, 4, 2);
        start.replay(append(5, &[2]));
        assert_eq!(terms(&start), [1, 2, 2, 2, 2]);
        assert_eq!((start.term, start.lost.clone()), (2, [2, 3, 4].into()));
        start.replay(append(4, &[3]));
        assert_eq!((terms(&start), start.lost.clone()), (alloc::vec![1, 2, 2, 3], [2, 3].into()));
        let entries = alloc::vec![Entry::command(2, 2, "b".into()), Entry::empty(3, 1)];
        start.replay(Record::Fill { entries });
        assert_eq!((&start.entries[1].data[..], start.lost.clone()), (&b"b"[..], [3].into()));
        start.lose(9, 9, 3);
        assert_eq!(start.lost, [3].into(), "beyond a gap nothing is known");
    }

    #[test]
    fn what_the_engine_holds_is_not_lost() {
        let mut start = Start::joining();
        start.lose(1, 3, 1);
        start.replay(append(4, &[1, 1]));
        start.applied_at(meta(2, 1));
        assert_eq!((start.base.index, start.rebased), (2, true));
        assert_eq!((terms(&start), start.lost.clone()), (alloc::vec![1, 1, 1], [3].into()));
    }

    #[test]
    fn standing_is_what_the_journal_said_last() {
        let mut start = Start::joining();
        assert_eq!(start.standing, Standing::Amnesiac);
        start.replay(Record::Standing { standing: Standing::Sound });
        assert_eq!(start.standing, Standing::Sound);
    }
}
