//! Reading a range: count, filter, sort, cut.
//!
//! ```text
//!   keys in the range ─▶ count ─▶ revision filters ─▶ sort ─▶ limit ─▶ values left out
//! ```
//!
//! The count is of all keys in the range. Without filters and order only as many keys as the limit
//! allows, and one more, are ever decoded; and no others looked at if the count is not asked for.

use alloc::vec::Vec;
use core::{cmp::Ordering, ops::ControlFlow};

use kernel::bug::{Bug, planted};

use super::{
    Error,
    error::Stop,
    keys::Keys,
    look::Look,
    meta::Meta,
    past,
    wire::{KeyValue, RangeRequest, RangeResponse, ResponseHeader, SortOrder, SortTarget},
};

/// Reads a range. `room` is how many bytes the answer may still take.
pub(super) fn range(
    look: &mut dyn Look,
    meta: &Meta,
    request: &RangeRequest,
    room: &mut usize,
) -> Result<RangeResponse, Stop> {
    in_reach(meta, request.revision)?;
    let limit = usize::try_from(request.limit).ok().filter(|limit| *limit > 0);
    let fetch = match limit {
        Some(limit) if request.sort_order == 0 && !filters(request) => limit.saturating_add(1),
        _ => usize::MAX,
    };
    let (mut kvs, mut count) = (Vec::new(), 0);
    let mut visit = |key, bytes| {
        count += 1;
        if request.count_only || kvs.len() >= fetch {
            let enough = request.uncounted && !request.count_only;
            return Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
        }
        let mut kv = past::record(key, bytes)?;
        if passes(request, &kv) {
            if request.keys_only && request.sort_target != SortTarget::Value as i32 {
                kv.value.clear();
            }
            take(room, &kv)?;
            kvs.push(kv);
        }
        Ok(ControlFlow::Continue(()))
    };
    let keys = Keys::new(&request.key, &request.range_end);
    match request.revision {
        at if at <= 0 || at == meta.revision => past::now(look, &keys, &mut visit)?,
        at => past::at(look, &keys, at, &mut visit)?,
    }
    sort(request, &mut kvs);
    let more = limit.is_some_and(|limit| kvs.len() > limit);
    kvs.truncate(limit.unwrap_or(usize::MAX));
    let count = if request.uncounted && !request.count_only { 0 } else { count };
    if request.keys_only {
        kvs.iter_mut().for_each(|kv| kv.value.clear());
    }
    Ok(RangeResponse { header: ResponseHeader::at(meta.revision), kvs, more, count })
}

/// Whether a revision can be read. 0 and less stand for now.
pub(super) fn in_reach(meta: &Meta, revision: i64) -> Result<(), Error> {
    if revision > meta.revision {
        return Err(Error::FutureRev);
    }
    if revision > 0 && revision < meta.compacted && !planted(Bug::CompactedReadable) {
        return Err(Error::Compacted);
    }
    Ok(())
}

/// Takes a key and a value out of the room that an answer has.
pub(super) fn take(room: &mut usize, kv: &KeyValue) -> Result<(), Error> {
    // What the numbers take, at most.
    const NUMBERS: usize = 48;
    let bytes = kv.key.len() + kv.value.len() + NUMBERS;
    *room = room.checked_sub(bytes).ok_or(Error::AnswerTooLarge)?;
    Ok(())
}

fn filters(request: &RangeRequest) -> bool {
    request.min_mod_revision != 0
        || request.max_mod_revision != 0
        || request.min_create_revision != 0
        || request.max_create_revision != 0
}

fn passes(request: &RangeRequest, kv: &KeyValue) -> bool {
    let within =
        |revision, min, max| (min == 0 || revision >= min) && (max == 0 || revision <= max);
    within(kv.mod_revision, request.min_mod_revision, request.max_mod_revision)
        && within(kv.create_revision, request.min_create_revision, request.max_create_revision)
}

/// Keys arrive sorted. Where the target is another one, no order means ascending; equals stay in
/// the order of their keys.
fn sort(request: &RangeRequest, kvs: &mut [KeyValue]) {
    let by: fn(&KeyValue, &KeyValue) -> Ordering = match SortTarget::try_from(request.sort_target) {
        Ok(SortTarget::Version) => |a, b| a.version.cmp(&b.version),
        Ok(SortTarget::Create) => |a, b| a.create_revision.cmp(&b.create_revision),
        Ok(SortTarget::Mod) => |a, b| a.mod_revision.cmp(&b.mod_revision),
        Ok(SortTarget::Value) => |a, b| a.value.cmp(&b.value),
        _ if request.sort_order == SortOrder::Descend as i32 => return kvs.reverse(),
        _ => return,
    };
    match SortOrder::try_from(request.sort_order) {
        Ok(SortOrder::Descend) => kvs.sort_by(|a, b| by(b, a)),
        _ => kvs.sort_by(by),
    }
}
