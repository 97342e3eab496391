//! What a command writes.
//!
//! ```text
//!   what is under the keys now   the raw keys that are set or removed, in their order
//!   what is new                  where what stood there before lies, in the order of the keys;
//!                                what happened, step by step, and what each ended
//!   the numbers                  last
//! ```
//!
//! Every replica makes the same changes in the same order: the digest of a shard depends on it.

use alloc::vec::Vec;

use bytes::Bytes;
use kernel::bug::{Bug, planted};
use store::{
    engine::{Changes, EngineError},
    view::View,
};

use super::{
    keys,
    log::Change,
    meta::{Encoded, Meta, encode},
    past::Ended,
    wire::KeyValue,
};

/// One change of a key.
pub(super) struct Step {
    pub key: Bytes,
    /// Where the key stands.
    pub raw: Bytes,
    /// What stood there before the step.
    pub before: Option<Bytes>,
    /// The lease of that; 0 for none.
    pub old_lease: i64,
    /// Without it, the key is removed.
    pub now: Option<KeyValue>,
}

impl Step {
    /// The lease of what it leaves; 0 for none.
    fn lease(&self) -> i64 {
        self.now.as_ref().map_or(0, |now| now.lease)
    }
}

/// Steps in the order of their keys, with their places; those of one key in their own order.
pub(super) struct Steps<'s>(Vec<(u32, &'s Step)>);

impl<'s> Steps<'s> {
    pub(super) fn new(steps: &'s [Step]) -> Steps<'s> {
        let mut order: Vec<(u32, &Step)> = (0..).zip(steps).collect();
        order.sort_by(|(_, one), (_, other)| one.key.cmp(&other.key));
        Steps(order)
    }

    /// The first step of the same key.
    pub(super) fn first(&self, step: &'s Step) -> &'s Step {
        let at = self.0.partition_point(|(_, other)| other.key < step.key);
        self.0.get(at).map_or(step, |(_, first)| first)
    }

    /// Whether no later step is of the same key.
    fn is_last(&self, step: &Step) -> bool {
        let behind = self.0.partition_point(|(_, other)| other.key <= step.key);
        behind.checked_sub(1).is_some_and(|at| core::ptr::eq(self.0[at].1, step))
    }

    /// The first step of every key, with its place, and the last.
    fn ends(&self) -> impl Iterator<Item = (u32, &'s Step, &'s Step)> {
        let keys = self.0.chunk_by(|(_, one), (_, other)| one.key == other.key);
        keys.filter_map(|steps| {
            let ((sub, first), (_, last)) = (steps.first()?, steps.last()?);
            Some((*sub, *first, *last))
        })
    }
}

/// What a command writes.
pub(super) struct Plan {
    pub steps: Vec<Step>,
    /// Raw keys that are set or removed.
    pub set: Changes,
    /// Whether they have that of the last step.
    pub laid: bool,
    /// Keys that were not there before.
    pub new: Vec<(Bytes, Bytes)>,
    pub meta: Meta,
    /// Whether the numbers are other than before.
    pub counted: bool,
}

impl Plan {
    pub(super) fn write(mut self, view: &mut dyn View) -> Result<(), EngineError> {
        let steps = Steps::new(&self.steps);
        for (_, first, last) in steps.ends() {
            let moved = first.old_lease != last.lease() && first.old_lease != 0;
            if moved && !planted(Bug::DetachIgnored) {
                self.set.insert(keys::attached(first.old_lease, &first.key), None);
            }
        }
        let last = self.steps.last().filter(|_| !self.laid);
        write_now(self.set, last, view)?;
        for (key, value) in &self.new {
            view.insert(key, value)?;
        }
        write_past(&steps, self.meta.revision, view)?;
        for (sub, step) in (0..).zip(&self.steps) {
            let before = step.before.clone().filter(|_| core::ptr::eq(steps.first(step), step));
            let (now, lasts) = (step.now.as_ref(), steps.is_last(step));
            let change = Change::new(step.key.clone(), now, lasts).over(before.unwrap_or_default());
            view.insert(&keys::revision(self.meta.revision, sub), &Encoded(&change))?;
        }
        match self.counted {
            true => view.put(&keys::META, &Encoded(&self.meta), None),
            false => Ok(()),
        }
    }
}

/// Writes what is set or removed, in the order of the raw keys.
fn write_now(
    mut set: Changes,
    last: Option<&Step>,
    view: &mut dyn View,
) -> Result<(), EngineError> {
    match last {
        // On its own it goes to the view as it is.
        Some(Step { raw, now: Some(now), .. }) if set.is_empty() => {
            return view.put(raw, &Encoded(now), None);
        }
        Some(step) => drop(set.insert(step.raw.clone(), step.now.as_ref().map(encode))),
        None => {}
    }
    for (key, value) in &set {
        match value {
            Some(value) => view.put(key, value, None)?,
            None => drop(view.delete(key)?),
        }
    }
    Ok(())
}

/// Writes where it lies what stood under the keys, and which leases they are attached to now.
fn write_past(steps: &Steps<'_>, revision: i64, view: &mut dyn View) -> Result<(), EngineError> {
    for (sub, first, last) in steps.ends() {
        if first.before.is_some() {
            view.insert(&keys::history(&first.key, revision), &Encoded(&Ended { sub }))?;
        }
        let lease = last.lease();
        if lease != first.old_lease && lease != 0 {
            view.insert(&keys::attached(lease, &first.key), &Bytes::new())?;
        }
    }
    Ok(())
}
