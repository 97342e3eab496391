//! The checker of registers.

use std::collections::BTreeSet;

use super::model::{Call, Model, Register, RegisterAct};
use super::search::{Found, search};
use super::shrink::shrink;
use super::witness;
use super::zones::{self, Zones};
use super::{name, overwritten};
use crate::history::{Action, History, OPEN};
use crate::limits::{Limits, Meter, Stop};
use crate::verdict::Judgement;

/// What is known about the calls of a register.
pub(super) enum Judged {
    /// An order explains them.
    Order,
    /// None does; these calls already show it.
    Conflict(Vec<Call<RegisterAct>>),
}

/// Judges the operations of one key, given by index.
pub(crate) fn judge(
    history: &History,
    ops: &[usize],
    limits: Limits<'_>,
    judgement: &mut Judgement,
) {
    judgement.judging(ops.len());
    // A value out of nowhere is wrong at every level, and needs no search.
    if name::strays(history, ops, judgement) {
        return;
    }
    let calls = calls(history, ops);
    match decide(history, &calls, &mut Meter::new(limits)) {
        Ok(Judged::Order) => {}
        Ok(Judged::Conflict(conflict)) => {
            // The first ones deserve the most effort: only they are shown.
            let small = shrink(&conflict, judgement.count(), limits);
            judgement.found(name::counterexample(history, &small));
        }
        Err(stop) => judgement.unknown(stop.to_string()),
    }
}

/// The calls of a key that a linearizable register must explain.
fn calls(history: &History, ops: &[usize]) -> Vec<Call<RegisterAct>> {
    let call = |&index: &usize| {
        let op = &history.ops[index];
        let act = match op.action {
            Action::Read(seen) if op.ok() && op.linearizable() => {
                RegisterAct::Read(history.whole(seen))
            }
            Action::Write(value) if !op.failed() => RegisterAct::Write(value),
            Action::Cas(old, new) if !op.failed() => RegisterAct::Cas(old, new),
            _ => return None,
        };
        Some(Call { op: index, start: op.start, end: if op.ok() { op.end } else { OPEN }, act })
    };
    ops.iter().filter_map(call).collect()
}

fn decide(
    history: &History,
    calls: &[Call<RegisterAct>],
    meter: &mut Meter<'_>,
) -> Result<Judged, Stop> {
    let calls = observable(calls);
    let by_value = zones::judge(&calls);
    if by_value == Zones::NotUnique
        && witness::explains(&Register, &calls, |op| history.ops[op].version)
    {
        return Ok(Judged::Order);
    }
    exactly(&calls, by_value, meter)
}

/// The verdict on these calls without evidence.
pub(super) fn conflict(calls: &[Call<RegisterAct>], meter: &mut Meter<'_>) -> Result<Judged, Stop> {
    let calls = observable(calls);
    let by_value = zones::judge(&calls);
    exactly(&calls, by_value, meter)
}

fn exactly(
    calls: &[Call<RegisterAct>],
    by_value: Zones,
    meter: &mut Meter<'_>,
) -> Result<Judged, Stop> {
    let pick = |indices: Vec<usize>| indices.into_iter().map(|index| calls[index]).collect();
    Ok(match by_value {
        Zones::Order => Judged::Order,
        Zones::Conflict(witness) => Judged::Conflict(pick(witness)),
        Zones::NotUnique => match overwritten::find(calls) {
            Some(witness) => Judged::Conflict(pick(witness)),
            None => match search(&Register, calls, meter)? {
                Found::Order => Judged::Order,
                Found::Stuck(index) => Judged::Conflict(until(calls, calls[index].end)),
            },
        },
    })
}

/// The calls as they were known at a moment: linearizability is closed under prefixes.
fn until(calls: &[Call<RegisterAct>], moment: u64) -> Vec<Call<RegisterAct>> {
    let cut = |call: &Call<RegisterAct>| match call.end <= moment {
        true => Some(*call),
        false if matches!(call.act, RegisterAct::Read(_)) => None,
        false => Some(Call { end: OPEN, ..*call }),
    };
    observable(
        &calls.iter().take_while(|call| call.start < moment).filter_map(cut).collect::<Vec<_>>(),
    )
}

/// Without the calls of unknown outcome whose effect nobody can have observed.
fn observable(calls: &[Call<RegisterAct>]) -> Vec<Call<RegisterAct>> {
    let known = calls.iter().filter(|call| !call.open());
    let mut seen: BTreeSet<_> = known.filter_map(|call| call.act.observes()).collect();
    let open: Vec<_> = calls.iter().filter(|call| call.open()).collect();
    loop {
        let before = seen.len();
        for call in &open {
            if let (Some(old), Some(new)) = (call.act.observes(), call.act.produces())
                && seen.contains(&new)
            {
                seen.insert(old);
            }
        }
        if seen.len() == before {
            break;
        }
    }
    let kept = |call: &&Call<RegisterAct>| {
        let changes = !Register::reads(call.act);
        !call.open() || (changes && call.act.produces().is_some_and(|value| seen.contains(&value)))
    };
    calls.iter().filter(kept).copied().collect()
}
