//! The follower's side of replication. (Raft paper, section 5.3 and figure 2.)
//!
//! ```text
//!   Append ──▶ does prev fit? ──no──▶ refuse, with the conflicting term and its first index,
//!                  │yes               or with the first entry whose data is lost
//!                  ▼
//!       skip what is here already ──▶ truncate only from the first conflict ──▶ append
//!                  │
//!                  ▼
//!       verified = last index known to be the leader's     commit = min(leader's, verified)
//!                  │
//!                  ▼  settle, or Persisted
//!       acknowledge min(verified, durable): one answer for all appends of a batch
//! ```

use alloc::vec::Vec;

use kernel::{
    NodeId, Now,
    bug::{Bug, planted},
    process::HaltReason,
};

use crate::{
    entry::Entry,
    message::{Append, AppendReply, Body, Heartbeat, HeartbeatReply},
    note::{Note, StepDownReason},
    process::NUMBER_MAX,
    raft::{Out, Raft},
};

/// What a follower knows about the leader of this term.
#[derive(Clone, Debug, Default)]
pub(crate) struct Following {
    /// The log is the leader's up to here.
    pub(crate) verified: u64,
    /// Acknowledged to this leader.
    acked: u64,
    /// The leader waits for an answer even if nothing is new.
    owes: bool,
}

impl Following {
    /// Everything up to `index` is known to be committed, and so the leader's; it is told.
    pub(crate) fn vouch(&mut self, index: u64) {
        self.verified = self.verified.max(index);
        self.owes = true;
    }
}

impl Raft {
    /// A message of this term's leader arrived. Returns false if that cannot be: this replica
    /// leads, or another one does.
    pub(crate) fn heed(&mut self, now: Now, from: NodeId, out: &mut Out) -> bool {
        let other = self.leader.is_some() && self.leader != from;
        if self.lead.is_some() || other {
            return false;
        }
        if self.leader != from {
            self.step_down(now, StepDownReason::OtherLeader, out);
            self.leader = from;
            self.following = Following::default();
        }
        self.timers.heard = Some(now.instant);
        self.timers.yielded = false;
        self.timers.election_at = now.instant + self.timers.patience;
        true
    }

    pub(crate) fn on_append(&mut self, from: NodeId, append: Append, out: &mut Out) {
        if !is_well_formed(&append, self.term) {
            return out.note(Note::Malformed { from });
        }
        self.learn_base(&append);
        let prev = append.prev_index;
        if self.log.hole().is_some_and(|hole| hole <= prev) {
            return self.refuse(from, prev, out);
        }
        match self.log.term(prev) {
            None if prev < self.log.base() => {}
            Some(term) if term == append.prev_term => {}
            Some(_) if prev <= self.commit => return self.halt(prev, out),
            _ => return self.refuse(from, prev, out),
        }
        let last = prev + append.entries.len() as u64;
        self.following.owes |= append.probe || !append.entries.is_empty();
        if !self.take_entries(append.entries, out) {
            return;
        }
        if planted(Bug::TruncateWithoutConflict) && last < self.log.last() && last >= self.commit {
            self.truncate(last + 1, out);
        }
        self.following.verified = self.following.verified.max(last.max(self.commit));
        self.learn_commit(append.commit);
    }

    /// Takes the entries that are not here. Returns false if they contradict what is committed.
    fn take_entries(&mut self, entries: Vec<Entry>, out: &mut Out) -> bool {
        for entry in entries {
            match self.log.term(entry.index) {
                None if entry.index <= self.log.base() => continue,
                Some(term) if term == entry.term => {
                    self.refill(entry, out);
                    continue;
                }
                Some(_) if entry.index <= self.commit => {
                    self.halt(entry.index, out);
                    return false;
                }
                Some(_) => self.truncate(entry.index, out),
                None => {}
            }
            self.disk.staged.stage_log(entry.index);
            self.log.push(entry.apart());
        }
        true
    }

    fn truncate(&mut self, from: u64, out: &mut Out) {
        self.log.truncate(from);
        self.disk.replaced_from(from);
        self.repair.cut(from);
        self.disk.staged.stage_log(from);
        self.following.verified = self.following.verified.min(from - 1);
        out.note(Note::Truncated { from });
    }

    fn refuse(&mut self, from: NodeId, prev: u64, out: &mut Out) {
        // A log with a hole is refilled from there, as if it ended before it.
        let lost = self.log.hole().filter(|hole| *hole <= prev);
        let term = if lost.is_some() { 0 } else { self.log.term(prev).unwrap_or(0) };
        let end = lost.unwrap_or(self.log.last() + 1);
        let first = if term == 0 { end } else { self.log.first_of_term(term) };
        let reply = AppendReply {
            rejected: true,
            index: prev,
            conflict_term: term,
            conflict_index: first,
            amnesia: self.amnesia(),
            unwell: self.disk.failed,
            lost: lost.unwrap_or(0),
        };
        out.send(from, self.message(Body::AppendReply(reply)));
    }

    /// The leader has committed up to here; what this log shares with it is committed.
    fn learn_commit(&mut self, commit: u64) {
        let mut known = commit.min(self.following.verified);
        if planted(Bug::CommitWithoutClamp) {
            known = commit.min(self.log.last());
        }
        self.commit = self.commit.max(known);
    }

    /// A node that joins learns who founded the group.
    fn learn_base(&mut self, append: &Append) {
        let unknown = self.log.base() == 0 && self.log.base_membership().is_empty();
        if let Some(base) = append.base.as_deref().filter(|base| unknown && base.is_valid()) {
            self.log.learn_base(base.clone());
            self.disk.staged.compacted = true;
        }
    }

    pub(crate) fn on_heartbeat(
        &mut self,
        now: Now,
        from: NodeId,
        heartbeat: Heartbeat,
        out: &mut Out,
    ) {
        self.learn_commit(heartbeat.commit);
        self.remember(heartbeat.acknowledged, out);
        self.ask_for_fence(from, out);
        let reply = HeartbeatReply {
            round: heartbeat.round,
            verified: self.following.verified,
            matched: self.matched(),
            amnesia: self.amnesia(),
            unwell: self.disk.unwell(now),
        };
        // The lease counts on it: it must not be forgotten in a crash.
        let message = self.message(Body::HeartbeatReply(reply));
        match self.disk.holds_term() {
            true => out.send(from, message),
            false => self.promises.push((from, message)),
        }
    }

    /// Shared with the leader and durable here.
    fn matched(&self) -> u64 {
        if planted(Bug::AckBeforeDurable) {
            return self.following.verified;
        }
        self.following.verified.min(self.durable())
    }

    /// Acknowledges what became both verified and durable, once per batch.
    pub(crate) fn acknowledge(&mut self, now: Now, out: &mut Out) {
        let follows = self.lead.is_none() && self.leader.is_some();
        if !follows || self.disk.failed || !self.disk.holds_term() {
            return;
        }
        let matched = self.matched();
        let complete = matched == self.following.verified;
        if matched > self.following.acked || (self.following.owes && complete && matched > 0) {
            self.following.acked = matched;
            self.following.owes &= !complete;
            let reply = AppendReply {
                index: matched,
                amnesia: self.amnesia(),
                unwell: self.disk.unwell(now),
                ..AppendReply::default()
            };
            out.send(self.leader, self.message(Body::AppendReply(reply)));
        }
    }

    /// Two committed histories exist. Nothing that this replica could still do is right.
    fn halt(&mut self, index: u64, out: &mut Out) {
        self.halted = true;
        let code = "raft-committed-conflict";
        let text = alloc::format!(
            "{}: the leader {} of term {} contradicts the committed entry {index}",
            self.config.id,
            self.leader,
            self.term
        );
        out.push(kernel::Effect::Halt(HaltReason { code, text }));
    }
}

/// Consecutive indexes, terms that never fall and never pass the leader's.
fn is_well_formed(append: &Append, leader_term: u64) -> bool {
    let mut term = append.prev_term;
    append.prev_index < NUMBER_MAX
        && append.entries.iter().zip(1..).all(|(entry, offset)| {
            let rises = entry.term >= term;
            term = entry.term;
            rises && entry.term <= leader_term && entry.index == append.prev_index + offset
        })
}
