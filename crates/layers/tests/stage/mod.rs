//! A shard without consensus: commands in order over an engine in memory.

use bytes::Bytes;
use contract::Program;
use kernel::{Incarnation, Rng, ShardId, Version, clock::hybrid::Timestamp};
use layers::coordination::Told;
use store::{
    engine::{Engine, MemEngine},
    mvcc::{Pending, Reader, Space},
};

pub struct Stage {
    engine: MemEngine,
    index: u64,
    millis: u64,
    writes: usize,
    /// What the commands so far have changed.
    pub told: Told,
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
        Stage { engine, told: self.told.clone(), ..*self }
    }
}

#[allow(dead_code, reason = "not every test needs all of it")]
impl Stage {
    pub fn new() -> Stage {
        Stage {
            engine: MemEngine::new(),
            index: 0,
            millis: 1_000 + Rng::new(1).below(10),
            writes: 0,
            told: Told::default(),
        }
    }

    pub fn wait_ms(&mut self, millis: u64) {
        self.millis += millis;
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::new(self.millis, 0)
    }

    /// Applies a command at the next index.
    pub fn apply(&mut self, program: Program, command: &Bytes) -> Bytes {
        self.apply_all(program, std::slice::from_ref(command)).remove(0)
    }

    /// Applies commands at the next indexes, in one batch.
    pub fn apply_all(&mut self, program: Program, commands: &[Bytes]) -> Vec<Bytes> {
        let history = program != Program::Coordination;
        let mut pending = Pending::new(&self.engine, SPACE, history, 0);
        let mut replies = Vec::new();
        for command in commands {
            self.index += 1;
            let timestamp = Timestamp::new(self.millis, 0);
            let version = Version { index: self.index, timestamp, ..Version::default() };
            let (view, told) = (&mut pending.view(version), Some(&mut self.told));
            replies.push(layers::apply(program, command, view, told).unwrap());
        }
        let batch = pending.into_batch();
        self.writes = batch.ops().len();
        self.engine.write(batch).unwrap();
        replies
    }

    /// Cuts history.
    pub fn cut(&mut self, next: Incarnation) {
        self.index += 1;
        let mut pending = Pending::new(&self.engine, SPACE, false, 0);
        let timestamp = Timestamp::new(self.millis, 0);
        let version = Version { index: self.index, timestamp, ..Version::default() };
        layers::cut(Program::Coordination, &mut pending.view(version), next).unwrap();
        self.engine.write(pending.into_batch()).unwrap();
    }

    pub fn query(&self, program: Program, query: &Bytes) -> Bytes {
        layers::query(program, query, &Reader::latest(&self.engine, SPACE)).unwrap().unwrap()
    }

    /// How many keys the last batch wrote or removed.
    pub fn writes(&self) -> usize {
        self.writes
    }

    /// Bytes of all keys and of what is stored under them.
    pub fn bytes(&self) -> u64 {
        Reader::latest(&self.engine, SPACE).weigh().unwrap()
    }

    /// How many keys the engine holds.
    pub fn keys(&self) -> usize {
        store::engine::Read::scan(&self.engine, SPACE.range()).count()
    }
}
