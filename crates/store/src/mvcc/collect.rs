//! Forgetting superseded values, a bounded step at a time.

use alloc::format;
use core::ops::Bound;

use bytes::Bytes;
use kernel::clock::hybrid::Timestamp;

use super::space::{Space, Table, parse_history_queue};
use crate::engine::{Batch, EngineError, Read, ScanRange};

/// What a step of the collector did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    /// Values that the batch now forgets.
    pub removed: usize,
    /// Whether none is left before the horizon.
    pub done: bool,
    /// The last place that the collector went through. Nothing is ever queued before it, so the
    /// next step begins behind it and need not walk over what is gone.
    pub place: Option<Bytes>,
}

/// Adds to `batch` the removal of up to `limit` values that were superseded before `horizon`,
/// oldest first, beginning behind the `place` of the step before. Afterwards only reads at a
/// timestamp of at least `horizon` are right: the caller raises its limit for reads first.
///
/// # Errors
/// If the engine cannot read.
pub fn collect(
    engine: &impl Read,
    space: Space,
    batch: &mut Batch,
    horizon: Timestamp,
    place: Option<Bytes>,
    limit: usize,
) -> Result<Collected, EngineError> {
    let start = place.clone().map_or(Bound::Unbounded, Bound::Excluded);
    let queue = ScanRange { start, ..ScanRange::all() };
    let mut collected = Collected { removed: 0, done: true, place };
    for pair in engine.scan(space.table_range(Table::HistoryQueue, &queue)) {
        let (queued, _) = pair?;
        let rest = Space::rest(&queued);
        let (superseded, key) = parse_history_queue(&rest)
            .ok_or_else(|| EngineError::Corrupt(format!("no superseded key: {queued:02x?}")))?;
        if superseded.timestamp >= horizon {
            break;
        }
        if collected.removed == limit {
            collected.done = false;
            break;
        }
        batch.delete(space.history(&key, superseded));
        batch.delete(queued);
        collected.removed += 1;
        collected.place = Some(rest);
    }
    Ok(collected)
}
