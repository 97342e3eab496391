//! A command's changes before they are made.
//!
//! ```text
//!   Draft: reads through its own changes ──▶ finish() ──▶ Plan ──▶ write(view)
//!          any refusal on the way drops it, and nothing happened
//! ```
//!
//! All changes of one command share a revision; each has a place in it, its *sub*. etcd lets a few
//! transactions change a key twice (a range that ends with a zero byte, sibling transactions): the
//! draft keeps every step for the watchers, and what stood there before the command for the past.

use alloc::{collections::BTreeMap, vec::Vec};

use bytes::Bytes;
use kernel::bug::{Bug, planted};
use store::{
    engine::{Changes, EngineError, ScanRange, layered},
    view::View,
};

use super::{
    Error,
    error::Stop,
    keys,
    limits::{CHANGES_MAX, MOVED_BYTES_MAX, REPLY_BYTES_MAX, TOLD_EVENTS_MAX},
    log::{Change, kind_of},
    look::Look,
    meta::{Meta, encode},
    past::record,
    told::Stretch,
    wire::{Event, KeyValue},
};

/// Changes under way.
pub(super) struct Draft<'l> {
    base: &'l mut dyn Look,
    meta: Meta,
    /// Whether a number other than the revision was changed.
    touched: bool,
    steps: Vec<Step>,
    slots: BTreeMap<Bytes, Slot>,
    /// Raw keys and values that the command sets or removes.
    overlay: Changes,
    /// Raw keys that were never there and are not read again, and their values.
    fresh: Vec<(Bytes, Bytes)>,
    /// How many bytes the answer may still take.
    pub(super) room: usize,
    /// How many keys the command may still change.
    left: usize,
    /// How many bytes it may still move to the history.
    moves: usize,
}

/// One change of a key. Without a record, it is removed.
struct Step {
    key: Bytes,
    now: Option<KeyValue>,
}

/// What a key was before the command, and its last step.
struct Slot {
    before: Option<Bytes>,
    lease: i64,
    last: usize,
}

impl<'l> Draft<'l> {
    pub(super) fn open(base: &'l mut dyn Look) -> Result<Draft<'l>, EngineError> {
        let meta = Meta::load(base)?;
        Ok(Draft::at(base, meta))
    }

    /// A draft on a state whose numbers are known already.
    pub(super) fn at(base: &'l mut dyn Look, meta: Meta) -> Draft<'l> {
        Draft {
            base,
            meta,
            touched: false,
            steps: Vec::new(),
            slots: BTreeMap::new(),
            overlay: Changes::new(),
            fresh: Vec::new(),
            room: REPLY_BYTES_MAX,
            left: CHANGES_MAX,
            moves: MOVED_BYTES_MAX,
        }
    }

    /// The numbers, as they were before the command.
    pub(super) fn before(&self) -> Meta {
        self.meta
    }

    /// The numbers as they are now: a draft that changes something is at the next revision.
    pub(super) fn meta(&self) -> Meta {
        let revision = self.meta.revision.saturating_add(i64::from(!self.steps.is_empty()));
        Meta { revision, ..self.meta }
    }

    pub(super) fn revision(&self) -> i64 {
        self.meta().revision
    }

    /// Changes the numbers other than the revision.
    pub(super) fn touch(&mut self) -> &mut Meta {
        self.touched = true;
        &mut self.meta
    }

    /// The state before the command.
    pub(super) fn base(&mut self) -> &mut dyn Look {
        self.base
    }

    /// Lets the command change any number of keys.
    pub(super) fn unbounded(&mut self) {
        (self.left, self.moves) = (usize::MAX, usize::MAX);
    }

    /// What stands under a key.
    pub(super) fn kv(&mut self, key: &Bytes) -> Result<Option<KeyValue>, EngineError> {
        let bytes = self.get(&keys::current(key))?;
        bytes.map(|bytes| record(key.clone(), bytes)).transpose()
    }

    /// Sets a key and returns what it replaced.
    pub(super) fn put(
        &mut self,
        key: Bytes,
        value: Bytes,
        lease: i64,
    ) -> Result<Option<KeyValue>, Stop> {
        let raw = keys::current(&key);
        let before = self.get(&raw)?;
        let old = before.clone().map(|bytes| record(key.clone(), bytes)).transpose()?;
        let revision = self.meta.revision.saturating_add(1);
        let made = match planted(Bug::PlaceReused) && old.is_none() {
            true => self.made_before(&key)?.unwrap_or(revision),
            false => revision,
        };
        let new = KeyValue {
            key: Bytes::new(),
            create_revision: old.as_ref().map_or(made, |old| old.create_revision),
            mod_revision: revision,
            version: old.as_ref().map_or(1, |old| old.version.saturating_add(1)),
            value,
            lease,
        };
        self.step(key, raw, before, old.as_ref().map_or(0, |old| old.lease), Some(new))?;
        Ok(old)
    }

    /// The revision that made a key before it was removed: of the mutant [`Bug::PlaceReused`].
    fn made_before(&mut self, key: &Bytes) -> Result<Option<i64>, EngineError> {
        let ended = self.base.scan(&keys::history_from(key, 0), usize::MAX)?.pop();
        let ended = ended.map(|(_, bytes)| record(key.clone(), bytes)).transpose()?;
        Ok(ended.map(|kv| kv.create_revision))
    }

    /// Removes a key, under which this record stands.
    pub(super) fn delete(&mut self, key: Bytes, record: Bytes, lease: i64) -> Result<(), Stop> {
        let raw = keys::current(&key);
        self.step(key, raw, Some(record), lease, None)
    }

    fn step(
        &mut self,
        key: Bytes,
        raw: Bytes,
        before: Option<Bytes>,
        lease: i64,
        now: Option<KeyValue>,
    ) -> Result<(), Stop> {
        let moved = before.as_ref().map_or(0, Bytes::len);
        self.left = self.left.checked_sub(1).ok_or(Error::TooManyChanges)?;
        self.moves = self.moves.checked_sub(moved).ok_or(Error::TooManyChanges)?;
        let last = self.steps.len();
        self.slots.entry(key.clone()).and_modify(|slot| slot.last = last).or_insert(Slot {
            before,
            lease,
            last,
        });
        self.overlay.insert(raw, now.as_ref().map(encode));
        self.steps.push(Step { key, now });
        Ok(())
    }

    /// Sets or removes a raw key that is not under a user's key.
    pub(super) fn set(&mut self, raw: Bytes, value: Option<Bytes>) {
        self.overlay.insert(raw, value);
    }

    /// Sets a raw key that was never there and that the command does not read.
    pub(super) fn insert(&mut self, raw: Bytes, value: Bytes) {
        self.fresh.push((raw, value));
    }

    /// What it changes, for who watches: each step, with what stood there before the command.
    pub(super) fn told(&self) -> Result<Option<Stretch>, EngineError> {
        let (before, after) = (self.meta.revision, self.revision());
        if self.steps.len() > TOLD_EVENTS_MAX {
            return Ok(None);
        }
        let untold = usize::from(planted(Bug::StepUntold) && self.steps.len() > 1);
        let steps = self.steps.iter().take(self.steps.len() - untold);
        let events: Result<Vec<Event>, _> = steps.map(|step| self.event(step, after)).collect();
        Ok(Stretch::new(before, after, events?))
    }

    fn event(&self, step: &Step, revision: i64) -> Result<Event, EngineError> {
        let (key, kind) = (step.key.clone(), kind_of(step.now.as_ref()));
        let now =
            step.now.clone().unwrap_or(KeyValue { mod_revision: revision, ..KeyValue::default() });
        let before = self.slots.get(&key).and_then(|slot| slot.before.clone());
        let before = before.filter(|_| now.create_revision != revision);
        let prev_kv = before.map(|bytes| record(key.clone(), bytes)).transpose()?;
        Ok(Event { r#type: kind, kv: Some(KeyValue { key, ..now }), prev_kv })
    }

    /// What has to be written.
    pub(super) fn finish(self) -> Plan {
        let meta = self.meta();
        let mut plan = Plan { set: self.overlay, new: self.fresh, ..Plan::default() };
        for (key, slot) in &self.slots {
            if let Some(before) = &slot.before {
                plan.new.push((keys::history(key, meta.revision), before.clone()));
            }
            let now = self.steps.get(slot.last).and_then(|step| step.now.as_ref());
            let lease = now.map_or(0, |now| now.lease);
            if lease != slot.lease && slot.lease != 0 && !planted(Bug::DetachIgnored) {
                plan.set.insert(keys::attached(slot.lease, key), None);
            }
            if lease != slot.lease && lease != 0 {
                plan.new.push((keys::attached(lease, key), Bytes::new()));
            }
        }
        let changed = !self.steps.is_empty();
        for (at, step) in self.steps.into_iter().enumerate() {
            let lasts = self.slots.get(&step.key).is_some_and(|slot| slot.last == at);
            let change = Change::new(step.key, step.now, lasts);
            let sub = u32::try_from(at).unwrap_or(u32::MAX);
            plan.new.push((keys::revision(meta.revision, sub), encode(&change)));
        }
        plan.meta = (changed || self.touched).then(|| encode(&meta));
        plan
    }
}

impl Look for Draft<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        match self.overlay.get(key) {
            Some(change) => Ok(change.clone()),
            None => self.base.get(key),
        }
    }

    fn scan(
        &mut self,
        range: &ScanRange,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, EngineError> {
        // A change hides one pair at most.
        let below = self.base.scan(range, limit.saturating_add(self.overlay.len()))?;
        if self.overlay.is_empty() {
            return Ok(below);
        }
        let below = below.into_iter().map(Ok);
        layered(alloc::boxed::Box::new(below), &self.overlay, range).take(limit).collect()
    }
}

/// What a command writes.
#[derive(Default)]
pub(super) struct Plan {
    set: Changes,
    /// Keys that were not there before.
    new: Vec<(Bytes, Bytes)>,
    meta: Option<Bytes>,
}

impl Plan {
    pub(super) fn write(self, view: &mut dyn View) -> Result<(), EngineError> {
        for (key, value) in self.set {
            match value {
                Some(value) => view.put(&key, &value, None)?,
                None => drop(view.delete(&key)?),
            }
        }
        for (key, value) in self.new {
            view.insert(&key, &value)?;
        }
        match self.meta {
            Some(meta) => view.put(&keys::META, &meta, None),
            None => Ok(()),
        }
    }
}
