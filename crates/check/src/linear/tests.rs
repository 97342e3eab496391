//! The two exact methods against each other, limits, and small counterexamples.

use kernel::Rng;

use super::model::{Call, Model, Register, RegisterAct};
use super::register::{Judged, conflict};
use super::search::{Found, search};
use super::shrink::shrink;
use super::zones::{self, Zones};
use crate::history::{Event, History, Kind, OPEN, ValueId, Verb};
use crate::limits::{Limits, Meter, Stop};
use crate::{Options, Verdict, check};

/// Calls with random intervals on one register; every value is written at most once.
fn random(ops: usize, rng: &mut Rng) -> Vec<Call<RegisterAct>> {
    let mut history = History::default();
    let values: Vec<ValueId> = (0..=ops).map(|n| history.values.intern(&n.into())).collect();
    let mut written = vec![ValueId::NULL];
    let mut calls = Vec::new();
    for (op, &new) in values.iter().enumerate().take(ops) {
        let start = op as u64 * 10 + rng.range(1, 5);
        let end = if rng.chance(0.05) { OPEN } else { start + 1 + rng.below(40) * 2 };
        // Mostly what was written recently, so that many histories have an order.
        let recent = written[written.len().saturating_sub(3)..].to_vec();
        let old = *rng.pick(&recent).unwrap();
        let act = match rng.below(8) {
            0..3 => RegisterAct::Write(new),
            3 => RegisterAct::Cas(old, new),
            _ if end == OPEN => RegisterAct::Write(new),
            _ => RegisterAct::Read(old),
        };
        written.extend(act.produces());
        calls.push(Call { op, start, end: end.max(start), act });
    }
    // Positions of events are never equal, and begin at 1.
    for call in &mut calls {
        call.end = if call.end == OPEN { OPEN } else { call.end * 100 + call.op as u64 };
        call.start = call.start * 100 + call.op as u64;
    }
    calls
}

fn meter() -> Meter<'static> {
    Meter::new(Limits::default())
}

#[test]
fn zones_and_search_agree_on_histories_too_long_for_brute_force() {
    let mut tally = [0; 2];
    for seed in 0..3_000 {
        let mut rng = Rng::new(seed);
        let ops = rng.range(8, 30) as usize;
        let calls = random(ops, &mut rng);
        let zones = zones::judge(&calls);
        let order = search(&Register, &calls, &mut meter()).unwrap() == Found::Order;
        assert_ne!(zones, Zones::NotUnique);
        assert_eq!(
            zones == Zones::Order,
            order,
            "seed {seed}: {zones:?} {:?} {calls:?}",
            search(&Register, &calls, &mut meter())
        );
        tally[usize::from(order)] += 1;
    }
    assert!(tally.iter().all(|&count| count > 150), "{tally:?}");
}

#[test]
fn what_is_left_after_shrinking_still_conflicts_and_nothing_more_can_go() {
    for seed in 0..600 {
        let mut rng = Rng::new(seed);
        let calls = random(30, &mut rng);
        let Ok(Judged::Conflict(witness)) = conflict(&calls, &mut meter()) else { continue };
        let small = shrink(&witness, 0, Limits::default());
        assert!(matches!(conflict(&small, &mut meter()), Ok(Judged::Conflict(_))), "seed {seed}");
        assert!(
            matches!(search(&Register, &small, &mut meter()), Ok(Found::Stuck(_))),
            "seed {seed} {small:?}"
        );
        for at in (0..small.len()).filter(|&at| Register::reads(small[at].act)) {
            let mut fewer = small.clone();
            fewer.remove(at);
            assert!(matches!(conflict(&fewer, &mut meter()), Ok(Judged::Order)), "seed {seed}");
        }
    }
}

/// Many concurrent writes of two values, then two reads that fit no order: all subsets of the
/// writes look possible for a long time.
fn hard(writes: u64) -> History {
    let mut events = Vec::new();
    for process in 0..writes {
        events.push(Event::new(process, Kind::Invoke, Verb::Write).value(process / 2));
    }
    for round in 0..writes {
        events.push(Event::new(900, Kind::Invoke, Verb::Read));
        events.push(Event::new(900, Kind::Ok, Verb::Read).value(round % (writes / 2)));
    }
    events.push(Event::new(901, Kind::Invoke, Verb::Read));
    events.push(Event::new(901, Kind::Ok, Verb::Read).value(0));
    events.push(Event::new(901, Kind::Invoke, Verb::Read));
    events.push(Event::new(901, Kind::Ok, Verb::Read).value(1));
    for process in 0..writes {
        events.push(Event::new(process, Kind::Ok, Verb::Write).value(process / 2));
    }
    History::from_events(events).unwrap()
}

#[test]
fn a_limit_gives_an_unknown_verdict_with_its_reason() {
    let history = hard(40);
    let limits = Limits { states_max: 10, ..Limits::default() };
    let report = check(&history, &Options { limits, ..Options::default() });
    assert_eq!(report.verdict, Verdict::Unknown);
    assert!(report.to_string().contains("gave up after 10 states of one key"), "{report}");
}

#[test]
fn the_caller_can_stop_the_search() {
    let mut calls = Vec::new();
    let mut history = History::default();
    for op in 0..3_000 {
        let value = history.values.intern(&(op % 3).into());
        let at = op as u64 * 2;
        calls.push(Call { op, start: at, end: at + 1, act: RegisterAct::Write(value) });
    }
    let limits = Limits { should_stop: &|| true, ..Limits::default() };
    assert_eq!(search(&Register, &calls, &mut Meter::new(limits)), Err(Stop::Asked));
}

#[test]
fn a_search_that_forgets_gives_the_same_answers() {
    let tight = Limits { bytes_max: 600, ..Limits::default() };
    for seed in 0..300 {
        let calls = random(16, &mut Rng::new(seed));
        let forgetful = search(&Register, &calls, &mut Meter::new(tight)).unwrap();
        assert_eq!(forgetful, search(&Register, &calls, &mut meter()).unwrap());
    }
}
