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

use alloc::vec::Vec;

use bytes::Bytes;
use kernel::bug::{Bug, planted};
use store::engine::{Changes, EngineError, Scan, ScanRange, layered};

use super::{
    Error,
    error::Stop,
    keys,
    limits::{CHANGES_MAX, MOVED_BYTES_MAX, REPLY_BYTES_MAX, TOLD_EVENTS_MAX},
    log::kind_of,
    look::Look,
    meta::{Meta, encode},
    past::{self, record},
    plan::{Plan, Step, Steps},
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
    /// Raw keys and values that the command sets or removes, without those of its last step: a
    /// command that goes on lays them over, and most commands have one step.
    overlay: Changes,
    laid: bool,
    /// Raw keys that were never there and are not read again, and their values.
    fresh: Vec<(Bytes, Bytes)>,
    /// How many bytes the answer may still take.
    pub(super) room: usize,
    /// How many keys the command may still change.
    left: usize,
    /// How many bytes it may still move to the history.
    moves: usize,
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
            overlay: Changes::new(),
            laid: true,
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
        let before = self.get(&keys::current(&key))?;
        self.put_over(key, before, value, lease).map(|(_, old)| old)
    }

    /// Sets a key under which this is known to stand. Returns the revision that made the key, too.
    pub(super) fn put_over(
        &mut self,
        key: Bytes,
        before: Option<Bytes>,
        value: Bytes,
        lease: i64,
    ) -> Result<(i64, Option<KeyValue>), Stop> {
        let raw = keys::current(&key);
        let old = before.clone().map(|bytes| record(key.clone(), bytes)).transpose()?;
        let revision = self.meta.revision.saturating_add(1);
        let made = match planted(Bug::PlaceReused) && old.is_none() {
            true => self.made_before(&key)?.unwrap_or(revision),
            false => revision,
        };
        let create_revision = old.as_ref().map_or(made, |old| old.create_revision);
        let new = KeyValue {
            key: Bytes::new(),
            create_revision,
            mod_revision: revision,
            version: old.as_ref().map_or(1, |old| old.version.saturating_add(1)),
            value,
            lease,
        };
        let old_lease = old.as_ref().map_or(0, |old| old.lease);
        self.step(Step { key, raw, before, old_lease, now: Some(new) })?;
        Ok((create_revision, old))
    }

    /// The revision that made a key before it was removed: of the mutant [`Bug::PlaceReused`].
    fn made_before(&mut self, key: &Bytes) -> Result<Option<i64>, EngineError> {
        Ok(past::ended_from(self.base, key, 0)?.map(|kv| kv.create_revision))
    }

    /// Removes a key, under which this record stands.
    pub(super) fn delete(&mut self, key: Bytes, record: Bytes, old_lease: i64) -> Result<(), Stop> {
        let raw = keys::current(&key);
        self.step(Step { key, raw, before: Some(record), old_lease, now: None })
    }

    fn step(&mut self, step: Step) -> Result<(), Stop> {
        let moved = step.before.as_ref().map_or(0, Bytes::len);
        self.left = self.left.checked_sub(1).ok_or(Error::TooManyChanges)?;
        self.moves = self.moves.checked_sub(moved).ok_or(Error::TooManyChanges)?;
        self.lay_over();
        self.steps.push(step);
        self.laid = false;
        Ok(())
    }

    /// Lets reads find the last step.
    fn lay_over(&mut self) {
        if let Some(step) = self.steps.last()
            && !self.laid
        {
            self.overlay.insert(step.raw.clone(), step.now.as_ref().map(encode));
            self.laid = true;
        }
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
        let steps = Steps::new(&self.steps);
        let told = self.steps.iter().take(self.steps.len() - untold);
        let events = told.map(|step| event(step, steps.first(step), after));
        Ok(Stretch::new(before, after, events.collect::<Result<Vec<Event>, _>>()?))
    }

    /// What has to be written.
    pub(super) fn finish(self) -> Plan {
        let (meta, counted) = (self.meta(), self.touched || !self.steps.is_empty());
        let Draft { steps, overlay: set, laid, fresh: new, .. } = self;
        Plan { steps, set, laid, new, meta, counted }
    }
}

/// What who watches is told of a step; before the command, the key stood as before its first.
fn event(step: &Step, first: &Step, revision: i64) -> Result<Event, EngineError> {
    let (key, kind) = (step.key.clone(), kind_of(step.now.as_ref()));
    let now =
        step.now.clone().unwrap_or(KeyValue { mod_revision: revision, ..KeyValue::default() });
    let before = first.before.clone().filter(|_| now.create_revision != revision);
    let prev_kv = before.map(|bytes| record(key.clone(), bytes)).transpose()?;
    Ok(Event { r#type: kind, kv: Some(KeyValue { key, ..now }), prev_kv })
}

impl Look for Draft<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        self.lay_over();
        match self.overlay.get(key) {
            Some(change) => Ok(change.clone()),
            None => self.base.get(key),
        }
    }

    fn scan(&mut self, range: &ScanRange) -> Scan<'_> {
        self.lay_over();
        let below = self.base.scan(range);
        if self.overlay.is_empty() {
            return below;
        }
        layered(below, &self.overlay, range)
    }
}
