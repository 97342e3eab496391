//! Versions as a witness: the cluster says in which order it executed; we only verify it.
//!
//! If every operation carries the version that it wrote or read, the versions are an order. That
//! this order explains what the operations returned and agrees with real time is checked in
//! n log n, whatever the values are. If it does not, nothing is decided: the versions may be
//! wrong and another order right.

use std::collections::BTreeMap;

use kernel::Version;

use super::model::{Call, Model};

/// Whether the versions give an order that explains the calls.
pub(crate) fn explains<M: Model>(
    model: &M,
    calls: &[Call<M::Act>],
    version: impl Fn(usize) -> Option<Version>,
) -> bool {
    let unknown: Vec<_> = calls.iter().filter(|call| call.open()).collect();
    let mut steps: BTreeMap<Version, Vec<&Call<M::Act>>> = BTreeMap::new();
    for call in calls.iter().filter(|call| !call.open()) {
        match version(call.op) {
            Some(version) => steps.entry(version).or_default().push(call),
            // Nothing was there yet: before every version.
            None if M::reads(call.act) => steps.entry(Version::default()).or_default().push(call),
            None => return false,
        }
    }
    Replay { model, state: model.initial(), latest_start: 0, unknown }.run(steps)
}

struct Replay<'a, M: Model> {
    model: &'a M,
    state: M::State,
    /// The latest invocation among all calls so far: no later call may have returned before it.
    latest_start: u64,
    unknown: Vec<&'a Call<M::Act>>,
}

impl<'a, M: Model> Replay<'a, M> {
    fn run(mut self, steps: BTreeMap<Version, Vec<&Call<M::Act>>>) -> bool {
        steps.into_values().all(|mut calls| {
            calls.sort_by_key(|call| M::reads(call.act));
            let changes = calls.iter().take_while(|call| !M::reads(call.act)).count();
            if changes > 1 {
                return false;
            }
            // A version that nobody is known to have written was written by a call of unknown
            // outcome: the first one that makes the read right.
            if changes == 0 && !self.fits(calls[0]) && !self.assume(calls[0]) {
                return false;
            }
            let first = calls[0];
            let ends = calls.iter().map(|call| call.end).min().unwrap_or(first.end);
            if ends < self.latest_start || !calls.iter().all(|call| self.step(call)) {
                return false;
            }
            // The change of this version must not begin after one of its reads returned.
            !(changes == 1 && ends < first.start)
        })
    }

    fn fits(&self, read: &Call<M::Act>) -> bool {
        self.model.step(self.state, read.act, false).is_some()
    }

    fn step(&mut self, call: &Call<M::Act>) -> bool {
        let Some(state) = self.model.step(self.state, call.act, false) else { return false };
        self.state = state;
        self.latest_start = self.latest_start.max(call.start);
        true
    }

    fn assume(&mut self, read: &Call<M::Act>) -> bool {
        let fits = |call: &&Call<M::Act>| {
            let after = self.model.step(self.state, call.act, false);
            call.start < read.end
                && after.is_some_and(|state| self.model.step(state, read.act, false).is_some())
        };
        let Some(at) = self.unknown.iter().position(fits) else { return false };
        let call = self.unknown.remove(at);
        self.step(call)
    }
}
