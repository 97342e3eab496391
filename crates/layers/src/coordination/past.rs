//! Visiting keys, as they are or as they were.
//!
//! ```text
//!   current   a ───── c ─ d        what stood under a key at revision r is the oldest value of
//!   history   a a b b ─── d d      its history that ended after r, or else what stands there now,
//!             └─┘ └─┘     └─┘      if it was put at r or before
//!   changes   … 41 42 43 44 …      the value itself lies with the change that ended it
//! ```

use alloc::format;
use core::ops::ControlFlow;

use bytes::Bytes;
use prost::Message;
use store::engine::{EngineError, ScanRange};

use super::{
    error::Stop,
    keys::{self, Keys},
    log::Change,
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

/// What the history of a key says of a value that ended: where in its revision the change lies that
/// ended it, and holds it.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Ended {
    /// The place.
    #[prost(uint32, tag = "1")]
    pub sub: u32,
}

impl Ended {
    /// What its encoding begins with, unless the place is 0 and it is empty.
    const SUB: u8 = 1 << 3;
}

/// The record that the history of a key leads to.
fn ended(look: &mut dyn Look, until: i64, place: Bytes) -> Result<Bytes, EngineError> {
    // Histories held the records themselves once. None of those begins with a field 1: that is the
    // key, which is left out.
    if place.first().is_some_and(|first| *first != Ended::SUB) {
        return Ok(place);
    }
    let Ended { sub } = decode(place)?;
    let change = look.get(&keys::revision(until, sub))?.map(decode::<Change>).transpose()?;
    let before = change.map(|change| change.before).filter(|before| !before.is_empty());
    before.ok_or_else(|| EngineError::Corrupt(format!("revision {until} lost what it ended")))
}

/// The record under a key that a revision ended.
pub(super) fn ended_at(
    look: &mut dyn Look,
    key: &[u8],
    until: i64,
) -> Result<Option<Bytes>, EngineError> {
    let place = look.get(&keys::history(key, until))?;
    place.map(|place| ended(look, until, place)).transpose()
}

/// The first record under a key that ended at the revision `from` or later.
pub(super) fn ended_from(
    look: &mut dyn Look,
    key: &Bytes,
    from: i64,
) -> Result<Option<KeyValue>, EngineError> {
    let first = look.scan(&keys::history_from(key, from)).next().transpose()?;
    let Some((raw, place)) = first else { return Ok(None) };
    let (_, until) = parse(&raw)?;
    record(key.clone(), ended(look, until, place)?).map(Some)
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
    let found = ended_from(look, key, revision.saturating_add(1))?;
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
        Some((raw, place)) => Some((parse(raw)?, place.clone())),
        None => None,
    };
    history.skip_to(keys::after_history(key));
    match found {
        Some(((of, until), place)) if of == *key => ended(look, until, place).map(Some),
        _ => Ok(None),
    }
}

fn parse(raw: &Bytes) -> Result<(Bytes, i64), EngineError> {
    keys::parse_history(raw)
        .ok_or_else(|| EngineError::Corrupt(format!("no place in a history: {raw:02x?}")))
}

#[cfg(test)]
mod tests {
    use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

    use store::engine::Scan;

    use super::*;
    use crate::coordination::meta::encode;

    /// Records by where they lie.
    #[derive(Default)]
    struct Records(BTreeMap<Bytes, Bytes>);

    impl Look for Records {
        fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
            Ok(self.0.get(key).cloned())
        }

        fn scan(&mut self, range: &ScanRange) -> Scan<'_> {
            let range = range.clone();
            let within = self.0.iter().filter(move |(key, _)| range.contains(key));
            Box::new(within.map(|(key, value)| Ok((key.clone(), value.clone()))))
        }
    }

    fn put_at(mod_revision: i64) -> KeyValue {
        KeyValue { create_revision: 2, mod_revision, version: mod_revision, ..KeyValue::default() }
    }

    /// A key that was put at 2, 5 and 7. What ended at 5 is kept as it was once, in the history.
    fn records(key: &Bytes) -> Records {
        let change = Change::new(key.clone(), Some(&put_at(7)), true).over(encode(&put_at(5)));
        Records(BTreeMap::from([
            (keys::current(key), encode(&put_at(7))),
            (keys::history(key, 5), encode(&put_at(2))),
            (keys::history(key, 7), encode(&Ended { sub: 1 })),
            (keys::revision(7, 1), encode(&change)),
        ]))
    }

    #[test]
    fn histories_of_both_kinds_are_read() {
        let key = Bytes::from_static(b"k");
        let mut look = records(&key);
        for (revision, expected) in [(2, 2), (4, 2), (5, 5), (6, 5), (7, 7), (8, 7)] {
            let expected = KeyValue { key: key.clone(), ..put_at(expected) };
            let found = one_at(&mut look, &key, revision).unwrap();
            assert_eq!(found, Some(expected.clone()), "{revision}");
            let mut visited = Vec::new();
            let keys = Keys::From(Bytes::new());
            at(&mut look, &keys, revision, &mut |key, bytes| {
                visited.push(record(key, bytes)?);
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
            assert_eq!(visited, [expected], "{revision}");
        }
        assert_eq!(one_at(&mut look, &key, 1).unwrap(), None);
        assert_eq!(ended_at(&mut look, &key, 5).unwrap(), Some(encode(&put_at(2))));
        assert_eq!(ended_at(&mut look, &key, 7).unwrap(), Some(encode(&put_at(5))));
        assert_eq!(ended_at(&mut look, &key, 6).unwrap(), None);
    }

    #[test]
    fn a_value_that_is_not_where_its_history_says_is_damage() {
        let key = Bytes::from_static(b"k");
        let mut look = records(&key);
        look.0.remove(&keys::revision(7, 1));
        assert!(matches!(ended_at(&mut look, &key, 7), Err(EngineError::Corrupt(_))));
    }

    #[test]
    fn the_record_is_golden() {
        assert_eq!(encode(&Ended { sub: 0 }), &[][..]);
        assert_eq!(encode(&Ended { sub: 300 }), &[Ended::SUB, 0xac, 2][..]);
        assert_ne!(encode(&put_at(2)).first(), Some(&Ended::SUB));
    }
}
