//! Reads of a space, now or at a version.
//!
//! A scan at a version walks `Current` and `History` side by side and holds one key of each:
//!
//! ```text
//!   Current   a ───── c ─ d        the value of a key at v is the oldest one that was
//!   History   a a b b ─── d d      superseded after v, or else the current one,
//!             └─┘ └─┘     └─┘      if it was written at v or before
//! ```

use alloc::{format, vec::Vec};
use core::{cmp::Ordering, iter::Peekable, ops::Bound};

use bytes::Bytes;
use kernel::{
    Incarnation, Version,
    bug::{Bug, planted},
    clock::hybrid::Timestamp,
};

use super::{
    space::{Space, Table, parse_expiry, parse_history},
    stored::Stored,
};
use crate::engine::{EngineError, Read, Scan, ScanRange};

/// Reads one space of an engine or of a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'e, R: Read> {
    engine: &'e R,
    space: Space,
    at: Option<Version>,
}

impl<'e, R: Read> Reader<'e, R> {
    /// Reads the newest values.
    #[must_use]
    pub fn latest(engine: &'e R, space: Space) -> Self {
        Reader { engine, space, at: None }
    }

    /// Reads as of a version: what was written at it is seen. Right only for versions at or
    /// after the horizon of the collector, and only if history was kept.
    #[must_use]
    pub fn at(engine: &'e R, space: Space, version: Version) -> Self {
        Reader { engine, space, at: Some(version) }
    }

    /// The value of a key.
    ///
    /// # Errors
    /// If the engine cannot read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Stored>, EngineError> {
        if let Some(at) = self.at {
            let mut later = self.engine.scan(self.space.history_after(key, at));
            if let Some(superseded) = later.next() {
                let stored = Stored::decode(&superseded?.1)?;
                return Ok(Some(stored).filter(|stored| stored.version <= at));
            }
        }
        let current = self.engine.get(&self.space.key(Table::Current, key))?;
        let current = current.map(|bytes| Stored::decode(&bytes)).transpose()?;
        Ok(current.filter(|stored| self.at.is_none_or(|at| stored.version <= at)))
    }

    /// The values of a key that are kept, newest first, each with the version that ended it; the
    /// current one has none. With `before`, only what was written before that version; at most
    /// `limit`. Where a value ended before the next one was written, the key did not exist.
    ///
    /// # Errors
    /// If the engine cannot read.
    pub fn versions(
        &self,
        key: &[u8],
        before: Option<Version>,
        limit: usize,
    ) -> Result<Vec<(Stored, Option<Version>)>, EngineError> {
        let mut found = Vec::new();
        let written = |stored: &Stored| before.is_none_or(|before| stored.version < before);
        let current = self.engine.get(&self.space.key(Table::Current, key))?;
        if let Some(current) = current.map(|bytes| Stored::decode(&bytes)).transpose()? {
            found.extend(Some((current, None)).filter(|(stored, _)| written(stored)));
        }
        let last = Version {
            incarnation: Incarnation(u64::MAX),
            timestamp: Timestamp(u64::MAX),
            index: u64::MAX,
        };
        for pair in self.engine.scan(self.space.history_before(key, before.unwrap_or(last))) {
            if found.len() >= limit {
                break;
            }
            let (key, bytes) = pair?;
            let (_, ended) = parse_history(&Space::rest(&key))
                .ok_or_else(|| EngineError::Corrupt(format!("no superseded key: {key:02x?}")))?;
            let stored = Stored::decode(&bytes)?;
            found.extend(Some((stored, Some(ended))).filter(|(stored, _)| written(stored)));
        }
        found.truncate(limit);
        Ok(found)
    }

    /// The keys and values of a range, in its order, lazily.
    #[must_use]
    pub fn entries(&self, range: &ScanRange) -> Entries<'e> {
        let current = self.space.table_range(Table::Current, range);
        let history = self.at.map(|at| (at, self.space.history_range(range)));
        Entries {
            current: self.engine.scan(current).peekable(),
            history: history.map(|(at, range)| (at, self.engine.scan(range).peekable())),
            reverse: range.reverse,
        }
    }

    /// The first `limit` keys and values of a range, in its order. To go on, start the next
    /// range behind the last key.
    ///
    /// # Errors
    /// If the engine cannot read.
    pub fn scan(
        &self,
        range: &ScanRange,
        limit: usize,
    ) -> Result<Vec<(Bytes, Stored)>, EngineError> {
        self.entries(range).take(limit).collect()
    }

    /// How many keys a range holds, counting at most `limit`.
    ///
    /// # Errors
    /// If the engine cannot read.
    pub fn count(&self, range: &ScanRange, limit: usize) -> Result<usize, EngineError> {
        self.entries(range).take(limit).try_fold(0, |count, entry| entry.map(|_| count + 1))
    }

    /// Bytes of all current keys and their stored values: a walk over all of them.
    ///
    /// # Errors
    /// If the engine cannot read.
    pub fn weigh(&self) -> Result<u64, EngineError> {
        let pairs = self.engine.scan(self.space.table_range(Table::Current, &ScanRange::all()));
        pairs
            .map(|pair| pair.map(|(key, value)| Space::rest(&key).len() + value.len()))
            .try_fold(0, |sum, len: Result<usize, EngineError>| Ok(sum + len? as u64))
    }

    /// The value under a raw key of a table; always the newest.
    ///
    /// # Errors
    /// If the engine cannot read.
    pub fn get_raw(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        self.engine.get(&self.space.key(table, key))
    }

    /// The first `limit` raw keys and values of a range of a table; always the newest.
    ///
    /// # Errors
    /// If the engine cannot read.
    pub fn scan_raw(
        &self,
        table: Table,
        range: &ScanRange,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, EngineError> {
        let pairs = self.engine.scan(self.space.table_range(table, range)).take(limit);
        pairs.map(|pair| pair.map(|(key, value)| (Space::rest(&key), value))).collect()
    }

    /// The earliest deadline of all current keys, of which none is known to be before `earliest`.
    ///
    /// # Errors
    /// If the engine cannot read.
    pub fn next_deadline(&self, earliest: Timestamp) -> Result<Option<Timestamp>, EngineError> {
        let start = Bound::Included(Bytes::copy_from_slice(&earliest.0.to_be_bytes()));
        let first = self.scan_raw(Table::Expiry, &ScanRange { start, ..ScanRange::all() }, 1)?;
        let Some((rest, _)) = first.first() else { return Ok(None) };
        let (deadline, _) = parse_expiry(rest)
            .ok_or_else(|| EngineError::Corrupt(format!("no deadline: {rest:02x?}")))?;
        Ok(Some(deadline))
    }
}

/// Keys and values at a version, in order. After an error the iterator is not to be used.
pub struct Entries<'e> {
    current: Peekable<Scan<'e>>,
    history: Option<(Version, Peekable<Scan<'e>>)>,
    reverse: bool,
}

impl Iterator for Entries<'_> {
    type Item = Result<(Bytes, Stored), EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.step() {
                Ok(None) => return None,
                Ok(Some((key, Some(stored)))) => return Some(Ok((key, stored))),
                Ok(Some((_, None))) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Entries<'_> {
    /// The next key and what it held, if it was there.
    fn step(&mut self) -> Result<Option<(Bytes, Option<Stored>)>, EngineError> {
        let Some((at, history)) = &mut self.history else {
            return Ok(take_current(&mut self.current)?.map(|(key, stored)| (key, Some(stored))));
        };
        let order = match (peek_current(&mut self.current)?, peek_history(history)?) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(newest), Some((older, _))) if self.reverse => older.cmp(&newest),
            (Some(newest), Some((older, _))) => newest.cmp(&older),
        };
        let older = if order.is_lt() { None } else { take_history(history, *at)? };
        let newest = if order.is_gt() { None } else { take_current(&mut self.current)? };
        let (key, stored) = match (older, newest) {
            (Some((key, Some(stored))), _) => (key, Some(stored)),
            (_, Some((key, stored))) => (key, Some(stored)),
            (Some((key, None)), None) => (key, None),
            (None, None) => return Ok(None),
        };
        Ok(Some((key, stored.filter(|stored| stored.version <= *at))))
    }
}

fn peek_current(scan: &mut Peekable<Scan<'_>>) -> Result<Option<Bytes>, EngineError> {
    match scan.peek() {
        Some(Ok((key, _))) => Ok(Some(Space::rest(key))),
        Some(Err(error)) => Err(error.clone()),
        None => Ok(None),
    }
}

fn take_current(scan: &mut Peekable<Scan<'_>>) -> Result<Option<(Bytes, Stored)>, EngineError> {
    let Some(pair) = scan.next() else { return Ok(None) };
    let (key, bytes) = pair?;
    Ok(Some((Space::rest(&key), Stored::decode(&bytes)?)))
}

fn peek_history(scan: &mut Peekable<Scan<'_>>) -> Result<Option<(Bytes, Version)>, EngineError> {
    match scan.peek() {
        Some(Ok((key, _))) => parse_history(&Space::rest(key))
            .map(Some)
            .ok_or_else(|| EngineError::Corrupt(format!("no superseded key: {key:02x?}"))),
        Some(Err(error)) => Err(error.clone()),
        None => Ok(None),
    }
}

/// Takes all superseded values of the next key and keeps the oldest that was superseded after
/// `at`.
fn take_history(
    scan: &mut Peekable<Scan<'_>>,
    at: Version,
) -> Result<Option<(Bytes, Option<Stored>)>, EngineError> {
    let Some((key, _)) = peek_history(scan)? else { return Ok(None) };
    let mut oldest: Option<(Version, Bytes)> = None;
    while let Some((_, superseded)) = peek_history(scan)?.filter(|(next, _)| *next == key) {
        let Some(pair) = scan.next() else { break };
        let after = superseded > at || (superseded == at && planted(Bug::ScanMissesDelete));
        if after && oldest.as_ref().is_none_or(|(than, _)| superseded < *than) {
            oldest = Some((superseded, pair?.1));
        }
    }
    let stored = oldest.map(|(_, bytes)| Stored::decode(&bytes)).transpose()?;
    Ok(Some((key, stored)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::{Engine, MemEngine},
        mvcc::Pending,
        view::View,
    };
    use kernel::ShardId;

    const SPACE: Space = Space { shard: ShardId(3), generation: 0 };

    fn version(index: u64) -> Version {
        Version { incarnation: Incarnation(1), timestamp: Timestamp(index), index }
    }

    /// `a` is written at 1, 2 and 5 and removed at 3; `a\0` and `b` are its neighbours.
    fn engine() -> MemEngine {
        let mut engine = MemEngine::new();
        let mut pending = Pending::new(&engine, SPACE, true, 0);
        for (index, keys, value) in
            [(1, &[&b"a"[..], b"a\0", b"b"][..], "one"), (2, &[b"a"], "two"), (5, &[b"a"], "five")]
        {
            if index == 5 {
                pending.view(version(3)).delete(&Bytes::from_static(b"a")).unwrap();
            }
            for key in keys {
                let value = Bytes::from_static(value.as_bytes());
                pending.view(version(index)).put(&Bytes::from_static(key), &value, None).unwrap();
            }
        }
        let batch = pending.into_batch();
        engine.write(batch).unwrap();
        engine
    }

    fn versions(before: Option<u64>, limit: usize) -> Vec<(u64, Option<u64>)> {
        let engine = engine();
        let reader = Reader::latest(&engine, SPACE);
        let found = reader.versions(b"a", before.map(version), limit).unwrap();
        found.iter().map(|(at, until)| (at.version.index, until.map(|until| until.index))).collect()
    }

    #[test]
    fn a_history_is_newest_first_and_shows_when_a_key_was_gone() {
        assert_eq!(versions(None, 9), [(5, None), (2, Some(3)), (1, Some(2))]);
        assert_eq!(versions(None, 2), [(5, None), (2, Some(3))]);
        assert_eq!(versions(Some(2), 9), [(1, Some(2))], "the next page");
        assert_eq!(versions(Some(1), 9), []);
    }

    #[test]
    fn a_history_agrees_with_reads_at_every_version() {
        let engine = engine();
        let all = Reader::latest(&engine, SPACE).versions(b"a", None, 9).unwrap();
        for index in 0..7 {
            let at = version(index);
            let covers = |(stored, until): &&(Stored, Option<Version>)| {
                stored.version <= at && until.is_none_or(|until| at < until)
            };
            let expected = all.iter().find(covers).map(|(stored, _)| stored.clone());
            assert_eq!(Reader::at(&engine, SPACE, at).get(b"a").unwrap(), expected, "{index}");
        }
    }
}
