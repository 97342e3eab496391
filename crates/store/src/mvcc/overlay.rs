//! Writes that no engine holds yet, laid over one that will.

use bytes::Bytes;

use crate::engine::{Batch, Changes, EngineError, Read, Scan, ScanRange, layered};

/// An engine as it will be.
pub(super) struct Overlay<'e, E> {
    engine: &'e E,
    changes: Changes,
}

impl<'e, E: Read> Overlay<'e, E> {
    pub(super) fn new(engine: &'e E) -> Self {
        Overlay { engine, changes: Changes::new() }
    }

    pub(super) fn put(&mut self, key: Bytes, value: Bytes) {
        self.changes.insert(key, Some(value));
    }

    pub(super) fn delete(&mut self, key: Bytes) {
        self.changes.insert(key, None);
    }

    /// The value of a key, and whether it was changed here.
    pub(super) fn look_up(&self, key: &[u8]) -> Result<(Option<Bytes>, bool), EngineError> {
        match self.changes.get(key) {
            Some(change) => Ok((change.clone(), true)),
            None => Ok((self.engine.get(key)?, false)),
        }
    }

    /// Every key at most once, in key order.
    pub(super) fn into_batch(self) -> Batch {
        // One more, because a replica adds how far it has come.
        let mut batch = Batch::with_capacity(self.changes.len() + 1);
        for (key, change) in self.changes {
            match change {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
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
        layered(self.engine.scan(range.clone()), &self.changes, &range)
    }
}
