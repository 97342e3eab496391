//! The way of traced entries through the replicas of a shard.
//!
//! ```text
//!   leader     proposed ── named on the envelope of every Append that carries it ──┐
//!   follower                                                                       ▼
//!              arrived ─┬─ durable here             Step::Durable
//!                       └─ known to be committed    Step::Committed, and then applied
//! ```
//!
//! Raft knows nothing of it. Few requests are traced: where none is, all this is empty.

use alloc::{collections::BTreeMap, vec::Vec};

use kernel::{Duration, Instant, NodeId};
use raft::Entry;

use crate::{api::Trace, message, note::Step};

/// So many entries are remembered on either side; the oldest are forgotten for the newest.
const TRACED_MAX: usize = 256;

/// Traced entries of one shard.
#[derive(Clone, Debug, Default)]
pub struct Traced {
    /// Proposed here, with their terms: also when they are committed, as the slowest follower has
    /// them then still to come.
    proposed: BTreeMap<u64, (u64, Trace)>,
    /// Sent by a leader, on their way through this replica.
    followed: BTreeMap<u64, Followed>,
}

#[derive(Clone, Copy, Debug)]
struct Followed {
    term: u64,
    leader: NodeId,
    trace: Trace,
    arrived: Instant,
    durable: bool,
    committed: bool,
}

/// A traced entry of a leader went a step further here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Went {
    /// How far.
    pub step: Step,
    /// Since it arrived.
    pub took: Duration,
    /// Who sent it.
    pub leader: NodeId,
    /// Names the span that the leader makes of the entry.
    pub trace: Trace,
}

impl Traced {
    /// This node proposed an entry whose span the trace names.
    pub fn proposed(&mut self, (index, term): (u64, u64), trace: Trace) {
        insert(&mut self.proposed, index, (term, trace));
    }

    /// What a follower is to be told about the entries of a message.
    #[must_use]
    pub fn of(&self, message: &raft::Message) -> Vec<message::Traced> {
        let entries = entries(message);
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return Vec::new();
        };
        let term_at = |index: u64| {
            let at = usize::try_from(index - first.index).ok()?;
            entries.get(at).map(|entry| entry.term)
        };
        // One look for all entries: most messages carry none that is traced.
        let known = self.proposed.range(first.index..=last.index.max(first.index));
        let same = known.filter(|(index, (term, _))| term_at(**index) == Some(*term));
        same.map(|(index, (_, trace))| {
            let trace = message::trace_bytes(trace);
            message::Traced { index: *index, trace }
        })
        .collect()
    }

    /// A leader sent entries and told which are traced. One that came before, or is applied here,
    /// arrived then.
    pub fn arrived(
        &mut self,
        now: Instant,
        leader: NodeId,
        message: &raft::Message,
        told: &[message::Traced],
        applied: u64,
    ) {
        let entries = entries(message);
        for told in told.iter().take(TRACED_MAX) {
            let (index, trace) = (told.index, message::trace_of(&told.trace));
            let Ok(at) = entries.binary_search_by_key(&index, |entry| entry.index) else {
                continue;
            };
            let term = entries[at].term;
            let again = self.followed.get(&index).is_some_and(|known| known.term == term);
            if index > applied && trace.trace_id != 0 && !again {
                let (durable, committed) = (false, false);
                let new = Followed { term, leader, trace, arrived: now, durable, committed };
                insert(&mut self.followed, index, new);
            }
        }
    }

    /// The log is durable here up to an index.
    pub fn durable(&mut self, now: Instant, upto: u64) -> Vec<Went> {
        self.step(now, Step::Durable, |index, _| index <= upto)
    }

    /// Entries, by index and term, are being applied.
    pub fn committed(&mut self, now: Instant, places: &[(u64, u64)]) -> Vec<Went> {
        self.step(now, Step::Committed, |index, term| places.binary_search(&(index, term)).is_ok())
    }

    fn step(&mut self, now: Instant, step: Step, here: impl Fn(u64, u64) -> bool) -> Vec<Went> {
        let mut went = Vec::new();
        self.followed.retain(|index, entry| {
            let done = match step {
                Step::Durable => &mut entry.durable,
                Step::Committed => &mut entry.committed,
            };
            if !*done && here(*index, entry.term) {
                *done = true;
                let (took, leader) = (now.since(entry.arrived), entry.leader);
                went.push(Went { step, took, leader, trace: entry.trace });
            }
            !(entry.durable && entry.committed)
        });
        went
    }

    /// Whether no entry of a leader is on its way.
    #[must_use]
    pub fn follows_none(&self) -> bool {
        self.followed.is_empty()
    }
}

fn entries(message: &raft::Message) -> &[Entry] {
    match &message.body {
        Some(raft::Body::Append(append)) => &append.entries,
        _ => &[],
    }
}

fn insert<T>(into: &mut BTreeMap<u64, T>, index: u64, new: T) {
    into.insert(index, new);
    if into.len() > TRACED_MAX {
        into.pop_first();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEADER: NodeId = NodeId(1);

    fn trace(number: u64) -> Trace {
        Trace { trace_id: number.into(), span_id: number, sampled: true }
    }

    fn append(places: impl Iterator<Item = (u64, u64)>) -> raft::Message {
        let entries = places.map(|(index, term)| Entry::command(index, term, Default::default()));
        let append = raft::Append { entries: entries.collect(), ..Default::default() };
        raft::Message { term: 2, body: Some(raft::Body::Append(append)) }
    }

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn a_traced_entry_is_followed_through_both_steps_in_either_order() {
        let (mut leader, mut follower) = (Traced::default(), Traced::default());
        let message = append([(7, 2), (8, 2), (9, 2)].into_iter());
        assert!(leader.of(&message).is_empty());
        leader.proposed((8, 2), trace(5));
        leader.proposed((9, 1), trace(6));
        let told = leader.of(&message);
        assert_eq!(told.len(), 1, "another entry took the place of (9, 1)");
        follower.arrived(at(1), LEADER, &message, &told, 6);
        follower.arrived(at(2), LEADER, &message, &told, 6);
        let went = |step, ms| {
            let took = Duration::from_millis(ms);
            [Went { step, took, leader: LEADER, trace: trace(5) }]
        };
        let mut late = follower.clone();
        assert_eq!(follower.durable(at(4), 7), []);
        assert_eq!(follower.durable(at(5), 8), went(Step::Durable, 4));
        assert_eq!(follower.durable(at(6), 8), []);
        assert_eq!(follower.committed(at(7), &[(7, 2), (8, 1)]), [], "another leader's entry");
        assert_eq!(follower.committed(at(8), &[(8, 2), (9, 2)]), went(Step::Committed, 7));
        assert_eq!(late.committed(at(3), &[(8, 2)]), went(Step::Committed, 2));
        assert_eq!(late.durable(at(9), 9), went(Step::Durable, 8), "a slow disk is told of");
        assert!(follower.follows_none() && late.follows_none());
        follower.arrived(at(1), LEADER, &message, &told, 8);
        assert!(follower.follows_none(), "it is applied already");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_what_makes_no_sense_is_ignored() {
        let (mut leader, mut follower) = (Traced::default(), Traced::default());
        let many = 4 * TRACED_MAX as u64;
        for first in [1, many + 1] {
            let places = || (first..first + many).map(|index| (index, 2));
            places().for_each(|place| leader.proposed(place, trace(place.0)));
            let message = append(places());
            let told = leader.of(&message);
            assert_eq!(told.len(), TRACED_MAX);
            follower.arrived(at(1), LEADER, &message, &told, 0);
        }
        assert_eq!(follower.followed.len(), TRACED_MAX);
        let strange = [
            message::Traced { index: 99_999, trace: message::trace_bytes(&trace(1)) },
            message::Traced { index: 3 * many, trace: Default::default() },
        ];
        let mut follower = Traced::default();
        follower.arrived(at(1), LEADER, &append([(3 * many, 2)].into_iter()), &strange, 0);
        assert!(follower.follows_none());
    }
}
