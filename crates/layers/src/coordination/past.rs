//! Visiting keys, as they are or as they were.
//!
//! ```text
//!   current   a ───── c ─ d        what stood under a key at revision r is the oldest value of
//!   history   a a b b ─── d d      its history that ended after r, or else what stands there now,
//!             └─┘ └─┘     └─┘      if it was put at r or before
//! ```

use alloc::format;
use core::ops::ControlFlow;

use bytes::Bytes;
use store::engine::{EngineError, ScanRange};

use super::{
    error::Stop,
    keys::{self, Keys},
    look::{Look, Pages},
    meta::decode,
    wire::KeyValue,
};

/// Takes a key and the record that stands under it; says whether to go on.
pub(super) type Visit<'f> = dyn FnMut(Bytes, Bytes) -> Result<ControlFlow<()>, Stop> + 'f;

/// Reads a record. Records are stored without their keys.
pub(super) fn record(key: Bytes, bytes: Bytes) -> Result<KeyValue, EngineError> {
    let kv: KeyValue = decode(bytes)?;
    Ok(KeyValue { key, ..kv })
}

/// Visits keys in their order, as they are.
pub(super) fn now(look: &mut dyn Look, keys: &Keys, visit: &mut Visit<'_>) -> Result<(), Stop> {
    if let Keys::One(key) = keys {
        return match look.get(&keys::current(key))? {
            Some(bytes) => visit(key.clone(), bytes).map(drop),
            None => Ok(()),
        };
    }
    within(look, keys.current(), visit)
}

/// Visits what stands in a range of raw keys now.
pub(super) fn within(
    look: &mut dyn Look,
    range: ScanRange,
    visit: &mut Visit<'_>,
) -> Result<(), Stop> {
    let mut pages = Pages::new(range);
    while let Some((raw, bytes)) = pages.next(look)? {
        if visit(raw.slice(1..), bytes)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// What stood under a key at a revision that is not compacted.
pub(super) fn one_at(
    look: &mut dyn Look,
    key: &Bytes,
    revision: i64,
) -> Result<Option<KeyValue>, EngineError> {
    let now = look.get(&keys::current(key))?;
    let now = now.map(|bytes| record(key.clone(), bytes)).transpose()?;
    // What stands there since then is found by a look-up: watches ask mostly for what is new.
    if now.as_ref().is_some_and(|kv| kv.mod_revision <= revision) {
        return Ok(now);
    }
    let ended = look.scan(&keys::history_from(key, revision.saturating_add(1)), 1)?.pop();
    let found = ended.map(|(_, bytes)| record(key.clone(), bytes)).transpose()?;
    Ok(found.filter(|kv| kv.mod_revision <= revision))
}

/// Visits keys in their order, as they were at a revision that is not compacted.
pub(super) fn at(
    look: &mut dyn Look,
    keys: &Keys,
    revision: i64,
    visit: &mut Visit<'_>,
) -> Result<(), Stop> {
    let (mut current, mut history) = (Pages::new(keys.current()), Pages::new(keys.history()));
    loop {
        let newest = current.peek(look)?.map(|(raw, _)| raw.slice(1..));
        let older = match history.peek(look)? {
            Some((raw, _)) => Some(parse(raw)?.0),
            None => None,
        };
        let Some(key) = newest.iter().chain(&older).min().cloned() else { return Ok(()) };
        let mut found = None;
        if older.as_ref() == Some(&key) {
            found = ended_after(look, &mut history, &key, revision)?;
        }
        if newest.as_ref() == Some(&key)
            && let Some((_, bytes)) = current.next(look)?
        {
            found = found.or(Some(bytes));
        }
        if let Some(bytes) = found
            && record(key.clone(), bytes.clone())?.mod_revision <= revision
            && visit(key, bytes)?.is_break()
        {
            return Ok(());
        }
    }
}

/// Takes all history of a key and keeps the oldest that ended after a revision.
fn ended_after(
    look: &mut dyn Look,
    history: &mut Pages,
    key: &Bytes,
    revision: i64,
) -> Result<Option<Bytes>, EngineError> {
    history.skip_to(keys::history(key, revision.saturating_add(1)));
    let found = match history.peek(look)? {
        Some((raw, bytes)) if parse(raw)?.0 == *key => Some(bytes.clone()),
        _ => None,
    };
    history.skip_to(keys::after_history(key));
    Ok(found)
}

fn parse(raw: &Bytes) -> Result<(Bytes, i64), EngineError> {
    keys::parse_history(raw)
        .ok_or_else(|| EngineError::Corrupt(format!("no place in a history: {raw:02x?}")))
}
