//! Puts, removals and transactions.
//!
//! All compares, those of transactions inside too, look at the state before the transaction. So
//! which branches run is known before anything does, and so is whether anything in them can fail:
//! etcd checks first and then carries out, and so does this.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use bytes::Bytes;
use kernel::bug::{Bug, planted};

use super::{
    Error,
    draft::Draft,
    error::Stop,
    keys::{self, Keys},
    limits::{CHANGES_MAX, MOVED_BYTES_MAX},
    look::Look,
    meta::Meta,
    past,
    range::{self, take},
    wire::{
        Compare, CompareResult, CompareTarget, DeleteRangeRequest, DeleteRangeResponse, KeyValue,
        PutRequest, PutResponse, Request, RequestOp, Response, ResponseHeader, ResponseOp,
        TargetUnion, TxnRequest, TxnResponse,
    },
};

/// A put on its own.
pub(super) fn put(draft: &mut Draft<'_>, request: &PutRequest) -> Result<PutResponse, Stop> {
    granted(draft, request.lease)?;
    keeps(draft, request)?;
    carry_out_put(draft, request)
}

/// Whether the lease that a put names is there.
pub(super) fn granted(draft: &mut Draft<'_>, lease: i64) -> Result<(), Stop> {
    if lease != 0 && draft.get(&keys::lease(lease))?.is_none() {
        return Err(Error::LeaseNotFound.into());
    }
    Ok(())
}

/// Whether what a put keeps is there.
fn keeps(draft: &mut Draft<'_>, request: &PutRequest) -> Result<(), Stop> {
    if (request.ignore_value || request.ignore_lease)
        && draft.get(&keys::current(&request.key))?.is_none()
    {
        return Err(Error::KeyNotFound.into());
    }
    Ok(())
}

fn carry_out_put(draft: &mut Draft<'_>, request: &PutRequest) -> Result<PutResponse, Stop> {
    let (mut value, mut lease) = (request.value.clone(), request.lease);
    if request.ignore_value || request.ignore_lease {
        let kept = draft.kv(&request.key)?.ok_or(Error::KeyNotFound)?;
        value = if request.ignore_value { kept.value } else { value };
        lease = if request.ignore_lease { kept.lease } else { lease };
    }
    let old = draft.put(request.key.clone(), value, lease)?;
    let prev_kv = old.filter(|_| request.prev_kv);
    prev_kv.iter().try_for_each(|kv| take(&mut draft.room, kv))?;
    Ok(PutResponse { header: ResponseHeader::at(draft.revision()), prev_kv })
}

/// A removal.
pub(super) fn delete_range(
    draft: &mut Draft<'_>,
    request: &DeleteRangeRequest,
) -> Result<DeleteRangeResponse, Stop> {
    let mut found: Vec<(Bytes, Bytes)> = Vec::new();
    let mut moves = MOVED_BYTES_MAX;
    let keys = Keys::new(&request.key, &request.range_end);
    past::now(draft, &keys, &mut |key, bytes| {
        if found.len() == CHANGES_MAX {
            return Err(Error::TooManyChanges.into());
        }
        moves = moves.checked_sub(bytes.len()).ok_or(Error::TooManyChanges)?;
        found.push((key, bytes));
        Ok(ControlFlow::Continue(()))
    })?;
    let mut response = DeleteRangeResponse::default();
    for (key, bytes) in found {
        let kv = past::record(key.clone(), bytes.clone())?;
        draft.delete(key, bytes, kv.lease)?;
        response.deleted += 1;
        if request.prev_kv {
            take(&mut draft.room, &kv)?;
            response.prev_kvs.push(kv);
        }
    }
    response.header = ResponseHeader::at(draft.revision());
    Ok(response)
}

/// A transaction.
pub(super) fn txn(draft: &mut Draft<'_>, request: &TxnRequest) -> Result<TxnResponse, Stop> {
    let mut path = Vec::new();
    compare_all(draft, request, &mut path)?;
    check(draft, request, &mut path.iter().copied(), Checks::Puts)?;
    check(draft, request, &mut path.iter().copied(), Checks::Ranges)?;
    let response = carry_out(draft, request, &mut path.into_iter())?;
    Ok(TxnResponse { header: ResponseHeader::at(draft.revision()), ..response })
}

/// Which branch each transaction takes, in the order in which they are met.
fn compare_all(
    draft: &mut Draft<'_>,
    request: &TxnRequest,
    path: &mut Vec<bool>,
) -> Result<(), Stop> {
    let mut holds = true;
    for compare in &request.compare {
        if !self::holds(draft.base(), compare)? {
            holds = false;
            break;
        }
    }
    path.push(holds);
    for op in branch(request, holds) {
        if let Some(Request::RequestTxn(inner)) = &op.request {
            compare_all(draft, inner, path)?;
        }
    }
    Ok(())
}

fn branch(request: &TxnRequest, holds: bool) -> &[RequestOp] {
    if holds { &request.success } else { &request.failure }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Checks {
    Puts,
    Ranges,
}

fn check(
    draft: &mut Draft<'_>,
    request: &TxnRequest,
    path: &mut dyn Iterator<Item = bool>,
    what: Checks,
) -> Result<(), Stop> {
    for op in branch(request, path.next().unwrap_or(false)) {
        match &op.request {
            Some(Request::RequestPut(request)) if what == Checks::Puts => {
                keeps(draft, request)?;
                granted(draft, request.lease)?;
            }
            Some(Request::RequestRange(request)) if what == Checks::Ranges => {
                let meta = draft.before();
                // Unlike a range on its own, one before the beginning is not one of now.
                if request.revision != 0 && request.revision < meta.compacted {
                    return Err(Error::Compacted.into());
                }
                range::in_reach(&meta, request.revision)?;
            }
            Some(Request::RequestTxn(request)) => check(draft, request, path, what)?,
            _ => {}
        }
    }
    Ok(())
}

fn carry_out(
    draft: &mut Draft<'_>,
    request: &TxnRequest,
    path: &mut dyn Iterator<Item = bool>,
) -> Result<TxnResponse, Stop> {
    let succeeded = path.next().unwrap_or(false);
    let mut responses = Vec::new();
    for op in branch(request, succeeded) {
        let response = match &op.request {
            Some(Request::RequestRange(request)) => {
                let (meta, mut room) = (draft.meta(), draft.room);
                let past = request.revision > 0;
                let look: &mut dyn Look = if past { draft.base() } else { draft };
                let response = range::range(look, &meta, request, &mut room)?;
                draft.room = room;
                Response::ResponseRange(response)
            }
            Some(Request::RequestPut(request)) => {
                Response::ResponsePut(carry_out_put(draft, request)?)
            }
            Some(Request::RequestDeleteRange(request)) => {
                Response::ResponseDeleteRange(delete_range(draft, request)?)
            }
            Some(Request::RequestTxn(request)) => {
                Response::ResponseTxn(carry_out(draft, request, path)?)
            }
            None => return Err(Error::KeyNotFound.into()),
        };
        responses.push(ResponseOp { response: Some(response) });
    }
    // As in etcd, the header of a transaction inside is empty.
    Ok(TxnResponse { header: Some(ResponseHeader::default()), succeeded, responses })
}

/// Whether a compare holds of every key that it names. A key that is not there has zeros, but no
/// value to compare.
fn holds(look: &mut dyn Look, compare: &Compare) -> Result<bool, Stop> {
    let (mut found, mut all) = (false, true);
    let keys = Keys::new(&compare.key, &compare.range_end);
    let visit: &mut past::Visit<'_> = &mut |key, bytes| {
        found = true;
        all = agrees(compare, &past::record(key, bytes)?);
        Ok(if all { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    };
    match planted(Bug::CompareStale) {
        true => {
            let before = Meta::load(look)?.revision.saturating_sub(1);
            past::at(look, &keys, before, visit)?;
        }
        false => past::now(look, &keys, visit)?,
    }
    if found {
        return Ok(all);
    }
    Ok(compare.target != CompareTarget::Value as i32 && agrees(compare, &KeyValue::default()))
}

fn agrees(compare: &Compare, kv: &KeyValue) -> bool {
    let operand = compare.target_union.as_ref();
    let order = match CompareTarget::try_from(compare.target) {
        Ok(CompareTarget::Version) => kv.version.cmp(&match operand {
            Some(TargetUnion::Version(version)) => *version,
            _ => 0,
        }),
        Ok(CompareTarget::Create) => kv.create_revision.cmp(&match operand {
            Some(TargetUnion::CreateRevision(revision)) => *revision,
            _ => 0,
        }),
        Ok(CompareTarget::Mod) => kv.mod_revision.cmp(&match operand {
            Some(TargetUnion::ModRevision(revision)) => *revision,
            _ => 0,
        }),
        Ok(CompareTarget::Value) => match operand {
            Some(TargetUnion::Value(value)) => kv.value.cmp(value),
            _ => kv.value.cmp(&Bytes::new()),
        },
        Ok(CompareTarget::Lease) => kv.lease.cmp(&match operand {
            Some(TargetUnion::Lease(lease)) => *lease,
            _ => 0,
        }),
        // As in etcd, what is not known compares as equal.
        Err(_) => core::cmp::Ordering::Equal,
    };
    match CompareResult::try_from(compare.result) {
        Ok(CompareResult::Equal) => order.is_eq(),
        Ok(CompareResult::NotEqual) => order.is_ne(),
        Ok(CompareResult::Greater) => order.is_gt(),
        Ok(CompareResult::Less) => order.is_lt(),
        Err(_) => true,
    }
}
