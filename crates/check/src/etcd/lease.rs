//! Leases, by true time.
//!
//! ```text
//!   keep-alive  [sent ── answered: 5 s]
//!               ├────────────── 5 s ──────────────┤
//!   gone?                [no such lease]               ended before its time
//!                                          [no such lease]   nobody knows: fine
//! ```
//!
//! What a client sent and had answered with a time gives the lease that time from the sending on,
//! whatever became of leaders meanwhile. It may live longer. Once it is gone it stays gone.

use std::collections::BTreeMap;

use crate::anomaly::Anomaly;
use crate::counterexample::Counterexample;
use crate::history::Op;
use crate::verdict::Judgement;

use super::answer::Refusal;
use super::deeds::{Deed, Deeds};
use super::replay::Ended;
use super::{Answer, Ask};

/// How much faster than true time a leader's clock may run, in millionths.
const DRIFT_PPM: i64 = 10_000;

/// What is known of one lease. Operations by index in the history.
#[derive(Default)]
struct Life {
    /// Answered with a time: the operation, and seconds.
    kept: Vec<(usize, i64)>,
    /// It was there.
    there: Vec<usize>,
    /// It was gone at the end of this operation, if not before.
    gone: Vec<usize>,
    /// Somebody may have ended it.
    revoked: Vec<usize>,
    /// Asked what is left: the operation, and seconds left and granted.
    left: Vec<(usize, i64, i64)>,
    grants: u64,
}

/// Judges the leases of a keyspace.
pub(super) fn judge(deeds: &Deeds<'_>, ended: &Ended, judgement: &mut Judgement) {
    let mut lives: BTreeMap<i64, Life> = BTreeMap::new();
    for deed in &deeds.all {
        for (lease, sign) in signs(deed) {
            let life = lives.entry(lease).or_default();
            match sign {
                Sign::MayBe => life.grants += 1,
                Sign::Kept(ttl) => life.kept.push((deed.index, ttl)),
                Sign::There => life.there.push(deed.index),
                Sign::Gone => life.gone.push(deed.index),
                Sign::Revoked => life.revoked.push(deed.index),
                Sign::Left(ttl, granted) => life.left.push((deed.index, ttl, granted)),
            }
        }
    }
    let shown = Shown::of(deeds);
    for (lease, revision) in ended {
        if let Some(op) = shown.first(*revision) {
            lives.entry(*lease).or_default().gone.push(op);
        }
    }
    for (lease, life) in &mut lives {
        judgement.judging(life.kept.len() + life.there.len() + life.gone.len() + life.left.len());
        match life.grants {
            0 | 1 => life.judge(*lease, deeds, judgement),
            _ => judgement.unknown("a lease was granted under one id more than once"),
        }
    }
}

/// What an operation says about a lease.
enum Sign {
    MayBe,
    Kept(i64),
    There,
    Gone,
    Revoked,
    Left(i64, i64),
}

fn signs(deed: &Deed<'_>) -> Vec<(i64, Sign)> {
    match (deed.ask, deed.answer) {
        (Ask::Grant(grant), Some(Answer::Done(_))) => {
            vec![(grant.lease, Sign::MayBe), (grant.lease, Sign::Kept(grant.ttl))]
        }
        (Ask::Grant(grant), None) => vec![(grant.lease, Sign::MayBe)],
        (Ask::KeepAlive(_), Some(Answer::KeepAlive(kept))) => {
            let sign = |ttl: i64| if ttl > 0 { Sign::Kept(ttl) } else { Sign::Gone };
            kept.leases.iter().map(|(lease, ttl)| (*lease, sign(*ttl))).collect()
        }
        (Ask::TimeToLive(_), Some(_)) if !deed.linearizable() => Vec::new(),
        (Ask::TimeToLive(lease), Some(Answer::TimeToLive(left))) => match left.ttl < 0 {
            true => vec![(lease.lease, Sign::Gone)],
            false => vec![(lease.lease, Sign::Left(left.ttl, left.granted))],
        },
        (Ask::Revoke(lease), None) => vec![(lease.lease, Sign::Revoked)],
        (Ask::Revoke(lease), Some(Answer::Done(_))) => {
            vec![(lease.lease, Sign::Revoked), (lease.lease, Sign::Gone)]
        }
        (ask, Some(Answer::Refused(Refusal::LeaseNotFound))) => {
            ask.leases().iter().map(|lease| (*lease, Sign::Gone)).collect()
        }
        (_, Some(Answer::Refused(_)) | None) => Vec::new(),
        (ask, Some(_)) => ask.leases().iter().map(|lease| (*lease, Sign::There)).collect(),
    }
}

impl Life {
    fn judge(&self, lease: i64, deeds: &Deeds<'_>, judgement: &mut Judgement) {
        let history = deeds.history;
        let op = |index: usize| &history.ops[index];
        let mut found = |anomaly, text, by: usize, guilty: usize| {
            judgement.found_with(anomaly, || {
                Counterexample::new(history, anomaly, text, &[by], &[guilty])
            });
        };
        let first_gone = self.gone.iter().copied().min_by_key(|index| op(*index).end);
        let kept = self.kept.iter().map(|(index, _)| *index);
        let left = self.left.iter().map(|(index, ..)| *index);
        if let Some(gone) = first_gone
            && let Some(back) = kept
                .chain(left)
                .chain(self.there.iter().copied())
                .find(|index| op(*index).start > op(gone).end)
        {
            let text = format!("lease {lease} had been gone before");
            found(Anomaly::LeaseReturned, text, gone, back);
        }
        let by_start = Until::of(&self.kept, |kept| op(kept).start, &op);
        let first_revoked = self.revoked.iter().map(|index| op(*index).start).min();
        for &gone in &self.gone {
            let revoked = first_revoked.is_some_and(|start| start < op(gone).end);
            if !revoked && let Some((by, until)) = by_start.before(op(gone).end) {
                let early = until.saturating_sub(op(gone).end_time);
                if early > 0 {
                    let text = format!("lease {lease} had {} ms left at least", early / 1_000_000);
                    found(Anomaly::FalseExpiry, text, by, gone);
                }
            }
        }
        let by_end = Until::of(&self.kept, |kept| op(kept).end, &op);
        for &(asked, ttl, granted) in &self.left {
            if let Some((by, until)) = by_end.before(op(asked).start) {
                let least = until.saturating_sub(op(asked).end_time).div_euclid(SECOND);
                if ttl < least || ttl > granted {
                    let text = format!("lease {lease} had {least} s of {granted} at least");
                    found(Anomaly::TimeMisstated, text, by, asked);
                }
            }
        }
    }
}

/// Until when a lease must live, by what was answered with a time.
struct Until(Vec<(u64, usize, i64)>);

impl Until {
    /// In the order of these positions: the latest time so far, and what says so.
    fn of<'h>(
        kept: &[(usize, i64)],
        at: impl Fn(usize) -> u64,
        op: &impl Fn(usize) -> &'h Op,
    ) -> Until {
        let until = |&(index, ttl): &(usize, i64)| {
            let least = ttl.saturating_mul(SECOND - SECOND / 1_000_000 * DRIFT_PPM);
            (at(index), index, op(index).start_time.saturating_add(least))
        };
        let mut all: Vec<(u64, usize, i64)> = kept.iter().map(until).collect();
        all.sort_unstable();
        for at in 1..all.len() {
            if all[at - 1].2 > all[at].2 {
                (all[at].1, all[at].2) = (all[at - 1].1, all[at - 1].2);
            }
        }
        Until(all)
    }

    /// By what stands before a position.
    fn before(&self, position: u64) -> Option<(usize, i64)> {
        let count = self.0.partition_point(|(at, ..)| *at < position);
        count.checked_sub(1).map(|at| (self.0[at].1, self.0[at].2))
    }
}

/// Until when each lease lives for sure: what was answered with a time reaches so far, and a lease
/// that is alive then has been alive all the time.
pub(super) fn guaranteed(deeds: &Deeds<'_>) -> BTreeMap<i64, i64> {
    let mut lives: BTreeMap<i64, i64> = BTreeMap::new();
    for deed in &deeds.all {
        for (lease, sign) in signs(deed) {
            if let Sign::Kept(ttl) = sign {
                let least = ttl.saturating_mul(SECOND - SECOND / 1_000_000 * DRIFT_PPM);
                let until = deed.op.start_time.saturating_add(least);
                let lives = lives.entry(lease).or_insert(until);
                *lives = (*lives).max(until);
            }
        }
    }
    lives
}

const SECOND: i64 = 1_000_000_000;

/// When a revision was first shown.
struct Shown(Vec<(i64, usize)>);

impl Shown {
    fn of(deeds: &Deeds<'_>) -> Shown {
        let revision = |deed: &Deed<'_>| Some((deed.op.end, deed.answer?.revision()?, deed.index));
        let mut all: Vec<(u64, i64, usize)> = deeds.all.iter().filter_map(revision).collect();
        all.sort_unstable();
        let mut shown: Vec<(i64, usize)> = Vec::new();
        for (_, revision, index) in all {
            if shown.last().is_none_or(|(most, _)| *most < revision) {
                shown.push((revision, index));
            }
        }
        Shown(shown)
    }

    /// The operation that first showed this revision, or a later one.
    fn first(&self, revision: i64) -> Option<usize> {
        let at = self.0.partition_point(|(most, _)| *most < revision);
        self.0.get(at).map(|(_, op)| *op)
    }
}
