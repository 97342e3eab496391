//! The engine: an ordered map of bytes to bytes under all replicas of a node.
//!
//! ```text
//!   write(batch) ──► visible at once ──► flush() gives a job ──► job.run() ──► durable
//!                         │                  takes all batches before it
//!                         └─► snapshot(): stays as it is, whatever is written later
//! ```
//!
//! The engine is never what an acknowledgement waits for: the journal is. After a crash an engine
//! holds what the last finished flush took, and after that any *prefix* of the later batches;
//! whoever uses it replays the journal from the position that it wrote with its last batch.
//!
//! Two engines implement [`Engine`]: the node's LSM and [`MemEngine`], the deterministic twin for
//! tests and the simulator. Both pass the same suite, `conformance`.

use alloc::{boxed::Box, string::String};
use core::{fmt, ops::Bound};

use bytes::Bytes;

mod batch;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod layer;
mod memory;
mod tree;

pub use batch::{Batch, Op};
pub use layer::{Changes, laid_over, layered, layered_by};
pub use memory::{MemEngine, MemFlush, MemSnapshot};

/// The longest key of an engine, in bytes; the shortest has one.
pub const KEY_LEN_MAX: usize = u16::MAX as usize;

/// What went wrong in an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineError {
    /// No space left. Nothing of the call was done.
    Full,
    /// Stored bytes do not mean anything: damage, or a newer format.
    Corrupt(String),
    /// Anything else; what the call did is unknown until the engine is opened again.
    Io(String),
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineError::Full => f.write_str("no space left for the engine"),
            EngineError::Corrupt(text) => {
                write!(f, "the engine holds bytes that make no sense: {text}")
            }
            EngineError::Io(text) => write!(f, "engine error: {text}"),
        }
    }
}

impl core::error::Error for EngineError {}

/// Which keys to visit, and in which direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanRange {
    /// Where the smallest key lies.
    pub start: Bound<Bytes>,
    /// Where the greatest key lies.
    pub end: Bound<Bytes>,
    /// Greatest key first.
    pub reverse: bool,
}

impl ScanRange {
    /// Every key, smallest first.
    #[must_use]
    pub fn all() -> ScanRange {
        ScanRange { start: Bound::Unbounded, end: Bound::Unbounded, reverse: false }
    }

    /// Keys from `start` up to but not including `end`, smallest first.
    #[must_use]
    pub fn between(start: Bytes, end: Bytes) -> ScanRange {
        ScanRange { start: Bound::Included(start), end: Bound::Excluded(end), reverse: false }
    }

    /// Keys that begin with `prefix`, smallest first.
    #[must_use]
    pub fn prefix(prefix: Bytes) -> ScanRange {
        let end = successor(&prefix).map_or(Bound::Unbounded, Bound::Excluded);
        ScanRange { start: Bound::Included(prefix), end, reverse: false }
    }

    /// The same keys, greatest first.
    #[must_use]
    pub fn reversed(self) -> ScanRange {
        ScanRange { reverse: !self.reverse, ..self }
    }

    /// Whether the range holds this key.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.starts_by(key) && self.ends_after(key)
    }

    /// Whether no key can lie in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match (&self.start, &self.end) {
            (Bound::Unbounded, Bound::Excluded(end)) => end.is_empty(),
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
            (Bound::Included(start), Bound::Included(end)) => start > end,
            (Bound::Included(start) | Bound::Excluded(start), Bound::Excluded(end))
            | (Bound::Excluded(start), Bound::Included(end)) => start >= end,
        }
    }

    /// Whether the start does not lie behind this key.
    pub(crate) fn starts_by(&self, key: &[u8]) -> bool {
        match &self.start {
            Bound::Included(start) => key >= &start[..],
            Bound::Excluded(start) => key > &start[..],
            Bound::Unbounded => true,
        }
    }

    /// Whether the end does not lie before this key.
    pub(crate) fn ends_after(&self, key: &[u8]) -> bool {
        match &self.end {
            Bound::Included(end) => key <= &end[..],
            Bound::Excluded(end) => key < &end[..],
            Bound::Unbounded => true,
        }
    }
}

/// The smallest key that is greater than every key with this prefix; `None` if there is none.
#[must_use]
pub fn successor(prefix: &[u8]) -> Option<Bytes> {
    let kept = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut next = prefix[..=kept].to_vec();
    next[kept] += 1;
    Some(Bytes::from(next))
}

/// What a scan gives: keys and values in the range's order, each or an error.
pub type Scan<'a> = Box<dyn Iterator<Item = Result<(Bytes, Bytes), EngineError>> + 'a>;

/// Reads from an engine or from a snapshot of it.
pub trait Read {
    /// The value of a key.
    ///
    /// # Errors
    /// If the engine cannot read.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError>;

    /// Visits the keys of a range, lazily. An empty or inverted range gives nothing.
    fn scan(&self, range: ScanRange) -> Scan<'_>;
}

/// An ordered map that is written in atomic batches.
pub trait Engine: Read {
    /// What [`Engine::snapshot`] gives.
    type Snapshot: Read + 'static;
    /// What [`Engine::flush`] gives.
    type Flush: FlushJob;

    /// Applies a batch: all of it or nothing, visible on return, durable only after a flush job
    /// that was taken later has run. Keys that are put have 1 to [`KEY_LEN_MAX`] bytes.
    ///
    /// # Errors
    /// [`EngineError::Full`] changes nothing and may be tried again.
    fn write(&mut self, batch: Batch) -> Result<(), EngineError>;

    /// The map as it is now, for as long as the snapshot lives. Cheap.
    fn snapshot(&mut self) -> Self::Snapshot;

    /// A job that makes everything written before this call durable. Cheap; the work is in
    /// [`FlushJob::run`]. Jobs may run out of order or never.
    fn flush(&mut self) -> Self::Flush;

    /// A job has run: what it made durable need not be held twice.
    fn flushed(&mut self) {}

    /// Bytes held, roughly: for limits and metrics.
    fn approximate_bytes(&self) -> u64;
}

/// Work that may block: the host runs it off the worker thread.
pub trait FlushJob {
    /// Makes durable what was written before the job was taken.
    ///
    /// # Errors
    /// If it cannot be made durable; a later job may still succeed.
    fn run(self) -> Result<(), EngineError>;
}
