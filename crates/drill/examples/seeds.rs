//! Runs seeds and prints what happened: `cargo run --release -p drill --example seeds -- FROM COUNT`.

use std::time::Instant;

use drill::{Outcome, Run};

fn main() {
    let mut args = std::env::args().skip(1);
    let mut number = |default| args.next().and_then(|a| a.parse().ok()).unwrap_or(default);
    let (from, count): (u64, u64) = (number(1), number(1));
    let verbose = count == 1;
    let (mut failures, mut virtual_time, started) = (0, 0.0, Instant::now());
    for seed in from..from + count {
        let run = Run::of_seed(seed);
        if verbose {
            print!("{}", run.plan.options);
        }
        let began = Instant::now();
        let (report, world) = run.go(None);
        virtual_time += report.span.as_secs_f64();
        let ok = report.outcome == Outcome::Valid;
        failures += u64::from(!ok);
        if verbose || !ok {
            println!(
                "seed {seed}: {:?} ops {:?} elections {} span {:?} steps {} took {:?} hash {:016x}",
                report.outcome,
                report.operations,
                report.elections,
                report.span,
                report.steps,
                began.elapsed(),
                report.trace_hash
            );
            if verbose {
                for halt in world.halts() {
                    println!("halt {} {} {}", halt.at, halt.node, halt.reason);
                }
            }
        }
    }
    println!(
        "{count} seeds, {failures} failures, {:.0} x real time",
        virtual_time / started.elapsed().as_secs_f64()
    );
}
