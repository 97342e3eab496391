//! The node's engine: fjall, a log-structured merge tree, behind [`store::engine::Engine`].
//!
//! The journal is what an acknowledgement waits for, so the tree needs neither a log nor a
//! memtable of its own. Changes gather in memory (`front`); a flush job writes them as sorted
//! tables and makes those durable, away from the worker.
//!
//! ```text
//!   worker   write write write write write write write write
//!                              ╲ freeze
//!   job                         ├── sorted tables ── fdatasync ──┤ durable, let go
//! ```

mod front;
mod memtable;
mod pace;
mod ranges;
mod recent;
mod spent;

use std::{
    cell::RefCell,
    collections::VecDeque,
    io::ErrorKind,
    ops::Bound,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use fjall::{
    Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, compaction::Leveled,
};
use store::engine::{Batch, Engine, EngineError, FlushJob, Op, Read, Scan, ScanRange};
use tracing::warn;

use front::{Front, Frozen};
use pace::Pacer;
use ranges::Ranges;
use recent::Recent;
use spent::Spent;

/// Longest key that the tree takes, in bytes.
pub const KEY_BYTES_MAX: usize = u16::MAX as usize;

/// What the tree may hold in memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct LsmOptions {
    /// Blocks that were read.
    pub cache: u64,
    /// Values that were looked up lately.
    pub recent: usize,
}

impl Default for LsmOptions {
    fn default() -> LsmOptions {
        LsmOptions { cache: 64 << 20, recent: 32 << 20 }
    }
}

/// A log-structured merge tree in a directory.
pub struct LsmEngine {
    front: Front,
    /// Reads teach it.
    recent: RefCell<Recent>,
    /// Scans teach it.
    ranges: Ranges,
    tree: Arc<Tree>,
    path: PathBuf,
}

/// What jobs and snapshots share with the engine.
struct Tree {
    keys: Keyspace,
    database: Database,
    /// One job at a time: an older one must not write over a newer one.
    ingesting: Mutex<()>,
    /// None if the machine has no room for it: stalls are longer then.
    _pacer: Option<Pacer>,
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
        let database = Database::builder(path)
            .cache_size(options.cache)
            .manual_journal_persist(true)
            // One thread: compactions must not crowd out the node's own work.
            .worker_threads(1)
            .open()
            .map_err(unopened)?;
        let keys = database.keyspace("map", shape).map_err(unopened)?;
        let pacer = Pacer::start(&keys.path().join("tables"))
            .inspect_err(|error| warn!(%error, "tables are not written while they grow"));
        let tree = Arc::new(Tree { keys, database, ingesting: Mutex::new(()), _pacer: pacer.ok() });
        let spent = Spent::start().map_err(|error| io_failure(&error))?;
        let recent = RefCell::new(Recent::new(options.recent / 2, spent.clone()));
        let (front, ranges) = (Front::new(spent.clone()), Ranges::new(spent));
        Ok(LsmEngine { front, recent, ranges, tree, path: path.to_owned() })
    }

    /// Lets go of what the tree holds.
    fn release(&mut self) {
        if self.front.release() {
            self.ranges.forget();
        }
    }

    /// Nothing written so far changes any more.
    fn freeze(&mut self) {
        self.release();
        self.front.freeze();
    }

    fn remove_range(&mut self, start: Bytes, end: Bytes) -> Result<(), EngineError> {
        let range = ScanRange::between(start, end);
        let keys: Result<Vec<Bytes>, _> =
            self.scan(range).map(|pair| pair.map(|(key, _)| key)).collect();
        keys?.iter().for_each(|key| self.change(key, None));
        Ok(())
    }

    fn change(&mut self, key: &[u8], value: Option<&Bytes>) {
        self.recent.get_mut().change(key, value);
        self.front.change(key, value.map(|value| &value[..]));
    }
}

/// How tables are merged in a tree that is made now; one that is there keeps what it was made with.
///
/// A flush spans all keys, so what is merged out of level 0 rewrites level 1, of 256 MiB by default
/// for every four tables. Here it is 96 MiB for every six, and tables are small: one
/// with keys that are all behind those of the level below moves there without being rewritten. So
/// do the changes of a history, which are most of what there is. Eight tables in level 0 would save
/// a little more, and make a cold short scan half as long again or more (ADR 4).
fn shape() -> KeyspaceCreateOptions {
    let levels = Leveled::default().with_l0_threshold(6).with_table_target_size(16 << 20);
    KeyspaceCreateOptions::default().compaction_strategy(Arc::new(levels))
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
        // Nobody's damage, as far as anybody knows: what another version wrote is left alone.
        Error::InvalidVersion(found) => EngineError::Io(format!("an engine of version {found:?}")),
        Error::Poisoned => EngineError::Io("an earlier write failed; restart the node".to_owned()),
        other => EngineError::Corrupt(format!("{other:?}")),
    }
}

/// Files that end too early, or are not there, are damage as well.
fn unopened(error: fjall::Error) -> EngineError {
    use fjall::{Error, LsmError};
    let damage = [ErrorKind::NotFound, ErrorKind::UnexpectedEof, ErrorKind::InvalidData];
    match &error {
        Error::Io(io) | Error::Storage(LsmError::Io(io)) if damage.contains(&io.kind()) => {
            EngineError::Corrupt(io.to_string())
        }
        _ => failure(error),
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
        let mut recent = self.recent.borrow_mut();
        if let Some(value) = recent.get(key) {
            return Ok(Some(value));
        }
        let value = match self.front.get(key) {
            Some(change) => change,
            None => self.tree.keys.get(key).map_err(failure)?.map(Bytes::from),
        };
        if let Some(value) = &value {
            recent.remember(Bytes::copy_from_slice(key), value.clone());
        }
        Ok(value)
    }

    fn scan(&self, range: ScanRange) -> Scan<'_> {
        let Tree { keys, database, .. } = &*self.tree;
        let tree = || database.snapshot().range::<Bytes, _>(keys, bounds(&range));
        let below = self.ranges.scan(&range, || scan(&range, tree));
        self.front.over(below, &range)
    }
}

impl Engine for LsmEngine {
    type Snapshot = LsmSnapshot;
    type Flush = LsmFlush;

    fn write(&mut self, batch: Batch) -> Result<(), EngineError> {
        for op in batch.ops() {
            if let Op::Put(key, _) | Op::Insert(key, _) = op {
                checked(key)?;
            }
        }
        for op in batch.into_ops() {
            match op {
                Op::Put(key, value) => self.change(&key, Some(&value)),
                // Nothing is known of it in `recent`, where only what is there stands.
                Op::Insert(key, value) => self.front.insert(&key, &value),
                // There is no such key.
                Op::Delete(key) if checked(&key).is_err() => {}
                Op::Delete(key) => self.change(&key, None),
                Op::DeleteRange(start, end) => self.remove_range(start, end)?,
            }
        }
        Ok(())
    }

    fn snapshot(&mut self) -> LsmSnapshot {
        self.freeze();
        // After the freeze: what it let go of is in the tree.
        let at = self.tree.database.snapshot();
        let frozen = self.front.frozen().cloned().collect();
        LsmSnapshot { frozen, at, tree: Arc::downgrade(&self.tree) }
    }

    fn flush(&mut self) -> LsmFlush {
        self.freeze();
        LsmFlush {
            frozen: self.front.frozen().cloned().collect(),
            ingested: Arc::clone(self.front.ingested()),
            tree: Arc::downgrade(&self.tree),
        }
    }

    fn flushed(&mut self) {
        self.release();
    }

    fn approximate_bytes(&self) -> u64 {
        self.tree.keys.disk_space() + self.front.bytes()
    }
}

/// The tree as it was, for as long as the engine lives: a snapshot does not keep it open.
pub struct LsmSnapshot {
    frozen: VecDeque<Frozen>,
    at: fjall::Snapshot,
    tree: Weak<Tree>,
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
        let tree = self.tree.upgrade().ok_or_else(closed)?;
        match front::get(&self.frozen, key) {
            Some(change) => Ok(change),
            None => Ok(self.at.get(&tree.keys, key).map_err(failure)?.map(Bytes::from)),
        }
    }

    fn scan(&self, range: ScanRange) -> Scan<'_> {
        let Some(tree) = self.tree.upgrade() else {
            return Box::new(std::iter::once(Err(closed())));
        };
        let below = scan(&range, || self.at.range::<Bytes, _>(&tree.keys, bounds(&range)));
        front::over(&self.frozen, below, &range)
    }
}

/// Brings frozen changes into the tree. A job that nobody runs does not keep the tree open.
pub struct LsmFlush {
    frozen: Vec<Frozen>,
    ingested: Arc<AtomicU64>,
    tree: Weak<Tree>,
}

impl std::fmt::Debug for LsmFlush {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LsmFlush").finish_non_exhaustive()
    }
}

impl FlushJob for LsmFlush {
    fn run(self) -> Result<(), EngineError> {
        let tree = self.tree.upgrade().ok_or_else(closed)?;
        let _alone = tree.ingesting.lock().unwrap_or_else(PoisonError::into_inner);
        // A job that was taken later may have run first, and with it all of this one's work.
        let done = self.ingested.load(Ordering::Acquire);
        let left: Vec<&Frozen> = self.frozen.iter().filter(|one| one.number > done).collect();
        let Some(newest) = left.last() else { return Ok(()) };
        // Writes nothing. It fails if the thread that merges tables has ended.
        tree.database.persist(PersistMode::Buffer).map_err(failure)?;
        match &left[..] {
            [one] => ingest(&tree.keys, one.changes.scan(ScanRange::all()))?,
            many => {
                let mut newest = std::collections::BTreeMap::new();
                many.iter().for_each(|one| newest.extend(one.changes.scan(ScanRange::all())));
                ingest(&tree.keys, newest.into_iter())?;
            }
        }
        self.ingested.fetch_max(newest.number, Ordering::Release);
        Ok(())
    }
}

/// Writes sorted changes as tables that the tree takes over durably, all or none.
fn ingest<'a>(
    keys: &Keyspace,
    changes: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
) -> Result<(), EngineError> {
    let mut tables = keys.start_ingestion().map_err(failure)?;
    for (key, value) in changes {
        match value {
            Some(value) => tables.write(key, value),
            None => tables.write_tombstone(key),
        }
        .map_err(failure)?;
    }
    tables.finish().map_err(failure)
}

#[cfg(test)]
mod tests;
