//! Changes that become visible together.

use alloc::vec::Vec;

use bytes::Bytes;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Sets a key.
    Put(Bytes, Bytes),
    /// Sets a key that is not there: an engine that has not written it anywhere else when it is
    /// removed again may forget that it ever was. A key that is there may come back then.
    Insert(Bytes, Bytes),
    /// Removes a key; not an error if there is none.
    Delete(Bytes),
    /// Removes every key from the first up to but not including the second.
    DeleteRange(Bytes, Bytes),
}

impl Op {
    fn bytes(&self) -> usize {
        match self {
            Op::Put(one, two) | Op::Insert(one, two) | Op::DeleteRange(one, two) => {
                one.len() + two.len()
            }
            Op::Delete(key) => key.len(),
        }
    }
}

/// Changes in order: a later one of the same batch wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    ops: Vec<Op>,
    bytes: usize,
}

impl Batch {
    /// No changes.
    #[must_use]
    pub fn new() -> Batch {
        Batch::default()
    }

    /// No changes, and room for so many.
    #[must_use]
    pub fn with_capacity(changes: usize) -> Batch {
        Batch { ops: Vec::with_capacity(changes), bytes: 0 }
    }

    /// Sets a key.
    pub fn put(&mut self, key: Bytes, value: Bytes) {
        self.push(Op::Put(key, value));
    }

    /// Sets a key that is not there.
    pub fn insert(&mut self, key: Bytes, value: Bytes) {
        self.push(Op::Insert(key, value));
    }

    /// Removes a key.
    pub fn delete(&mut self, key: Bytes) {
        self.push(Op::Delete(key));
    }

    /// Removes the keys from `start` up to but not including `end`; nothing if `start >= end`.
    pub fn delete_range(&mut self, start: Bytes, end: Bytes) {
        self.push(Op::DeleteRange(start, end));
    }

    /// Adds all changes of another batch after the ones of this.
    pub fn append(&mut self, other: Batch) {
        self.bytes += other.bytes;
        self.ops.extend(other.ops);
    }

    /// The changes, oldest first.
    #[must_use]
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The changes, oldest first.
    #[must_use]
    pub fn into_ops(self) -> Vec<Op> {
        self.ops
    }

    /// How many changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether there is no change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Bytes of all keys and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn push(&mut self, op: Op) {
        self.bytes += op.bytes();
        self.ops.push(op);
    }
}
