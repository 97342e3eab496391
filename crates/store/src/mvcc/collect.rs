//! Forgetting superseded values, a bounded step at a time.

use alloc::format;

use kernel::clock::hybrid::Timestamp;

use super::space::{Space, Table, parse_history_queue};
use crate::engine::{Batch, EngineError, Read, ScanRange};

/// What a step of the collector did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collected {
    /// Values that the batch now forgets.
    pub removed: usize,
    /// Whether none is left before the horizon.
    pub done: bool,
}

/// Adds to `batch` the removal of up to `limit` values that were superseded before `horizon`,
/// oldest first. Afterwards only reads at a timestamp of at least `horizon` are right: the
/// caller raises its limit for reads first.
///
/// # Errors
/// If the engine cannot read.
pub fn collect(
    engine: &impl Read,
    space: Space,
    batch: &mut Batch,
    horizon: Timestamp,
    limit: usize,
) -> Result<Collected, EngineError> {
    let mut removed = 0;
    for pair in engine.scan(space.table_range(Table::HistoryQueue, &ScanRange::all())) {
        let (queued, _) = pair?;
        let (superseded, key) = parse_history_queue(&Space::rest(&queued))
            .ok_or_else(|| EngineError::Corrupt(format!("no superseded key: {queued:02x?}")))?;
        if superseded.timestamp >= horizon {
            return Ok(Collected { removed, done: true });
        }
        if removed == limit {
            return Ok(Collected { removed, done: false });
        }
        batch.delete(space.history(&key, superseded));
        batch.delete(queued);
        removed += 1;
    }
    Ok(Collected { removed, done: true })
}
