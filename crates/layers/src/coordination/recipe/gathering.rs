//! Double barriers: so many come together, go on together, and part together.
//!
//! ```text
//!   enter, enter      2 of 3 are there    "3 entering"   all wait
//!   enter             3 of 3              "3 open"       all go on, in the same commit
//!   leave, leave      1 is there          "3 open"       all wait; nobody else comes in
//!   leave             none is there       gone           all go on; it can begin anew
//! ```
//!
//! A member ends with its lease: one that dies before the barrier opens is not counted, one that
//! dies behind it counts as having left.

use alloc::format;
use core::ops::ControlFlow;

use bytes::Bytes;
use kernel::bug::{Bug, planted};

use super::{
    super::{
        Error,
        draft::Draft,
        error::Stop,
        limits::PLACES_MAX,
        look::Look,
        past, queue,
        wire::{EnterRequest, Gathering, GatheringRequest, LeaveRequest},
    },
    kv, lease, number, path,
    root::GATHERINGS,
};

/// How many it takes, and whether they have been there.
fn state(look: &mut dyn Look, path: &Bytes) -> Result<Option<(u64, bool)>, Stop> {
    let Some(kv) = kv(look, path)? else { return Ok(None) };
    let mut words = kv.value.split(|byte| *byte == b' ');
    let count = words.next().and_then(number).unwrap_or(0);
    Ok(Some((count, words.next() == Some(b"open"))))
}

fn members(look: &mut dyn Look, path: &Bytes) -> Result<u64, Stop> {
    let mut count = 0;
    past::now(look, &queue::keys(path), &mut |_, _| {
        count += 1;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(count)
}

/// The barrier as it stands; one that all have left, in whatever way, is as good as new.
fn gathering(look: &mut dyn Look, path: &Bytes, lease: i64) -> Result<Gathering, Stop> {
    let members = members(look, path)?;
    let (count, open) = state(look, path)?.filter(|_| members > 0).unwrap_or_default();
    let member = lease != 0 && kv(look, &queue::place(path, lease))?.is_some();
    Ok(Gathering { members, count, open, member })
}

/// Joins.
pub(super) fn enter(draft: &mut Draft<'_>, request: &EnterRequest) -> Result<Gathering, Stop> {
    let path = path(GATHERINGS, &request.name);
    let before = gathering(draft, &path, request.lease)?;
    if before.members > 0 && before.count != request.count {
        return Err(Error::CountDiffers.into());
    }
    if before.open && !before.member {
        return Err(Error::BarrierOpen.into());
    }
    lease(draft, request.lease)?;
    if !before.member {
        if before.members >= PLACES_MAX as u64 {
            return Err(Error::TooManyWait.into());
        }
        draft.put(queue::place(&path, request.lease), Bytes::new(), request.lease)?;
    }
    let members = before.members + u64::from(!before.member);
    let early = u64::from(planted(Bug::OpenedEarly));
    let open = before.open || members.saturating_add(early) >= request.count;
    let phase = if open { "open" } else { "entering" };
    super::settle(draft, &path, &format!("{} {phase}", request.count).into(), 0)?;
    Ok(Gathering { members, count: request.count, open, member: true })
}

/// Leaves.
pub(super) fn leave(draft: &mut Draft<'_>, request: &LeaveRequest) -> Result<Gathering, Stop> {
    let path = path(GATHERINGS, &request.name);
    queue::remove(draft, &queue::place(&path, request.lease))?;
    let after = gathering(draft, &path, request.lease)?;
    if after.members == 0 {
        queue::remove(draft, &path)?;
    }
    Ok(after)
}

/// Who is there.
pub(super) fn read(look: &mut dyn Look, request: &GatheringRequest) -> Result<Gathering, Stop> {
    gathering(look, &path(GATHERINGS, &request.name), request.lease)
}
