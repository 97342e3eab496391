//! Forced recovery: one replica becomes the whole group, when the others are gone for good.
//!
//! ```text
//!   …  17  18  19 │ 20 membership {me}   21 …        one term above everything that is known here
//!     the log here│ the cut
//! ```
//!
//! The membership in force is the newest one in the log, so an entry that names this replica alone
//! is all that it takes: the next start finds that it is a majority, elects itself, and commits
//! whatever its log holds. No rule of the protocol is bent from there on; the one that is broken is
//! that nobody else agreed. Who calls this must see to it that nobody else ever goes on: what was
//! committed beyond the log of this replica is lost, and what was only appended here counts.

use alloc::{boxed::Box, vec, vec::Vec};

use bytes::Bytes;
use kernel::NodeId;

use crate::{
    entry::{Entry, SnapshotMeta},
    log::Log,
    membership::Membership,
    record::Record,
    start::Start,
};

impl Start {
    /// Where the log ends, and the membership in force there.
    #[must_use]
    pub fn end(&self) -> SnapshotMeta {
        let log = Log::new(self.base.clone(), self.entries.clone());
        let membership = log.membership().clone();
        SnapshotMeta { index: log.last(), term: log.last_term(), membership }
    }

    /// What makes `node` the whole group once it is durable behind the records that this start came
    /// from, and the commands that follow at once.
    #[must_use]
    pub fn seize(&self, node: NodeId, commands: Vec<Bytes>) -> Vec<Record> {
        let end = self.end();
        let term = self.term.max(end.term).saturating_add(1);
        let mut records = Vec::new();
        if self.rebased {
            // The log in the journal does not reach to where this one begins.
            let meta = Box::new(self.base.clone());
            records.push(match end.index == meta.index {
                true => Record::Snapshot { meta },
                false => Record::Compacted { meta },
            });
        }
        let first = end.index.saturating_add(1);
        let mut entries = vec![Entry::membership(first, term, &Membership::new([node], []))];
        let next = (first.saturating_add(1)..).zip(commands);
        entries.extend(next.map(|(index, data)| Entry::command(index, term, data)));
        records.push(Record::Append { entries });
        records
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{Output, Role},
        config::Config,
        raft::Raft,
        start::Standing,
    };
    use kernel::{Effect, Effects, Event, Now, Process, Rng};

    const ME: NodeId = NodeId(2);

    /// A follower of three that has heard of no commit.
    fn follower() -> Start {
        let mut start = Start::fresh(Membership::new([1, 2, 3].map(NodeId), []));
        let entry = |index| Entry::command(index, 4, Bytes::from_static(b"x"));
        start.replay(Record::Append { entries: (1..=3).map(entry).collect() });
        start.replay(Record::HardState { term: 7, vote: NodeId(3) });
        start.rebased = false;
        start
    }

    /// Runs a replica until nothing more happens; everything written is durable at once.
    fn run(start: Start) -> (Raft, Vec<Entry>) {
        let mut raft = Raft::new(Config::new(ME), start, Rng::new(1));
        let (mut out, mut committed) = (Effects::new(), Vec::new());
        let mut events = vec![Event::Start];
        while let Some(event) = events.pop() {
            raft.handle(Now::default(), event, &mut out);
            raft.settle(Now::default(), &mut out);
            for effect in out.drain() {
                match effect {
                    Effect::Persist { token, .. } => events.push(Event::Persisted(token)),
                    Effect::Output(Output::Commit { entries }) => committed.extend(entries),
                    Effect::Send { to, .. } => panic!("something is sent to {to}"),
                    _ => {}
                }
            }
        }
        (raft, committed)
    }

    #[test]
    fn one_of_three_goes_on_alone_and_commits_what_it_holds() {
        let mut start = follower();
        for record in start.seize(ME, vec![Bytes::from_static(b"cut")]) {
            start.replay(record);
        }
        assert_eq!((start.term, start.vote), (8, NodeId::NONE), "above every term known here");
        let (raft, committed) = run(start);
        assert_eq!((raft.status().role, raft.term()), (Role::Leader, 9));
        assert_eq!(raft.membership(), &Membership::new([ME], []));
        let told: Vec<_> = committed.iter().map(|entry| (entry.index, &entry.data[..])).collect();
        assert_eq!(&told[..3], [(1, &b"x"[..]), (2, b"x"), (3, b"x")]);
        assert_eq!((told[4], told.len()), ((5, &b"cut"[..]), 6));
    }

    #[test]
    fn a_joint_phase_ends_with_it() {
        let mut start = follower();
        let joint = Membership::new([1, 2, 3].map(NodeId), [])
            .enter_joint(&Membership::new([4, 5, 6].map(NodeId), []));
        start.replay(Record::Append { entries: vec![Entry::membership(4, 7, &joint)] });
        assert_eq!(start.end().membership, joint);
        for record in start.seize(ME, vec![]) {
            start.replay(record);
        }
        assert_eq!(run(start).0.membership(), &Membership::new([ME], []));
    }

    #[test]
    fn twice_is_as_good_as_once() {
        let mut start = follower();
        for _ in 0..2 {
            start.seize(ME, vec![]).into_iter().for_each(|record| start.replay(record));
        }
        assert_eq!(start.end().index, 5);
        assert!(run(start).0.is_leader());
    }

    #[test]
    fn a_log_behind_the_engine_is_begun_anew_in_the_journal_too() {
        let mut start = follower();
        let group = Membership::new([1, 2, 3].map(NodeId), []);
        start.applied_at(SnapshotMeta { index: 9, term: 6, membership: group });
        let records = start.seize(ME, vec![]);
        assert!(matches!(&records[0], Record::Snapshot { meta } if meta.index == 9));
        let mut again = follower();
        records.into_iter().for_each(|record| again.replay(record));
        assert_eq!((again.end().index, again.standing), (10, Standing::Sound));
    }
}
