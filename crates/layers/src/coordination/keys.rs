//! Keys of the view: one byte for the table, then what the table is sorted by.
//!
//! A key that something follows is escaped: every zero byte as `00 FF`, and `00 01` at its end. No
//! key is a prefix of another then, and the order stays the order of bytes.

use alloc::vec::Vec;
use core::ops::Bound;

use bytes::Bytes;
use store::engine::{ScanRange, successor};

/// Tables. The numbers are stored: they never change.
mod table {
    pub(super) const ATTACHED: u8 = b'a';
    pub(super) const HISTORY: u8 = b'h';
    pub(super) const IMPORT: u8 = b'i';
    pub(super) const CURRENT: u8 = b'k';
    pub(super) const LEASE: u8 = b'l';
    pub(super) const META: u8 = b'm';
    pub(super) const ROLE: u8 = b'p';
    pub(super) const REVISION: u8 = b'r';
    pub(super) const AUTH: u8 = b's';
    pub(super) const USER: u8 = b'u';
}

/// Where [`super::meta::Meta`] lies.
pub(super) const META: [u8; 1] = [table::META];
/// Where the record of an import lies.
pub(super) const IMPORT: [u8; 1] = [table::IMPORT];
/// Where the state of auth lies.
pub(super) const AUTH: [u8; 1] = [table::AUTH];

const KEY_END: [u8; 2] = [0, 1];
const AFTER_KEY_END: [u8; 2] = [0, 2];

fn join(table: u8, parts: &[&[u8]]) -> Bytes {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(table);
    parts.iter().for_each(|part| key.extend_from_slice(part));
    Bytes::from(key)
}

/// A key under which something follows.
fn join_after(table: u8, key: &[u8], end: [u8; 2], rest: &[u8]) -> Bytes {
    let zeros = key.iter().filter(|byte| **byte == 0).count();
    let mut out = Vec::with_capacity(1 + key.len() + zeros + end.len() + rest.len());
    out.push(table);
    for byte in key {
        out.push(*byte);
        if *byte == 0 {
            out.push(0xff);
        }
    }
    out.extend_from_slice(&end);
    out.extend_from_slice(rest);
    Bytes::from(out)
}

/// What stands under a key now.
pub(super) fn current(key: &[u8]) -> Bytes {
    join(table::CURRENT, &[key])
}

/// What stood under a key before the revision `until`.
pub(super) fn history(key: &[u8], until: i64) -> Bytes {
    join_after(table::HISTORY, key, KEY_END, &(until as u64).to_be_bytes())
}

/// The first place of the history behind that of a key.
pub(super) fn after_history(key: &[u8]) -> Bytes {
    join_after(table::HISTORY, key, AFTER_KEY_END, &[])
}

/// The history of a key that ends at the revision `from` or later, oldest first.
pub(super) fn history_from(key: &[u8], from: i64) -> ScanRange {
    ScanRange::between(history(key, from), after_history(key))
}

/// The key and the revision of a place in the history.
pub(super) fn parse_history(raw: &[u8]) -> Option<(Bytes, i64)> {
    let (table::HISTORY, rest) = raw.split_first().map(|(table, rest)| (*table, rest))? else {
        return None;
    };
    let (escaped, until) = rest.split_last_chunk::<8>()?;
    let escaped = escaped.strip_suffix(&KEY_END)?;
    let mut key = Vec::with_capacity(escaped.len());
    let mut bytes = escaped.iter();
    while let Some(byte) = bytes.next() {
        key.push(*byte);
        if *byte == 0 && bytes.next() != Some(&0xff) {
            return None;
        }
    }
    Some((Bytes::from(key), i64::try_from(u64::from_be_bytes(*until)).ok()?))
}

/// What happened at a place of a revision.
pub(super) fn revision(revision: i64, sub: u32) -> Bytes {
    join(table::REVISION, &[&(revision as u64).to_be_bytes(), &sub.to_be_bytes()])
}

/// Everything that happened from a place on.
pub(super) fn revisions_from(from: i64, sub: u32) -> ScanRange {
    ScanRange::between(revision(from, sub), Bytes::from_static(&[table::REVISION + 1]))
}

/// The revision and the place in it.
pub(super) fn parse_revision(raw: &[u8]) -> Option<(i64, u32)> {
    let (revision, sub) = raw.strip_prefix(&[table::REVISION])?.split_first_chunk::<8>()?;
    let revision = i64::try_from(u64::from_be_bytes(*revision)).ok()?;
    Some((revision, u32::from_be_bytes(sub.try_into().ok()?)))
}

/// A lease. Ids are sorted without their sign: negative ones last.
pub(super) fn lease(id: i64) -> Bytes {
    join(table::LEASE, &[&id.to_be_bytes()])
}

/// The leases behind one.
pub(super) fn leases_after(id: i64) -> ScanRange {
    ScanRange {
        start: Bound::Excluded(lease(id)),
        end: Bound::Excluded(Bytes::from_static(&[table::LEASE + 1])),
        reverse: false,
    }
}

/// The id of a lease.
pub(super) fn parse_lease(raw: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(raw.strip_prefix(&[table::LEASE])?.try_into().ok()?))
}

/// That a key is attached to a lease.
pub(super) fn attached(lease: i64, key: &[u8]) -> Bytes {
    join(table::ATTACHED, &[&lease.to_be_bytes(), key])
}

/// All keys that are attached to a lease.
pub(super) fn attached_to(lease: i64) -> ScanRange {
    ScanRange::prefix(attached(lease, &[]))
}

/// All keys that are attached to any lease.
pub(super) fn all_attached() -> ScanRange {
    ScanRange::prefix(Bytes::from_static(&[table::ATTACHED]))
}

/// A user.
pub(super) fn user(name: &[u8]) -> Bytes {
    join(table::USER, &[name])
}

/// All users.
pub(super) fn users() -> ScanRange {
    ScanRange::prefix(Bytes::from_static(&[table::USER]))
}

/// A role.
pub(super) fn role(name: &[u8]) -> Bytes {
    join(table::ROLE, &[name])
}

/// All roles.
pub(super) fn roles() -> ScanRange {
    ScanRange::prefix(Bytes::from_static(&[table::ROLE]))
}

/// The key that is attached.
pub(super) fn parse_attached(raw: &Bytes) -> Bytes {
    raw.slice(9.min(raw.len())..)
}

/// The keys that a request names.
#[derive(Clone, Debug)]
pub(super) enum Keys {
    /// One.
    One(Bytes),
    /// From the first on, up to but without the second.
    Between(Bytes, Bytes),
    /// From this one on.
    From(Bytes),
}

impl Keys {
    /// An empty end stands for one key, a single zero byte for no end.
    pub(super) fn new(key: &Bytes, range_end: &Bytes) -> Keys {
        match range_end[..] {
            [] => Keys::One(key.clone()),
            [0] => Keys::From(key.clone()),
            _ => Keys::Between(key.clone(), range_end.clone()),
        }
    }

    /// All keys that begin with these bytes.
    pub(super) fn prefix(prefix: Bytes) -> Keys {
        match successor(&prefix) {
            Some(end) => Keys::Between(prefix, end),
            None => Keys::From(prefix),
        }
    }

    pub(super) fn contains(&self, key: &[u8]) -> bool {
        match self {
            Keys::One(one) => one == key,
            Keys::Between(start, end) => &start[..] <= key && key < &end[..],
            Keys::From(start) => &start[..] <= key,
        }
    }

    /// The first of them.
    pub(super) fn first(&self) -> &Bytes {
        match self {
            Keys::One(key) | Keys::Between(key, _) | Keys::From(key) => key,
        }
    }

    /// The first key behind them.
    pub(super) fn end(&self) -> Option<Bytes> {
        match self {
            Keys::One(key) => Some([&key[..], b"\0"].concat().into()),
            Keys::Between(_, end) => Some(end.clone()),
            Keys::From(_) => None,
        }
    }

    /// Whether no key can be one of them.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Keys::Between(start, end) if start >= end)
    }

    /// Where they stand now.
    pub(super) fn current(&self) -> ScanRange {
        match self {
            Keys::One(key) => ScanRange {
                start: Bound::Included(current(key)),
                end: Bound::Included(current(key)),
                reverse: false,
            },
            Keys::Between(start, end) => ScanRange::between(current(start), current(end)),
            Keys::From(start) => {
                ScanRange::between(current(start), Bytes::from_static(&[table::CURRENT + 1]))
            }
        }
    }

    /// Where they stood.
    pub(super) fn history(&self) -> ScanRange {
        let edge = |key: &Bytes| join_after(table::HISTORY, key, KEY_END, &[]);
        match self {
            Keys::One(key) => ScanRange::between(edge(key), after_history(key)),
            Keys::Between(start, end) => ScanRange::between(edge(start), edge(end)),
            Keys::From(start) => {
                ScanRange::between(edge(start), Bytes::from_static(&[table::HISTORY + 1]))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_golden() {
        assert_eq!((META, IMPORT), (*b"m", *b"i"));
        assert_eq!(current(b"a\0"), &b"ka\0"[..]);
        assert_eq!(history(b"a\0b", 258), &b"ha\0\xffb\0\x01\0\0\0\0\0\0\x01\x02"[..]);
        assert_eq!(revision(3, 4), &b"r\0\0\0\0\0\0\0\x03\0\0\0\x04"[..]);
        assert_eq!(lease(5), &b"l\0\0\0\0\0\0\0\x05"[..]);
        assert_eq!(attached(-1, b"k"), &b"a\xff\xff\xff\xff\xff\xff\xff\xffk"[..]);
        assert_eq!((&AUTH[..], user(b"n"), role(b"n")), (&b"s"[..], "un".into(), "pn".into()));
    }

    proptest! {
        #[test]
        fn history_sorts_as_key_then_revision(
            a in prop::collection::vec(0u8..3, 0..5), at in 0i64..4,
            b in prop::collection::vec(0u8..3, 0..5), bt in 0i64..4,
        ) {
            prop_assert_eq!(history(&a, at).cmp(&history(&b, bt)), (&a, at).cmp(&(&b, bt)));
            prop_assert_eq!(parse_history(&history(&a, at)), Some((Bytes::from(a.clone()), at)));
            prop_assert_eq!(history(&b, bt) < after_history(&a), b <= a);
        }

        #[test]
        fn ranges_hold_the_keys_that_they_name(
            key in prop::collection::vec(0u8..3, 0..4),
            start in prop::collection::vec(0u8..3, 0..4),
            end in prop::collection::vec(0u8..3, 0..3),
        ) {
            let keys = Keys::new(&start.into(), &end.into());
            prop_assert_eq!(keys.current().contains(&current(&key)), keys.contains(&key));
            prop_assert_eq!(keys.history().contains(&history(&key, 7)), keys.contains(&key));
        }

        #[test]
        fn parsers_survive_any_bytes(bytes: Vec<u8>) {
            let bytes = Bytes::from(bytes);
            let _ = (parse_history(&bytes), parse_revision(&bytes), parse_lease(&bytes));
            prop_assert!(parse_attached(&bytes).len() <= bytes.len());
        }
    }
}
