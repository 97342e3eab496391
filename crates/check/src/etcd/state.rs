//! The keyspace as it should be: what a write does to it, and what it must answer.
//!
//! Written down a second time, away from the code that it judges, and as plainly as possible.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::answer::{Deleted, Done, Queued, StepDone, TxnDone};
use super::ask::{Compare, Operand, Proclaim, Put, Relation, Stand, Step, Txn};
use super::{Answer, Ask, Change, Keys, Kv, NO_END, Outcome, place};

/// All keys at one revision.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    keys: BTreeMap<String, Kv>,
    /// The keys that end with each lease.
    leases: BTreeMap<i64, BTreeSet<String>>,
}

/// A write under way.
pub(super) struct Draft<'s> {
    pub(super) state: &'s mut State,
    pub(super) revision: i64,
    changes: Vec<Change>,
    /// What the touched keys were before.
    before: BTreeMap<String, Option<Kv>>,
}

impl State {
    /// A state with exactly these keys.
    pub(super) fn of(kvs: &[Kv]) -> State {
        let mut state = State::default();
        kvs.iter().for_each(|kv| state.set(&kv.key, Some(kv.clone())));
        state
    }

    pub(super) fn get(&self, key: &str) -> Option<&Kv> {
        self.keys.get(key)
    }

    /// What stands under these keys, in their order.
    pub(super) fn select(&self, keys: &Keys) -> Vec<&Kv> {
        match keys.end.as_str() {
            "" => self.keys.get(&keys.key).into_iter().collect(),
            NO_END => self.keys.range(keys.key.clone()..).map(|(_, kv)| kv).collect(),
            end if end <= keys.key.as_str() => Vec::new(),
            end => self.keys.range(keys.key.clone()..end.to_owned()).map(|(_, kv)| kv).collect(),
        }
    }

    /// The places in a queue, the first before the others.
    pub(super) fn queue(&self, name: &str) -> Vec<&Kv> {
        let prefix = format!("{name}/");
        let from = self.keys.range(prefix.clone()..);
        let mut places: Vec<&Kv> =
            from.take_while(|(key, _)| key.starts_with(&prefix)).map(|(_, kv)| kv).collect();
        places.sort_by_key(|kv| kv.create);
        places
    }

    /// The keys that end with a lease.
    pub(super) fn attached(&self, lease: i64) -> impl Iterator<Item = &Kv> {
        let keys = self.leases.get(&lease).into_iter().flatten();
        keys.filter_map(|key| self.keys.get(key))
    }

    /// Makes a change.
    pub(super) fn apply(&mut self, change: &Change) {
        self.set(&change.kv.key, (!change.removed).then(|| change.kv.clone()));
    }

    fn set(&mut self, key: &str, kv: Option<Kv>) {
        let lease = kv.as_ref().map_or(0, |kv| kv.lease);
        let old = match kv {
            Some(kv) => self.keys.insert(key.to_owned(), kv),
            None => self.keys.remove(key),
        };
        let old = old.map_or(0, |old| old.lease);
        if let Some(keys) = self.leases.get_mut(&old).filter(|_| old != lease) {
            keys.remove(key);
        }
        if lease != 0 {
            self.leases.entry(lease).or_default().insert(key.to_owned());
        }
    }

    /// What a transaction that changes nothing answers.
    pub(super) fn look(&self, txn: &Txn) -> (bool, Vec<StepDone>) {
        let succeeded = txn.compare.iter().all(|compare| self.holds(compare));
        let steps = if succeeded { &txn.success } else { &txn.failure };
        let step = |step: &Step| match step {
            Step::Put(_) => StepDone::Put,
            Step::Delete(keys) => StepDone::Deleted(self.select(keys).len() as i64),
            Step::Range(keys) => StepDone::Found(self.select(keys).into_iter().cloned().collect()),
        };
        (succeeded, steps.iter().map(step).collect())
    }

    /// Carries a write out: what it changes, and its answer. `None` if it is no write.
    pub(super) fn carry_out(
        &mut self,
        ask: &Ask,
        revision: i64,
        with_previous: bool,
    ) -> Option<(Vec<Change>, Answer)> {
        let (changes, before) = (Vec::new(), BTreeMap::new());
        let mut draft = Draft { state: self, revision, changes, before };
        let answer = match ask {
            Ask::Put(put) => {
                let prev = draft.put(put).filter(|_| with_previous);
                Answer::Put(Done { revision, prev })
            }
            Ask::Delete(keys) => {
                let deleted = draft.delete(keys);
                Answer::Delete(Deleted { revision, deleted })
            }
            Ask::Txn(txn) => {
                let (succeeded, steps) = draft.txn(txn);
                Answer::Txn(TxnDone { revision, succeeded, steps })
            }
            Ask::Proclaim(Proclaim { key, lease, value, .. }) => {
                let (key, lease, value) = (key.clone(), *lease, value.clone());
                draft.put(&Put { key, value, lease, guard: None });
                Answer::Done(Done { revision, prev: None })
            }
            Ask::Lock(stand) | Ask::Campaign(stand) => draft.stand(stand),
            Ask::Unlock(place) | Ask::Resign(place) => {
                let stands = draft.state.get(&place.key).map(|kv| kv.create);
                if place.token == 0 || stands == Some(place.token) {
                    draft.delete(&Keys::one(place.key.clone()));
                }
                Answer::Done(Done { revision, prev: None })
            }
            Ask::Revoke(lease) => {
                let keys: Vec<String> =
                    draft.state.attached(lease.lease).map(|kv| kv.key.clone()).collect();
                for key in keys {
                    draft.delete(&Keys::one(key));
                }
                Answer::Done(Done { revision, prev: None })
            }
            Ask::Recipe(recipe) => {
                let what = draft.recipe(recipe)?;
                Answer::Recipe(Outcome { revision, what })
            }
            _ => return None,
        };
        Some((draft.changes, answer))
    }

    fn holds(&self, compare: &Compare) -> bool {
        let none = Kv::default();
        let found = self.keys.get(&compare.key);
        let kv = found.unwrap_or(&none);
        let order = match &compare.to {
            Operand::Version(operand) => kv.version.cmp(operand),
            Operand::Create(operand) => kv.create.cmp(operand),
            Operand::Mod(operand) => kv.modified.cmp(operand),
            Operand::Lease(operand) => kv.lease.cmp(operand),
            // A key that is not there has no value to compare.
            Operand::Value(_) if found.is_none() => return false,
            Operand::Value(operand) => kv.value.cmp(operand),
        };
        match compare.holds {
            Relation::Equal => order == Ordering::Equal,
            Relation::NotEqual => order != Ordering::Equal,
            Relation::Less => order == Ordering::Less,
            Relation::Greater => order == Ordering::Greater,
        }
    }
}

impl Draft<'_> {
    pub(super) fn put(&mut self, put: &Put) -> Option<Kv> {
        let old = self.state.keys.get(&put.key).cloned();
        let kv = Kv {
            key: put.key.clone(),
            value: put.value.clone(),
            create: old.as_ref().map_or(self.revision, |old| old.create),
            modified: self.revision,
            version: old.as_ref().map_or(1, |old| old.version.saturating_add(1)),
            lease: put.lease,
        };
        self.change(false, kv, old.clone());
        old
    }

    pub(super) fn delete(&mut self, keys: &Keys) -> i64 {
        let found: Vec<Kv> = self.state.select(keys).into_iter().cloned().collect();
        let deleted = found.len() as i64;
        for old in found {
            let kv = Kv { key: old.key.clone(), modified: self.revision, ..Kv::default() };
            self.change(true, kv, Some(old));
        }
        deleted
    }

    /// Takes a place in a queue, or says something else there.
    fn stand(&mut self, stand: &Stand) -> Answer {
        let key = place(&stand.name, stand.lease);
        let (lease, value) = (stand.lease, stand.value.clone());
        if self.state.get(&key).is_none_or(|kv| kv.value != value) {
            self.put(&Put { key: key.clone(), value, lease, guard: None });
        }
        let queue = self.state.queue(&stand.name);
        let at = queue.iter().position(|kv| kv.key == key).unwrap_or(0);
        let behind = at.checked_sub(1).map(|at| queue[at].key.clone());
        Answer::Place(Queued {
            revision: self.revision,
            token: queue.get(at).map_or(0, |kv| kv.create),
            key,
            held: behind.is_none(),
            behind: behind.unwrap_or_default(),
        })
    }

    fn change(&mut self, removed: bool, kv: Kv, old: Option<Kv>) {
        let prev = self.before.entry(kv.key.clone()).or_insert(old).clone();
        let change = Change { removed, kv, prev };
        self.state.apply(&change);
        self.changes.push(change);
    }

    fn txn(&mut self, txn: &Txn) -> (bool, Vec<StepDone>) {
        let succeeded = txn.compare.iter().all(|compare| self.state.holds(compare));
        let steps = if succeeded { &txn.success } else { &txn.failure };
        let done = steps.iter().map(|step| match step {
            Step::Put(put) => {
                self.put(put);
                StepDone::Put
            }
            Step::Delete(keys) => StepDone::Deleted(self.delete(keys)),
            Step::Range(keys) => {
                StepDone::Found(self.state.select(keys).into_iter().cloned().collect())
            }
        });
        let done = done.collect();
        (succeeded, done)
    }
}
