//! Runs seeds and prints what happened: `cargo run --release -p drill --example seeds -- FROM COUNT`.
//! With `FOLDER` as third argument, failures leave their folders there.

use std::path::Path;

use drill::{Outcome, Run, report};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| args.get(at).and_then(|text| text.parse().ok()).unwrap_or(1);
    let (from, count): (u64, u64) = (number(0), number(1));
    for seed in from..from + count {
        let run = Run::of_seed(seed);
        let (result, _) = run.go(None);
        if result.outcome != Outcome::Valid || count == 1 {
            println!("seed {seed}: {:?} hash {:016x}", result.outcome, result.trace_hash);
            if let Some(folder) = args.get(2) {
                report::write(&run, &Path::new(folder).join(format!("seed-{seed}")), "failure", 0)
                    .ok();
            }
        }
    }
}
