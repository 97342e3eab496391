//! Committed entries per second on one core: three replicas in memory, beside raft-rs.
//!
//! `cargo bench -p quorate-raft` drives both libraries through the same loop in one thread:
//! propose a batch of 100-byte commands, let every replica handle what has arrived, deliver what
//! it says, tell it that its writes are durable, compact now and then. With "wire" every message
//! is encoded and decoded on its way. No disk, no network, no clock.

extern crate quorate_raft as raft;

mod ours;
mod theirs;

use std::time::{Duration, Instant};

/// A group of three replicas with a leader.
trait Group {
    fn new(wire: bool) -> Self;
    /// Proposes a batch and lets every replica have a turn.
    fn turn(&mut self, batch: usize);
    /// Entries that the leader handed over as committed.
    fn committed(&self) -> u64;
}

const COMMAND: usize = 100;

/// Entries per second of processor time.
fn run<G: Group>(batch: usize, wire: bool, time: Duration) -> f64 {
    let mut group = G::new(wire);
    (0..200).for_each(|_| group.turn(batch));
    let (start, used, before) = (Instant::now(), processor(), group.committed());
    while start.elapsed() < time {
        (0..8).for_each(|_| group.turn(batch));
    }
    let spent = processor().zip(used).map_or(start.elapsed(), |(now, then)| now - then);
    (group.committed() - before) as f64 / spent.as_secs_f64()
}

/// What this thread has used of a processor, so that a busy machine does not spoil the figures;
/// none where the system does not tell.
fn processor() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let quick = std::env::args().any(|argument| argument == "--test") || cfg!(debug_assertions);
    let time = Duration::from_millis(if quick { 20 } else { 300 });
    println!(
        "{:>6} {:>5} {:>14} {:>14} {:>7}",
        "batch", "wire", "quorate-raft/s", "raft-rs/s", "ratio"
    );
    for wire in [false, true] {
        for batch in [1, 16, 128, 1024] {
            // By turns, so that both meet the same neighbours.
            let pair = |_| {
                (run::<ours::Ours>(batch, wire, time), run::<theirs::Theirs>(batch, wire, time))
            };
            let (ours, theirs) = (0..if quick { 1 } else { 7 }).map(pair).unzip();
            let (ours, theirs) = (median(ours), median(theirs));
            let wire = if wire { "yes" } else { "no" };
            let ratio = ours / theirs;
            println!("{batch:>6} {wire:>5} {ours:>14.0} {theirs:>14.0} {ratio:>7.2}");
        }
    }
}
