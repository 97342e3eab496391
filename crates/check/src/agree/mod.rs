//! Thousands of small random histories, judged by the checkers and by brute force: they must
//! agree on every single one.

mod brute;
mod long;
mod random;

use crate::history::{Action, Event, History, Op, Seen, ValueId};
use crate::{Judgement, Model, Options, Verdict, check};
use brute::explains;
use kernel::Rng;
use random::{Workload, generate};

const HISTORIES: u64 = if cfg!(debug_assertions) { 20_000 } else { 60_000 };

/// The most operations of one history: brute force tries all their orders.
const OPS_MAX: u64 = 8;

/// The state of brute force: one register, or the elements of a set or list.
type State = Vec<ValueId>;

fn register(history: &History, state: &State, op: &Op) -> Option<State> {
    let now = state.first().copied().unwrap_or_default();
    match op.action {
        Action::Read(seen) => (history.whole(seen) == now).then(|| state.clone()),
        Action::Write(value) => Some(vec![value]),
        Action::Cas(old, new) => (old == now).then(|| vec![new]),
        _ => None,
    }
}

fn counter(history: &History, &total: &i64, op: &Op) -> Option<i64> {
    let int = |value| history.values.int(value).unwrap_or_default();
    match op.action {
        Action::Read(Seen::Value(seen)) => (int(seen) == total).then_some(total),
        Action::Add(value, returned) => {
            let sum = total + int(value);
            returned.is_none_or(|returned| returned == sum).then_some(sum)
        }
        _ => None,
    }
}

fn collection(history: &History, state: &State, op: &Op) -> Option<State> {
    let with = |value| [&state[..], &[value]].concat();
    match op.action {
        Action::Add(value, _) if state.contains(&value) => Some(state.clone()),
        Action::Add(value, _) | Action::Append(value) => Some(with(value)),
        Action::Read(Seen::List(span)) => (history.list(span) == state).then(|| state.clone()),
        _ => None,
    }
}

/// Runs one workload; `truth` is brute force. Both verdicts must be frequent.
fn agree(workload: Workload, model: Model, checker: &str, truth: impl Fn(&History) -> bool) {
    let rng = Rng::new(20_260_701).fork(checker);
    let mut tally = [0u64; 2];
    for round in 0..HISTORIES {
        let mut rng = rng.fork(&round.to_string());
        let mutate = rng.chance(0.6);
        let ops = rng.range(3, OPS_MAX);
        let events = generate(workload, ops, mutate, &mut rng);
        let history = History::from_events(events.clone()).unwrap();
        let expected = truth(&history);
        assert!(mutate || expected, "an atomic execution is valid\n{}", lines(&events));
        let report = check(&history, &Options { model, ..Options::default() });
        let verdict = report.judgements.first().map_or(Verdict::Valid, |j: &Judgement| j.verdict);
        let judged = if expected { Verdict::Valid } else { Verdict::Invalid };
        assert_eq!(verdict, judged, "{checker}, round {round}\n{}{report}", lines(&events));
        tally[usize::from(expected)] += 1;
    }
    assert!(tally.iter().all(|&count| count > HISTORIES / 20), "{checker}: {tally:?}");
}

fn lines(events: &[Event]) -> String {
    events.iter().map(|event| event.to_line() + "\n").collect()
}

/// The elements of a set come in any order.
fn set(history: &History, state: &State, op: &Op) -> Option<State> {
    let Action::Read(Seen::List(span)) = op.action else { return collection(history, state, op) };
    let sorted = |elements: &[ValueId]| {
        let mut elements = elements.to_vec();
        elements.sort_unstable();
        elements
    };
    (sorted(history.list(span)) == sorted(state)).then(|| state.clone())
}

#[test]
fn registers_with_unique_values() {
    let truth = |history: &History| explains(history, State::new(), &register);
    agree(Workload::UniqueRegister, Model::Register, "unique", truth);
}

#[test]
fn registers_with_few_values() {
    let truth = |history: &History| explains(history, State::new(), &register);
    agree(Workload::Register, Model::Register, "register", truth);
}

#[test]
fn registers_with_versions() {
    let truth = |history: &History| explains(history, State::new(), &register);
    agree(Workload::VersionedRegister, Model::Register, "versioned", truth);
}

#[test]
fn counters() {
    let truth = |history: &History| explains(history, 0, &counter);
    agree(Workload::Counter, Model::Counter, "counter", truth);
}

#[test]
fn counters_that_return_totals() {
    let truth = |history: &History| explains(history, 0, &counter);
    agree(Workload::CounterTotal, Model::Counter, "totals", truth);
}

#[test]
fn sets() {
    let truth = |history: &History| explains(history, State::new(), &set);
    agree(Workload::Set, Model::Set, "set", truth);
}

#[test]
fn lists() {
    let truth = |history: &History| explains(history, State::new(), &collection);
    agree(Workload::List, Model::Append, "list", truth);
}
