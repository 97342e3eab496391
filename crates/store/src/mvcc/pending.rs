//! The changes of one batch of commands, before the engine has them.
//!
//! ```text
//!   for each command:  pending.view(version)  → the program reads and writes
//!                      pending.put_raw(Outcome, …)
//!   engine.write(pending.into_batch())          one atomic write for all of them
//! ```

use alloc::{boxed::Box, format, vec::Vec};
use core::{mem, ops::Bound};

use bytes::Bytes;
use kernel::{Version, clock::hybrid::Timestamp};

use super::{
    digest::{Change, Digest},
    overlay::Overlay,
    space::{Space, Table, parse_expiry},
    stored::Stored,
};
use crate::{
    engine::{Batch, EngineError, Read, ScanRange},
    view::{Pairs, Record, View},
};

/// An engine's space together with changes that are still to be written.
pub struct Pending<'e, E: Read> {
    overlay: Overlay<'e, E>,
    space: Space,
    history: bool,
    digest: Digest,
    grown: i64,
    superseded: usize,
    earliest: Timestamp,
    /// What was looked at last, newest first: a command looks at a key before it changes it, and
    /// many commands change a key that they have in common besides.
    recent: [Seen; 2],
}

/// What stands under a key.
#[derive(Default)]
struct Seen {
    /// The engine's key; empty if nothing was seen.
    full: Bytes,
    stored: Option<Stored>,
    /// Whether this batch has changed it before, and is likely to do so again.
    changed: bool,
}

impl Seen {
    fn is_of(&self, key: &[u8]) -> bool {
        self.full.get(Space::TABLE_PREFIX_LEN..) == Some(key)
    }
}

impl<'e, E: Read> Pending<'e, E> {
    /// No changes yet. With `history`, superseded values are kept for reads at earlier versions;
    /// `previous_digest` is what [`Pending::digest`] gave for the batch before (zero at first).
    #[must_use]
    pub fn new(engine: &'e E, space: Space, history: bool, previous_digest: u64) -> Self {
        let digest = Digest::new(previous_digest);
        let overlay = Overlay::new(engine);
        let (grown, superseded, earliest) = (0, 0, Timestamp::default());
        let recent = Default::default();
        Pending { overlay, space, history, digest, grown, superseded, earliest, recent }
    }

    /// No key has an earlier deadline: looking for those that have passed begins there, and need not
    /// walk over what is gone. What [`Pending::earliest`] gave for the batch before.
    #[must_use]
    pub fn none_due_before(self, earliest: Timestamp) -> Self {
        Pending { earliest, ..self }
    }

    /// No key has an earlier deadline.
    #[must_use]
    pub fn earliest(&self) -> Timestamp {
        self.earliest
    }

    /// The view of the next command. Versions must not fall from one view to the next.
    pub fn view(&mut self, version: Version) -> PendingView<'_, 'e, E> {
        PendingView { pending: self, version }
    }

    /// The hash of all changes to `Current` and of all outcomes since the chain began, in the order
    /// in which they were made. `Meta` is local, the other tables follow from these.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest.value()
    }

    /// By how many bytes the current keys and their stored values have grown.
    #[must_use]
    pub fn grown(&self) -> i64 {
        self.grown
    }

    /// How many values were superseded and kept.
    #[must_use]
    pub fn superseded(&self) -> usize {
        self.superseded
    }

    /// What the engine has to write.
    #[must_use]
    pub fn into_batch(self) -> Batch {
        self.overlay.into_batch()
    }

    /// The value under a raw key of a table.
    ///
    /// # Errors
    /// If the engine cannot read.
    pub fn get_raw(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        self.overlay.get(&self.space.key(table, key))
    }

    /// Sets a raw key. Meant for `Meta` and `OutcomePage`: views keep the others.
    pub fn put_raw(&mut self, table: Table, key: &[u8], value: Bytes) {
        self.note(table, Change::Put, key, &value);
        self.overlay.put(self.space.key(table, key), value);
    }

    /// Removes a raw key of the same tables.
    pub fn delete_raw(&mut self, table: Table, key: &[u8]) {
        self.note(table, Change::Delete, key, &[]);
        self.overlay.delete(self.space.key(table, key));
    }

    /// Adds an outcome to the digest. How outcomes lie on pages while a batch is under way depends
    /// on how commands were batched, so pages themselves are not in it.
    pub fn kept(&mut self, id: &[u8], outcome: &[u8]) {
        self.digest.add(Table::OutcomePage as u8, Change::Put, id, outcome);
    }

    /// Adds to the digest that a page of outcomes was forgotten.
    pub fn forgotten(&mut self, page: &[u8]) {
        self.digest.add(Table::OutcomePage as u8, Change::Delete, page, &[]);
    }

    /// The first `limit` raw keys and values of a range of a table, in its order.
    ///
    /// # Errors
    /// If the engine cannot read.
    pub fn scan_raw(
        &self,
        table: Table,
        range: &ScanRange,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, EngineError> {
        self.pairs(table, range).take(limit).collect()
    }

    fn pairs<'p>(
        &'p self,
        table: Table,
        range: &ScanRange,
    ) -> impl Iterator<Item = Result<(Bytes, Bytes), EngineError>> + use<'p, 'e, E> {
        let pairs = self.overlay.scan(self.space.table_range(table, range));
        pairs.map(|pair| pair.map(|(key, value)| (Space::rest(&key), value)))
    }

    fn note(&mut self, table: Table, change: Change, key: &[u8], value: &[u8]) {
        if table == Table::Current {
            self.digest.add(table as u8, change, key, value);
        }
    }

    /// What stands under a key now.
    fn look_up(&mut self, key: &[u8]) -> Result<&mut Seen, EngineError> {
        if !self.recent[0].is_of(key) {
            self.recent.swap(0, 1);
        }
        if !self.recent[0].is_of(key) {
            let full = self.space.key(Table::Current, key);
            let (bytes, changed) = self.overlay.look_up(&full)?;
            let stored = bytes.map(|bytes| Stored::decode(&bytes)).transpose()?;
            self.recent[0] = Seen { full, stored, changed };
        }
        Ok(&mut self.recent[0])
    }

    /// Sets a key under which this was seen.
    fn set(&mut self, key: &[u8], seen: Seen, evidence: Stored, value: &dyn Record) {
        let bytes = evidence.encode_with(value);
        let old = seen.stored.as_ref().map_or(0, |old| stored_len(key, old));
        self.grown += pair_len(key, bytes.len()) - old;
        self.note(Table::Current, Change::Put, key, &bytes);
        if seen.changed {
            let value = bytes.slice(bytes.len() - value.size()..);
            let stored = Some(Stored { value, ..evidence });
            self.recent[0] = Seen { full: seen.full.clone(), stored, changed: true };
        }
        match seen.stored {
            Some(_) => self.overlay.put(seen.full, bytes),
            None => self.overlay.insert(seen.full, bytes),
        }
    }

    /// Keeps a value for reads before `at`. What was written at `at` itself nobody can have read, so
    /// a key has one value that ended there.
    fn supersede(&mut self, key: &[u8], old: &Stored, at: Version) {
        if self.history && old.version < at {
            self.overlay.insert(self.space.history(key, at), old.encode());
            self.overlay.insert(self.space.history_queue(at, key), Bytes::new());
            self.superseded += 1;
        }
    }

    /// A key stands among the deadlines once, under its own.
    fn move_deadline(&mut self, key: &[u8], old: Option<Timestamp>, new: Option<Timestamp>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.overlay.delete(self.space.expiry(old, key));
        }
        if let Some(new) = new {
            self.earliest = self.earliest.min(new);
            self.overlay.insert(self.space.expiry(new, key), Bytes::new());
        }
    }
}

fn pair_len(key: &[u8], value: usize) -> i64 {
    i64::try_from(key.len() + value).unwrap_or(i64::MAX)
}

fn stored_len(key: &[u8], stored: &Stored) -> i64 {
    pair_len(key, stored.encoded_len())
}

/// That of a key which this write makes.
fn evidence(version: Version, deadline: Option<Timestamp>) -> Stored {
    Stored { version, created: version, writes: 1, deadline, value: Bytes::new() }
}

/// The view of one command on the changes of its batch.
pub struct PendingView<'p, 'e, E: Read> {
    pending: &'p mut Pending<'e, E>,
    version: Version,
}

impl<E: Read> View for PendingView<'_, '_, E> {
    fn version(&self) -> Version {
        self.version
    }

    fn now(&self) -> Timestamp {
        self.version.timestamp
    }

    fn get(&mut self, key: &[u8]) -> Result<Option<Stored>, EngineError> {
        Ok(self.pending.look_up(key)?.stored.clone())
    }

    fn put(
        &mut self,
        key: &[u8],
        value: &dyn Record,
        deadline: Option<Timestamp>,
    ) -> Result<(), EngineError> {
        let seen = mem::take(self.pending.look_up(key)?);
        let (mut evidence, mut before) = (evidence(self.version, deadline), None);
        if let Some(old) = &seen.stored {
            self.pending.supersede(key, old, self.version);
            (evidence.created, evidence.writes) = (old.created, old.writes.saturating_add(1));
            before = old.deadline;
        }
        self.pending.move_deadline(key, before, deadline);
        self.pending.set(key, seen, evidence, value);
        Ok(())
    }

    fn insert(&mut self, key: &[u8], value: &dyn Record) -> Result<(), EngineError> {
        debug_assert_eq!(self.get(key)?, None, "a key that is there is put: {key:02x?}");
        let pending = &mut *self.pending;
        if let Some(seen) = pending.recent.iter_mut().find(|seen| seen.is_of(key)) {
            *seen = Seen::default();
        }
        let seen = Seen { full: pending.space.key(Table::Current, key), ..Seen::default() };
        pending.set(key, seen, evidence(self.version, None), value);
        Ok(())
    }

    fn delete(&mut self, key: &[u8]) -> Result<bool, EngineError> {
        let Seen { full, stored, .. } = mem::take(self.pending.look_up(key)?);
        let Some(old) = stored else { return Ok(false) };
        self.pending.supersede(key, &old, self.version);
        self.pending.move_deadline(key, old.deadline, None);
        self.pending.grown -= stored_len(key, &old);
        self.pending.note(Table::Current, Change::Delete, key, &[]);
        self.pending.overlay.delete(full);
        Ok(true)
    }

    fn scan(&mut self, range: ScanRange) -> Pairs<'_> {
        let pairs = self.pending.pairs(Table::Current, &range);
        Box::new(pairs.map(|pair| pair.and_then(|(key, bytes)| Ok((key, Stored::decode(&bytes)?)))))
    }

    fn expired(&mut self, upto: Timestamp, limit: usize) -> Result<Vec<Bytes>, EngineError> {
        if self.pending.earliest > upto || limit == 0 {
            return Ok(Vec::new());
        }
        let edge = |at: Timestamp| Bytes::copy_from_slice(&at.0.to_be_bytes());
        let end = upto.0.checked_add(1).map(|end| edge(Timestamp(end)));
        let end = end.map_or(Bound::Unbounded, Bound::Excluded);
        let start = Bound::Included(edge(self.pending.earliest));
        let range = ScanRange { start, end, reverse: false };
        let due = self.pending.scan_raw(Table::Expiry, &range, limit)?;
        let parsed = due.iter().map(|(rest, _)| {
            parse_expiry(rest)
                .ok_or_else(|| EngineError::Corrupt(format!("no deadline: {rest:02x?}")))
        });
        let due = parsed.collect::<Result<Vec<_>, _>>()?;
        self.pending.earliest = due.first().map_or(upto, |(deadline, _)| *deadline);
        Ok(due.into_iter().map(|(_, key)| key).collect())
    }
}
