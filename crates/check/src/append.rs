//! Lists that grow at the end: every read shows the order of all appends before it.
//!
//! The longest read is the order. Every other read must be a prefix of it; where it ends is the
//! read's place, and an element's index is the append's. Then [`crate::sweep`] tells whether
//! time agrees. Appends and reads may be parts of transactions (Kingsbury and Alvaro, "Elle",
//! VLDB 2020, §3 and §4 name the anomalies); each list is judged for itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::anomaly::Anomaly;
use crate::counterexample::{Counterexample, label};
use crate::history::{Action, History, Micro, OPEN, Op, Seen, ValueId};
use crate::sweep::{ANY, Item, inversions};
use crate::verdict::Judgement;

/// The place of an append that no read shows.
const UNREAD: u64 = u64::MAX;

/// What one operation did to one list.
#[derive(Clone, Copy)]
enum Access {
    Append(ValueId),
    Read(Seen),
}

/// Judges all lists among these operations, given by index.
pub(crate) fn judge(history: &History, ops: &[usize], judgement: &mut Judgement) {
    let mut lists: BTreeMap<ValueId, Vec<(usize, Access)>> = BTreeMap::new();
    for &index in ops {
        for part in parts(history, &history.ops[index]) {
            let access = match part.action {
                Action::Append(value) => Access::Append(value),
                Action::Read(seen) => Access::Read(seen),
                _ => continue,
            };
            lists.entry(part.key).or_default().push((index, access));
        }
        internal(history, index, judgement);
    }
    for (key, accesses) in lists {
        judgement.judging(accesses.len());
        List::gather(history, key, &accesses).judge(judgement);
    }
}

/// An operation as a transaction.
fn parts(history: &History, op: &Op) -> Vec<Micro> {
    match op.action {
        Action::Txn(span) => history.parts(span).to_vec(),
        action => vec![Micro { key: op.key, action }],
    }
}

fn elements(history: &History, seen: Seen) -> &[ValueId] {
    match seen {
        Seen::List(span) => history.list(span),
        Seen::Nothing | Seen::Value(_) => &[],
    }
}

/// Whether a transaction sees its own appends, and nobody else's between two of its reads.
fn internal(history: &History, index: usize, judgement: &mut Judgement) {
    let op = &history.ops[index];
    let Action::Txn(span) = op.action else { return };
    // Per key what the last read showed, if any, and what was appended since.
    let mut views: BTreeMap<ValueId, (Option<Vec<ValueId>>, Vec<ValueId>)> = BTreeMap::new();
    for part in history.parts(span).iter().filter(|_| op.ok()) {
        let view = views.entry(part.key).or_default();
        match part.action {
            Action::Append(value) => view.1.push(value),
            Action::Read(seen) => {
                let now = elements(history, seen).to_vec();
                let fits = match &view.0 {
                    Some(before) => now == [before.as_slice(), &view.1].concat(),
                    None => now.ends_with(&view.1),
                };
                if !fits {
                    let text = format!("{} does not follow from its own parts", label(history, op));
                    let found =
                        Counterexample::new(history, Anomaly::Internal, text, &[], &[index]);
                    return judgement.found(found.on(history.values.short(part.key)));
                }
                *view = (Some(now), Vec::new());
            }
            _ => {}
        }
    }
}

struct List<'a> {
    history: &'a History,
    key: ValueId,
    /// Value to its append that did not fail, in the order of their invocation.
    appends: BTreeMap<ValueId, usize>,
    failed: BTreeMap<ValueId, usize>,
    twice: Vec<ValueId>,
    reads: Vec<(usize, &'a [ValueId])>,
    /// Per operation the last value that it appended here, where there are several.
    last: BTreeMap<usize, ValueId>,
}

impl<'a> List<'a> {
    fn gather(history: &'a History, key: ValueId, accesses: &[(usize, Access)]) -> List<'a> {
        let (appends, failed, last) = Default::default();
        let mut list =
            List { history, key, appends, failed, twice: Vec::new(), reads: Vec::new(), last };
        for &(index, access) in accesses {
            let op = &history.ops[index];
            match access {
                Access::Append(value) if op.failed() => {
                    list.failed.insert(value, index);
                }
                Access::Append(value) => {
                    if list.appends.insert(value, index).is_some() {
                        list.twice.push(value);
                    }
                    list.last.insert(index, value);
                }
                Access::Read(seen) if op.ok() => list.reads.push((index, elements(history, seen))),
                Access::Read(_) => {}
            }
        }
        list
    }

    fn judge(&self, judgement: &mut Judgement) {
        if let Some(&value) = self.twice.first() {
            let value = self.history.values.short(value);
            return judgement
                .unknown(format!("{value} is appended twice: its reads are ambiguous"));
        }
        for &(index, list) in &self.reads {
            self.integrity(index, list, judgement);
        }
        let longest = self.reads.iter().max_by_key(|(_, list)| list.len());
        let order = longest.map_or(&[][..], |(_, list)| list);
        let mut whole = true;
        for &(index, list) in &self.reads {
            if !order.starts_with(list) {
                whole = false;
                let other: Vec<usize> = longest.iter().map(|(index, _)| *index).collect();
                let than = other.first().map_or_else(String::new, |&index| self.label(index));
                let text =
                    format!("neither of {} and {than} begins with the other", self.label(index));
                self.found(judgement, Anomaly::IncompatibleOrder, text, &other, index);
            }
        }
        if whole {
            self.real_time(order, judgement);
        }
    }

    fn label(&self, index: usize) -> String {
        label(self.history, &self.history.ops[index])
    }

    fn found(
        &self,
        judgement: &mut Judgement,
        anomaly: Anomaly,
        text: String,
        ops: &[usize],
        guilty: usize,
    ) {
        let found = Counterexample::new(self.history, anomaly, text, ops, &[guilty]);
        judgement.found(found.on(self.history.values.short(self.key)));
    }

    /// What is wrong with a read by itself.
    fn integrity(&self, index: usize, list: &[ValueId], judgement: &mut Judgement) {
        let mut sorted = list.to_vec();
        sorted.sort_unstable();
        let what = self.label(index);
        let text = |value: ValueId| self.history.values.short(value);
        for pair in sorted.windows(2).filter(|pair| pair[0] == pair[1]) {
            let why = format!("{what}: {} is in it twice", text(pair[0]));
            self.found(judgement, Anomaly::DuplicateElement, why, &[], index);
        }
        for &value in sorted.iter().filter(|value| !self.appends.contains_key(value)) {
            let (anomaly, why, append) = match self.failed.get(&value) {
                Some(&append) => {
                    (Anomaly::Aborted, "is there, but appending it failed", Some(append))
                }
                None => (Anomaly::Phantom, "was never appended", None),
            };
            let why = format!("{what}: {} {why}", text(value));
            self.found(judgement, anomaly, why, append.as_slice(), index);
        }
        let last = list.last().and_then(|value| Some((value, self.appends.get(value)?)));
        if let Some((value, append)) = last.filter(|(_, append)| **append != index)
            && self.last.get(append).is_some_and(|last| last != value)
        {
            let why =
                format!("{what}: {} is only a part of what was appended at once", text(*value));
            self.found(judgement, Anomaly::Intermediate, why, &[*append], index);
        }
    }

    /// Whether time agrees with the order of the longest read.
    fn real_time(&self, order: &[ValueId], judgement: &mut Judgement) {
        let index: BTreeMap<ValueId, u64> = order.iter().copied().zip(0..).collect();
        let mut items = Vec::new();
        for (value, &op) in &self.appends {
            let Op { start, end, .. } = self.history.ops[op];
            let end = if self.history.ops[op].ok() { end } else { OPEN };
            // An append that no read shows comes after all reads, or never was.
            let place = index.get(value).map_or(UNREAD, |index| 2 * index + 1);
            items.push(Item { op, start, end, earliest: place, latest: place, writes: true });
        }
        let linearizable = self.reads.iter().filter(|(op, _)| self.history.ops[*op].linearizable());
        for &(op, list) in linearizable {
            let Op { start, end, .. } = self.history.ops[op];
            let place = 2 * list.len() as u64;
            items.push(Item { op, start, end, earliest: place, latest: place, writes: false });
        }
        let mut inverted = inversions(&items, ANY);
        // A read that misses an append tells more than another append.
        inverted.sort_by_key(|(_, later)| later.writes);
        let mut lost = BTreeSet::new();
        for (earlier, later) in inverted {
            if earlier.earliest == UNREAD && !lost.insert(earlier.op) {
                continue; // Counted already.
            }
            let (before, after) = (self.label(earlier.op), self.label(later.op));
            let (anomaly, why) = match (earlier.writes, later.writes) {
                (true, _) if earlier.earliest == UNREAD => {
                    (Anomaly::LostElement, "and is in no read")
                }
                (true, true) => (Anomaly::RealTimeOrder, "yet stands behind it"),
                (false, true) => (Anomaly::Future, "and shows it"),
                _ => (Anomaly::StaleRead, "and shows more than it"),
            };
            let text = format!("{before} had completed before {after} began, {why}");
            self.found(judgement, anomaly, text, &[earlier.op], later.op);
        }
    }
}
