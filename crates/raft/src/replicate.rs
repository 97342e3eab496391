//! The leader's side of replication. (Raft paper, section 5.3.)
//!
//! A refusal names the conflicting term and the first index of that term in the follower's log:
//! one round trip per conflicting term, not per entry.

use alloc::boxed::Box;

use kernel::{
    NodeId, Now,
    bug::{Bug, planted},
};

use crate::{
    config::Config,
    log::Log,
    message::{Append, AppendReply, Body, HeartbeatReply, Message},
    note::Note,
    progress::{Mode, Progress},
    raft::{Out, Raft},
};

impl Raft {
    /// Sends every follower what it lacks and may be sent.
    pub(crate) fn replicate(&mut self, now: Now, out: &mut Out) {
        let Some(lead) = &mut self.lead else { return };
        for (node, peer) in &mut lead.peers {
            while let Some(append) = next_append(&self.log, &self.config, self.commit, peer) {
                out.send(*node, Message { term: self.term, body: Some(Body::Append(append)) });
            }
            let lacks = peer.next < self.log.first() && !matches!(peer.mode, Mode::Snapshot(_));
            if lacks && peer.is_active(now, self.config.election_timeout) {
                lead.streams += 1;
                peer.begin_snapshot(*node, lead.streams, out);
            }
        }
    }

    pub(crate) fn on_append_reply(
        &mut self,
        now: Now,
        from: NodeId,
        reply: AppendReply,
        out: &mut Out,
    ) {
        let last = self.log.last();
        if self.lead.is_some() && reply.index > last {
            return out.note(Note::Malformed { from });
        }
        if !self.remembers(from, reply.amnesia, None) {
            return;
        }
        let Some(lead) = &mut self.lead else { return };
        let Some(peer) = lead.peers.get_mut(&from) else { return };
        peer.last_ack = now.instant;
        peer.unwell = reply.unwell;
        if reply.rejected {
            peer.lost(reply.lost);
            if let Some(next) = backtrack(&self.log, peer, &reply) {
                peer.probe_from(next);
                out.note(Note::Backtracked { peer: from, next: peer.next });
            }
        } else {
            peer.acknowledged(reply.index, self.log.first());
            self.pump_transfer(out);
        }
    }

    pub(crate) fn on_heartbeat_reply(
        &mut self,
        now: Now,
        from: NodeId,
        reply: HeartbeatReply,
        out: &mut Out,
    ) {
        let last = self.log.last();
        let known = self.lead.as_ref().map_or(0, |lead| lead.round);
        let nonsense = reply.verified > last || reply.matched > last || reply.round > known;
        if self.lead.is_some() && nonsense {
            return out.note(Note::Malformed { from });
        }
        if !self.remembers(from, reply.amnesia, Some(reply.round)) {
            return;
        }
        let Some(lead) = &mut self.lead else { return };
        let Some(peer) = lead.peers.get_mut(&from) else { return };
        peer.last_ack = now.instant;
        peer.unwell = reply.unwell;
        peer.round = peer.round.max(reply.round);
        if reply.matched > 0 {
            peer.acknowledged(reply.matched, self.log.first());
        }
        if !planted(Bug::LossUnnoticed) {
            peer.notice_loss(reply.round, reply.verified);
        }
        self.pump_transfer(out);
        self.confirm_rounds(now, out);
    }
}

/// The next append for a follower, if it lacks something and may be sent it.
fn next_append(log: &Log, config: &Config, commit: u64, peer: &mut Progress) -> Option<Append> {
    if !peer.may_send(config) || peer.next < log.first() {
        return None;
    }
    let probe = matches!(peer.mode, Mode::Probe { .. });
    let more = peer.next <= log.last();
    if !probe && !more && peer.commit_sent >= commit {
        return None;
    }
    let prev_index = peer.next - 1;
    let prev_term = log.term(prev_index)?;
    let (entries, bytes) = log.slice(peer.next, config.append_bytes_max.0);
    let base = (prev_index == 0).then(|| Box::new(log.base_membership().clone()));
    peer.sent(prev_index + entries.len() as u64, bytes);
    peer.commit_sent = commit;
    Some(Append { prev_index, prev_term, commit, entries, base, probe })
}

/// Where to try next after a refusal; none if the refusal is old.
fn backtrack(log: &Log, peer: &Progress, reply: &AppendReply) -> Option<u64> {
    let current = match peer.mode {
        Mode::Probe { .. } => reply.index + 1 == peer.next,
        Mode::Replicate => true,
        Mode::Snapshot(_) => false,
    };
    if !current || reply.index <= peer.matched {
        return None;
    }
    // Ours may go further in the conflicting term than theirs does before it ends.
    let shared = log.last_of_term(reply.conflict_term).filter(|_| reply.conflict_term > 0);
    let hint = shared.map_or(reply.conflict_index, |index| index + 1);
    Some(hint.clamp(1, reply.index))
}
