//! Semaphores: a queue of places, of which the first hold as long as their permits suffice.
//!
//! ```text
//!   quorate/semaphores/s       3 permits
//!   quorate/semaphores/s/14    asks for 2, created at 20   ◀─ holds 2; fencing token 20
//!   quorate/semaphores/s/7     asks for 1, created at 23   ◀─ holds 1; fencing token 23
//!   quorate/semaphores/s/2a    asks for 1, created at 31   ◀─ waits
//! ```
//!
//! Who came first is served first, whatever it asks for, so nobody starves. A place holds if all
//! before it and itself together ask for no more than there is; places before it can only go, so
//! what is held stays held until it is given back or its lease ends. Permits are never taken away
//! from under a holder: a smaller number is refused while more are held.

use alloc::{format, vec::Vec};
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
        range::take,
        wire::{
            AcquireRequest, Guard, KeyValue, PermitsRequest, ReleaseRequest, Seat, Semaphore,
            SemaphoreRequest,
        },
    },
    kv, lease, number, path,
    root::SEMAPHORES,
};

/// Whether a guard names a semaphore rather than a lock.
pub(in super::super) fn is_semaphore(name: &[u8]) -> bool {
    name.strip_prefix(SEMAPHORES).is_some_and(|name| !name.contains(&b'/'))
}

/// How many permits there are.
fn limit(look: &mut dyn Look, path: &Bytes) -> Result<Option<u64>, Stop> {
    Ok(kv(look, path)?.map(|kv| number(&kv.value).unwrap_or(0)))
}

/// What a place asks for.
fn permits_of(kv: &KeyValue) -> u64 {
    number(&kv.value).unwrap_or(1).max(1)
}

/// All places, in the order in which they were taken.
fn places(look: &mut dyn Look, path: &Bytes) -> Result<Vec<KeyValue>, Stop> {
    let mut all = Vec::new();
    past::now(look, &queue::keys(path), &mut |key, bytes| {
        all.push(past::record(key, bytes)?);
        Ok(ControlFlow::Continue(()))
    })?;
    all.sort_by_key(|kv| kv.create_revision);
    Ok(all)
}

/// The places as seats: the first hold.
fn seats(places: Vec<KeyValue>, limit: u64) -> Vec<Seat> {
    let mut sum: u64 = 0;
    let seat = |kv: KeyValue| {
        let permits = permits_of(&kv);
        let before = sum;
        sum = sum.saturating_add(permits);
        let held = if planted(Bug::PermitsOverrun) { before <= limit } else { sum <= limit };
        Seat { key: kv.key, token: kv.create_revision, held, permits, lease: kv.lease }
    };
    places.into_iter().map(seat).collect()
}

/// Says how many permits there are.
pub(super) fn permits(draft: &mut Draft<'_>, request: &PermitsRequest) -> Result<bool, Stop> {
    let path = path(SEMAPHORES, &request.name);
    let Some(before) = limit(draft, &path)? else {
        return match request.limit {
            0 => Ok(false),
            limit => super::settle(draft, &path, &format!("{limit}").into(), 0),
        };
    };
    let seats = seats(places(draft, &path)?, before);
    let held = seats.iter().filter(|seat| seat.held).map(|seat| seat.permits).sum::<u64>();
    let most = seats.iter().map(|seat| seat.permits).max().unwrap_or(0);
    if request.limit < held.max(most) {
        return Err(Error::PermitsInUse.into());
    }
    if request.limit == 0 {
        queue::remove(draft, &path)?;
        return Ok(true);
    }
    super::settle(draft, &path, &format!("{}", request.limit).into(), 0)
}

/// Queues for permits.
pub(super) fn acquire(draft: &mut Draft<'_>, request: &AcquireRequest) -> Result<Seat, Stop> {
    let path = path(SEMAPHORES, &request.name);
    let permits = request.permits.max(1);
    let limit = match (limit(draft, &path)?, request.limit) {
        (None, 0) => return Err(Error::NoSemaphore.into()),
        (Some(limit), asked) if asked != 0 && asked != limit => {
            return Err(Error::PermitsDiffer.into());
        }
        (Some(limit), _) => limit,
        (None, limit) => {
            draft.put(path.clone(), format!("{limit}").into(), 0)?;
            limit
        }
    };
    if permits > limit {
        return Err(Error::TooManyPermits.into());
    }
    lease(draft, request.lease)?;
    let key = queue::place(&path, request.lease);
    match draft.kv(&key)? {
        Some(kv) if permits_of(&kv) != permits => return Err(Error::PermitsDiffer.into()),
        Some(_) => {}
        None => {
            if places(draft, &path)?.len() >= PLACES_MAX {
                return Err(Error::TooManyWait.into());
            }
            draft.put(key.clone(), format!("{permits}").into(), request.lease)?;
        }
    }
    let mut seats = seats(places(draft, &path)?, limit).into_iter();
    let seat = seats.find(|seat| seat.key == key);
    Ok(seat.ok_or(Error::KeyNotFound)?)
}

/// Gives a place back.
pub(super) fn release(draft: &mut Draft<'_>, request: &ReleaseRequest) -> Result<bool, Stop> {
    let key = queue::place(&path(SEMAPHORES, &request.name), request.lease);
    let token = draft.kv(&key)?.map(|kv| kv.create_revision);
    if token.is_none() || (request.token != 0 && token != Some(request.token)) {
        return Ok(false);
    }
    queue::remove(draft, &key)?;
    Ok(true)
}

/// Who holds and who waits.
pub(super) fn read(
    look: &mut dyn Look,
    request: &SemaphoreRequest,
    room: &mut usize,
) -> Result<Semaphore, Stop> {
    let path = path(SEMAPHORES, &request.name);
    let limit = limit(look, &path)?.unwrap_or(0);
    let places = places(look, &path)?;
    places.iter().try_for_each(|kv| take(room, kv))?;
    Ok(Semaphore { limit, seats: seats(places, limit) })
}

/// Whether a guard's token is of a holder. The guard names the semaphore by its key.
pub(in super::super) fn guarded(look: &mut dyn Look, guard: &Guard) -> Result<bool, Stop> {
    let limit = limit(look, &guard.name)?.unwrap_or(0);
    let seats = seats(places(look, &guard.name)?, limit);
    Ok(seats.iter().any(|seat| seat.held && seat.token == guard.token))
}
