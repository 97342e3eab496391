//! Fewer operations that still contradict each other.
//!
//! Not every subset will do: without its write, any read is wrong. Only steps are taken after
//! which a contradiction is still a contradiction of the whole:
//!
//! * leave out a read (an order of the whole is an order without it);
//! * leave out everything that mentions a value, where no compare-and-set ties it to another;
//! * let a compare-and-set count as a write: that only allows more orders.
//!
//! The search for the smallest set is delta debugging (Zeller and Hildebrandt, TSE 2002).

use std::collections::BTreeMap;

use super::model::{Call, RegisterAct};
use super::register::{Judged, conflict};
use crate::history::ValueId;
use crate::limits::{Limits, Meter};

type Calls = Vec<Call<RegisterAct>>;

/// The most states that one try may visit.
const STATES_MAX: u64 = 100_000;

/// The most calls and situations that all tries together may look at.
const WORK_MAX: u64 = 20_000_000;

/// Shrinks calls that are known to conflict; with every conflict found `before` it tries half as
/// hard.
pub(super) fn shrink(calls: &[Call<RegisterAct>], before: u64, limits: Limits<'_>) -> Calls {
    let left = WORK_MAX >> before.min(20);
    let mut work = Work { left, limits: Limits { states_max: STATES_MAX, ..limits } };
    let mut calls = calls.to_vec();
    loop {
        let before = (calls.len(), conditional(&calls));
        calls = minimise(by_value(&calls), &mut work);
        calls = relax(calls, &mut work);
        calls = minimise(by_read(&calls), &mut work);
        if (calls.len(), conditional(&calls)) == before || work.left == 0 {
            return calls;
        }
    }
}

fn conditional(calls: &[Call<RegisterAct>]) -> usize {
    calls.iter().filter(|call| matches!(call.act, RegisterAct::Cas(..))).count()
}

/// What may still be spent.
struct Work<'a> {
    left: u64,
    limits: Limits<'a>,
}

/// What a situation of the search costs, in calls looked at.
const SITUATION: u64 = 8;

fn conflicts(calls: &Calls, work: &mut Work<'_>) -> bool {
    if work.left == 0 || (work.limits.should_stop)() {
        work.left = 0;
        return false;
    }
    let mut meter = Meter::new(work.limits);
    let judged = conflict(calls, &mut meter);
    let cost = calls.len() as u64 + 1 + SITUATION * meter.states();
    work.left = work.left.saturating_sub(cost);
    matches!(judged, Ok(Judged::Conflict(_)))
}

/// Parts that may be left out one by one; the last cannot.
struct Parts {
    removable: Vec<Calls>,
    fixed: Calls,
}

/// Leaves out as many parts as possible, in halves, quarters and so on.
fn minimise(parts: Parts, work: &mut Work<'_>) -> Calls {
    let Parts { mut removable, fixed } = parts;
    let join = |parts: &[Calls]| {
        let mut calls: Calls = parts.iter().flatten().chain(&fixed).copied().collect();
        calls.sort_by_key(|call| call.start);
        calls
    };
    let mut size = removable.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        while at < removable.len() {
            let mut fewer = removable.clone();
            fewer.drain(at..(at + size).min(removable.len()));
            if conflicts(&join(&fewer), work) {
                removable = fewer;
            } else {
                at += size;
            }
        }
        if size == 1 {
            return join(&removable);
        }
        size = size.div_ceil(2);
    }
}

fn by_read(calls: &[Call<RegisterAct>]) -> Parts {
    let (reads, fixed): (Calls, Calls) =
        calls.iter().partition(|call| matches!(call.act, RegisterAct::Read(_)));
    Parts { removable: reads.into_iter().map(|read| vec![read]).collect(), fixed }
}

/// Groups calls by value; values that a compare-and-set ties together are one group.
fn by_value(calls: &[Call<RegisterAct>]) -> Parts {
    let mut group: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    for call in calls {
        if let RegisterAct::Cas(old, new) = call.act {
            let (old, new) = (root(&group, old), root(&group, new));
            // The smaller number leads: null, which nobody need have written, stays a leader.
            group.insert(old.max(new), old.min(new));
        }
    }
    let mut parts: BTreeMap<ValueId, Calls> = BTreeMap::new();
    for call in calls {
        let value = call.act.produces().or(call.act.observes()).unwrap_or_default();
        parts.entry(root(&group, value)).or_default().push(*call);
    }
    Parts { removable: parts.into_values().collect(), fixed: Calls::new() }
}

fn root(group: &BTreeMap<ValueId, ValueId>, mut value: ValueId) -> ValueId {
    while let Some(&leader) = group.get(&value).filter(|&&leader| leader != value) {
        value = leader;
    }
    value
}

/// Lets as many compare-and-sets as possible count as writes.
fn relax(mut calls: Calls, work: &mut Work<'_>) -> Calls {
    let conditional: Vec<usize> =
        (0..calls.len()).filter(|&at| matches!(calls[at].act, RegisterAct::Cas(..))).collect();
    let mut size = conditional.len();
    while size > 0 {
        for chunk in conditional.chunks(size) {
            let mut relaxed = calls.clone();
            for &at in chunk {
                if let RegisterAct::Cas(_, new) = relaxed[at].act {
                    relaxed[at].act = RegisterAct::Write(new);
                }
            }
            if relaxed != calls && conflicts(&relaxed, work) {
                calls = relaxed;
            }
        }
        size /= 2;
    }
    calls
}
