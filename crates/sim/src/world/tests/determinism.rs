//! One seed, one run: in one process, in two, and with a whole toy system under swarm faults.

use std::process::Command;

use super::*;
use crate::{
    Fault, atlas, nemesis,
    plan::Plan,
    shrink::{Candidate, shrink},
    toy::{Add, Counters, Value},
    world::Outcome,
};

struct Sums {
    asked: u64,
    acknowledged: u64,
    highest: u64,
}

/// Runs the toy under a plan with clients that add one.
fn run(plan: &Plan) -> (World<Counters>, Sums) {
    let mut world = World::of_plan(plan, Counters { nodes: plan.options.nodes });
    let mut clients = Rng::new(plan.seed).fork("clients");
    let (mut asked, mut acknowledged, mut highest) = (0, 0, 0);
    while world.now() < Instant::ZERO + plan.options.safety {
        let node = if clients.chance(0.8) { A } else { NodeId(clients.range(2, 3)) };
        world.request(node, Add(1));
        asked += u64::from(node == A);
        world.run_for(clients.duration(ms(1), ms(50)));
        for answer in world.take_replies() {
            if let Outcome::Reply(Value::Is(value)) = answer.outcome {
                acknowledged += 1;
                highest = value.max(highest);
            }
        }
    }
    (world, Sums { asked, acknowledged, highest })
}

/// A plan that the toy survives: its primary keeps its disk.
fn survivable(seed: u64) -> Plan {
    let mut plan = nemesis::swarm(seed);
    plan.options.safety = ms(3_000);
    plan.schedule.retain(|strike| {
        strike.fault.family() != crate::fault::Family::Damage || strike.fault.node() != Some(A)
    });
    plan.schedule.retain(|strike| strike.at < at(3_000));
    plan.dead.retain(|node| *node != A);
    plan
}

#[test]
fn the_same_seed_twice_is_the_same_run_and_another_is_not() {
    for seed in 0..20 {
        let plan = nemesis::swarm(seed);
        let (one, two) = (run(&plan).0, run(&plan).0);
        assert_eq!(one.trace_hash(), two.trace_hash(), "seed {seed}");
        assert_eq!(one.steps(), two.steps());
        assert!(one.steps() > 1_000);
        let mut other = plan.clone();
        other.seed += 1_000;
        assert_ne!(one.trace_hash(), run(&other).0.trace_hash(), "seed {seed}");
    }
}

#[test]
fn recording_changes_nothing() {
    let plan = Plan { schedule: nemesis::swarm(7).schedule, ..Plan::calm(7, Options::calm(5)) };
    let quiet = run(&plan).0.trace_hash();
    let mut world = World::of_plan(&plan, Counters { nodes: 5 });
    world.record(100);
    let mut plain = World::of_plan(&plan, Counters { nodes: 5 });
    world.run_until(at(5_000));
    plain.run_until(at(5_000));
    assert_eq!(world.trace_hash(), plain.trace_hash());
    assert_ne!(quiet, plain.trace_hash(), "requests are part of the trace");
    assert_eq!(world.log().unwrap().iter().count(), 100);
}

#[test]
#[ignore = "the child process of the next test: cargo test -p sim two_processes_agree"]
fn print_hashes() {
    for seed in 100..105 {
        println!("hash {seed} {:016x}", run(&nemesis::swarm(seed)).0.trace_hash());
    }
}

#[test]
fn two_processes_agree() {
    let hashes = || -> Vec<String> {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "world::tests::determinism::print_hashes"])
            .args(["--ignored", "--nocapture"])
            .output()
            .unwrap();
        let text = String::from_utf8(child.stdout).unwrap();
        text.lines().filter_map(|line| line.find("hash ").map(|i| line[i..].to_owned())).collect()
    };
    let (one, two) = (hashes(), hashes());
    assert_eq!(one.len(), 5, "{one:?}");
    assert_eq!(one, two);
    let here = format!("hash 100 {:016x}", run(&nemesis::swarm(100)).0.trace_hash());
    assert_eq!(one[0], here, "this process agrees, too");
}

#[test]
fn what_the_toy_acknowledged_survives_and_service_comes_back() {
    let mut total = 0;
    for seed in 0..40 {
        let plan = survivable(seed);
        assert_eq!(atlas::check(&plan), Ok(()));
        let (mut world, Sums { asked, acknowledged, highest }) = run(&plan);
        assert!(acknowledged <= highest && highest <= asked, "seed {seed}");
        world.heal_all_but(&plan.dead);
        world.run_for(ms(500));
        world.take_replies();
        let last = world.request(A, Add(0));
        world.run_for(ms(2_000));
        let answer = world.take_replies().into_iter().find(|answer| answer.ticket == last);
        match answer.map(|answer| answer.outcome) {
            Some(Outcome::Reply(Value::Is(value))) => assert!(value >= highest, "seed {seed}"),
            other => panic!("seed {seed}: no service in the liveness phase: {other:?}"),
        }
        total += acknowledged;
    }
    assert!(total > 1_000, "the runs did something: {total}");
}

/// Whether the toy forgets what it acknowledged when clients add at these times (milliseconds).
fn forgets(candidate: &Candidate<u64>) -> bool {
    let nodes = candidate.plan.options.nodes;
    let mut world = World::of_plan(&candidate.plan, Counters { nodes });
    let mut highest = 0;
    for when in candidate.operations.iter().copied().chain([20_000]) {
        world.run_until(at(when));
        for answer in world.take_replies() {
            if let Outcome::Reply(Value::Is(value)) = answer.outcome {
                highest = value.max(highest);
            }
        }
        world.request(A, Add(1));
    }
    world.heal_all();
    world.run_for(ms(100));
    world.machine(A).is_some_and(|machine| machine.value() < highest)
}

#[test]
fn a_primary_that_forgets_is_caught_and_the_failure_shrinks_to_its_cause() {
    let mut plan = nemesis::swarm(12);
    let wipe = Fault::Wipe { node: A, restart_after: Some(ms(10)) };
    plan.schedule.retain(|strike| strike.fault.node() != Some(A));
    plan.schedule.push(crate::plan::Strike { at: at(9_000), fault: wipe.clone() });
    let original = Candidate { plan, operations: (1..200).map(|n| n * 50).collect() };
    assert!(original.plan.schedule.len() > 10);
    let shrunk = shrink(original, 1_000, forgets);
    assert!(shrunk.minimal);
    let left = &shrunk.candidate;
    let faults: Vec<&Fault> = left.plan.schedule.iter().map(|strike| &strike.fault).collect();
    assert_eq!(faults, [&wipe]);
    assert!(left.operations.len() <= 2, "{:?}", left.operations);
}
