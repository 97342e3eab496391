//! What applying a committed write costs a replica, in processor time: the program, the outcome
//! table and the engine's memory, without disk, network or consensus.
//!
//! `cargo bench -p node --bench apply [-- PROGRAM]`; every run of entries is one batch for the
//! engine. Puts of 256 bytes to 10,000 keys, in the order of a fixed seed. Where a program has
//! watches, also with one that reads the changes of every batch.

use std::time::Duration;

use bytes::Bytes;
use contract::{Contract, Program};
use database::shard::{Applied, Applier, Bounds, Outcomes, Runs};
use kernel::{Incarnation, Rng, ShardId, Wall, limit};
use layers::{coordination, kv};
use node::lsm::{LsmEngine, LsmOptions};
use prost::Message;
use raft::Entry;
use store::{
    engine::{Engine, FlushJob},
    mvcc::{Reader, Space},
};

const KEYS: u64 = 10_000;
const VALUE: usize = 256;
const SPACE: Space = Space { shard: ShardId(2), generation: 0 };

/// The data of a log entry as `database` writes it.
#[derive(Clone, PartialEq, Message)]
struct Data {
    #[prost(fixed64, tag = "1")]
    timestamp: u64,
    #[prost(bytes = "bytes", tag = "2")]
    request_id: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    program: Bytes,
}

fn body(program: Program, rng: &mut Rng) -> Bytes {
    let key = Bytes::from(format!("/bench/key-{:08}", rng.below(KEYS)));
    let value = Bytes::from(vec![b'x'; VALUE]);
    let encoded = match program {
        Program::Coordination => {
            let put = coordination::PutRequest { key, value, ..Default::default() };
            let act = Some(coordination::Act::Put(put));
            coordination::Command { act, ..Default::default() }.encode_to_vec()
        }
        _ => kv::Command::one(kv::Put { key, value, ..Default::default() }).encode_to_vec(),
    };
    Bytes::from(encoded)
}

/// A replica that applies.
struct Replica {
    engine: LsmEngine,
    runs: Runs,
    applied: Applied,
    outcomes: Outcomes,
    program: Program,
    rng: Rng,
    since_flush: usize,
}

impl Replica {
    fn new(directory: &std::path::Path, program: Program) -> Replica {
        let engine = LsmEngine::open(directory, LsmOptions::default()).expect("an engine");
        let contract = Contract::new(program);
        let runs = Runs::Keyspace { name: "bench".into(), contract, born: Incarnation(1) };
        let outcomes = Outcomes::new(7);
        let applied = Applied::default();
        Replica { engine, runs, applied, outcomes, program, rng: Rng::new(1), since_flush: 0 }
    }

    fn entries(&mut self, batch: u64) -> Vec<Entry> {
        let first = self.applied.index + 1;
        let entry = |index| {
            let request_id = Bytes::from(self.rng.below(u64::MAX).to_be_bytes().repeat(2));
            let program = body(self.program, &mut self.rng);
            let timestamp = (1_700_000_000_000 + index) << 16;
            let data = Data { timestamp, request_id, program }.encode_to_vec();
            Entry::command(index, 1, data.into())
        };
        (first..first + batch).map(entry).collect()
    }

    fn apply(&mut self, entries: &[Entry]) {
        let bounds =
            Bounds { count_max: 100_000, bytes_max: limit::Bytes::mib(32), window_ms: 600_000 };
        let applied = self.applied.clone();
        let outcomes = &mut self.outcomes;
        let mut applier = Applier::new(
            &self.engine,
            SPACE,
            &self.runs,
            applied,
            outcomes,
            bounds,
            Incarnation(1),
            Wall(0),
        );
        for entry in entries {
            applier.apply(entry, |_| None).expect("an entry applies");
        }
        let result = applier.finish();
        self.applied = result.applied;
        self.engine.write(result.batch).expect("the engine takes it");
    }

    /// What a watch of all keys reads, which has seen the revisions before this one.
    fn watch(&mut self, seen: u64) {
        let request = coordination::ChangesRequest {
            key: Bytes::from_static(b"\0"),
            range_end: Bytes::from_static(b"\0"),
            start_revision: seen as i64 + 1,
            ..Default::default()
        };
        let ask = Some(coordination::Ask::Changes(request));
        let query = coordination::Query { ask, ..Default::default() }.encode_to_vec();
        let reader = Reader::latest(&self.engine, SPACE);
        let answer = layers::query(self.program, &query.into(), &reader);
        answer.expect("a query").expect("an answer");
    }

    /// The work of the flush thread, when there is as much as a node lets gather.
    fn flush(&mut self, batch: u64) {
        self.since_flush += batch as usize * VALUE;
        if self.since_flush > 32 << 20 {
            self.since_flush = 0;
            self.engine.flush().run().expect("a flush");
        }
    }
}

/// What this thread has used of a processor.
fn processor() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn cost(program: Program, batch: u64, writes: u64, watched: bool) -> Duration {
    let directory = tempfile::tempdir().expect("a directory");
    let mut replica = Replica::new(directory.path(), program);
    let mut spent = Duration::ZERO;
    for turn in 0..2 * writes / batch {
        let entries = replica.entries(batch);
        let before = processor();
        // An empty keyspace stands at revision 1, and every put is one more.
        let revision = replica.applied.index + 1;
        replica.apply(&entries);
        if watched {
            replica.watch(revision);
        }
        if turn >= writes / batch {
            spent += processor() - before;
        }
        replica.flush(batch);
    }
    spent / u32::try_from(writes).unwrap_or(u32::MAX)
}

/// The median of some runs, in microseconds.
fn median(run: impl Fn() -> Duration) -> f64 {
    let mut costs: Vec<Duration> = (0..3).map(|_| run()).collect();
    costs.sort();
    costs[1].as_nanos() as f64 / 1000.0
}

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let quick = std::env::args().any(|argument| argument == "--test") || cfg!(debug_assertions);
    let writes = if quick { 512 } else { 102_400 };
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    println!("{:>14} {:>6} {:>12} {:>12}", "program", "batch", "us per write", "with a watch");
    for program in [Program::Kv, Program::Coordination] {
        let name = format!("{program:?}").to_lowercase();
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        for batch in [1, 16, 256] {
            let us = median(|| cost(program, batch, writes, false));
            print!("{name:>14} {batch:>6} {us:>12.2}");
            match program {
                Program::Coordination => {
                    println!(" {:>12.2}", median(|| cost(program, batch, writes, true)));
                }
                _ => println!(),
            }
        }
    }
}
