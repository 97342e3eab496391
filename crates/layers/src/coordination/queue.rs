//! Locks and elections: queues of keys.
//!
//! ```text
//!   name/14   created at 20   ◀─ held; fencing token 20
//!   name/7    created at 23   ◀─ waits for name/14
//!   name/2a   created at 31   ◀─ waits for name/7
//! ```
//!
//! A place in the queue is a key under the name, followed by the lease in hexadecimal digits: what
//! etcd's own recipes write, so that both understand each other. The place that was created first
//! holds. Who is first stays first until the key is gone, and its create revision is greater than
//! that of every holder before it: the *fencing token*. A guard on any command checks it in the
//! commit itself, so a holder that was paused and overtaken changes nothing any more.

use alloc::{format, vec::Vec};
use core::ops::ControlFlow;

use bytes::Bytes;
use kernel::bug::{Bug, planted};

use super::{
    Error,
    draft::Draft,
    error::Stop,
    keys::{self, Keys},
    lease,
    look::Look,
    meta::Meta,
    past,
    range::take,
    recipe, txn,
    wire::{
        CampaignRequest, CampaignResponse, Guard, KeyValue, LeaderKey, LeaderRequest,
        LeaderResponse, LockRequest, LockResponse, ProclaimRequest, ProclaimResponse, QueueRequest,
        QueueResponse, ResignRequest, ResignResponse, ResponseHeader, UnlockRequest,
        UnlockResponse,
    },
};

fn prefix(name: &[u8]) -> Bytes {
    [name, b"/"].concat().into()
}

/// All places of a queue.
pub(super) fn keys(name: &[u8]) -> Keys {
    Keys::prefix(prefix(name))
}

/// The key of a place. A negative lease is written with its sign.
pub(super) fn place(name: &[u8], lease: i64) -> Bytes {
    let sign = if lease < 0 { "-" } else { "" };
    let digits = format!("{sign}{:x}", lease.unsigned_abs());
    [name, b"/", digits.as_bytes()].concat().into()
}

/// The places of a queue, in the order of their keys.
fn places(
    look: &mut dyn Look,
    name: &[u8],
    visit: &mut dyn FnMut(KeyValue) -> Result<(), Stop>,
) -> Result<(), Stop> {
    past::now(look, &keys(name), &mut |key, bytes| {
        visit(past::record(key, bytes)?).map(ControlFlow::Continue)
    })
}

/// The place that was created first.
fn first(look: &mut dyn Look, name: &[u8]) -> Result<Option<KeyValue>, Stop> {
    let mut first: Option<KeyValue> = None;
    places(look, name, &mut |kv| {
        if first.as_ref().is_none_or(|first| kv.create_revision < first.create_revision) {
            first = Some(kv);
        }
        Ok(())
    })?;
    Ok(first)
}

/// The last place, of another key, that was created before a revision; and what stands under the
/// key.
fn behind(
    look: &mut dyn Look,
    name: &[u8],
    key: &Bytes,
    created: i64,
) -> Result<(Option<KeyValue>, Option<KeyValue>), Stop> {
    let (mut own, mut last): (Option<KeyValue>, Option<KeyValue>) = (None, None);
    places(look, name, &mut |kv| {
        let later = last.as_ref().is_none_or(|last| kv.create_revision > last.create_revision);
        if kv.key == *key {
            own = Some(kv);
        } else if kv.create_revision < created && later {
            last = Some(kv);
        }
        Ok(())
    })?;
    if planted(Bug::LockWhileEnding)
        && let Some(kv) = &last
        && lease::runs_out(look, kv.lease)?
    {
        last = None;
    }
    Ok((last, own))
}

/// Whether all locks are held at their tokens, and permits of semaphores.
pub(super) fn guarded(look: &mut dyn Look, guards: &[Guard]) -> Result<(), Stop> {
    for guard in guards.iter().filter(|_| !planted(Bug::GuardIgnored)) {
        let held = match recipe::is_semaphore(&guard.name) {
            true => recipe::guarded(look, guard)?,
            false => first(look, &guard.name)?
                .is_some_and(|holder| holder.create_revision == guard.token),
        };
        if !held {
            kernel::sometimes!("coordination: a guard refused a command");
            return Err(Error::GuardFailed.into());
        }
    }
    Ok(())
}

/// Finds or takes the place of a lease; a value is put if the place says something else. Gives back
/// the place, the revision that created it, and which place it waits for.
///
/// Most places are new, and everybody who stands was there before: one walk through the queue finds
/// that there is no such place yet, and who is last.
fn stand(
    draft: &mut Draft<'_>,
    name: &Bytes,
    lease: i64,
    value: Option<&Bytes>,
) -> Result<(Bytes, i64, Option<KeyValue>), Stop> {
    if lease == 0 {
        return Err(Error::LeaseNotFound.into());
    }
    txn::granted(draft, lease)?;
    let key = place(name, lease);
    let (last, own) = behind(draft, name, &key, i64::MAX)?;
    let said = value.cloned().unwrap_or_default();
    let Some(own) = own else {
        let (created, _) = draft.put_over(key.clone(), None, said, lease)?;
        return Ok((key, created, last));
    };
    if value.is_some_and(|value| own.value != *value) {
        draft.put(key.clone(), said, lease)?;
    }
    let (behind, _) = behind(draft, name, &key, own.create_revision)?;
    Ok((key, own.create_revision, behind))
}

/// Queues for a lock.
pub(super) fn lock(draft: &mut Draft<'_>, request: &LockRequest) -> Result<LockResponse, Stop> {
    let (key, token, behind) = stand(draft, &request.name, request.lease, None)?;
    Ok(LockResponse {
        header: ResponseHeader::at(draft.revision()),
        key,
        token,
        held: behind.is_none(),
        behind: behind.map_or(Bytes::new(), |kv| kv.key),
    })
}

/// Gives up a place.
pub(super) fn unlock(
    draft: &mut Draft<'_>,
    request: &UnlockRequest,
) -> Result<UnlockResponse, Stop> {
    remove(draft, &request.key)?;
    Ok(UnlockResponse { header: ResponseHeader::at(draft.revision()) })
}

pub(super) fn remove(draft: &mut Draft<'_>, key: &Bytes) -> Result<(), Stop> {
    let Some(bytes) = draft.get(&keys::current(key))? else { return Ok(()) };
    let kv = past::record(key.clone(), bytes.clone())?;
    draft.delete(key.clone(), bytes, kv.lease)
}

/// Stands for election.
pub(super) fn campaign(
    draft: &mut Draft<'_>,
    request: &CampaignRequest,
) -> Result<CampaignResponse, Stop> {
    let value = Some(&request.value);
    let (key, rev, behind) = stand(draft, &request.name, request.lease, value)?;
    let leader = LeaderKey { name: request.name.clone(), key, rev, lease: request.lease };
    Ok(CampaignResponse {
        header: ResponseHeader::at(draft.revision()),
        leader: Some(leader),
        elected: behind.is_none(),
        behind: behind.map_or(Bytes::new(), |kv| kv.key),
    })
}

/// Whether a candidacy still stands.
fn stands(draft: &mut Draft<'_>, leader: &LeaderKey) -> Result<bool, Stop> {
    Ok(draft.kv(&leader.key)?.map_or(0, |kv| kv.create_revision) == leader.rev)
}

/// Changes what a candidate says.
pub(super) fn proclaim(
    draft: &mut Draft<'_>,
    request: &ProclaimRequest,
) -> Result<ProclaimResponse, Stop> {
    let leader = request.leader.as_ref().ok_or(Error::MissingLeader)?;
    if leader.key.is_empty() || leader.rev <= 0 || !stands(draft, leader)? {
        return Err(Error::NotLeader.into());
    }
    if leader.lease == 0 {
        return Err(Error::LeaseNotFound.into());
    }
    txn::granted(draft, leader.lease)?;
    draft.put(leader.key.clone(), request.value.clone(), leader.lease)?;
    Ok(ProclaimResponse { header: ResponseHeader::at(draft.revision()) })
}

/// Ends a candidacy, if it still stands.
pub(super) fn resign(
    draft: &mut Draft<'_>,
    request: &ResignRequest,
) -> Result<ResignResponse, Stop> {
    let leader = request.leader.as_ref().ok_or(Error::MissingLeader)?;
    if stands(draft, leader)? {
        remove(draft, &leader.key)?;
    }
    Ok(ResignResponse { header: ResponseHeader::at(draft.revision()) })
}

/// Who leads, or holds a lock.
pub(super) fn leader(
    look: &mut dyn Look,
    meta: &Meta,
    request: &LeaderRequest,
) -> Result<LeaderResponse, Stop> {
    let kv = first(look, &request.name)?.ok_or(Error::NoLeader)?;
    Ok(LeaderResponse { header: ResponseHeader::at(meta.revision), kv: Some(kv) })
}

/// Who holds and who waits.
pub(super) fn queue(
    look: &mut dyn Look,
    meta: &Meta,
    request: &QueueRequest,
    room: &mut usize,
) -> Result<QueueResponse, Stop> {
    let mut all = Vec::new();
    places(look, &request.name, &mut |kv| {
        take(room, &kv)?;
        all.push(kv);
        Ok(())
    })?;
    all.sort_by_key(|kv| kv.create_revision);
    Ok(QueueResponse { header: ResponseHeader::at(meta.revision), places: all })
}
