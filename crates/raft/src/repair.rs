//! Getting lost entries back, one by one. (Alagappan et al., "Protocol-Aware Recovery for
//! Consensus-Based Storage", FAST 2018; the argument here is for our rules, which differ.)
//!
//! A disk that loses the data of an entry need not make its replica forget. The journal keeps index
//! and term of every append apart from the data, so the replica still knows which entry stood
//! there: its log has a *hole*. Index and term name an entry in the whole group (Log Matching), so
//! anybody who holds that index in that term holds what was lost.
//!
//! ```text
//!   n1   1@1  2@1  ░░░  4@2        every disk has lost something, and nothing is lost
//!   n2   1@1  ░░░  3@2  4@2
//!   n3   ░░░  2@1  3@2
//!
//!   candidate X, hole at 3@2                         anybody
//!      │ ── Fetch{3, 2} ─────────────────────────────▶ │  in X's new term, which both have on disk
//!      │ ◀───────────── Found{entries 3@2, 4@2 …} ──── │  holds it: it fills the hole
//!      │ ◀───────────── Found{lacks} ───────────────── │  has another entry there, or none
//!      │ (no answer)                                   │  lost it too, or needs it no more
//!      │ no hole left, all written: asks for votes     │
//! ```
//!
//! # Rules
//!
//! 1. A replica with holes votes, and compares logs, as if it had none. It acknowledges, commits
//!    and applies nothing from its first hole on.
//! 2. It does not lead. Where there is a leader, it refuses what follows a hole and names the hole;
//!    the leader sends the log again from there, or a snapshot. That fills holes as well.
//! 3. Without a leader it lets others go first. When its turn comes and its log is what a majority
//!    would vote for, it starts a term and fetches before it asks for votes.
//! 4. A hole is given up, with all that follows, when so many of the voters in force before it have
//!    said, in that term, that they have no such entry, that the others are no majority. Who has
//!    lost its memory does not say so.
//! 5. What fills a hole is written as a record of its own, which takes the place of what was lost
//!    and touches nothing else. To write the log again from there would not do: a crash in the
//!    middle of that would make the replica forget the rest.
//!
//! # Why that is safe
//!
//! *Votes.* Raft's argument for Leader Completeness uses of a voter's log only indexes and terms.
//! These are all there, so a vote is as good as before the damage, and so is an acknowledgement
//! that the former life gave: whatever was committed is in the log of every later leader.
//!
//! *Filling.* One term has one leader, which makes one entry per index. What fills a hole is the
//! entry that was lost.
//!
//! *Giving up.* Let X give up the entry e and what follows it, in term T, on the word of a set Q of
//! voters, one of whom is in every majority. X has acknowledged e or a later entry only in terms U < T: it acknowledges nothing
//! from a hole on, and T is its own candidacy. It must be shown that no leader of such a U commits
//! any of it with X's help. To commit e it would need an S of Q that held e in term U. S
//! answered in T, which is on its disk, so it held e before it answered, and a leader of a term
//! above U and up to T made it drop e. That leader was elected before X gave up anything; had the
//! commit been possible, its log would have had e. And entries behind e are committed after e or
//! together with it; a membership behind e comes into its own only once it is committed by the one
//! before e as well. So X was no part of any commit, and may forget.
//!
//! *Availability.* What is committed is never given up: a majority holds it, and says nothing else.
//! As long as one replica that holds the entry with its data can be reached, the hole is filled;
//! if all have lost it, or it is out of reach, the group waits.
//!
//! A snapshot comes from leaders only. A replica that needs an entry which the others have put
//! into snapshots cannot fetch it, and waits for one of them to lead. One of them can, once all
//! voters are there and are at least three: of the replicas that wait like this, take the one whose
//! hole comes last. The others that wait have put nothing that far into snapshots and do not hold
//! that entry, which is committed; so their logs, and those of all who wait for nothing, end before
//! that of the best of the latter, which they vote for.
//!
//! What else a disk may lose is another matter: a lost vote or term, or a record of which not even
//! the header is left, makes a replica forget ([`crate::recovery`]).

use alloc::collections::BTreeSet;

use kernel::{NodeId, Now};

use crate::{
    entry::Entry,
    log::Log,
    message::{Body, Fetch, Found},
    note::Note,
    raft::{Out, Raft},
};

/// What a replica knows about its holes beyond the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repair {
    /// Entries that came back and are not durable again.
    unwritten: BTreeSet<u64>,
    /// Term and index of a question, and who has answered that it has no such entry.
    lacking: ((u64, u64), BTreeSet<NodeId>),
}

impl Repair {
    /// Up to where a log is whole on the disk, as far as holes are concerned.
    pub(crate) fn reach(&self, log: &Log) -> u64 {
        let unwritten = self.unwritten.range(log.first()..).next().copied();
        let first = unwritten.into_iter().chain(log.hole()).min();
        first.map_or(u64::MAX, |index| index - 1)
    }

    /// Those of these that are still to be written; others may stand in the places of those that
    /// were cut.
    pub(crate) fn unwritten(&self, fills: &BTreeSet<u64>) -> BTreeSet<u64> {
        self.unwritten.intersection(fills).copied().collect()
    }

    /// These are durable again.
    pub(crate) fn written(&mut self, fills: &BTreeSet<u64>) {
        self.unwritten.retain(|index| !fills.contains(index));
    }

    /// The log was cut.
    pub(crate) fn cut(&mut self, from: u64) {
        self.unwritten.split_off(&from);
    }
}

impl Raft {
    /// Asks everybody for the entry of a hole.
    pub(crate) fn fetch(&mut self, index: u64, out: &mut Out) {
        let Some(term) = self.log.term(index) else { return };
        out.note(Note::Fetching { index, term });
        let nodes = self.log.membership().nodes();
        for node in nodes.into_iter().filter(|node| *node != self.config.id) {
            out.send(node, self.message(Body::Fetch(Fetch { index, term })));
        }
    }

    /// A candidate has lost an entry.
    pub(crate) fn on_fetch(&mut self, from: NodeId, fetch: Fetch, out: &mut Out) {
        let Fetch { index, term } = fetch;
        let found = Found { index, term, ..Found::default() };
        let held = self.log.term(index) == Some(term);
        if held && self.log.is_whole(index) {
            let (mut entries, _) = self.log.slice(index, self.config.append_bytes_max.0);
            let whole = entries.iter().take_while(|entry| self.log.is_whole(entry.index)).count();
            entries.truncate(whole);
            out.send(from, self.message(Body::Found(Found { entries, ..found })));
        } else if !held && index > self.log.base() && self.is_sound() {
            // It binds: this term must be on the disk before it leaves.
            let message = self.message(Body::Found(Found { lacks: true, ..found }));
            self.promises.push((from, message));
        }
    }

    pub(crate) fn on_found(&mut self, now: Now, from: NodeId, found: Found, out: &mut Out) {
        let hole = self.log.hole();
        if found.lacks {
            self.lacks(from, found.index, found.term, out);
        }
        found.entries.into_iter().for_each(|entry| self.refill(entry, out));
        if hole != self.log.hole() {
            self.open_ballot(now, out);
        }
    }

    /// An entry of this log arrived again; perhaps its data was lost.
    pub(crate) fn refill(&mut self, entry: Entry, out: &mut Out) {
        let index = entry.index;
        if self.log.fill(entry) {
            kernel::sometimes!("raft: an entry that a disk had lost came back");
            self.repair.unwritten.insert(index);
            self.disk.staged.fills.insert(index);
            if self.log.hole().is_none() {
                out.note(Note::Refilled);
            }
        }
    }

    /// Somebody has no such entry. If the others are no majority, it was never committed.
    fn lacks(&mut self, from: NodeId, index: u64, term: u64, out: &mut Out) {
        let asked = self.log.hole() == Some(index) && self.log.term(index) == Some(term);
        if !asked || !self.is_fetching() {
            return;
        }
        let question = (self.term, index);
        if self.repair.lacking.0 != question {
            self.repair.lacking = (question, BTreeSet::new());
        }
        self.repair.lacking.1.insert(from);
        let Some(before) = self.log.meta_at(index - 1) else { return };
        if !before.membership.has_majority(|node| !self.repair.lacking.1.contains(&node)) {
            kernel::sometimes!("raft: an entry that no majority can hold was given up");
            out.note(Note::GivenUp { index });
            self.log.truncate(index);
            self.disk.replaced_from(index);
            self.repair.cut(index);
        }
    }
}
