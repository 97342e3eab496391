//! Revisions and real time: what had ended when something began, stands before it.
//!
//! ```text
//!   place     2r: made revision r     2r + 1: saw it, and not the next one
//! ```
//!
//! Who made a revision has it for himself. A refusal says something, too: a revision that is still
//! to come has not been shown to anybody before, and what was compacted stays so.

use std::collections::BTreeMap;

use crate::anomaly::Anomaly;
use crate::counterexample::{Counterexample, label};
use crate::sweep::{Item, Roles, inversions};
use crate::verdict::Judgement;

use super::answer::Refusal;
use super::deeds::{Deed, Deeds, Role};
use super::{Answer, Ask};

/// Judges the revisions on the answers.
pub(super) fn judge(deeds: &Deeds<'_>, judgement: &mut Judgement) {
    judgement.judging(deeds.all.len());
    let found = |judgement: &mut Judgement, anomaly, text, earlier: usize, later: usize| {
        let history = deeds.history;
        judgement.found_with(anomaly, || {
            Counterexample::new(history, anomaly, text, &[earlier], &[later])
        });
    };
    let mut makers: BTreeMap<i64, usize> = BTreeMap::new();
    for deed in &deeds.all {
        if let Some((revision, Role::Makes)) = deed.place()
            && let Some(other) = makers.insert(revision, deed.index)
        {
            let text = format!("revision {revision} was given to both");
            found(judgement, Anomaly::RevisionReused, text, other, deed.index);
        }
    }
    let items: Vec<Item> = deeds.all.iter().filter_map(item).collect();
    for (earlier, later) in inversions(&items, ORDERED) {
        let [before, after] =
            [earlier, later].map(|item| label(deeds.history, &deeds.history.ops[item.op]));
        let text = format!("{before} had ended before {after} began");
        found(judgement, Anomaly::RevisionOrder, text, earlier.op, later.op);
    }
    let reads: Vec<Item> = deeds.all.iter().filter_map(reach).collect();
    for (earlier, later) in inversions(&reads, ORDERED) {
        let text = "what is read had been compacted before".to_owned();
        found(judgement, Anomaly::WrongCompaction, text, earlier.op, later.op);
    }
    for (op, revision) in refused_for_nothing(deeds) {
        let text = format!("nobody has compacted revision {revision}");
        found(judgement, Anomaly::WrongCompaction, text, op, op);
    }
}

/// Anything that was shown counts as the earlier one; as the later one, what has to be new.
const ORDERED: Roles = Roles { earlier: |_| true, later: |item| item.writes };

/// An operation's place among the revisions.
fn item(deed: &Deed<'_>) -> Option<Item> {
    let refused = matches!(deed.answer, Some(Answer::Refused(Refusal::Future)));
    let (earliest, latest) = match (deed.place(), deed.ask) {
        (Some((revision, role)), _) => {
            let revision = u64::try_from(revision).ok()?;
            let (made, seen) = (2 * revision, 2 * revision + 1);
            match role {
                Role::Makes => (made, made),
                Role::MayMake => (made, seen),
                Role::Sees => (seen, seen),
            }
        }
        (None, Ask::Range(range)) if refused => {
            (0, (2 * u64::try_from(range.revision).ok()?).saturating_sub(1))
        }
        _ => return None,
    };
    let (op, writes) = (deed.index, deed.linearizable());
    Some(Item { op, start: deed.op.start, end: deed.op.end, earliest, latest, writes })
}

/// What is in reach: a compaction moves its beginning, a read of the past shows that it is there.
fn reach(deed: &Deed<'_>) -> Option<Item> {
    let (earliest, latest) = match (deed.ask, deed.answer?) {
        (Ask::Compact(compact), Answer::Done(_)) => {
            (u64::try_from(compact.revision).ok()?, u64::MAX)
        }
        (Ask::Range(range), Answer::Range(_)) if range.revision > 0 => {
            (0, u64::try_from(range.revision).ok()?)
        }
        _ => return None,
    };
    let writes = deed.linearizable() && matches!(deed.ask, Ask::Range(_));
    Some(Item { op: deed.index, start: deed.op.start, end: deed.op.end, earliest, latest, writes })
}

/// Reads that were refused as compacted, and nobody had asked for that.
fn refused_for_nothing(deeds: &Deeds<'_>) -> Vec<(usize, i64)> {
    // By invocation: the greatest revision that anybody had asked to compact to.
    let mut asked: Vec<(u64, i64)> = Vec::new();
    for deed in &deeds.all {
        if let (Ask::Compact(compact), None | Some(Answer::Done(_))) = (deed.ask, deed.answer) {
            let before = asked.last().map_or(0, |(_, revision)| *revision);
            asked.push((deed.op.start, before.max(compact.revision)));
        }
    }
    let refused = |deed: &Deed<'_>| match (deed.ask, deed.answer) {
        (Ask::Range(range), Some(Answer::Refused(Refusal::Compacted))) => {
            let count = asked.partition_point(|(start, _)| *start < deed.op.end);
            let most = count.checked_sub(1).map_or(0, |at| asked[at].1);
            (range.revision >= most).then_some((deed.index, range.revision))
        }
        _ => None,
    };
    deeds.all.iter().filter_map(refused).collect()
}
