//! Executions too long for brute force: what an atomic object answered is valid, and a planted
//! anomaly is found among hundreds of operations and shown by a few.

use kernel::Rng;
use serde_json::json;

use super::lines;
use super::random::{Workload, generate};
use crate::history::{Event, History, Kind, Verb};
use crate::{Anomaly, Options, Report, Verdict, check};

const ROUNDS: u64 = 40;
const OPS: u64 = 400;

fn judge(events: &[Event]) -> Report {
    check(&History::from_events(events.iter().cloned()).unwrap(), &Options::default())
}

/// Appends what one more client does after everything else.
fn then(events: &mut Vec<Event>, verb: Verb, asked: serde_json::Value, saw: serde_json::Value) {
    events.push(Event::new(900, Kind::Invoke, verb).value(asked));
    events.push(Event::new(900, Kind::Ok, verb).value(saw));
}

/// Plants an anomaly behind random executions and demands that a small counterexample shows it,
/// by one of these names.
fn plant(workload: Workload, ops: u64, anomalies: &[Anomaly], plant: impl Fn(&mut Vec<Event>)) {
    let rng = Rng::new(77).fork(anomalies[0].name());
    for round in 0..ROUNDS {
        let mut events = generate(workload, ops, false, &mut rng.fork(&round.to_string()));
        let before = judge(&events);
        assert_eq!(before.verdict, Verdict::Valid, "{before}{}", lines(&events));
        plant(&mut events);
        let after = judge(&events);
        let finding = after.judgements.iter().find(|j| anomalies.iter().any(|&a| j.shows(a)));
        let Some(finding) = finding else { panic!("round {round}: {after}") };
        let first = &finding.findings[0].first;
        let enough = if matches!(workload, Workload::Counter) { 40 } else { 4 };
        assert!(first.ops.len() <= enough, "round {round}: not small: {after}");
    }
}

/// The last value that anybody is known to have written, and one written long before.
fn old_value(events: &[Event]) -> serde_json::Value {
    let ok = |e: &&Event| e.kind == Kind::Ok && e.f == Some(Verb::Write);
    events.iter().find(ok).unwrap().value.clone()
}

#[test]
fn a_stale_read_among_unique_values() {
    // Which of two right names it gets depends on the operations that are left after shrinking.
    let names = &[Anomaly::StaleRead, Anomaly::FlipFlop];
    plant(Workload::UniqueRegister, OPS, names, |events| {
        let old = old_value(events);
        then(events, Verb::Write, json!("new"), json!("new"));
        then(events, Verb::Read, json!(null), json!("new"));
        then(events, Verb::Read, json!(null), old);
    });
}

#[test]
fn a_stale_read_among_few_values() {
    plant(Workload::Register, OPS, &[Anomaly::StaleRead], |events| {
        then(events, Verb::Write, json!("old"), json!("old"));
        then(events, Verb::Write, json!("new"), json!("new"));
        then(events, Verb::Read, json!(null), json!("old"));
    });
}

#[test]
fn a_lost_update() {
    // Fewer operations where values repeat: lost answers make that search expensive.
    for (workload, ops) in [(Workload::UniqueRegister, OPS), (Workload::Register, 100)] {
        plant(workload, ops, &[Anomaly::LostUpdate], |events| {
            then(events, Verb::Write, json!("base"), json!("base"));
            for (process, mine) in [(901, "mine"), (902, "yours")] {
                let cas = json!(["base", mine]);
                events.push(Event::new(process, Kind::Invoke, Verb::Cas).value(cas));
            }
            for (process, mine) in [(901, "mine"), (902, "yours")] {
                let cas = json!(["base", mine]);
                events.push(Event::new(process, Kind::Ok, Verb::Cas).value(cas));
            }
        });
    }
}

#[test]
fn an_increment_applied_twice() {
    plant(Workload::Counter, OPS, &[Anomaly::DoubleIncrement], |events| {
        then(events, Verb::Read, json!(null), json!(10_000));
    });
}

#[test]
fn a_lost_element() {
    for workload in [Workload::Set, Workload::List] {
        plant(workload, OPS, &[Anomaly::LostElement], |events| {
            let verb = if workload == Workload::Set { Verb::Add } else { Verb::Append };
            let read = |e: &&Event| e.kind == Kind::Ok && e.f == Some(Verb::Read);
            let last = events.iter().rev().find(read).unwrap().value.clone();
            then(events, Verb::Read, json!(null), last.clone());
            then(events, verb, json!("lost"), json!("lost"));
            // Exactly what the read before showed, although an append completed in between.
            let unread = events.iter().filter(|e| e.kind == Kind::Invoke).count();
            assert!(unread > 0);
            then(events, Verb::Read, json!(null), last);
        });
    }
}
