//! The newest changes, in memory, before the tree has them.
//!
//! ```text
//!   write ─▶ active ──freeze──▶ frozen, frozen … ──a flush job──▶ tree
//!            newest             oldest first                      below them all
//! ```
//!
//! The journal already keeps every change that was acknowledged, so nothing here needs a log of
//! its own; and a key that is changed many times between two flushes reaches the tree once.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use store::engine::{Scan, ScanRange, laid_over};

use super::{memtable::Memtable, spent::Spent};

/// Changes that no longer change.
#[derive(Clone, Debug)]
pub struct Frozen {
    /// Later ones have greater numbers.
    pub number: u64,
    /// What they are.
    pub changes: Arc<Memtable>,
}

/// The changes that the tree may not have yet.
#[derive(Debug)]
pub struct Front {
    active: Memtable,
    /// Oldest first.
    frozen: VecDeque<Frozen>,
    next: u64,
    /// The greatest number that the tree holds durably.
    ingested: Arc<AtomicU64>,
    spent: Spent,
}

impl Front {
    /// No changes yet.
    pub fn new(spent: Spent) -> Front {
        Front {
            active: Memtable::default(),
            frozen: VecDeque::new(),
            next: 0,
            ingested: Arc::default(),
            spent,
        }
    }

    /// Sets or removes a key.
    pub fn change(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.active.change(key, value);
    }

    /// Sets a key that is neither here nor in the tree.
    pub fn insert(&mut self, key: &[u8], value: &[u8]) {
        self.active.insert(key, value);
    }

    /// What was done to a key; `None` if nothing is known here.
    pub fn get(&self, key: &[u8]) -> Option<Option<Bytes>> {
        let active = self.active.get(key).map(|value| value.map(Bytes::copy_from_slice));
        active.or_else(|| get(&self.frozen, key))
    }

    /// Lays everything over a scan of the tree.
    pub fn over<'a>(&'a self, below: Scan<'a>, range: &ScanRange) -> Scan<'a> {
        lay(&self.active, over(&self.frozen, below, range), range)
    }

    /// Nothing written so far changes any more.
    pub fn freeze(&mut self) {
        if !self.active.is_empty() {
            self.next += 1;
            let changes = Arc::new(std::mem::take(&mut self.active));
            self.frozen.push_back(Frozen { number: self.next, changes });
        }
    }

    /// What was frozen and is not known to be in the tree, oldest first.
    pub fn frozen(&self) -> impl Iterator<Item = &Frozen> {
        self.frozen.iter()
    }

    /// Where jobs say what the tree holds.
    pub fn ingested(&self) -> &Arc<AtomicU64> {
        &self.ingested
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.active.bytes() + self.frozen.iter().map(|frozen| frozen.changes.bytes()).sum::<u64>()
    }

    /// Lets go of what the tree holds; whether there was anything.
    pub fn release(&mut self) -> bool {
        let ingested = self.ingested.load(Ordering::Acquire);
        let before = self.frozen.len();
        while let Some(frozen) = self.frozen.pop_front_if(|frozen| frozen.number <= ingested) {
            self.spent.free(frozen.changes);
        }
        self.frozen.len() < before
    }
}

/// What was done to a key.
pub fn get(frozen: &VecDeque<Frozen>, key: &[u8]) -> Option<Option<Bytes>> {
    let found = frozen.iter().rev().find_map(|frozen| frozen.changes.get(key))?;
    Some(found.map(Bytes::copy_from_slice))
}

/// Lays frozen changes over a scan of the tree.
pub fn over<'a>(frozen: &'a VecDeque<Frozen>, below: Scan<'a>, range: &ScanRange) -> Scan<'a> {
    frozen.iter().fold(below, |below, frozen| lay(&frozen.changes, below, range))
}

fn lay<'a>(changes: &'a Memtable, below: Scan<'a>, range: &ScanRange) -> Scan<'a> {
    laid_over(below, changes.scan(range.clone()), range, Bytes::copy_from_slice)
}
