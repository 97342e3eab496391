//! Keys of the engine that belong to one generation of one shard.
//!
//! ```text
//!   shard u64 BE │ generation u32 BE │ table u8 │ rest
//! ```
//!
//! User keys stand raw at the end wherever they can, so that the engine sorts them as bytes. In
//! `History` a version follows the key; there every zero byte is escaped as `00 FF` and the key
//! ends with `00 01`. No key is a prefix of another then, and the order stays the order of bytes.

use alloc::vec::Vec;
use core::ops::Bound;

use bytes::Bytes;
use kernel::{ShardId, Version, clock::hybrid::Timestamp};

use crate::engine::{KEY_LEN_MAX, ScanRange, successor};

/// The parts of a space. The numbers are stored: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Table {
    /// Bookkeeping of the replica. Not part of the digest.
    Meta = 0,
    /// The newest value of every key.
    Current = 1,
    /// Values that were superseded.
    History = 2,
    /// Superseded values in the order in which they may be forgotten.
    HistoryQueue = 3,
    // 4 and 5 held outcomes one by one, in format 1 of the data directory.
    /// Keys in the order of their deadlines.
    Expiry = 6,
    /// What became of requests.
    OutcomePage = 7,
}

/// Which generation of which shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Space {
    /// The shard.
    pub shard: ShardId,
    /// Grows with every snapshot that the replica installs.
    pub generation: u32,
}

const ESCAPED_ZERO: [u8; 2] = [0, 0xff];
const KEY_END: [u8; 2] = [0, 1];
const AFTER_KEY_END: [u8; 2] = [0, 2];

impl Space {
    /// Length of what stands before the table's number.
    pub const PREFIX_LEN: usize = 12;
    /// Length of what stands before the rest.
    pub const TABLE_PREFIX_LEN: usize = Self::PREFIX_LEN + 1;

    /// The longest user key, in bytes: with every byte escaped it still fits an engine's key.
    pub const USER_KEY_LEN_MAX: usize =
        (KEY_LEN_MAX - Self::TABLE_PREFIX_LEN - KEY_END.len() - Version::LEN) / 2;

    /// The space of a shard's generation.
    #[must_use]
    pub fn new(shard: ShardId, generation: u32) -> Space {
        Space { shard, generation }
    }

    /// The beginning of every key of the space.
    #[must_use]
    pub fn prefix(self) -> [u8; Self::PREFIX_LEN] {
        let mut prefix = [0; Self::PREFIX_LEN];
        prefix[..8].copy_from_slice(&self.shard.0.to_be_bytes());
        prefix[8..].copy_from_slice(&self.generation.to_be_bytes());
        prefix
    }

    /// Every key of the space.
    #[must_use]
    pub fn range(self) -> ScanRange {
        ScanRange::prefix(Bytes::copy_from_slice(&self.prefix()))
    }

    /// The engine's key of a table's raw key.
    #[must_use]
    pub fn key(self, table: Table, rest: &[u8]) -> Bytes {
        self.join(table, &[rest])
    }

    /// The engine's range of a range of a table's raw keys.
    #[must_use]
    pub fn table_range(self, table: Table, range: &ScanRange) -> ScanRange {
        let whole = self.key(table, &[]);
        let start = match &range.start {
            Bound::Included(rest) => Bound::Included(self.key(table, rest)),
            Bound::Excluded(rest) => Bound::Excluded(self.key(table, rest)),
            Bound::Unbounded => Bound::Included(whole.clone()),
        };
        let end = match &range.end {
            Bound::Included(rest) => Bound::Included(self.key(table, rest)),
            Bound::Excluded(rest) => Bound::Excluded(self.key(table, rest)),
            Bound::Unbounded => successor(&whole).map_or(Bound::Unbounded, Bound::Excluded),
        };
        ScanRange { start, end, reverse: range.reverse }
    }

    /// Where the value of `key` lies that was superseded at `at`.
    #[must_use]
    pub fn history(self, key: &[u8], at: Version) -> Bytes {
        self.join(Table::History, &[&escape(key), &KEY_END, &at.to_bytes()])
    }

    /// The values of `key` that were superseded after `at`, oldest first.
    #[must_use]
    pub fn history_after(self, key: &[u8], at: Version) -> ScanRange {
        ScanRange {
            start: Bound::Excluded(self.history(key, at)),
            end: Bound::Excluded(self.history_edge(key, AFTER_KEY_END)),
            reverse: false,
        }
    }

    /// The values of `key` that were superseded at `at` or before, newest first.
    #[must_use]
    pub fn history_before(self, key: &[u8], at: Version) -> ScanRange {
        ScanRange {
            start: Bound::Included(self.history_edge(key, KEY_END)),
            end: Bound::Included(self.history(key, at)),
            reverse: true,
        }
    }

    /// The superseded values of a range of user keys.
    #[must_use]
    pub fn history_range(self, range: &ScanRange) -> ScanRange {
        let table = self.table_range(Table::History, &ScanRange::all());
        let start = match &range.start {
            Bound::Included(key) => Bound::Included(self.history_edge(key, KEY_END)),
            Bound::Excluded(key) => Bound::Included(self.history_edge(key, AFTER_KEY_END)),
            Bound::Unbounded => table.start,
        };
        let end = match &range.end {
            Bound::Included(key) => Bound::Excluded(self.history_edge(key, AFTER_KEY_END)),
            Bound::Excluded(key) => Bound::Excluded(self.history_edge(key, KEY_END)),
            Bound::Unbounded => table.end,
        };
        ScanRange { start, end, reverse: range.reverse }
    }

    /// Where the collector finds that `key` was superseded at `at`.
    #[must_use]
    pub fn history_queue(self, at: Version, key: &[u8]) -> Bytes {
        self.join(Table::HistoryQueue, &[&at.to_bytes(), key])
    }

    /// Where the deadline of `key` lies.
    #[must_use]
    pub fn expiry(self, deadline: Timestamp, key: &[u8]) -> Bytes {
        self.join(Table::Expiry, &[&deadline.0.to_be_bytes(), key])
    }

    /// What follows the table's number in an engine's key of this space.
    #[must_use]
    pub fn rest(engine_key: &Bytes) -> Bytes {
        engine_key.slice(Self::TABLE_PREFIX_LEN.min(engine_key.len())..)
    }

    fn history_edge(self, key: &[u8], edge: [u8; 2]) -> Bytes {
        self.join(Table::History, &[&escape(key), &edge])
    }

    fn join(self, table: Table, parts: &[&[u8]]) -> Bytes {
        let len = parts.iter().map(|part| part.len()).sum::<usize>();
        let mut key = Vec::with_capacity(Self::TABLE_PREFIX_LEN + len);
        key.extend_from_slice(&self.prefix());
        key.push(table as u8);
        parts.iter().for_each(|part| key.extend_from_slice(part));
        Bytes::from(key)
    }
}

/// Splits the rest of a `History` key into the user key and the version; `None` if it is neither.
pub(super) fn parse_history(rest: &Bytes) -> Option<(Bytes, Version)> {
    let at = rest.len().checked_sub(Version::LEN)?;
    let version = Version::from_bytes(&rest[at..])?;
    let escaped = rest.slice(..at.checked_sub(KEY_END.len())?);
    (rest[escaped.len()..at] == KEY_END).then_some(())?;
    Some((unescape(&escaped)?, version))
}

/// Splits the rest of a `HistoryQueue` key into the version and the user key.
pub(super) fn parse_history_queue(rest: &Bytes) -> Option<(Version, Bytes)> {
    let version = Version::from_bytes(rest.get(..Version::LEN)?)?;
    Some((version, rest.slice(Version::LEN..)))
}

/// Splits the rest of an `Expiry` key into the deadline and the user key.
pub(super) fn parse_expiry(rest: &Bytes) -> Option<(Timestamp, Bytes)> {
    let deadline: [u8; 8] = rest.get(..8)?.try_into().ok()?;
    Some((Timestamp(u64::from_be_bytes(deadline)), rest.slice(8..)))
}

fn escape(key: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(key.len());
    for byte in key {
        match byte {
            0 => escaped.extend_from_slice(&ESCAPED_ZERO),
            _ => escaped.push(*byte),
        }
    }
    escaped
}

/// Shares the bytes of a key without zeros.
fn unescape(escaped: &Bytes) -> Option<Bytes> {
    if !escaped.contains(&0) {
        return Some(escaped.clone());
    }
    let mut key = Vec::with_capacity(escaped.len());
    let mut bytes = escaped.iter();
    while let Some(byte) = bytes.next() {
        if *byte == 0 && bytes.next() != Some(&ESCAPED_ZERO[1]) {
            return None;
        }
        key.push(*byte);
    }
    Some(Bytes::from(key))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_golden() {
        let space = Space::new(ShardId(1), 2);
        let at = Version { index: 9, ..Version::default() };
        let prefix = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
        assert_eq!(space.key(Table::Current, b"a\0"), [&prefix[..], b"\x01a\0"].concat());
        let version = at.to_bytes();
        assert_eq!(
            space.history(b"a\0", at),
            [&prefix[..], b"\x02a\0\xff\0\x01", &version[..]].concat()
        );
        assert_eq!(
            space.history_queue(at, b"a\0"),
            [&prefix[..], b"\x03", &version[..], b"a\0"].concat()
        );
        assert_eq!(
            space.expiry(Timestamp(3), b"k"),
            [&prefix[..], b"\x06\0\0\0\0\0\0\0\x03k"].concat()
        );
    }

    proptest! {
        #[test]
        fn history_keys_sort_as_key_then_version(
            a in proptest::collection::vec(0u8..3, 0..5), va: u64,
            b in proptest::collection::vec(0u8..3, 0..5), vb: u64,
        ) {
            let space = Space::new(ShardId(7), 0);
            let version = |index| Version { index, ..Version::default() };
            let stored = space.history(&a, version(va)).cmp(&space.history(&b, version(vb)));
            prop_assert_eq!(stored, (&a, va).cmp(&(&b, vb)));
        }

        #[test]
        fn history_keys_come_back(key: Vec<u8>, index: u64) {
            let at = Version { index, ..Version::default() };
            let stored = Space::new(ShardId(7), 0).history(&key, at);
            prop_assert_eq!(parse_history(&Space::rest(&stored)), Some((Bytes::from(key), at)));
        }

        #[test]
        fn parsers_survive_any_bytes(bytes: Vec<u8>) {
            let bytes = Bytes::from(bytes);
            let (a, b) = (parse_history(&bytes), parse_history_queue(&bytes));
            prop_assert!(a.is_none_or(|(key, _)| key.len() < bytes.len()));
            prop_assert!(b.is_none_or(|(_, key)| key.len() < bytes.len()));
            prop_assert_eq!(parse_expiry(&bytes).is_some(), bytes.len() >= 8);
        }

        #[test]
        fn history_ranges_hold_what_the_user_range_holds(
            key in proptest::collection::vec(0u8..3, 0..4),
            start in proptest::collection::vec(0u8..3, 0..4),
            end in proptest::collection::vec(0u8..3, 0..4),
            kinds in 0u8..9,
            index: u64,
        ) {
            let bound = |kind, key: &Vec<u8>| match kind {
                0 => Bound::Unbounded,
                1 => Bound::Included(Bytes::from(key.clone())),
                _ => Bound::Excluded(Bytes::from(key.clone())),
            };
            let (start, end) = (bound(kinds % 3, &start), bound(kinds / 3, &end));
            let range = ScanRange { start, end, reverse: false };
            let space = Space::new(ShardId(7), 0);
            let stored = space.history(&key, Version { index, ..Version::default() });
            prop_assert_eq!(space.history_range(&range).contains(&stored), range.contains(&key));
            let raw = space.key(Table::Current, &key);
            prop_assert_eq!(
                space.table_range(Table::Current, &range).contains(&raw),
                range.contains(&key)
            );
        }
    }
}
