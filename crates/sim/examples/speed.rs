//! How fast the simulator is with five nodes of the toy under swarm faults:
//! `cargo run --release -p sim --example speed`.

use std::time::Instant as Stopwatch;

use kernel::{Duration, NodeId};
use sim::{World, nemesis, toy::Counters};

fn main() {
    let (mut steps, mut simulated) = (0, Duration::ZERO);
    let started = Stopwatch::now();
    for seed in 0..20 {
        let mut plan = nemesis::swarm(seed);
        (plan.options.nodes, plan.options.replicas) = (5, 5);
        let plan = nemesis::plan(seed, plan.options);
        let mut world = World::of_plan(&plan, Counters { nodes: 5 });
        while world.now() < kernel::Instant::ZERO + plan.options.safety {
            world.request(NodeId(1), sim::toy::Add(1));
            world.run_for(Duration::from_micros(500));
            world.take_replies();
        }
        steps += world.steps();
        simulated += plan.options.safety;
    }
    let taken = started.elapsed();
    let each = taken.as_nanos() / u128::from(steps.max(1));
    let ratio = simulated.as_secs_f64() / taken.as_secs_f64();
    println!("{steps} events, {each} ns each; {simulated:?} in {taken:?}: {ratio:.0} x real time");
}
