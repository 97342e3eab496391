//! By true time, and by what clients saw alone.
//!
//! ```text
//!   lease A    [kept ─────────────── until then it lives, whatever happens]
//!   acquire A      [… held]
//!   tenure A               ├──────────┤ [release A …
//!   tenure B                     ├──────────────┤           more than there are permits?
//! ```
//!
//! A *tenure* lies between the end of the answer that showed it and the first thing that may have
//! ended it: somebody's request to end it, or the time to which its lease was last kept alive.

use std::collections::BTreeMap;

use crate::anomaly::Anomaly;
use crate::counterexample::Counterexample;
use crate::verdict::Judgement;

use super::super::deeds::{Deed, Deeds};
use super::super::lease::guaranteed;
use super::super::{Answer, Ask};
use super::{Recipe, What};

/// A time in which something must be so, and the operation that showed it first.
#[derive(Clone, Copy, Debug)]
struct Tenure {
    from: i64,
    until: i64,
    weight: u64,
    by: usize,
}

fn recipe<'a>(deed: &Deed<'a>) -> Option<&'a Recipe> {
    match deed.ask {
        Ask::Recipe(recipe) => Some(recipe),
        _ => None,
    }
}

fn what<'a>(deed: &Deed<'a>) -> Option<&'a What> {
    match deed.answer {
        Some(Answer::Recipe(outcome)) => Some(&outcome.what),
        _ => None,
    }
}

/// When something that may end a tenure was first asked for at or behind an operation's start.
fn first_ending<'a>(deeds: &Deeds<'a>, since: &Deed<'a>, ends: impl Fn(&Deed<'a>) -> bool) -> i64 {
    // What had ended before this began cannot end it.
    let later = deeds.all.iter().filter(|deed| deed.op.end > since.op.start && ends(deed));
    later.map(|deed| deed.op.start_time).min().unwrap_or(i64::MAX)
}

fn revokes(deed: &Deed<'_>, lease: i64) -> bool {
    matches!(deed.ask, Ask::Revoke(of) if of.lease == lease)
}

/// Never more permits held than there are.
pub(in super::super) fn semaphores(deeds: &Deeds<'_>, judgement: &mut Judgement) {
    let lives = guaranteed(deeds);
    let mut all: BTreeMap<&str, (u64, Vec<Tenure>)> = BTreeMap::new();
    for deed in &deeds.all {
        if let (Some(Recipe::Acquire(acquire)), Some(What::Seat(_, true))) =
            (recipe(deed), what(deed))
        {
            let (name, lease) = (&acquire.name, acquire.lease);
            let given = first_ending(deeds, deed, |other| {
                let releases = matches!(
                    recipe(other),
                    Some(Recipe::Release(of)) if of.name == *name && of.lease == lease
                );
                releases || revokes(other, lease)
            });
            let until = lives.get(&lease).copied().unwrap_or(i64::MIN).min(given);
            let from = deed.op.end_time;
            let tenure = Tenure { from, until, weight: acquire.permits, by: deed.index };
            let (limit, tenures) = all.entry(name).or_default();
            *limit = acquire.limit;
            // The same holder shown again is one holder.
            tenures.push(tenure);
            merge(tenures, lease, deeds);
        }
    }
    for (limit, tenures) in all.values() {
        judgement.judging(tenures.len());
        for one in tenures.iter().filter(|one| one.from < one.until) {
            let together: Vec<&Tenure> = tenures
                .iter()
                .filter(|other| other.from <= one.from && one.from < other.until)
                .collect();
            let held: u64 = together.iter().map(|tenure| tenure.weight).sum();
            if held > *limit {
                let by: Vec<usize> = together.iter().map(|tenure| tenure.by).collect();
                let text = format!("{held} of {limit} permits are held at once");
                let anomaly = Anomaly::TooManyHolders;
                judgement.found_with(anomaly, || {
                    Counterexample::new(deeds.history, anomaly, text, &by, &[one.by])
                });
            }
        }
    }
}

/// Joins the last tenure with an earlier one of the same lease that reaches into it.
fn merge(tenures: &mut Vec<Tenure>, lease: i64, deeds: &Deeds<'_>) {
    let Some(last) = tenures.pop() else { return };
    let of = |index: usize| match &deeds.all.iter().find(|deed| deed.index == index)?.ask {
        Ask::Recipe(Recipe::Acquire(acquire)) => Some(acquire.lease),
        _ => None,
    };
    let same = tenures.iter_mut().find(|tenure| {
        of(tenure.by) == Some(lease) && tenure.from <= last.until && last.from <= tenure.until
    });
    match same {
        Some(tenure) => {
            (tenure.from, tenure.until) =
                (tenure.from.min(last.from), tenure.until.max(last.until));
        }
        None => tenures.push(last),
    }
}

/// Nobody goes through a barrier that is up, nor on from one that not all have reached.
pub(in super::super) fn barriers(deeds: &Deeds<'_>, judgement: &mut Judgement) {
    let lives = guaranteed(deeds);
    let mut up: BTreeMap<&str, Vec<Tenure>> = BTreeMap::new();
    for deed in &deeds.all {
        if let (Some(Recipe::Raise(raise)), Some(What::Changed(true))) = (recipe(deed), what(deed))
        {
            let lifted = first_ending(deeds, deed, |other| {
                let lifts =
                    matches!(recipe(other), Some(Recipe::Lift(of)) if of.name == raise.name);
                lifts || raise.lease != 0 && revokes(other, raise.lease)
            });
            let lives = match raise.lease {
                0 => i64::MAX,
                lease => lives.get(&lease).copied().unwrap_or(i64::MIN),
            };
            let (from, until) = (deed.op.end_time, lives.min(lifted));
            let tenure = Tenure { from, until, weight: 1, by: deed.index };
            up.entry(&raise.name).or_default().push(tenure);
        }
    }
    for deed in &deeds.all {
        match (recipe(deed), what(deed)) {
            (Some(Recipe::Barrier(of)), Some(What::Barrier(raised))) => {
                judgement.judging(1);
                let all = up.get(of.name.as_str()).map_or(&[][..], Vec::as_slice);
                let within = |tenure: &&Tenure| {
                    tenure.from < deed.op.start_time && deed.op.end_time < tenure.until
                };
                if !raised
                    && deed.linearizable()
                    && let Some(tenure) = all.iter().find(within)
                {
                    early(deeds, judgement, tenure.by, deed, "the barrier was up".into());
                }
            }
            (Some(Recipe::Enter(enter)), Some(What::Gathering(_, count, true))) => {
                judgement.judging(1);
                let came = came(deeds, &enter.name, deed);
                if came < *count {
                    let text = format!("{came} of {count} had come");
                    early(deeds, judgement, deed.index, deed, text);
                }
            }
            _ => {}
        }
    }
}

/// How many had asked to enter by then.
fn came(deeds: &Deeds<'_>, name: &str, until: &Deed<'_>) -> u64 {
    let mut leases: Vec<i64> = deeds
        .all
        .iter()
        .filter(|deed| deed.op.start < until.op.end)
        .filter_map(|deed| match recipe(deed)? {
            Recipe::Enter(enter) if enter.name == name => Some(enter.lease),
            _ => None,
        })
        .collect();
    leases.sort_unstable();
    leases.dedup();
    leases.len() as u64
}

fn early(deeds: &Deeds<'_>, judgement: &mut Judgement, by: usize, guilty: &Deed<'_>, text: String) {
    let anomaly = Anomaly::PassedEarly;
    judgement.found_with(anomaly, || {
        Counterexample::new(deeds.history, anomaly, text, &[by], &[guilty.index])
    });
}

/// Numbers of keys: each once, each that of its revision, growing in real time.
pub(in super::super) fn sequences(deeds: &Deeds<'_>, judgement: &mut Judgement) {
    let mut numbers: Vec<(i64, &Deed<'_>)> = Vec::new();
    let mut wrong: Vec<(usize, usize, String)> = Vec::new();
    for deed in &deeds.all {
        let (Some(Recipe::Create(create)), Some(Answer::Recipe(outcome))) =
            (recipe(deed), deed.answer)
        else {
            continue;
        };
        let What::Created(key) = &outcome.what else { continue };
        if !create.sequential {
            continue;
        }
        let digits = key.strip_prefix(&create.prefix).filter(|digits| digits.len() == 19);
        match digits.and_then(|digits| digits.parse().ok()) {
            Some(number) if number == outcome.revision => numbers.push((number, deed)),
            _ => {
                let text = format!("{key} was made at revision {}", outcome.revision);
                wrong.push((deed.index, deed.index, text));
            }
        }
    }
    judgement.judging(numbers.len());
    numbers.sort_by_key(|(number, deed)| (*number, deed.index));
    for pair in numbers.windows(2) {
        let [(number, one), (other, two)] = [pair[0], pair[1]];
        if number == other {
            wrong.push((one.index, two.index, format!("number {number} was given twice")));
        }
    }
    // By the greater numbers, from the end: the earliest end of them.
    let mut earliest: Option<&Deed<'_>> = None;
    for (number, deed) in numbers.iter().rev() {
        if let Some(greater) = earliest.filter(|greater| greater.op.end < deed.op.start) {
            let text = format!("number {number} came after a greater one");
            wrong.push((greater.index, deed.index, text));
        }
        if earliest.is_none_or(|other| deed.op.end < other.op.end) {
            earliest = Some(deed);
        }
    }
    for (by, guilty, text) in wrong {
        let anomaly = Anomaly::WrongNumber;
        judgement.found_with(anomaly, || {
            Counterexample::new(deeds.history, anomaly, text, &[by], &[guilty])
        });
    }
}

/// No instance is missing while its lease must live and nobody takes it off.
pub(in super::super) fn services(deeds: &Deeds<'_>, judgement: &mut Judgement) {
    let lives = guaranteed(deeds);
    let mut registered: BTreeMap<&str, Vec<Tenure>> = BTreeMap::new();
    for deed in &deeds.all {
        if let (Some(Recipe::Register(register)), Some(What::Changed(_))) =
            (recipe(deed), what(deed))
        {
            let revoked = first_ending(deeds, deed, |other| revokes(other, register.lease));
            let until = lives.get(&register.lease).copied().unwrap_or(i64::MIN).min(revoked);
            let tenure = Tenure { from: deed.op.end_time, until, weight: 1, by: deed.index };
            registered.entry(&register.name).or_default().push(tenure);
        }
    }
    for deed in deeds.all.iter().filter(|deed| deed.linearizable()) {
        let (Some(Recipe::Instances(of)), Some(What::Instances(found))) =
            (recipe(deed), what(deed))
        else {
            continue;
        };
        judgement.judging(1);
        let service = format!("{}/", of.name);
        for (name, tenures) in registered.iter().filter(|(name, _)| name.starts_with(&service)) {
            let must = tenures
                .iter()
                .find(|tenure| tenure.from < deed.op.start_time && deed.op.end_time < tenure.until);
            if let Some(tenure) = must
                && !found.iter().any(|instance| instance.name == *name)
            {
                let (anomaly, by) = (Anomaly::FalseDeath, tenure.by);
                let text = format!("{name} is not listed, and its lease lives");
                judgement.found_with(anomaly, || {
                    Counterexample::new(deeds.history, anomaly, text, &[by], &[deed.index])
                });
            }
        }
    }
}
