//! Grow-only sets: elements are added, reads return all of them.
//!
//! The reads of a linearizable set form a chain, each a part of the next. Along the chain every
//! element and every read has its place, and [`crate::sweep`] tells whether time agrees:
//!
//! ```text
//!   place      0        1         2        3
//!          elements   read      more     read
//!           {1, 2}   {1 2}      {3}     {1 2 3}
//! ```

use std::collections::{BTreeMap, BTreeSet};

use crate::anomaly::Anomaly;
use crate::counterexample::{Counterexample, label};
use crate::history::{Action, History, OPEN, Seen, ValueId};
use crate::sweep::{ANY, Item, inversions};
use crate::verdict::Judgement;

/// Judges the operations of one set, given by index.
pub(crate) fn judge(history: &History, ops: &[usize], judgement: &mut Judgement) {
    judgement.judging(ops.len());
    let set = Set::gather(history, ops);
    let reads = set.integrity(judgement);
    let lost = set.lost(&reads, judgement);
    if set.chain(&reads, judgement) {
        set.real_time(&reads, lost, judgement);
    }
}

/// The place of an element that no read shows.
const UNREAD: u64 = u64::MAX;

/// The adds of one element: the first invocation, and the first acknowledgement.
struct Element {
    op: usize,
    start: u64,
    end: u64,
}

/// A read with its elements, sorted.
struct SetRead {
    op: usize,
    elements: Vec<ValueId>,
}

struct Set<'a> {
    history: &'a History,
    elements: BTreeMap<ValueId, Element>,
    failed: BTreeMap<ValueId, usize>,
    reads: Vec<usize>,
}

impl<'a> Set<'a> {
    fn gather(history: &'a History, ops: &[usize]) -> Set<'a> {
        let (elements, failed) = (BTreeMap::new(), BTreeMap::new());
        let mut set = Set { history, elements, failed, reads: Vec::new() };
        for &index in ops {
            let op = &history.ops[index];
            match op.action {
                Action::Add(value, _) if op.failed() => {
                    set.failed.insert(value, index);
                }
                Action::Add(value, _) => {
                    let end = if op.ok() { op.end } else { OPEN };
                    let fresh = Element { op: index, start: op.start, end };
                    let element = set.elements.entry(value).or_insert(fresh);
                    element.end = element.end.min(end);
                }
                Action::Read(_) if op.ok() => set.reads.push(index),
                _ => {}
            }
        }
        set
    }

    fn found(
        &self,
        anomaly: Anomaly,
        text: String,
        ops: &[usize],
        guilty: usize,
    ) -> Counterexample {
        Counterexample::new(self.history, anomaly, text, ops, &[guilty])
    }

    /// What is wrong with a read by itself; returns the linearizable reads, elements sorted.
    fn integrity(&self, judgement: &mut Judgement) -> Vec<SetRead> {
        let mut reads = Vec::new();
        for &index in &self.reads {
            let op = &self.history.ops[index];
            let mut elements = match op.action {
                Action::Read(Seen::List(span)) => self.history.list(span).to_vec(),
                _ => Vec::new(),
            };
            elements.sort_unstable();
            let what = label(self.history, op);
            for pair in elements.windows(2).filter(|pair| pair[0] == pair[1]) {
                let twice = self.history.values.short(pair[0]);
                let text = format!("{what}: {twice} is in it twice");
                judgement.found(self.found(Anomaly::DuplicateElement, text, &[], index));
            }
            elements.dedup();
            for &value in &elements {
                if let Some((anomaly, why, add)) = self.stray(value, op.end) {
                    let text = format!("{what}: {} {why}", self.history.values.short(value));
                    judgement.found(self.found(anomaly, text, add.as_slice(), index));
                }
            }
            elements.retain(|value| self.elements.contains_key(value));
            if op.linearizable() {
                reads.push(SetRead { op: index, elements });
            }
        }
        reads
    }

    /// Why this element cannot be in a read that completed at `end`.
    fn stray(&self, value: ValueId, end: u64) -> Option<(Anomaly, &'static str, Option<usize>)> {
        match (self.elements.get(&value), self.failed.get(&value)) {
            (Some(element), _) if element.start < end => None,
            (Some(element), _) => Some((Anomaly::Future, "was added only later", Some(element.op))),
            (None, Some(&add)) => {
                Some((Anomaly::Aborted, "is there, but adding it failed", Some(add)))
            }
            (None, None) => Some((Anomaly::Phantom, "was never added", None)),
        }
    }

    /// Acknowledged elements that are in no read, although some read began later.
    fn lost(&self, reads: &[SetRead], judgement: &mut Judgement) -> BTreeSet<usize> {
        let mut lost = BTreeSet::new();
        let start = |read: &&SetRead| self.history.ops[read.op].start;
        let Some(last) = reads.iter().max_by_key(start) else { return lost };
        let began = self.history.ops[last.op].start;
        let mut seen: Vec<ValueId> = reads.iter().flat_map(|r| r.elements.clone()).collect();
        seen.sort_unstable();
        seen.dedup();
        for (&value, element) in &self.elements {
            if element.end < began && seen.binary_search(&value).is_err() {
                let value = self.history.values.short(value);
                let text = format!("add {value} was acknowledged, but no later read has it");
                judgement.found(self.found(Anomaly::LostElement, text, &[element.op], last.op));
                lost.insert(element.op);
            }
        }
        lost
    }

    /// Whether the reads are parts of each other; reports those that are not.
    fn chain(&self, reads: &[SetRead], judgement: &mut Judgement) -> bool {
        let mut chain: Vec<&SetRead> = reads.iter().collect();
        chain.sort_by_key(|read| read.elements.len());
        let mut whole = true;
        for pair in chain.windows(2) {
            let (small, large) = (pair[0], pair[1]);
            let missing = |from: &SetRead, of: &SetRead| {
                of.elements.iter().copied().find(|v| from.elements.binary_search(v).is_err())
            };
            let (Some(first), Some(second)) = (missing(large, small), missing(small, large)) else {
                whole &= missing(large, small).is_none();
                continue;
            };
            whole = false;
            let [a, b] = [small, large].map(|read| &self.history.ops[read.op]);
            let (first, second) =
                (self.history.values.short(first), self.history.values.short(second));
            let (anomaly, text) = if a.precedes(b) || b.precedes(a) {
                let gone = if a.precedes(b) { first } else { second };
                (Anomaly::LostElement, format!("{gone} was read, and is missing in a later read"))
            } else {
                let text = format!(
                    "one read has {first} without {second}, the other has {second} without {first}"
                );
                (Anomaly::LongFork, text)
            };
            let guilty = if a.start < b.start { large.op } else { small.op };
            judgement.found(self.found(anomaly, text, &[small.op, large.op], guilty));
        }
        whole
    }

    /// Whether time agrees with the chain.
    fn real_time(&self, reads: &[SetRead], mut lost: BTreeSet<usize>, judgement: &mut Judgement) {
        let mut sizes: Vec<usize> = reads.iter().map(|read| read.elements.len()).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let level = |size: usize| sizes.partition_point(|&other| other < size) as u64;
        let mut items = Vec::new();
        let mut place: BTreeMap<ValueId, u64> = BTreeMap::new();
        for read in reads {
            let (op, level) = (&self.history.ops[read.op], level(read.elements.len()));
            for &value in &read.elements {
                let at = place.entry(value).or_insert(2 * level);
                *at = (*at).min(2 * level);
            }
            items.push(item(read.op, op.start, op.end, 2 * level + 1, false));
        }
        for (value, &Element { op, start, end }) in &self.elements {
            // What no read shows comes after all reads, or never was.
            let place = place.get(value).copied().unwrap_or(UNREAD);
            items.push(item(op, start, end, place, true));
        }
        let reads = items.iter().filter(|item| !item.writes);
        let last = reads.max_by_key(|read| read.start).map_or(0, |read| read.earliest);
        for (earlier, later) in inversions(&items, ANY) {
            let unread = earlier.earliest == UNREAD;
            if unread && !lost.insert(earlier.op) {
                continue; // Counted already.
            }
            // Something was there, and the last read still misses it.
            let gone = !later.writes && last <= later.latest;
            let gone = unread || (gone && !earlier.writes);
            let anomaly = if gone { Anomaly::LostElement } else { Anomaly::StaleRead };
            let [before, after] = [earlier, later].map(|item| &self.history.ops[item.op]);
            let (before, after) = (label(self.history, before), label(self.history, after));
            let text = match (earlier.writes, later.writes) {
                (true, true) => {
                    format!(
                        "{before} had completed before {after} began, yet a read shows only that"
                    )
                }
                (true, false) => {
                    format!("{after} misses {before}, which had completed before it began")
                }
                (false, _) => format!("{after} misses what {before} had shown before it began"),
            };
            judgement.found(self.found(anomaly, text, &[earlier.op], later.op));
        }
    }
}

fn item(op: usize, start: u64, end: u64, place: u64, writes: bool) -> Item {
    Item { op, start, end, earliest: place, latest: place, writes }
}
