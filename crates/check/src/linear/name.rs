//! From calls that contradict each other to an anomaly with a name and a sentence.

use std::collections::BTreeMap;

use super::model::{Call, Register, RegisterAct};
use super::search::{Found, search};
use crate::anomaly::Anomaly;
use crate::counterexample::{Counterexample, label};
use crate::history::{Action, History, Op, ValueId};
use crate::limits::{Limits, Meter};
use crate::verdict::Judgement;

/// What a register's operation must have found.
fn observed(history: &History, op: &Op) -> Option<ValueId> {
    match op.action {
        Action::Read(seen) => Some(history.whole(seen)),
        Action::Cas(old, _) => Some(old),
        _ => None,
    }
}

/// What a register's operation changes the register to.
fn produced(op: &Op) -> Option<ValueId> {
    match op.action {
        Action::Cas(old, new) if old == new => None,
        Action::Write(value) | Action::Cas(_, value) => Some(value),
        _ => None,
    }
}

/// Operations that observed what could not have been there: a value that nobody wrote, that only
/// failed operations wrote, or that was written later. Reports them, if any.
pub(super) fn strays(history: &History, ops: &[usize], judgement: &mut Judgement) -> bool {
    // Per value its first write that did not fail, and one that did.
    let mut first: BTreeMap<ValueId, usize> = BTreeMap::new();
    let mut failed: BTreeMap<ValueId, usize> = BTreeMap::new();
    for &index in ops {
        if let Some(value) = produced(&history.ops[index]) {
            let table = if history.ops[index].failed() { &mut failed } else { &mut first };
            table.entry(value).or_insert(index);
        }
    }
    let before = judgement.count();
    for &index in ops {
        let op = &history.ops[index];
        let value = observed(history, op).filter(|&value| op.ok() && value != ValueId::NULL);
        let Some(value) = value else { continue };
        let (anomaly, why, other) = match (first.get(&value), failed.get(&value)) {
            (Some(&write), _) if history.ops[write].start <= op.end => continue,
            (Some(&write), _) => {
                (Anomaly::Future, "before anyone began to write that", Some(write))
            }
            (None, Some(&write)) => {
                (Anomaly::Aborted, "but every write of that failed", Some(write))
            }
            (None, None) => (Anomaly::Phantom, "which nobody ever wrote", None),
        };
        judgement.found_with(anomaly, || {
            let text = format!("{}, {why}", label(history, op));
            Counterexample::new(history, anomaly, text, other.as_slice(), &[index])
        });
    }
    judgement.count() > before
}

/// Names what these calls show.
pub(super) fn counterexample(history: &History, small: &[Call<RegisterAct>]) -> Counterexample {
    let limits = Limits { states_max: 100_000, ..Limits::default() };
    let last = small.iter().map(|call| call.op).max().unwrap_or_default();
    let guilty = match search(&Register, small, &mut Meter::new(limits)) {
        Ok(Found::Stuck(index)) => small[index].op,
        _ => last,
    };
    let ops: Vec<usize> = small.iter().map(|call| call.op).collect();
    let scene = Scene { history, ops: &ops, guilty: &history.ops[guilty] };
    let (anomaly, text) = scene.name();
    Counterexample::new(history, anomaly, text, &ops, &[guilty])
}

struct Scene<'a> {
    history: &'a History,
    ops: &'a [usize],
    guilty: &'a Op,
}

impl<'a> Scene<'a> {
    fn name(&self) -> (Anomaly, String) {
        self.double_cas().or_else(|| self.old_value()).unwrap_or_else(|| {
            let text = format!(
                "{} cannot be placed: no order of these operations explains what they returned",
                self.label(self.guilty)
            );
            (Anomaly::NotLinearizable, text)
        })
    }

    fn label(&self, op: &Op) -> String {
        label(self.history, op)
    }

    fn ops(&self) -> impl Iterator<Item = &'a Op> {
        let history = self.history;
        self.ops.iter().map(|&index| &history.ops[index])
    }

    /// Two successful compare-and-sets that found one value which was written at most once.
    fn double_cas(&self) -> Option<(Anomaly, String)> {
        let Action::Cas(old, _) = self.guilty.action else { return None };
        let rival = self.ops().find(|op| {
            op.line != self.guilty.line
                && matches!(op.action, Action::Cas(found, _) if found == old)
        })?;
        let writes = self.ops().filter(|op| produced(op) == Some(old)).count();
        let text = format!(
            "{} and {} both succeeded on the same value",
            self.label(rival),
            self.label(self.guilty)
        );
        (writes <= 1).then_some((Anomaly::LostUpdate, text))
    }

    /// The guilty operation found a value that had been replaced before it began.
    fn old_value(&self) -> Option<(Anomaly, String)> {
        let value = observed(self.history, self.guilty)?;
        let what = self.label(self.guilty);
        let sources = || self.ops().filter(|op| produced(op) == Some(value));
        let writes = self.ops().filter(|op| produced(op).is_some_and(|other| other != value));
        let overwritten = |op: &&Op| {
            let found_it = op.ok() && observed(self.history, op) == Some(value);
            let newer = found_it || sources().all(|source| source.precedes(op));
            newer && op.precedes(self.guilty)
        };
        // The last write that is newer for sure.
        if let Some(write) = writes.filter(overwritten).max_by_key(|op| op.start) {
            let write = format!("{} (line {})", self.label(write), write.line);
            let text = format!("{what} although {write} had completed before it began");
            return Some((Anomaly::StaleRead, text));
        }
        let other = |op: &&Op| {
            op.precedes(self.guilty)
                && observed(self.history, op).is_some_and(|other| other != value)
        };
        let read = self.ops().filter(other).max_by_key(|op| op.start)?;
        let text = format!("{what} although {} had completed before it began", self.label(read));
        Some((Anomaly::FlipFlop, text))
    }
}
