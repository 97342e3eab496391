//! ERR-11: promises that cannot be kept together, as the product answers them.

use contract::{Contract, Program};
use kernel::Rng;
use sim::report::document::Block;

use super::Found;

/// How many schedules of a partition are tried.
const PARTITIONS: u64 = 1_000;
/// The bound of staleness that the published contract promises, in milliseconds.
const BOUND_MS: u64 = 100;

/// What a replica that is cut off can still say of itself.
struct CutOff {
    /// How long ago it heard the other side.
    silence_ms: u64,
    /// When the other side wrote last, in true time, counted back from now.
    written_ms_ago: u64,
}

pub fn run() -> Found {
    let mut found = Found::default();
    let mut rng = Rng::new(11);
    let (mut over, mut knew, mut conflicts) = (0u64, 0u64, 0u64);
    for _ in 0..PARTITIONS {
        let length = rng.range(1, 1_000);
        let cut = CutOff { silence_ms: length, written_ms_ago: rng.range(0, length) };
        // The value here is as old as the silence; it is out of date if there was a write since.
        let stale = cut.written_ms_ago < cut.silence_ms;
        over += u64::from(stale && cut.silence_ms > BOUND_MS);
        // All that a replica knows is how long it has heard nothing.
        knew += u64::from(cut.silence_ms > BOUND_MS);
        // Each side accepts some increments and answers the new totals, hearing nothing of the other:
        // the totals that both give out were given out twice.
        let (left, right) = (rng.below(4), rng.below(4));
        conflicts += u64::from(left.min(right) > 0);
    }
    found.measures.set("partitions", PARTITIONS as f64);
    found.measures.set("bound_ms", BOUND_MS as f64);
    found.measures.set("beyond_bound", over as f64);
    found.measures.set("refusals_needed", knew as f64);
    found.measures.set("both_sides_same_total", conflicts as f64);
    let kept = Contract { replicas: 3, ..Contract::new(Program::Counter) };
    found.measures.set("kept_accepted", f64::from(kept.check(3).is_ok()));
    let level = |text: &str| contract::Consistency::parse(text);
    found.measures.set("bounded_refused", f64::from(level("bounded").is_err()));
    let refusal = level("bounded").err().map(|error| error.to_string()).unwrap_or_default();
    found.blocks.push(Block::Heading("What the product says".into()));
    found.blocks.push(Block::Pre(format!("consistency=bounded\n  {refusal}")));
    found.blocks.push(Block::Heading("What it offers instead".into()));
    found.blocks.push(Block::Pre(kept.explain()));
    found
}
