//! Keys that are made and not set: ephemeral by a lease, sequential by the revision that makes them.
//!
//! The number of a sequential key is its revision, in 19 digits. So numbers grow in the order of
//! the log, across all prefixes of a keyspace; none is given twice, not even after its key is gone;
//! and each is the fencing token of its key. They have gaps where other revisions lie between.

use alloc::format;

use bytes::Bytes;
use kernel::bug::{Bug, planted};

use super::super::{
    Error,
    draft::Draft,
    error::Stop,
    limits::{KEY_BYTES_MAX, SEQUENCE_DIGITS},
    txn,
    wire::{CreateRequest, Created},
};

pub(super) fn check(request: &CreateRequest) -> Result<(), Error> {
    let room = if request.sequential { SEQUENCE_DIGITS } else { 0 };
    if request.key.is_empty() && !request.sequential {
        return Err(Error::EmptyKey);
    }
    if request.key.len() + room > KEY_BYTES_MAX { Err(Error::RequestTooLarge) } else { Ok(()) }
}

/// Makes a key that is not there.
pub(super) fn create(draft: &mut Draft<'_>, request: &CreateRequest) -> Result<Created, Stop> {
    txn::granted(draft, request.lease)?;
    let key = match request.sequential {
        true => numbered(&request.key, draft.before().revision),
        false => request.key.clone(),
    };
    if draft.kv(&key)?.is_some() {
        return Err(Error::KeyExists.into());
    }
    draft.put(key.clone(), request.value.clone(), request.lease)?;
    Ok(Created { key })
}

/// The key that is made by the revision behind this one.
fn numbered(prefix: &[u8], before: i64) -> Bytes {
    let behind = i64::from(!planted(Bug::SequenceReused));
    let number = before.saturating_add(behind);
    [prefix, format!("{number:0SEQUENCE_DIGITS$}").as_bytes()].concat().into()
}
