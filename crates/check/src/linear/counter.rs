//! The checker of counters.
//!
//! First the arithmetic that needs no search: whatever the order, a read sees at least what had
//! completed before it began, and at most what had been invoked before it completed.
//!
//! ```text
//!      [ add 1 ]          sure     ≥ 1
//!            [ add 1 ...  perhaps  ≤ 2      unknown outcome: for ever perhaps
//!                 [ read ]        so 1 or 2
//! ```
//!
//! Then the search, for the rest: increments by one amount are interchangeable, so that it hardly
//! ever has to choose.

use super::model::{Call, Counter, CounterAct};
use super::search::{Found, search};
use super::witness;
use crate::anomaly::Anomaly;
use crate::counterexample::{Counterexample, label};
use crate::history::{Action, History, OPEN, Seen, ValueId};
use crate::limits::{Limits, Meter};
use crate::verdict::Judgement;

/// Judges the operations of one key, given by index.
pub(crate) fn judge(
    history: &History,
    ops: &[usize],
    limits: Limits<'_>,
    judgement: &mut Judgement,
) {
    judgement.judging(ops.len());
    let calls = match calls(history, ops) {
        Ok(calls) => calls,
        Err(stray) => return judgement.found(*stray),
    };
    if out_of_bounds(history, &calls, judgement) {
        return;
    }
    if witness::explains(&Counter, &calls, |op| history.ops[op].version) {
        return;
    }
    match search(&Counter, &calls, &mut Meter::new(limits)) {
        Ok(Found::Order) => {}
        Ok(Found::Stuck(index)) => judgement.found(stuck(history, &calls, index)),
        Err(stop) => judgement.unknown(stop.to_string()),
    }
}

/// The calls of a key; the error is a read that returned no number.
fn calls(history: &History, ops: &[usize]) -> Result<Vec<Call<CounterAct>>, Box<Counterexample>> {
    let mut calls = Vec::with_capacity(ops.len());
    for &index in ops {
        let op = &history.ops[index];
        let act = match op.action {
            Action::Read(seen) if op.ok() && op.linearizable() => {
                let Some(total) = number(history, seen) else {
                    let text = format!("{}, which is no number", label(history, op));
                    let found = Counterexample::new(history, Anomaly::Phantom, text, &[], &[index]);
                    return Err(Box::new(found));
                };
                CounterAct::Read(total)
            }
            Action::Add(amount, total) if !op.failed() => {
                let amount = history.values.int(amount).unwrap_or_default();
                total.map_or(CounterAct::Add(amount), |total| CounterAct::AddGet(amount, total))
            }
            _ => continue,
        };
        let end = if op.ok() { op.end } else { OPEN };
        calls.push(Call { op: index, start: op.start, end, act });
    }
    Ok(calls)
}

fn number(history: &History, seen: Seen) -> Option<i64> {
    match seen {
        Seen::Value(ValueId::NULL) => Some(0),
        Seen::Value(value) => history.values.int(value),
        Seen::Nothing | Seen::List(_) => None,
    }
}

/// A sum over the additions up to each position.
struct Sums(Vec<(u64, i64)>);

impl Sums {
    fn new(mut steps: Vec<(u64, i64)>) -> Sums {
        steps.sort_unstable();
        let mut sum = 0i64;
        for step in &mut steps {
            sum = sum.saturating_add(step.1);
            step.1 = sum;
        }
        Sums(steps)
    }

    fn before(&self, position: u64) -> i64 {
        let at = self.0.partition_point(|&(at, _)| at < position);
        at.checked_sub(1).map_or(0, |at| self.0[at].1)
    }
}

/// Reports reads and returned totals that no choice of additions can explain, if any.
fn out_of_bounds(history: &History, calls: &[Call<CounterAct>], judgement: &mut Judgement) -> bool {
    let amount = |call: &Call<CounterAct>| match call.act {
        CounterAct::Read(_) => 0,
        CounterAct::Add(amount) | CounterAct::AddGet(amount, _) => amount,
    };
    let sums = |end: bool, sign: i64| {
        let chosen = calls.iter().filter(|call| amount(call).signum() == sign);
        let at = |call: &Call<_>| if end { call.end } else { call.start };
        Sums::new(chosen.map(|call| (at(call), amount(call))).collect())
    };
    let (begun, done) = (sums(false, 1), sums(true, 1));
    let (begun_negative, done_negative) = (sums(false, -1), sums(true, -1));
    let before = judgement.count();
    for call in calls {
        let seen = match call.act {
            CounterAct::Read(total) | CounterAct::AddGet(_, total) => total,
            CounterAct::Add(_) => continue,
        };
        let least = done.before(call.start).saturating_add(begun_negative.before(call.end));
        let most = begun.before(call.end).saturating_add(done_negative.before(call.start));
        let (anomaly, why) = if seen < least {
            let why = format!("at least {least} was acknowledged before it began");
            (Anomaly::LostIncrement, why)
        } else if seen > most {
            let why = format!("at most {most} had been asked for when it completed");
            (Anomaly::DoubleIncrement, why)
        } else {
            continue;
        };
        judgement.found_with(anomaly, || {
            let text = format!("{}, but {why}", label(history, &history.ops[call.op]));
            Counterexample::new(history, anomaly, text, &near(calls, call), &[call.op])
        });
    }
    judgement.count() > before
}

/// Everything that began before this call completed.
fn near(calls: &[Call<CounterAct>], call: &Call<CounterAct>) -> Vec<usize> {
    calls.iter().filter(|other| other.start < call.end).map(|other| other.op).collect()
}

/// Shrinks: reads may be left out, and so may all that began after the stuck call completed.
fn stuck(history: &History, calls: &[Call<CounterAct>], index: usize) -> Counterexample {
    let guilty = calls[index];
    let mut small: Vec<_> = calls
        .iter()
        .filter(|call| call.start < guilty.end)
        .filter(|call| call.end <= guilty.end || !matches!(call.act, CounterAct::Read(_)))
        .copied()
        .collect();
    let still = |calls: &[Call<CounterAct>]| {
        let limits = Limits { states_max: 20_000, ..Limits::default() };
        matches!(search(&Counter, calls, &mut Meter::new(limits)), Ok(Found::Stuck(_)))
    };
    // Near the end a hundred reads are enough to look at; more would only take time.
    let reads: Vec<usize> = (0..small.len())
        .rev()
        .filter(|&at| matches!(small[at].act, CounterAct::Read(_)) && small[at].op != guilty.op)
        .take(100)
        .collect();
    for at in reads {
        let removed = small.remove(at);
        if !still(&small) {
            small.insert(at, removed);
        }
    }
    let ops: Vec<usize> = small.iter().map(|call| call.op).collect();
    let what = label(history, &history.ops[guilty.op]);
    let same_total = |call: &&Call<CounterAct>| match (call.act, guilty.act) {
        (CounterAct::AddGet(amount, a), CounterAct::AddGet(_, b)) => {
            a == b && amount != 0 && call.op != guilty.op
        }
        _ => false,
    };
    let (anomaly, text) = match small.iter().find(same_total) {
        Some(_) => (Anomaly::DuplicateTotal, format!("{what}, a total that was given out already")),
        None => {
            let text = format!("{what} cannot be placed: no order of these additions gives it");
            (Anomaly::NotLinearizable, text)
        }
    };
    Counterexample::new(history, anomaly, text, &ops, &[guilty.op])
}
