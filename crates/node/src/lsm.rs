//! The node's engine: fjall, a log-structured merge tree, behind [`store::engine::Engine`].
//!
//! The journal is what an acknowledgement waits for, so the tree's own log is written without a
//! sync and made durable only by flush jobs. fjall holds the lock that writers need while it
//! syncs its log; a job therefore first syncs the log files through handles of its own, without
//! any lock, so that little is left to do under it:
//!
//! ```text
//!   worker   write write write write write write write write
//!   job      ├──── fdatasync, no lock ────┤├ lock: rest ┤ durable
//! ```

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::ErrorKind,
    ops::Bound,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
};

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable};
use store::engine::{Batch, Engine, EngineError, FlushJob, Op, Read, Scan, ScanRange};

/// Longest key that the tree takes, in bytes.
pub const KEY_BYTES_MAX: usize = u16::MAX as usize;

/// What the tree may hold in memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct LsmOptions {
    /// Blocks that were read.
    pub cache: u64,
    /// Writes that are not in a table yet, at least 1 MiB.
    pub memtable: u64,
}

impl Default for LsmOptions {
    fn default() -> LsmOptions {
        LsmOptions { cache: 64 << 20, memtable: 32 << 20 }
    }
}

/// A log-structured merge tree in a directory.
pub struct LsmEngine {
    tree: Arc<Database>,
    keys: Arc<Keyspace>,
    path: PathBuf,
}

impl std::fmt::Debug for LsmEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LsmEngine").field("path", &self.path).finish_non_exhaustive()
    }
}

impl LsmEngine {
    /// Opens the tree of a directory, or makes one.
    ///
    /// # Errors
    /// If the directory holds something else, is damaged, or another process has it open.
    pub fn open(path: &Path, options: LsmOptions) -> Result<LsmEngine, EngineError> {
        let tree = Database::builder(path)
            .cache_size(options.cache)
            .manual_journal_persist(true)
            // One thread: flushes and compactions must not crowd out the node's own work.
            .worker_threads(1)
            .open()
            .map_err(failure)?;
        let memtable = options.memtable.max(1 << 20);
        let settings = || KeyspaceCreateOptions::default().max_memtable_size(memtable);
        let keys = tree.keyspace("map", settings).map_err(failure)?;
        let (tree, keys) = (Arc::new(tree), Arc::new(keys));
        Ok(LsmEngine { tree, keys, path: path.to_owned() })
    }

    /// The keys that live between two others, for removing them.
    fn keys_between(&self, start: &Bytes, end: &Bytes) -> Result<Vec<Bytes>, EngineError> {
        let range = self.keys.range::<Bytes, _>((Bound::Included(start), Bound::Excluded(end)));
        range.map(|item| item.key().map(Bytes::from).map_err(failure)).collect()
    }

    /// The last change of every key: the tree gives all of a batch one sequence number, so that
    /// two changes of one key would have no order.
    fn last_changes(&self, batch: Batch) -> Result<BTreeMap<Bytes, Option<Bytes>>, EngineError> {
        let mut last = BTreeMap::new();
        for op in batch.into_ops() {
            match op {
                Op::Put(key, value) => {
                    checked(&key)?;
                    last.insert(key, Some(value));
                }
                Op::Delete(key) => {
                    if checked(&key).is_ok() {
                        last.insert(key, None);
                    }
                }
                Op::DeleteRange(start, end) if start < end => {
                    let pending = (Bound::Included(&start), Bound::Excluded(&end));
                    last.range_mut::<Bytes, _>(pending).for_each(|(_, value)| *value = None);
                    last.extend(self.keys_between(&start, &end)?.into_iter().map(|k| (k, None)));
                }
                Op::DeleteRange(..) => {}
            }
        }
        Ok(last)
    }
}

fn checked(key: &Bytes) -> Result<(), EngineError> {
    match key.len() {
        1..=KEY_BYTES_MAX => Ok(()),
        len => Err(EngineError::Io(format!("a key of {len} bytes: 1 to {KEY_BYTES_MAX} fit"))),
    }
}

fn failure(error: fjall::Error) -> EngineError {
    use fjall::{Error, LsmError};
    match error {
        Error::Io(error) | Error::Storage(LsmError::Io(error)) => io_failure(&error),
        Error::Locked => EngineError::Io("another process has the engine open".to_owned()),
        Error::Poisoned => EngineError::Io("an earlier write failed; restart the node".to_owned()),
        other => EngineError::Corrupt(format!("{other:?}")),
    }
}

fn io_failure(error: &std::io::Error) -> EngineError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => EngineError::Full,
        _ => EngineError::Io(error.to_string()),
    }
}

/// Turns the tree's cursor into a scan of either direction.
fn scan<'a>(range: &ScanRange, cursor: impl FnOnce() -> fjall::Iter) -> Scan<'a> {
    if range.is_empty() {
        return Box::new(std::iter::empty());
    }
    let pair = |item: fjall::Guard| {
        let (key, value) = item.into_inner().map_err(failure)?;
        Ok((Bytes::from(key), Bytes::from(value)))
    };
    match range.reverse {
        false => Box::new(cursor().map(pair)),
        true => Box::new(cursor().rev().map(pair)),
    }
}

fn bounds(range: &ScanRange) -> (Bound<&Bytes>, Bound<&Bytes>) {
    (range.start.as_ref(), range.end.as_ref())
}

impl Read for LsmEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Ok(self.keys.get(key).map_err(failure)?.map(Bytes::from))
    }

    fn scan(&self, range: ScanRange) -> Scan<'_> {
        scan(&range, || self.tree.snapshot().range::<Bytes, _>(&*self.keys, bounds(&range)))
    }
}

impl Engine for LsmEngine {
    type Snapshot = LsmSnapshot;
    type Flush = LsmFlush;

    fn write(&mut self, batch: Batch) -> Result<(), EngineError> {
        let changes = self.last_changes(batch)?;
        let mut batch =
            fjall::OwnedWriteBatch::with_capacity(Database::clone(&self.tree), changes.len());
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(&self.keys, key, value),
                None => batch.remove(&self.keys, key),
            }
        }
        batch.commit().map_err(failure)
    }

    fn snapshot(&self) -> LsmSnapshot {
        LsmSnapshot { at: self.tree.snapshot(), keys: Arc::downgrade(&self.keys) }
    }

    fn flush(&mut self) -> LsmFlush {
        LsmFlush { tree: Arc::downgrade(&self.tree), path: self.path.clone() }
    }

    fn approximate_bytes(&self) -> u64 {
        self.keys.disk_space() + self.tree.write_buffer_size()
    }
}

/// The tree as it was, for as long as the engine lives: a snapshot does not keep it open.
pub struct LsmSnapshot {
    at: fjall::Snapshot,
    keys: Weak<Keyspace>,
}

impl LsmSnapshot {
    fn keys(&self) -> Result<Arc<Keyspace>, EngineError> {
        self.keys.upgrade().ok_or_else(closed)
    }
}

fn closed() -> EngineError {
    EngineError::Io("the engine was closed".to_owned())
}

impl std::fmt::Debug for LsmSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LsmSnapshot").finish_non_exhaustive()
    }
}

impl Read for LsmSnapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Ok(self.at.get(&*self.keys()?, key).map_err(failure)?.map(Bytes::from))
    }

    fn scan(&self, range: ScanRange) -> Scan<'_> {
        match self.keys() {
            Ok(keys) => scan(&range, || self.at.range::<Bytes, _>(&*keys, bounds(&range))),
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    }
}

/// Makes durable what the tree holds. A job that nobody runs does not keep the tree open.
pub struct LsmFlush {
    tree: Weak<Database>,
    path: PathBuf,
}

impl std::fmt::Debug for LsmFlush {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LsmFlush").field("path", &self.path).finish_non_exhaustive()
    }
}

impl LsmFlush {
    /// Syncs the tree's log files without its lock. Errors do not matter here: what counts is
    /// the sync under the lock that follows.
    fn sync_ahead(&self) {
        let Ok(entries) = fs::read_dir(&self.path) else { return };
        for entry in entries.flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "jnl") {
                let _ = File::open(entry.path()).and_then(|file| file.sync_data());
            }
        }
    }
}

impl FlushJob for LsmFlush {
    fn run(self) -> Result<(), EngineError> {
        let tree = self.tree.upgrade().ok_or_else(closed)?;
        self.sync_ahead();
        tree.persist(PersistMode::SyncAll).map_err(failure)
    }
}

#[cfg(test)]
mod tests {
    use store::engine::conformance::{self, Harness};

    use super::*;

    /// Small figures, so that tables are written and merged in a test.
    const SMALL: LsmOptions = LsmOptions { cache: 1 << 20, memtable: 1 << 20 };

    struct Directories {
        parent: tempfile::TempDir,
        made: u32,
    }

    impl Harness for Directories {
        type Engine = LsmEngine;

        fn fresh(&mut self) -> LsmEngine {
            self.made += 1;
            LsmEngine::open(&self.parent.path().join(self.made.to_string()), SMALL).unwrap()
        }

        fn reopen(&mut self, engine: LsmEngine) -> LsmEngine {
            let path = engine.path.clone();
            drop(engine);
            LsmEngine::open(&path, SMALL).unwrap()
        }
    }

    #[test]
    fn the_tree_does_what_every_engine_does() {
        conformance::all(&mut Directories { parent: tempfile::tempdir().unwrap(), made: 0 });
    }

    #[test]
    fn many_tables_hold_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let mut engine = LsmEngine::open(dir.path(), SMALL).unwrap();
        let key = |i: u32| Bytes::from(format!("{:08}", i.wrapping_mul(2_654_435_761)));
        for round in 0..4_u8 {
            for chunk in 0..100 {
                let mut batch = Batch::new();
                (0..100).for_each(|i| batch.put(key(chunk * 100 + i), vec![round; 200].into()));
                engine.write(batch).unwrap();
            }
        }
        engine.flush().run().unwrap();
        drop(engine);
        let engine = LsmEngine::open(dir.path(), SMALL).unwrap();
        for i in 0..10_000 {
            assert_eq!(engine.get(&key(i)).unwrap().as_deref(), Some(&[3; 200][..]));
        }
        assert_eq!(engine.scan(ScanRange::all()).count(), 10_000);
        assert!(engine.approximate_bytes() > 1 << 20);
    }

    #[test]
    fn keys_that_do_not_fit_are_refused_not_fatal() {
        let dir = tempfile::tempdir().unwrap();
        let mut engine = LsmEngine::open(dir.path(), SMALL).unwrap();
        for len in [0, KEY_BYTES_MAX + 1] {
            let mut batch = Batch::new();
            batch.put(Bytes::from(vec![1; len]), Bytes::new());
            assert!(matches!(engine.write(batch), Err(EngineError::Io(_))));
            let mut batch = Batch::new();
            batch.delete(Bytes::from(vec![1; len]));
            assert_eq!(engine.write(batch), Ok(()), "there is no such key");
        }
    }
}
