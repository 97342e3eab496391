//! The deterministic twin of the node's engine.
//!
//! State is a persistent tree, so a snapshot is one pointer and a write costs O(log n) whether
//! or not snapshots live. For every batch since the last finished flush the root after it is
//! kept: a crash goes back to one of them.
//!
//! ```text
//!   flushed ── batch ── batch ── batch = now
//!      └──────────┴────────┴────────┘  a crash lands on any of these
//! ```

use alloc::{boxed::Box, collections::VecDeque, format, sync::Arc};
use core::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use kernel::Rng;

use super::{Batch, Engine, EngineError, FlushJob, Op, Read, Scan, ScanRange, tree::Tree};

/// An engine in memory that can crash.
#[derive(Debug, Default)]
pub struct MemEngine {
    now: Tree,
    /// How many batches were ever written.
    written: u64,
    /// State after the batch of this number, which is durable.
    flushed: (u64, Tree),
    /// States after later batches, oldest first.
    since: VecDeque<(u64, Tree)>,
    /// The greatest batch number that a finished flush covers.
    finished: Arc<AtomicU64>,
}

impl MemEngine {
    /// An empty engine.
    #[must_use]
    pub fn new() -> MemEngine {
        MemEngine::default()
    }

    /// Loses power: keeps what the last finished flush covers and a random prefix of the later
    /// batches, as an LSM with an unsynced log of its own would. What is kept is durable then.
    pub fn crash(&mut self, rng: &mut Rng) {
        self.settle();
        let kept = rng.below(self.since.len() as u64 + 1) as usize;
        if let Some(state) = kept.checked_sub(1).and_then(|last| self.since.get(last)) {
            self.flushed = state.clone();
        }
        // A new counter: jobs taken before the crash say nothing about batches written after it.
        let state = core::mem::take(&mut self.flushed.1);
        *self = MemEngine { now: state.clone(), flushed: (0, state), ..MemEngine::default() };
    }

    /// The state as it is; unlike other engines this one has nothing to prepare for it.
    #[must_use]
    pub fn snapshot(&self) -> MemSnapshot {
        MemSnapshot { state: self.now.clone() }
    }

    /// Loses everything.
    pub fn wipe(&mut self) {
        *self = MemEngine::default();
    }

    /// Forgets the states that a finished flush made unreachable.
    fn settle(&mut self) {
        let finished = self.finished.load(Ordering::Acquire);
        while self.since.front().is_some_and(|(number, _)| *number <= finished) {
            if let Some(state) = self.since.pop_front() {
                self.flushed = state;
            }
        }
    }
}

impl Read for MemEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Ok(self.now.get(key).cloned())
    }

    fn scan(&self, range: ScanRange) -> Scan<'_> {
        scan(&self.now, range)
    }
}

impl Engine for MemEngine {
    type Snapshot = MemSnapshot;
    type Flush = MemFlush;

    fn write(&mut self, batch: Batch) -> Result<(), EngineError> {
        self.settle();
        for op in batch.into_ops() {
            match op {
                Op::Put(key, value) => self.now.put(key, value),
                Op::Insert(key, _) if self.now.get(&key).is_some() => {
                    return Err(EngineError::Corrupt(format!("{key:02x?} is there already")));
                }
                Op::Insert(key, value) => self.now.put(key, value),
                Op::Delete(key) => self.now.delete(&key),
                Op::DeleteRange(start, end) => self.now.delete_range(&start, &end),
            }
        }
        self.written += 1;
        self.since.push_back((self.written, self.now.clone()));
        Ok(())
    }

    fn snapshot(&mut self) -> MemSnapshot {
        MemEngine::snapshot(self)
    }

    fn flush(&mut self) -> MemFlush {
        MemFlush { covers: self.written, finished: Arc::clone(&self.finished) }
    }

    fn approximate_bytes(&self) -> u64 {
        self.now.bytes()
    }
}

/// A state of a [`MemEngine`].
#[derive(Clone, Debug)]
pub struct MemSnapshot {
    state: Tree,
}

impl Read for MemSnapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Ok(self.state.get(key).cloned())
    }

    fn scan(&self, range: ScanRange) -> Scan<'_> {
        scan(&self.state, range)
    }
}

fn scan(tree: &Tree, range: ScanRange) -> Scan<'_> {
    Box::new(tree.scan(range).map(|(key, value)| Ok((key.clone(), value.clone()))))
}

/// A flush of a [`MemEngine`].
#[derive(Debug)]
pub struct MemFlush {
    covers: u64,
    finished: Arc<AtomicU64>,
}

impl FlushJob for MemFlush {
    fn run(self) -> Result<(), EngineError> {
        self.finished.fetch_max(self.covers, Ordering::Release);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::engine::conformance::{self, Harness};

    struct Crashing(Rng);

    impl Harness for Crashing {
        type Engine = MemEngine;

        fn fresh(&mut self) -> MemEngine {
            MemEngine::new()
        }

        fn reopen(&mut self, mut engine: MemEngine) -> MemEngine {
            engine.crash(&mut self.0);
            engine
        }
    }

    #[test]
    fn it_conforms() {
        conformance::all(&mut Crashing(Rng::new(1)));
    }

    #[test]
    fn a_crash_lands_on_every_state_since_the_flush_and_on_no_other() {
        let mut seen = [0; 6];
        for seed in 0..200 {
            let mut engine = MemEngine::new();
            for i in 0..6u8 {
                let mut batch = Batch::new();
                batch.put(Bytes::from_static(b"i"), Bytes::copy_from_slice(&[i]));
                engine.write(batch).unwrap();
                if i == 2 {
                    engine.flush().run().unwrap();
                }
            }
            engine.crash(&mut Rng::new(seed));
            seen[usize::from(engine.get(b"i").unwrap().unwrap()[0])] += 1;
        }
        assert!(seen[..2] == [0, 0] && seen[2..].iter().all(|n| *n > 20), "{seen:?}");
    }

    #[test]
    fn a_job_from_before_a_crash_says_nothing_about_later_writes() {
        let mut engine = MemEngine::new();
        let put = |engine: &mut MemEngine, value| {
            let mut batch = Batch::new();
            batch.put(Bytes::from_static(b"k"), Bytes::from_static(value));
            engine.write(batch).unwrap();
        };
        put(&mut engine, b"one");
        let job = engine.flush();
        let mut lost = 0;
        engine.crash(&mut Rng::new(3));
        put(&mut engine, b"two");
        job.run().unwrap();
        for seed in 0..50 {
            let mut copy = MemEngine { finished: Arc::clone(&engine.finished), ..MemEngine::new() };
            (copy.since, copy.flushed) = (engine.since.clone(), engine.flushed.clone());
            copy.crash(&mut Rng::new(seed));
            lost += u32::from(copy.get(b"k").unwrap().as_deref() != Some(b"two"));
        }
        assert!(lost > 10, "{lost}");
    }

    #[test]
    fn the_shape_depends_on_the_contents_alone() {
        let keys: Vec<u32> = (0..500).collect();
        let mut shuffled = keys.clone();
        Rng::new(9).shuffle(&mut shuffled);
        let tree = |keys: &[u32]| {
            let mut tree = Tree::default();
            for key in keys {
                tree.put(Bytes::copy_from_slice(&key.to_be_bytes()), Bytes::new());
            }
            tree
        };
        let (one, mut two) = (tree(&keys), tree(&shuffled));
        assert_eq!(std::format!("{one:?}"), std::format!("{two:?}"));
        two.put(Bytes::from_static(b"more"), Bytes::new());
        two.delete(b"more");
        assert_eq!(std::format!("{one:?}"), std::format!("{two:?}"));
        assert!(one.depth() < 40, "{}", one.depth());
    }

    #[test]
    fn a_wiped_engine_is_empty() {
        let mut engine = MemEngine::new();
        let mut batch = Batch::new();
        batch.put(Bytes::from_static(b"k"), Bytes::new());
        engine.write(batch).unwrap();
        assert_eq!(engine.approximate_bytes(), 1);
        engine.wipe();
        assert_eq!(engine.approximate_bytes(), 0);
        assert_eq!(engine.scan(ScanRange::all()).count(), 0);
    }
}
