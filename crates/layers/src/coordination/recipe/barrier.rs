//! Barriers: up while a key is there. Who waits, waits for the key to go.

use bytes::Bytes;
use kernel::bug::{Bug, planted};

use super::{
    super::{
        draft::Draft,
        error::Stop,
        look::Look,
        queue, txn,
        wire::{Barrier, BarrierRequest, KeyValue, LiftRequest, RaiseRequest},
    },
    kv, path,
    root::BARRIERS,
};

/// Puts a barrier up; whether it was not.
pub(super) fn raise(draft: &mut Draft<'_>, request: &RaiseRequest) -> Result<bool, Stop> {
    txn::granted(draft, request.lease)?;
    let key = path(BARRIERS, &request.name);
    if draft.kv(&key)?.is_some() {
        return Ok(false);
    }
    draft.put(key, Bytes::new(), request.lease)?;
    Ok(true)
}

/// Takes it away; whether it was up.
pub(super) fn lift(draft: &mut Draft<'_>, request: &LiftRequest) -> Result<bool, Stop> {
    let key = path(BARRIERS, &request.name);
    let stands = draft.kv(&key)?.is_some();
    queue::remove(draft, &key)?;
    Ok(stands)
}

/// Whether it is up.
pub(super) fn read(look: &mut dyn Look, request: &BarrierRequest) -> Result<Barrier, Stop> {
    let unseen = |kv: &KeyValue| planted(Bug::BarrierUnseen) && kv.lease != 0;
    let kv = kv(look, &path(BARRIERS, &request.name))?.filter(|kv| !unseen(kv));
    Ok(kv.map_or(Barrier::default(), |kv| Barrier {
        raised: true,
        since: kv.create_revision,
        lease: kv.lease,
    }))
}
