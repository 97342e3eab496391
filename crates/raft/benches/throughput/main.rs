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

/// Entries per second; the better of three runs, each after a short one to warm up.
fn measure<G: Group>(batch: usize, wire: bool, time: Duration) -> f64 {
    let run = |time: Duration| {
        let mut group = G::new(wire);
        let (start, before) = (Instant::now(), group.committed());
        while start.elapsed() < time {
            (0..8).for_each(|_| group.turn(batch));
        }
        (group.committed() - before) as f64 / start.elapsed().as_secs_f64()
    };
    run(time / 10);
    (0..3).map(|_| run(time)).fold(0.0, f64::max)
}

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let quick = std::env::args().any(|argument| argument == "--test") || cfg!(debug_assertions);
    let time = Duration::from_millis(if quick { 20 } else { 700 });
    println!(
        "{:>6} {:>5} {:>14} {:>14} {:>7}",
        "batch", "wire", "quorate-raft/s", "raft-rs/s", "ratio"
    );
    for wire in [false, true] {
        for batch in [1, 16, 128, 1024] {
            let ours = measure::<ours::Ours>(batch, wire, time);
            let theirs = measure::<theirs::Theirs>(batch, wire, time);
            let wire = if wire { "yes" } else { "no" };
            let ratio = ours / theirs;
            println!("{batch:>6} {wire:>5} {ours:>14.0} {theirs:>14.0} {ratio:>7.2}");
        }
    }
}
