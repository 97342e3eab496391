//! Forgetting: at once for readers, step by step on disk.
//!
//! ```text
//!   revisions   … 41 │ 42 43 44 │ 45 46 …        a change below the compacted revision goes,
//!               swept ▲          ▲ compacted     and with it the value that it ended
//! ```
//!
//! Compacting moves one number: from then on no read finds what lies below. Its space is given back
//! by sweeps, each of bounded length, that follow the record of changes: it names every value that
//! ended, so nothing else is looked at, and nothing ever has to stop the world.

use alloc::format;

use store::engine::EngineError;

use super::{
    Error,
    draft::Draft,
    error::Stop,
    keys,
    limits::SWEEP_MAX,
    log::Change,
    look::Pages,
    meta::decode,
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
    let mut pages = Pages::new(keys::revisions_from(meta.swept, 0));
    for _ in 0..SWEEP_MAX {
        let Some((raw, record)) = pages.next(draft.base())? else { break };
        let revision = parse(&raw)?;
        if revision >= meta.compacted {
            break;
        }
        let change: Change = decode(record)?;
        draft.set(keys::history(&change.key, revision), None);
        draft.set(raw, None);
    }
    let next = match pages.peek(draft.base())? {
        Some((raw, _)) => parse(raw)?.min(meta.compacted),
        None => meta.compacted,
    };
    draft.touch().swept = next;
    Ok(next >= meta.compacted)
}

fn parse(raw: &[u8]) -> Result<i64, EngineError> {
    let place = keys::parse_revision(raw);
    place
        .map(|(revision, _)| revision)
        .ok_or_else(|| EngineError::Corrupt(format!("no place in a revision: {raw:02x?}")))
}
