//! Forgetting: at once for readers, step by step on disk.
//!
//! ```text
//!   revisions   … 41 │ 42 43 44 │ 45 46 …        a change below the compacted revision goes,
//!               swept ▲          ▲ compacted     and with it the value that it ended
//! ```
//!
//! Of the compacted revision itself, 45, the changes stay, since watches may begin with them; what
//! they ended was read before it only and goes: who deletes keys and compacts gets their space back.
//!
//! Compacting moves one number: from then on no read finds what lies below. Its space is given back
//! by sweeps, each of bounded length, that follow the record of changes: it names every value that
//! ended, so nothing else is looked at, and nothing ever has to stop the world.

use alloc::format;

use bytes::Bytes;
use kernel::bug::{Bug, planted};
use store::engine::EngineError;

use super::{
    Error,
    draft::Draft,
    error::Stop,
    keys,
    limits::SWEEP_MAX,
    log::Change,
    look::Pages,
    meta::{WHOLE, decode, encode},
    wire::{CompactionRequest, CompactionResponse, ResponseHeader, SweepResponse},
};

/// Forgets what only reads before a revision need, and makes the first step.
pub(super) fn compact(
    draft: &mut Draft<'_>,
    request: &CompactionRequest,
) -> Result<CompactionResponse, Stop> {
    let meta = draft.before();
    if request.revision <= meta.compacted {
        return Err(Error::Compacted.into());
    }
    if request.revision > meta.revision {
        return Err(Error::FutureRev.into());
    }
    draft.touch().compacted = request.revision;
    let swept = step(draft)?;
    Ok(CompactionResponse { header: ResponseHeader::at(draft.revision()), swept })
}

/// Makes a step.
pub(super) fn sweep(draft: &mut Draft<'_>) -> Result<SweepResponse, Stop> {
    let swept = step(draft)?;
    Ok(SweepResponse { header: ResponseHeader::at(draft.revision()), swept })
}

/// Removes some changes below the compacted revision and what they ended; tells whether none is
/// left. Begins where the last step left off, so as not to walk over what is gone.
fn step(draft: &mut Draft<'_>) -> Result<bool, Stop> {
    let meta = draft.before();
    if meta.is_swept() {
        return Ok(true);
    }
    // Of a revision that was gone through as the compacted one the changes are still there.
    let from = if meta.swept_sub == WHOLE { 0 } else { meta.swept_sub };
    let mut pages = Pages::new(keys::revisions_from(meta.swept, from));
    let end = (meta.compacted, WHOLE);
    let mut next = end;
    for left in (0..=SWEEP_MAX).rev() {
        let Some((raw, record)) = pages.next(draft.base())? else { break };
        let place = parse(&raw)?;
        if left == 0 || place >= end {
            next = place.min(end);
            break;
        }
        let change: Change = decode(record)?;
        draft.set(keys::history(&change.key, place.0), None);
        if place.0 < meta.compacted || planted(Bug::CompactedTooFar) {
            draft.set(raw, None);
        } else if !change.before.is_empty() {
            draft.set(raw, Some(encode(&change.over(Bytes::new()))));
        }
    }
    let meta = draft.touch();
    (meta.swept, meta.swept_sub) = next;
    Ok(meta.is_swept())
}

fn parse(raw: &[u8]) -> Result<(i64, u32), EngineError> {
    keys::parse_revision(raw)
        .ok_or_else(|| EngineError::Corrupt(format!("no place in a revision: {raw:02x?}")))
}
