//! A shard without consensus: commands in order over an engine in memory.

use bytes::Bytes;
use contract::Program;
use kernel::{Rng, ShardId, Version, clock::hybrid::Timestamp};
use store::{
    engine::{Engine, MemEngine},
    mvcc::{Pending, Reader, Space},
};

pub struct Stage {
    engine: MemEngine,
    index: u64,
    millis: u64,
}

const SPACE: Space = Space { shard: ShardId(1), generation: 0 };

impl Clone for Stage {
    fn clone(&self) -> Stage {
        let mut batch = store::Batch::new();
        for pair in store::engine::Read::scan(&self.engine, SPACE.range()) {
            let (key, value) = pair.unwrap();
            batch.put(key, value);
        }
        let mut engine = MemEngine::new();
        engine.write(batch).unwrap();
        Stage { engine, ..*self }
    }
}

impl Stage {
    pub fn new() -> Stage {
        Stage { engine: MemEngine::new(), index: 0, millis: 1_000 + Rng::new(1).below(10) }
    }

    pub fn wait_ms(&mut self, millis: u64) {
        self.millis += millis;
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::new(self.millis, 0)
    }

    /// Applies a command at the next index.
    pub fn apply(&mut self, program: Program, command: &Bytes) -> Bytes {
        self.index += 1;
        let version = Version { index: self.index, timestamp: self.now(), ..Version::default() };
        let mut pending = Pending::new(&self.engine, SPACE, true, 0);
        let reply = layers::apply(program, command, &mut pending.view(version)).unwrap();
        let batch = pending.into_batch();
        self.engine.write(batch).unwrap();
        reply
    }

    pub fn query(&self, program: Program, query: &Bytes) -> Bytes {
        layers::query(program, query, &Reader::latest(&self.engine, SPACE)).unwrap().unwrap()
    }
}
