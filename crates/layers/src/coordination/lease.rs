//! Leases: what keys live and die with.
//!
//! A program has no clock. Time is counted by the leader, which proposes what came of it:
//!
//! ```text
//!   keep-alive ─▶ leader: the whole time again, by its clock alone
//!                 clock  ── LeaseCheckpoint ─▶ what is left, for the next leader
//!   keep-alive ─▶ after that ── LeaseRenew ──▶ the whole time again
//!                 clock  ── LeaseExpire ─────▶ ended, if not renewed since
//! ```
//!
//! An expiry, and a checkpoint, names the renewal after which the time was counted, by the place of
//! that renewal in the log. One that came in between wins, so an expiry decided by a leader that was
//! paused, or deposed, or slow ends no living lease; nor another one of the same id.

use alloc::vec::Vec;

use kernel::{
    Version,
    bug::{Bug, planted},
};
use store::engine::EngineError;

use super::{
    Error,
    draft::Draft,
    error::Stop,
    keys,
    limits::{LEASE_RECORDS_MAX, LEASE_TTL_MAX_S, LEASE_TTL_MIN_S, LEASES_MAX},
    look::{Look, Pages},
    meta::{Meta, decode, encode},
    wire::{
        LeaseCheckpointRequest, LeaseCheckpointResponse, LeaseExpireRequest, LeaseExpireResponse,
        LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAlive, LeaseLeasesResponse, LeaseRecord,
        LeaseRecordsRequest, LeaseRecordsResponse, LeaseRenewRequest, LeaseRenewResponse,
        LeaseRevokeRequest, LeaseRevokeResponse, LeaseStatus, LeaseTimeToLiveRequest,
        LeaseTimeToLiveResponse, ResponseHeader,
    },
};

/// Reads a lease.
fn load(look: &mut dyn Look, id: i64) -> Result<Option<LeaseRecord>, EngineError> {
    let bytes = look.get(&keys::lease(id))?;
    let record = bytes.map(decode::<LeaseRecord>).transpose()?;
    Ok(record.map(|record| LeaseRecord { id, ..record }))
}

/// Whether a lease has been noted to have less than its whole time: the mutant
/// [`Bug::LockWhileEnding`] takes it for one that has ended.
pub(super) fn runs_out(look: &mut dyn Look, id: i64) -> Result<bool, EngineError> {
    Ok(load(look, id)?.is_none_or(|record| record.remaining_ttl < record.ttl))
}

pub(super) fn save(draft: &mut Draft<'_>, record: LeaseRecord) {
    let stored = LeaseRecord { id: 0, ..record };
    draft.set(keys::lease(record.id), Some(encode(&stored)));
}

/// Makes a lease.
pub(super) fn grant(
    draft: &mut Draft<'_>,
    request: &LeaseGrantRequest,
    at: Version,
) -> Result<LeaseGrantResponse, Stop> {
    if request.ttl > LEASE_TTL_MAX_S {
        return Err(Error::LeaseTtlTooLarge.into());
    }
    let mut id = request.id;
    if id == 0 {
        id = choose(at.timestamp.0 ^ at.index);
        while load(draft, id)?.is_some() {
            id = choose((id as u64).wrapping_add(1));
        }
    } else if load(draft, id)?.is_some() {
        return Err(Error::LeaseExist.into());
    }
    if draft.before().leases >= LEASES_MAX {
        return Err(Error::TooManyLeases.into());
    }
    let ttl = request.ttl.max(LEASE_TTL_MIN_S);
    save(draft, LeaseRecord { id, ttl, remaining_ttl: ttl, renewal: at.index });
    draft.touch().leases += 1;
    Ok(LeaseGrantResponse { header: ResponseHeader::at(draft.revision()), id, ttl })
}

/// A positive id.
fn choose(seed: u64) -> i64 {
    ((seed & (i64::MAX as u64)) as i64).max(1)
}

/// Removes a lease and the keys attached to it, in their order.
pub(super) fn end(draft: &mut Draft<'_>, id: i64) -> Result<(), Stop> {
    draft.unbounded();
    let mut pages = Pages::new(keys::attached_to(id));
    while let Some((raw, _)) = pages.next(draft.base())? {
        let key = keys::parse_attached(&raw);
        if let Some(bytes) = draft.get(&keys::current(&key))? {
            draft.delete(key, bytes, id)?;
        }
    }
    draft.set(keys::lease(id), None);
    let leases = &mut draft.touch().leases;
    *leases = leases.saturating_sub(1);
    Ok(())
}

/// Ends a lease because somebody says so.
pub(super) fn revoke(
    draft: &mut Draft<'_>,
    request: &LeaseRevokeRequest,
) -> Result<LeaseRevokeResponse, Stop> {
    if load(draft, request.id)?.is_none() {
        return Err(Error::LeaseNotFound.into());
    }
    end(draft, request.id)?;
    Ok(LeaseRevokeResponse { header: ResponseHeader::at(draft.revision()) })
}

/// Ends leases because their time has run out.
pub(super) fn expire(
    draft: &mut Draft<'_>,
    request: &LeaseExpireRequest,
) -> Result<LeaseExpireResponse, Stop> {
    let mut ids = Vec::new();
    for overdue in &request.overdue {
        let Some(record) = load(draft, overdue.id)? else { continue };
        if record.renewal == overdue.renewal || planted(Bug::ExpiryIgnoresRenewal) {
            end(draft, record.id)?;
            ids.push(record.id);
        } else {
            kernel::sometimes!("coordination: a renewal overtook an expiry");
        }
    }
    Ok(LeaseExpireResponse { header: ResponseHeader::at(draft.revision()), ids })
}

/// Gives leases their whole time again.
pub(super) fn renew(
    draft: &mut Draft<'_>,
    request: &LeaseRenewRequest,
    at: Version,
) -> Result<LeaseRenewResponse, Stop> {
    let mut leases = Vec::with_capacity(request.ids.len());
    for id in &request.ids {
        let mut kept = LeaseKeepAlive { id: *id, ..LeaseKeepAlive::default() };
        if let Some(record) = load(draft, *id)? {
            let renewal = at.index;
            save(draft, LeaseRecord { remaining_ttl: record.ttl, renewal, ..record });
            (kept.ttl, kept.renewal) = (record.ttl, renewal);
        }
        leases.push(kept);
    }
    Ok(LeaseRenewResponse { header: ResponseHeader::at(draft.revision()), leases })
}

/// Notes what leases have left: never more than they were granted.
pub(super) fn checkpoint(
    draft: &mut Draft<'_>,
    request: &LeaseCheckpointRequest,
) -> Result<LeaseCheckpointResponse, Stop> {
    for checkpoint in &request.checkpoints {
        let Some(record) = load(draft, checkpoint.id)? else { continue };
        if record.renewal == checkpoint.renewal {
            let remaining_ttl = checkpoint.remaining_ttl.clamp(0, record.ttl);
            save(draft, LeaseRecord { remaining_ttl, ..record });
        } else {
            kernel::sometimes!("coordination: a renewal overtook a checkpoint");
        }
    }
    Ok(LeaseCheckpointResponse { header: ResponseHeader::at(draft.revision()) })
}

/// What a keep-alive is answered, as far as the records tell. The rest is the leader's: its clock
/// gives each lease its whole time again.
pub(super) fn keep_alive(
    look: &mut dyn Look,
    meta: &Meta,
    request: &LeaseRenewRequest,
) -> Result<LeaseRenewResponse, Stop> {
    let mut leases = Vec::with_capacity(request.ids.len());
    for id in &request.ids {
        let mut kept = LeaseKeepAlive { id: *id, ..LeaseKeepAlive::default() };
        if let Some(record) = load(look, *id)? {
            (kept.ttl, kept.renewal) = (record.ttl, record.renewal);
            kept.log_it = record.remaining_ttl < record.ttl;
        }
        leases.push(kept);
    }
    Ok(LeaseRenewResponse { header: ResponseHeader::at(meta.revision), leases })
}

/// What is known of a lease.
pub(super) fn time_to_live(
    look: &mut dyn Look,
    meta: &Meta,
    request: &LeaseTimeToLiveRequest,
    room: &mut usize,
) -> Result<LeaseTimeToLiveResponse, Stop> {
    let mut response = LeaseTimeToLiveResponse {
        header: ResponseHeader::at(meta.revision),
        id: request.id,
        ttl: -1,
        ..LeaseTimeToLiveResponse::default()
    };
    let Some(record) = load(look, request.id)? else { return Ok(response) };
    (response.ttl, response.granted_ttl) = (record.remaining_ttl, record.ttl);
    if request.keys {
        let mut pages = Pages::new(keys::attached_to(request.id));
        while let Some((raw, _)) = pages.next(look)? {
            *room = room.checked_sub(raw.len()).ok_or(Error::AnswerTooLarge)?;
            response.keys.push(keys::parse_attached(&raw));
        }
    }
    Ok(response)
}

/// All leases.
pub(super) fn list(look: &mut dyn Look, meta: &Meta) -> Result<LeaseLeasesResponse, Stop> {
    let mut leases: Vec<LeaseStatus> = Vec::new();
    let mut pages = Pages::new(keys::leases_after(0));
    while let Some((raw, _)) = pages.next(look)? {
        leases.extend(keys::parse_lease(&raw).map(|id| LeaseStatus { id }));
    }
    Ok(LeaseLeasesResponse { header: ResponseHeader::at(meta.revision), leases })
}

/// A page of what is replicated of leases.
pub(super) fn records(
    look: &mut dyn Look,
    meta: &Meta,
    request: &LeaseRecordsRequest,
) -> Result<LeaseRecordsResponse, Stop> {
    let limit = request.limit.clamp(1, LEASE_RECORDS_MAX) as usize;
    let mut found = look.scan(&keys::leases_after(request.after));
    let mut leases = Vec::new();
    for pair in found.by_ref().take(limit) {
        let (raw, bytes) = pair?;
        let record: LeaseRecord = decode(bytes)?;
        leases.extend(keys::parse_lease(&raw).map(|id| LeaseRecord { id, ..record }));
    }
    let more = found.next().transpose()?.is_some();
    Ok(LeaseRecordsResponse { header: ResponseHeader::at(meta.revision), leases, more })
}
