//! Locks and elections, by their fencing tokens alone.
//!
//! ```text
//!   revision   5          9                 12             14
//!              A holds 5  B holds 9         B writes at 9  A writes at 5: must be refused
//! ```
//!
//! Every holder has a token, and tokens grow from holder to holder. Whatever shows a holder at some
//! revision, a grant, a guarded write or an answer to who leads, shows a token no smaller than what
//! was shown before it; and one token names one holder.

use std::collections::BTreeMap;

use crate::anomaly::Anomaly;
use crate::counterexample::Counterexample;
use crate::sweep::{ANY, Item, inversions};
use crate::verdict::Judgement;

use super::deeds::{Deed, Deeds};
use super::{Answer, Ask};

/// A holder, as an answer shows it.
struct Held<'a> {
    deed: Deed<'a>,
    revision: i64,
    token: i64,
    /// The key of its place, where the answer names it.
    place: Option<&'a str>,
    /// Whether it is a write that a guard let in.
    guarded: bool,
}

/// Judges the locks of a keyspace, or its elections.
pub(super) fn judge(deeds: &Deeds<'_>, elections: bool, judgement: &mut Judgement) {
    let campaigns = |deed: &&Deed<'_>| matches!(deed.ask, Ask::Campaign(_) | Ask::Leader(_));
    let mut names: BTreeMap<&str, bool> = BTreeMap::new();
    for deed in &deeds.all {
        if let Some(name) = name(deed) {
            *names.entry(name).or_default() |= campaigns(&deed);
        }
    }
    let mut all: BTreeMap<&str, Vec<Held<'_>>> = BTreeMap::new();
    for deed in &deeds.all {
        if let Some(name) = name(deed).filter(|name| names.get(name) == Some(&elections))
            && let Some(held) = held(deed)
        {
            all.entry(name).or_default().push(held);
        }
    }
    for held in all.values_mut() {
        judgement.judging(held.len());
        one(deeds, held, judgement);
    }
}

/// Which lock or election an operation is about.
fn name<'a>(deed: &Deed<'a>) -> Option<&'a str> {
    match deed.ask {
        Ask::Lock(stand) | Ask::Campaign(stand) => Some(&stand.name),
        Ask::Leader(name) => Some(&name.name),
        ask => ask.guard().map(|(name, _)| name),
    }
}

fn held<'a>(deed: &Deed<'a>) -> Option<Held<'a>> {
    let of = |revision, token, place, guarded| {
        Some(Held { deed: *deed, revision, token, place, guarded })
    };
    match (deed.ask, deed.answer?) {
        (_, Answer::Place(queued)) if queued.held => {
            of(queued.revision, queued.token, Some(queued.key.as_str()), false)
        }
        (_, Answer::Leader(leads)) => {
            of(leads.revision, leads.kv.create, Some(leads.kv.key.as_str()), false)
        }
        (ask, Answer::Put(done)) => of(done.revision, ask.guard()?.1, None, true),
        _ => None,
    }
}

fn one(deeds: &Deeds<'_>, held: &mut [Held<'_>], judgement: &mut Judgement) {
    let history = deeds.history;
    let mut found = |anomaly, text, by: usize, guilty: usize| {
        judgement
            .found_with(anomaly, || Counterexample::new(history, anomaly, text, &[by], &[guilty]));
    };
    let mut places: BTreeMap<i64, (&str, usize)> = BTreeMap::new();
    for held in held.iter() {
        let Some(place) = held.place else { continue };
        let (first, by) = *places.entry(held.token).or_insert((place, held.deed.index));
        if first != place {
            let text = format!("token {} is of {first} and of {place}", held.token);
            found(Anomaly::TwoHolders, text, by, held.deed.index);
        }
    }
    held.sort_by_key(|held| held.revision);
    let mut newest: Option<&Held<'_>> = None;
    for held in held.iter() {
        if let Some(newest) = newest.filter(|newest| held.token < newest.token) {
            let anomaly = if held.guarded { Anomaly::StaleGuard } else { Anomaly::TwoHolders };
            let text = format!(
                "token {} at revision {}, after {} at {}",
                held.token, held.revision, newest.token, newest.revision
            );
            found(anomaly, text, newest.deed.index, held.deed.index);
        } else {
            newest = Some(held);
        }
    }
    let items: Vec<Item> = held.iter().filter_map(item).collect();
    for (earlier, later) in inversions(&items, ANY) {
        let (before, after) = (earlier.earliest, later.latest);
        let text = format!("token {before} had been shown before {after} was");
        found(Anomaly::TwoHolders, text, earlier.op, later.op);
    }
}

/// Where a token stands in real time.
fn item(held: &Held<'_>) -> Option<Item> {
    let (place, op) = (u64::try_from(held.token).ok()?, held.deed.op);
    let (earliest, latest) = (place, place);
    let linearizable = held.deed.linearizable();
    linearizable.then_some(Item {
        op: held.deed.index,
        start: op.start,
        end: op.end,
        earliest,
        latest,
        writes: held.guarded,
    })
}
