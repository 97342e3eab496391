//! Writes that no engine holds yet, laid over one that will.

use alloc::{boxed::Box, collections::BTreeMap};
use core::{cmp::Ordering, iter::Peekable, ops::Bound};

use bytes::Bytes;
use kernel::bug::{Bug, planted};

use crate::engine::{Batch, EngineError, Read, Scan, ScanRange};

/// `None` is a delete.
type Changes = BTreeMap<Bytes, Option<Bytes>>;

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

    /// Every key at most once, in key order.
    pub(super) fn into_batch(self) -> Batch {
        let mut batch = Batch::new();
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
        match self.changes.get(key) {
            Some(change) => Ok(change.clone()),
            None => self.engine.get(key),
        }
    }

    fn scan(&self, range: ScanRange) -> Scan<'_> {
        if range.is_empty() {
            return Box::new(core::iter::empty());
        }
        let reverse = range.reverse;
        let bounds = (slice(&range.start), slice(&range.end));
        let changes = self.changes.range::<[u8], _>(bounds);
        let changes: Box<dyn Iterator<Item = _> + '_> =
            if reverse { Box::new(changes.rev()) } else { Box::new(changes) };
        let changes = changes.peekable();
        Box::new(Merge { engine: self.engine.scan(range).peekable(), changes, reverse })
    }
}

fn slice(bound: &Bound<Bytes>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(key) => Bound::Included(key),
        Bound::Excluded(key) => Bound::Excluded(key),
        Bound::Unbounded => Bound::Unbounded,
    }
}

/// Both in the same direction; a change hides what the engine has under its key.
struct Merge<'a, C: Iterator> {
    engine: Peekable<Scan<'a>>,
    changes: Peekable<C>,
    reverse: bool,
}

impl<'a, C> Iterator for Merge<'a, C>
where
    C: Iterator<Item = (&'a Bytes, &'a Option<Bytes>)>,
{
    type Item = Result<(Bytes, Bytes), EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let order = match (self.engine.peek(), self.changes.peek()) {
                (_, None) | (Some(Err(_)), _) => return self.engine.next(),
                (None, Some(_)) => Ordering::Greater,
                (Some(Ok((old, _))), Some((new, _))) if self.reverse => (*new).cmp(old),
                (Some(Ok((old, _))), Some((new, _))) => old.cmp(new),
            };
            if order == Ordering::Less {
                return self.engine.next();
            }
            let (key, change) = self.changes.next()?;
            if order == Ordering::Equal {
                let hidden = self.engine.next();
                if change.is_none() && planted(Bug::ScanMissesDelete) {
                    return hidden;
                }
            }
            if let Some(value) = change {
                return Some(Ok((key.clone(), value.clone())));
            }
        }
    }
}
