//! Answers that a state must explain: reads, places in queues, guards, what was given up.

use crate::anomaly::Anomaly;

use super::answer::{Found, Queued};
use super::ask::{Proclaim, Stand};
use super::deeds::Deed;
use super::replay::Wrong;
use super::state::State;
use super::{Answer, Ask, Kv, place};

/// The state that a read of all keys shows, if this is one of the revision.
pub(super) fn whole(deed: &Deed<'_>, revision: i64) -> Option<State> {
    let (Ask::Range(range), Some(Answer::Range(found))) = (deed.ask, deed.answer) else {
        return None;
    };
    let at = if range.revision > 0 { range.revision } else { found.revision };
    let all = range.keys.is_all() && range.limit == 0 && at == revision;
    all.then(|| State::of(&found.kvs))
}

/// Judges an answer that saw this state, and may have made it.
pub(super) fn judge(state: &State, deed: &Deed<'_>) -> Result<(), Wrong> {
    let fits = match (deed.ask, deed.answer) {
        (Ask::Range(range), Some(Answer::Range(found))) => {
            let all = state.select(&range.keys);
            let limit = if range.limit > 0 { range.limit as usize } else { usize::MAX };
            same(all.iter().copied().take(limit), &found.kvs) && counts(all.len(), found)
        }
        (Ask::Txn(txn), Some(Answer::Txn(done))) => {
            let (succeeded, steps) = state.look(txn);
            (succeeded, &steps) == (done.succeeded, &done.steps)
        }
        (Ask::Delete(keys), Some(Answer::Delete(_))) => state.select(keys).is_empty(),
        (Ask::Lock(stand) | Ask::Campaign(stand), Some(Answer::Place(queued))) => {
            return queue(state, deed, stand, queued);
        }
        (Ask::Leader(name), Some(Answer::Leader(leads))) => {
            state.queue(&name.name).first() == Some(&&leads.kv)
        }
        (Ask::Recipe(recipe), Some(Answer::Recipe(outcome))) => {
            state.finds(recipe).as_ref() == Some(&outcome.what)
        }
        (Ask::Unlock(place), Some(Answer::Done(_))) => state.get(&place.key).is_none(),
        (Ask::Resign(place), Some(Answer::Done(_))) => {
            state.get(&place.key).is_none_or(|kv| kv.create != place.token)
        }
        (Ask::Revoke(lease), Some(Answer::Done(_))) => state.attached(lease.lease).next().is_none(),
        _ => true,
    };
    if fits {
        return Ok(());
    }
    let text = format!("the state of its revision says something else: {:?}", shown(state, deed));
    Err((Anomaly::WrongState, text, Some(deed.index)))
}

fn same<'a>(kvs: impl Iterator<Item = &'a Kv>, found: &[Kv]) -> bool {
    kvs.eq(found.iter())
}

fn counts(all: usize, found: &Found) -> bool {
    i64::try_from(all) == Ok(found.count)
}

/// What stands where a read looked.
fn shown<'s>(state: &'s State, deed: &Deed<'_>) -> Vec<&'s Kv> {
    match deed.ask {
        Ask::Range(range) => state.select(&range.keys),
        Ask::Delete(keys) => state.select(keys),
        Ask::Txn(txn) => {
            let keys = txn.compare.iter().map(|compare| compare.key.as_str());
            keys.filter_map(|key| state.get(key)).collect()
        }
        Ask::Lock(stand) | Ask::Campaign(stand) => state.queue(&stand.name),
        Ask::Leader(name) => state.queue(&name.name),
        Ask::Unlock(place) | Ask::Resign(place) => state.get(&place.key).into_iter().collect(),
        Ask::Revoke(lease) => state.attached(lease.lease).collect(),
        _ => Vec::new(),
    }
}

/// A place in a queue: who was there first holds.
fn queue(state: &State, deed: &Deed<'_>, stand: &Stand, queued: &Queued) -> Result<(), Wrong> {
    let places = state.queue(&stand.name);
    let key = place(&stand.name, stand.lease);
    let at = places.iter().position(|kv| kv.key == key);
    let stands = at.is_some_and(|at| {
        let kv = places[at];
        (&queued.key, queued.token) == (&kv.key, kv.create) && kv.lease == stand.lease
    });
    let before = at.and_then(|at| at.checked_sub(1)).map(|at| places[at].key.as_str());
    if stands && queued.held == before.is_none() && queued.behind == before.unwrap_or_default() {
        return Ok(());
    }
    let anomaly =
        if queued.held && before.is_some() { Anomaly::TwoHolders } else { Anomaly::WrongState };
    Err((anomaly, format!("the queue is {places:?}"), Some(deed.index)))
}

/// A guarded write took effect: its lock must be held at its token.
pub(super) fn guarded(state: &State, deed: &Deed<'_>) -> Result<(), Wrong> {
    let Some((name, token)) = deed.ask.guard() else { return Ok(()) };
    let holder = state.queue(name).first().map(|kv| kv.create);
    if holder == Some(token) {
        return Ok(());
    }
    let text = format!("it was accepted for token {token} of {name}, held is {holder:?}");
    Err((Anomaly::StaleGuard, text, Some(deed.index)))
}

/// A recipe took effect: nothing that stood there forbade it.
pub(super) fn allowed(state: &State, deed: &Deed<'_>) -> Result<(), Wrong> {
    let Ask::Recipe(recipe) = deed.ask else { return Ok(()) };
    match state.forbids(recipe) {
        None => Ok(()),
        Some(text) => Err((Anomaly::WrongState, text, Some(deed.index))),
    }
}

/// A candidate said something else: it must stand.
pub(super) fn stands(state: &State, deed: &Deed<'_>) -> Result<(), Wrong> {
    let Ask::Proclaim(Proclaim { key, token, .. }) = deed.ask else { return Ok(()) };
    if state.get(key).is_some_and(|kv| kv.create == *token) {
        return Ok(());
    }
    let text = format!("{key} does not stand since {token}");
    Err((Anomaly::StaleGuard, text, Some(deed.index)))
}
