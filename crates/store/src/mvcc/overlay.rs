//! Writes that no engine holds yet, laid over one that will.

use alloc::collections::BTreeMap;

use bytes::Bytes;

use crate::engine::{Batch, EngineError, Read, Scan, ScanRange, layered_by};

/// An engine as it will be.
pub(super) struct Overlay<'e, E> {
    engine: &'e E,
    changes: BTreeMap<Bytes, Change>,
}

/// The newest change of a key.
struct Change {
    /// Without it, the key is removed.
    value: Option<Bytes>,
    /// Whether the engine has no such key.
    new: bool,
}

impl<'e, E: Read> Overlay<'e, E> {
    pub(super) fn new(engine: &'e E) -> Self {
        Overlay { engine, changes: BTreeMap::new() }
    }

    pub(super) fn put(&mut self, key: Bytes, value: Bytes) {
        self.change(key, Some(value), false);
    }

    /// Sets a key that is neither here nor in the engine.
    pub(super) fn insert(&mut self, key: Bytes, value: Bytes) {
        self.change(key, Some(value), true);
    }

    pub(super) fn delete(&mut self, key: Bytes) {
        self.change(key, None, false);
    }

    /// What the engine has is known from the first change: it does not change meanwhile.
    fn change(&mut self, key: Bytes, value: Option<Bytes>, new: bool) {
        let change = self.changes.entry(key).or_insert(Change { value: None, new });
        change.value = value;
    }

    /// The value of a key, and whether it was changed here.
    pub(super) fn look_up(&self, key: &[u8]) -> Result<(Option<Bytes>, bool), EngineError> {
        match self.changes.get(key) {
            Some(change) => Ok((change.value.clone(), true)),
            None => Ok((self.engine.get(key)?, false)),
        }
    }

    /// Every key at most once, in key order.
    pub(super) fn into_batch(self) -> Batch {
        // One more, because a replica adds how far it has come.
        let mut batch = Batch::with_capacity(self.changes.len() + 1);
        for (key, change) in self.changes {
            match change {
                Change { value: Some(value), new: true } => batch.insert(key, value),
                Change { value: Some(value), new: false } => batch.put(key, value),
                Change { value: None, .. } => batch.delete(key),
            }
        }
        batch
    }
}

impl<E: Read> Read for Overlay<'_, E> {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Ok(self.look_up(key)?.0)
    }

    fn scan(&self, range: ScanRange) -> Scan<'_> {
        let below = self.engine.scan(range.clone());
        layered_by(below, &self.changes, &range, |change| change.value.as_ref())
    }
}
