//! Session guarantees: what one client may rely on, whatever the others see.
//!
//! ```text
//!   monotonic reads       read,  then read:   never older than what was read before
//!   read your writes      write, then read:   never older than one's own write
//!   monotonic writes      write, then write:  ordered in this way
//!   writes follow reads   read,  then write:  ordered behind what was read
//! ```
//!
//! (Terry et al., "Session guarantees for weakly consistent replicated data", PDIS 1994.) Each is
//! the same question to [`crate::sweep`] with other roles, per session and key. The last two can
//! only be judged where answers carry versions. Operations are judged for what their level
//! promises; a session is a process where the history names none.

use std::collections::BTreeMap;

use crate::anomaly::Anomaly;
use crate::counterexample::{Counterexample, label};
use crate::history::{History, Promise, ValueId};
use crate::place::{Places, places, touched};
use crate::sweep::{Item, Roles, inversions};
use crate::verdict::Judgement;

struct Guarantee {
    name: &'static str,
    promise: Promise,
    roles: Roles,
    anomaly: Anomaly,
    /// Whether the order of writes must be known from versions.
    versions: bool,
}

const READS: fn(&Item) -> bool = |item| !item.writes;
const WRITES: fn(&Item) -> bool = |item| item.writes;

const GUARANTEES: [Guarantee; 4] = [
    Guarantee {
        name: "monotonic reads",
        promise: Promise::MONOTONIC_READS,
        roles: Roles { earlier: READS, later: READS },
        anomaly: Anomaly::NonMonotonicRead,
        versions: false,
    },
    Guarantee {
        name: "read your writes",
        promise: Promise::READ_YOUR_WRITES,
        roles: Roles { earlier: WRITES, later: READS },
        anomaly: Anomaly::OwnWriteNotSeen,
        versions: false,
    },
    Guarantee {
        name: "monotonic writes",
        promise: Promise::MONOTONIC_WRITES,
        roles: Roles { earlier: WRITES, later: WRITES },
        anomaly: Anomaly::NonMonotonicWrite,
        versions: true,
    },
    Guarantee {
        name: "writes follow reads",
        promise: Promise::WRITES_FOLLOW_READS,
        roles: Roles { earlier: READS, later: WRITES },
        anomaly: Anomaly::WriteBeforeRead,
        versions: true,
    },
];

/// Judges registers, given as the operations of each; `all` judges also what the level does not
/// promise. A guarantee that nothing could be judged for is left out, unless it was asked for.
pub(crate) fn judge(history: &History, registers: &[&[usize]], all: bool) -> Vec<Judgement> {
    let mut judgements = GUARANTEES.map(|guarantee| Judgement::new(guarantee.name));
    for ops in registers {
        let places = places(history, ops);
        if all && !places.as_ref().is_some_and(|places| places.exact) {
            let blind = |g: &Guarantee| g.versions || places.is_none();
            let judged = GUARANTEES.iter().zip(&mut judgements);
            judged.filter(|(g, _)| blind(g)).for_each(|(_, judgement)| {
                judgement.unknown("without versions the order of writes is not known");
            });
        }
        let Some(places) = places else { continue };
        let mut sessions: BTreeMap<(Option<ValueId>, u64), Vec<Item>> = BTreeMap::new();
        for item in &places.items {
            let op = &history.ops[item.op];
            let process = if op.session.is_some() { 0 } else { op.process };
            sessions.entry((op.session, process)).or_default().push(*item);
        }
        let judged = GUARANTEES.iter().zip(&mut judgements);
        for (guarantee, judgement) in judged.filter(|(g, _)| places.exact || !g.versions) {
            judgement.judging(0);
            for session in sessions.values() {
                let session = promised(history, session, guarantee, all);
                judgement.operations += session.len() as u64;
                one(history, &places, &session, guarantee, judgement);
            }
        }
    }
    let said = |judgement: &Judgement| judgement.operations > 0 || !judgement.unknown.is_empty();
    judgements.into_iter().filter(said).collect()
}

/// The operations of a session for which the guarantee was promised.
fn promised(history: &History, session: &[Item], guarantee: &Guarantee, all: bool) -> Vec<Item> {
    let counts = |item: &&Item| {
        // A write before a read needs no promise of its own: the read's level is what counts.
        let free = item.writes && guarantee.promise == Promise::READ_YOUR_WRITES;
        all || free || history.ops[item.op].promise.includes(guarantee.promise)
    };
    session.iter().filter(counts).copied().collect()
}

fn one(
    history: &History,
    places: &Places,
    session: &[Item],
    guarantee: &Guarantee,
    judgement: &mut Judgement,
) {
    let mut pairs: Vec<(usize, usize)> =
        inversions(session, guarantee.roles).into_iter().map(|(a, b)| (a.op, b.op)).collect();
    if guarantee.anomaly == Anomaly::NonMonotonicRead && !places.exact {
        pairs.extend(returns(history, session));
        pairs.sort_unstable();
        pairs.dedup_by_key(|pair| pair.1);
    }
    for (earlier, later) in pairs {
        let [before, after] = [earlier, later].map(|op| label(history, &history.ops[op]));
        let what = if guarantee.versions { "whose version is older" } else { "which is older" };
        let text = format!("in one session {before}, then {after}, {what}");
        let found = Counterexample::new(history, guarantee.anomaly, text, &[earlier], &[later]);
        judgement.found(found);
    }
}

/// Reads that return to a value which the session had already seen replaced: whatever the order
/// of the writes was, one of the steps went backwards.
fn returns(history: &History, session: &[Item]) -> Vec<(usize, usize)> {
    let mut left: BTreeMap<ValueId, usize> = BTreeMap::new();
    let mut current: Option<(ValueId, &Item)> = None;
    let mut found = Vec::new();
    for item in session.iter().filter(|item| !item.writes) {
        let Some((_, value)) = touched(history, &history.ops[item.op]) else { continue };
        if let Some((before, last)) = current.filter(|(before, _)| *before != value) {
            if last.end > item.start {
                // Overlapping reads of one session have no order: start afresh.
                left.clear();
            } else {
                left.insert(before, last.op);
                if left.contains_key(&value) {
                    found.push((last.op, item.op));
                }
            }
        }
        current = Some((value, item));
    }
    found
}
