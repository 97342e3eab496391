//! The operations of one keyspace, and what each of them shows.

use crate::history::{Action, History, Op};

use super::ask::Step;
use super::{Answer, Ask, Keys, What};

/// An operation with what was asked and answered.
#[derive(Clone, Copy)]
pub(super) struct Deed<'a> {
    /// Its index in the history.
    pub index: usize,
    pub op: &'a Op,
    pub ask: &'a Ask,
    /// What it was told; refusals, too. None if nobody knows whether it happened.
    pub answer: Option<&'a Answer>,
}

/// The operations of a keyspace that are not known to have failed, in the order of invocation.
pub(super) struct Deeds<'a> {
    pub history: &'a History,
    pub all: Vec<Deed<'a>>,
}

impl<'a> Deeds<'a> {
    /// Of the operations with these indexes.
    pub(super) fn of(history: &'a History, ops: &[usize]) -> Deeds<'a> {
        let deed = |&index: &usize| {
            let op = history.ops.get(index).filter(|op| !op.failed())?;
            let Action::Etcd(at) = op.action else { return None };
            let (ask, answer) = history.deeds.get(at as usize)?;
            Some(Deed { index, op, ask, answer: answer.as_ref().filter(|_| op.ok()) })
        };
        Deeds { history, all: ops.iter().filter_map(deed).collect() }
    }
}

/// What an operation has to do with the revision in its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It made that revision, for sure.
    Makes,
    /// It made it, or saw it.
    MayMake,
    /// It saw it.
    Sees,
}

impl<'a> Deed<'a> {
    /// The revision in the answer, and what the operation has to do with it.
    pub(super) fn place(&self) -> Option<(i64, Role)> {
        let answer = self.answer?;
        let role = match (self.ask, answer) {
            (Ask::Put(_) | Ask::Proclaim(_), _) => Role::Makes,
            (_, Answer::Delete(deleted)) if deleted.deleted > 0 => Role::Makes,
            (_, Answer::Txn(txn)) if txn.changes() => Role::Makes,
            // A repeated request of the same lease finds its place.
            (_, Answer::Place(queued)) if queued.token == queued.revision => Role::MayMake,
            (_, Answer::Recipe(outcome)) => match outcome.what {
                What::Created(_) | What::Changed(true) => Role::Makes,
                What::Seat(..) => Role::MayMake,
                What::Gathering(..) => Role::MayMake,
                _ => Role::Sees,
            },
            // A candidate that says something else changes its key.
            (Ask::Campaign(_) | Ask::Unlock(_) | Ask::Resign(_) | Ask::Revoke(_), _) => {
                Role::MayMake
            }
            _ => Role::Sees,
        };
        Some((answer.revision()?, role))
    }

    /// Whether it was promised to be linearizable.
    pub(super) fn linearizable(&self) -> bool {
        self.op.linearizable() && !matches!(self.ask, Ask::Watch(_))
    }

    /// What it may put, if it takes effect: keys with their values.
    pub(super) fn puts(&self) -> Vec<(String, String)> {
        if matches!(self.answer, Some(Answer::Refused(_))) {
            return Vec::new();
        }
        match self.ask {
            Ask::Put(put) => vec![(put.key.clone(), put.value.clone())],
            Ask::Recipe(recipe) => recipe.puts(),
            Ask::Txn(txn) => {
                let steps = txn.success.iter().chain(&txn.failure);
                let puts = steps.filter_map(|step| match step {
                    Step::Put(put) => Some((put.key.clone(), put.value.clone())),
                    _ => None,
                });
                puts.collect()
            }
            Ask::Lock(stand) | Ask::Campaign(stand) => {
                vec![(super::place(&stand.name, stand.lease), stand.value.clone())]
            }
            Ask::Proclaim(proclaim) => vec![(proclaim.key.clone(), proclaim.value.clone())],
            _ => Vec::new(),
        }
    }

    /// Which keys it may remove at a revision that no answer claims.
    pub(super) fn removes(&self, revision: i64) -> Vec<Keys> {
        let place = self.place();
        let may = self.answer.is_none() || place == Some((revision, Role::MayMake));
        match self.ask {
            _ if !may => Vec::new(),
            Ask::Delete(keys) => vec![keys.clone()],
            Ask::Recipe(recipe) => recipe.removes(),
            Ask::Unlock(place) | Ask::Resign(place) => vec![Keys::one(place.key.clone())],
            Ask::Txn(txn) => {
                let steps = txn.success.iter().chain(&txn.failure);
                let removals = steps.filter_map(|step| match step {
                    Step::Delete(keys) => Some(keys.clone()),
                    _ => None,
                });
                removals.collect()
            }
            _ => Vec::new(),
        }
    }
}

/// For people: the request as it stands in the file, and the revision of the answer.
pub(crate) fn label(ask: &Ask, answer: Option<&Answer>) -> String {
    let ask = serde_json::to_string(ask).unwrap_or_default();
    let ask = ask.replace(['{', '}', '"'], "");
    match answer {
        Some(Answer::Refused(why)) => format!("{ask}: refused, {why:?}"),
        Some(answer) => format!("{ask} @{}", answer.revision().unwrap_or(0)),
        None => ask,
    }
}
