//! Each judge lets a true history pass and finds a false one.

use super::super::answer::Done;
use super::super::ask::{Grant, Lease};
use super::super::{Answer, Ask};
use super::{
    Acquire, Create, Enter, Instance, Named, Outcome, Raise, Recipe, Register, Under, What,
};
use crate::history::{Event, History, Kind, Verb};
use crate::{Options, Verdict, check};

/// Asked at a second, answered half a second later.
type Step = (i64, Ask, Answer);

fn history(steps: &[Step]) -> History {
    let mut events = Vec::new();
    for (process, (second, ask, answer)) in steps.iter().enumerate() {
        let event = |kind, millis: i64, value| {
            let event = Event::new(process as u64, kind, Verb::Etcd).key("etcd").value(value);
            (millis, event.at(millis * 1_000_000))
        };
        let start = second * 1_000;
        events.push(event(Kind::Invoke, start, serde_json::to_value(ask).unwrap()));
        events.push(event(Kind::Ok, start + 500, serde_json::to_value(answer).unwrap()));
    }
    events.sort_by_key(|(at, _)| *at);
    History::from_events(events.into_iter().map(|(_, event)| event)).unwrap()
}

fn found(steps: &[Step]) -> String {
    let report = check(&history(steps), &Options::default());
    match report.verdict {
        Verdict::Invalid => report.to_string(),
        _ => String::new(),
    }
}

fn grant(second: i64, lease: i64) -> Step {
    let answer = Answer::Done(Done { revision: 1, prev: None });
    (second, Ask::Grant(Grant { lease, ttl: 20 }), answer)
}

fn step(second: i64, recipe: Recipe, revision: i64, what: What) -> Step {
    (second, Ask::Recipe(recipe), Answer::Recipe(Outcome { revision, what }))
}

fn acquire(second: i64, lease: i64, revision: i64, held: bool) -> Step {
    let recipe = Recipe::Acquire(Acquire { name: "s".into(), lease, permits: 1, limit: 1 });
    step(second, recipe, revision, What::Seat(revision, held))
}

#[test]
fn a_permit_too_many_is_found_by_time_alone() {
    let granted = [grant(0, 1), grant(0, 2)];
    let release = Recipe::Release(Under { name: "s".into(), lease: 1 });
    let released = step(2, release, 3, What::Changed(true));
    let fair = [&granted[..], &[acquire(1, 1, 2, true), released, acquire(3, 2, 4, true)]].concat();
    assert_eq!(found(&fair), "");
    let unfair = [&granted[..], &[acquire(1, 1, 2, true), acquire(3, 2, 3, true)]].concat();
    assert!(found(&unfair).contains("more holders than permits"), "{}", found(&unfair));
    // The first lease may have ended by then.
    let late = [&granted[..], &[acquire(1, 1, 2, true), acquire(30, 2, 4, true)]].concat();
    assert!(!found(&late).contains("more holders"), "{}", found(&late));
}

#[test]
fn who_passes_a_barrier_that_is_up_is_found() {
    let named = || Named { name: "b".into() };
    let raise =
        step(1, Recipe::Raise(Raise { name: "b".into(), lease: 0 }), 2, What::Changed(true));
    let lift = step(3, Recipe::Lift(named()), 3, What::Changed(true));
    let pass =
        |second, revision| step(second, Recipe::Barrier(named()), revision, What::Barrier(false));
    assert_eq!(found(&[raise.clone(), lift.clone(), pass(4, 3)]), "");
    let early = found(&[raise, pass(2, 1), lift]);
    assert!(early.contains("passed a barrier early"), "{early}");
}

#[test]
fn who_goes_on_before_all_are_there_is_found() {
    let enter = |second, lease, revision, members, open| {
        let recipe = Recipe::Enter(Enter { name: "d".into(), lease, count: 2 });
        step(second, recipe, revision, What::Gathering(members, 2, open))
    };
    let granted = [grant(0, 1), grant(0, 2)];
    let fair = [&granted[..], &[enter(1, 1, 2, 1, false), enter(2, 2, 3, 2, true)]].concat();
    assert_eq!(found(&fair), "");
    let early = [&granted[..], &[enter(1, 1, 2, 1, true)]].concat();
    assert!(found(&early).contains("passed a barrier early"), "{}", found(&early));
}

#[test]
fn a_number_that_is_not_new_is_found() {
    let create = |second, revision: i64, number: i64| {
        let (prefix, value) = ("n".to_owned(), format!("v{second}"));
        let key = format!("n{number:019}");
        let recipe = Recipe::Create(Create { prefix, value, lease: 0, sequential: true });
        step(second, recipe, revision, What::Created(key))
    };
    assert_eq!(found(&[create(1, 2, 2), create(2, 3, 3)]), "");
    for steps in [[create(1, 2, 2), create(2, 3, 2)], [create(1, 2, 2), create(2, 3, 4)]] {
        assert!(found(&steps).contains("wrong number"), "{}", found(&steps));
    }
}

#[test]
fn an_instance_that_is_missing_while_its_lease_lives_is_found() {
    let register = |second, revision| {
        let (name, lease, value) = ("web/a".to_owned(), 1, "x".to_owned());
        let recipe = Recipe::Register(Register { name, lease, value });
        step(second, recipe, revision, What::Changed(true))
    };
    let list = |second, revision, instances| {
        let recipe = Recipe::Instances(Named { name: "web".into() });
        step(second, recipe, revision, What::Instances(instances))
    };
    let health = "passing".to_owned();
    let there = Instance { name: "web/a".into(), value: "x".into(), health, lease: 1 };
    assert_eq!(found(&[grant(0, 1), register(1, 2), list(2, 2, vec![there])]), "");
    let dead = found(&[grant(0, 1), register(1, 2), list(2, 2, vec![])]);
    assert!(dead.contains("instance missing"), "{dead}");
    let revoke =
        (2, Ask::Revoke(Lease { lease: 1 }), Answer::Done(Done { revision: 3, prev: None }));
    assert_eq!(found(&[grant(0, 1), register(1, 2), revoke, list(3, 3, vec![])]), "");
}
