//! The history again, revision by revision: every answer must fit the state of its revision.
//!
//! ```text
//!   state r-1 ── what r changed ──▶ state r ── reads at r, queues, guards
//!                 │ by the log of watchers, or else by the write that made r
//!                 └─ made by an acknowledged write: exactly what it does, and its answer
//!                    by none: all of it was asked for by one of unknown outcome,
//!                             or keys went with their lease, all of them
//! ```
//!
//! A revision that nobody saw leaves the state unknown, until a read of all keys tells it again.

use std::collections::{BTreeMap, BTreeSet};

use crate::anomaly::Anomaly;
use crate::counterexample::Counterexample;
use crate::verdict::Judgement;

use super::causes::Causes;
use super::deeds::{Deed, Deeds, Role};
use super::log::{Log, alike};
use super::reads;
use super::state::State;
use super::{Answer, Ask, Change};

/// The revision at which each lease ended because its time had run out.
pub(super) type Ended = BTreeMap<i64, i64>;

/// Something that must not be: what, in words, and who shows it.
pub(super) type Wrong = (Anomaly, String, Option<usize>);

/// Judges every answer against the state of its revision.
pub(super) fn judge(deeds: &Deeds<'_>, log: &Log, judgement: &mut Judgement) -> Ended {
    let mut replay = Replay {
        deeds,
        log,
        causes: Causes::of(deeds),
        state: State::default(),
        known: true,
        at: 1,
        ended: Ended::new(),
        unseen: 0,
    };
    let (makers, seers) = replay.by_revision();
    let mut revisions: BTreeSet<i64> = makers.keys().chain(seers.keys()).copied().collect();
    revisions.extend(log.revisions.keys());
    judgement.judging(deeds.all.len());
    for revision in revisions {
        let maker = makers.get(&revision).map(|at| &deeds.all[*at]);
        let seers = seers.get(&revision).map_or(&[][..], Vec::as_slice);
        if let Err((anomaly, text, guilty)) = replay.step(revision, maker, seers) {
            let shown = log.revisions.get(&revision).map(|(_, op)| *op);
            let by: Vec<usize> = maker.map(|deed| deed.index).into_iter().chain(shown).collect();
            let guilty = guilty.or(by.first().copied()).unwrap_or(0);
            judgement.found(Counterexample::new(deeds.history, anomaly, text, &by, &[guilty]));
            // What follows from a wrong state says nothing.
            break;
        }
    }
    if replay.unseen > 0 {
        judgement.unknown("what happened at some revisions is not in the history");
    }
    replay.ended
}

struct Replay<'a> {
    deeds: &'a Deeds<'a>,
    log: &'a Log,
    causes: Causes,
    state: State,
    /// Whether the state is that of revision `at`.
    known: bool,
    at: i64,
    ended: Ended,
    /// Revisions of which nobody saw what they changed.
    unseen: u64,
}

type Deal<'a> = (BTreeMap<i64, usize>, BTreeMap<i64, Vec<usize>>);

impl<'a> Replay<'a> {
    /// Who made each revision, and who saw it; a read of the past saw the one that it asked for.
    fn by_revision(&self) -> Deal<'a> {
        let (mut makers, mut seers) = (BTreeMap::new(), BTreeMap::<i64, Vec<usize>>::new());
        for (at, deed) in self.deeds.all.iter().enumerate() {
            match (deed.place(), deed.ask) {
                (Some((revision, Role::Makes)), _) => drop(makers.insert(revision, at)),
                (Some((_, Role::Sees)), Ask::Range(range)) if range.revision > 0 => {
                    seers.entry(range.revision).or_default().push(at);
                }
                (Some((revision, _)), ask) if !matches!(ask, Ask::Watch(_)) => {
                    seers.entry(revision).or_default().push(at);
                }
                _ => {}
            }
        }
        (makers, seers)
    }

    fn step(
        &mut self,
        revision: i64,
        maker: Option<&Deed<'a>>,
        seers: &[usize],
    ) -> Result<(), Wrong> {
        let shown = self.log.revisions.get(&revision).map(|(changes, _)| changes.as_slice());
        let skipped = revision.saturating_sub(self.at).saturating_sub(1);
        let may = |at: &&usize| self.deeds.all[**at].place() == Some((revision, Role::MayMake));
        let told = shown.is_some() || maker.is_some() || seers.iter().any(|at| may(&at));
        let missed = skipped.saturating_add(i64::from(revision > self.at && !told));
        if missed > 0 {
            self.unseen = self.unseen.saturating_add(missed.unsigned_abs());
            self.known = false;
        }
        if revision > self.at {
            self.advance(revision, maker, shown)?;
            if shown.is_none() && maker.is_none() && self.known {
                self.suppose(revision, seers);
            }
        }
        self.at = self.at.max(revision);
        let all = seers.iter().map(|&at| &self.deeds.all[at]);
        if !self.known
            && let Some(state) = all.clone().find_map(|deed| reads::whole(deed, revision))
        {
            (self.state, self.known) = (state, true);
        }
        if self.known {
            for deed in all {
                reads::judge(&self.state, deed)?;
            }
        }
        Ok(())
    }

    /// Goes from one state to the next.
    fn advance(
        &mut self,
        revision: i64,
        maker: Option<&Deed<'a>>,
        shown: Option<&[Change]>,
    ) -> Result<(), Wrong> {
        if let Some(shown) = shown {
            self.causes.count(revision, shown)?;
            let lives = |change: &&Change| self.ended.contains_key(&change.kv.lease);
            if let Some(change) = shown.iter().find(lives) {
                let text = format!("{:?} is put under a lease that has ended", change.kv);
                return Err((Anomaly::LeaseReturned, text, None));
            }
        }
        if !self.known {
            return Ok(());
        }
        let wrong = |text: String| (Anomaly::WrongState, text, maker.map(|deed| deed.index));
        let Some(deed) = maker else {
            let shown = shown.unwrap_or_default();
            self.causes.explain(&self.state, revision, shown, &mut self.ended)?;
            return self.follow(revision, shown);
        };
        reads::guarded(&self.state, deed)?;
        reads::stands(&self.state, deed)?;
        reads::allowed(&self.state, deed)?;
        let with_previous = matches!(deed.answer, Some(Answer::Put(done)) if done.prev.is_some());
        let Some((changes, answer)) = self.state.carry_out(deed.ask, revision, with_previous)
        else {
            return Ok(());
        };
        if Some(&answer) != deed.answer {
            return Err(wrong(format!("it should have been answered {answer:?}")));
        }
        match shown {
            Some(shown) if !alike(shown, &changes) => {
                let text = "it did something else than it was asked for".to_owned();
                Err((Anomaly::WrongChange, text, maker.map(|deed| deed.index)))
            }
            _ => Ok(()),
        }
    }

    /// No watcher and no write tells what a revision changed: the first of those that may have made
    /// it, and changes something, did.
    fn suppose(&mut self, revision: i64, seers: &[usize]) {
        for &at in seers {
            let deed = &self.deeds.all[at];
            if deed.place() == Some((revision, Role::MayMake))
                && let Some((changes, _)) = self.state.carry_out(deed.ask, revision, false)
                && !changes.is_empty()
            {
                return;
            }
        }
        (self.known, self.unseen) = (false, self.unseen.saturating_add(1));
    }

    /// Follows changes that no acknowledged write made: each must fit what was there.
    fn follow(&mut self, revision: i64, shown: &[Change]) -> Result<(), Wrong> {
        let before: BTreeMap<&str, _> = shown
            .iter()
            .map(|change| change.kv.key.as_str())
            .map(|key| (key, self.state.get(key).cloned()))
            .collect();
        for change in shown {
            let kv = &change.kv;
            let old = self.state.get(&kv.key);
            let version = old.map_or(1, |old| old.version.saturating_add(1));
            let create = old.map_or(revision, |old| old.create);
            let fits = match change.removed {
                true => old.is_some() && kv.modified == revision,
                false => (kv.create, kv.modified, kv.version) == (create, revision, version),
            };
            let prev = before.get(kv.key.as_str()).and_then(Option::as_ref);
            if !fits || change.prev.as_ref().is_some_and(|shown| Some(shown) != prev) {
                let text = format!("{kv:?} cannot follow {old:?}");
                return Err((Anomaly::WrongChange, text, None));
            }
            self.state.apply(change);
        }
        Ok(())
    }
}
