//! What holds in every run, checked against the plan by an independent reading of the record.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{
    Fault,
    audit::{Record, What},
    nemesis,
    plan::{Plan, Strike},
    toy::{Add, Counters},
};

/// Three seconds of the toy under a swarm plan, with everything recorded.
fn recorded(seed: u64) -> (Plan, Vec<Record>, BTreeMap<Ticket, u64>) {
    let plan = nemesis::swarm(seed);
    let mut world = World::of_plan(&plan, Counters { nodes: plan.options.nodes });
    world.record(usize::MAX);
    let mut answers: BTreeMap<Ticket, u64> = BTreeMap::new();
    while world.now() < at(3_000) {
        let ticket = world.request(A, Add(1));
        answers.insert(ticket, 0);
        world.run_for(ms(5));
        for answer in world.take_replies() {
            *answers.get_mut(&answer.ticket).expect("only what was asked is answered") += 1;
        }
    }
    let records = world.log().unwrap().iter().cloned().collect();
    (plan, records, answers)
}

fn is_cut(strike: &Strike, now: Instant, from: NodeId, to: NodeId) -> bool {
    let Fault::Cut { links, lasts } = &strike.fault else { return false };
    strike.at < now && now < strike.at + *lasts && links.links().any(|link| link == (from, to))
}

#[test]
fn nothing_crosses_a_cut_and_the_dead_do_nothing() {
    let mut seen = BTreeSet::new();
    for seed in 0..60 {
        let (plan, records, _) = recorded(seed);
        let mut down: BTreeSet<NodeId> = [1, 2, 3, 4, 5, 6, 7].map(NodeId).into();
        for Record { at, node, what } in &records {
            let active = match what {
                What::Delivered { from, .. } => {
                    let cut = plan.schedule.iter().any(|s| is_cut(s, *at, *from, *node));
                    assert!(!cut, "seed {seed}: {from} to {node} at {at}");
                    true
                }
                What::Crashed { .. } | What::Halted(_) => {
                    seen.insert("down");
                    down.insert(*node);
                    false
                }
                What::Booted(_) => {
                    down.remove(node);
                    false
                }
                What::Dropped { .. } => {
                    seen.insert("dropped");
                    false
                }
                What::Sent { .. } | What::Timer(_) | What::Done(_) => true,
                What::Request(_) | What::Reply(_) => true,
                _ => false,
            };
            assert!(!active || !down.contains(node), "seed {seed}: {node} acts at {at}: {what:?}");
        }
    }
    assert_eq!(seen.len(), 2, "the runs reached what they test");
}

#[test]
fn every_frame_is_sent_once_and_arrives_at_most_twice() {
    for seed in 0..60 {
        let (plan, records, answers) = recorded(seed);
        let mut fate: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for record in &records {
            match record.what {
                What::Sent { frame, .. } => fate.entry(frame).or_default().0 += 1,
                What::Delivered { frame, .. } | What::Dropped { frame, .. } => {
                    fate.entry(frame).or_default().1 += 1;
                }
                _ => {}
            }
        }
        assert!(fate.values().all(|(sent, _)| *sent == 1), "seed {seed}");
        assert!(fate.values().all(|(_, ends)| *ends <= 2), "seed {seed}");
        assert!(answers.values().all(|count| *count <= 1), "seed {seed}: an answer came twice");
        let calm = plan.options.network.duplicate_ppm == 0
            && !plan.schedule.iter().any(|s| matches!(s.fault, Fault::Lossy { .. }));
        assert!(!calm || fate.values().all(|(_, ends)| *ends <= 1), "seed {seed}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Set { id: u64, ahead_ms: u64 },
    Cancel { id: u64 },
    Drift { ppm: i64 },
    Wait { us: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0u64..4, 0u64..200).prop_map(|(id, ahead_ms)| Step::Set { id, ahead_ms }),
        1 => (0u64..4).prop_map(|id| Step::Cancel { id }),
        1 => (-300_000i64..300_000).prop_map(|ppm| Step::Drift { ppm }),
        3 => (0u64..100_000).prop_map(|us| Step::Wait { us }),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    /// Each setting of a timer that is neither moved nor cancelled fires once: not before its
    /// time by the node's own clock, and no later than the node is free.
    #[test]
    fn timers_fire_exactly_when_they_should(steps in steps()) {
        let mut world = probes();
        let mut set: BTreeMap<u64, Instant> = BTreeMap::new();
        let mut checked = 0;
        for step in steps.into_iter().chain([Step::Wait { us: 10_000_000 }]) {
            match step {
                Step::Set { id, ahead_ms } => {
                    let now = world.clock(A).unwrap().instant;
                    world.tell(A, vec![timer(id, now + ms(ahead_ms + 2))]);
                    check(&world, &mut set, &mut checked)?;
                    set.insert(id, now + ms(ahead_ms + 2));
                }
                Step::Cancel { id } => {
                    world.tell(A, vec![Action::CancelTimer(TimerId(id))]);
                    check(&world, &mut set, &mut checked)?;
                    set.remove(&id);
                }
                Step::Drift { ppm } => {
                    world.inject(Fault::Drift { node: A, ppm, lasts: ms(50) });
                }
                Step::Wait { us } => world.run_for(Duration::from_micros(us)),
            }
            check(&world, &mut set, &mut checked)?;
        }
        prop_assert!(set.is_empty(), "never fired: {:?}", set);
    }
}

/// Takes what fired since the last look off the timers that are set.
fn check(
    world: &World<Probes>,
    set: &mut BTreeMap<u64, Instant>,
    checked: &mut usize,
) -> Result<(), TestCaseError> {
    let seen = world.seen();
    for Seen { now, input, .. } in &seen[*checked..] {
        let Input::Timer(TimerId(id)) = input else { continue };
        let due = set.remove(id);
        prop_assert!(due.is_some(), "timer {} was not set", id);
        let late = now.instant.since(due.unwrap_or_default());
        prop_assert!(due.is_some_and(|due| now.instant >= due), "timer {} is early", id);
        prop_assert!(late <= Duration::from_micros(20), "timer {} is {:?} late", id, late);
    }
    *checked = seen.len();
    Ok(())
}
