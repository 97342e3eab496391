//! Getting back on one's feet without memory.
//!
//! A replica whose disk was wiped or damaged may have forgotten a vote, or an entry that it had
//! acknowledged. So may a new node, as far as anybody can tell. If it went on as if nothing had
//! happened it could vote twice in a term, or elect a leader that lacks a committed entry.
//!
//! ```text
//!   amnesiac X                                    leader L of term T
//!      │ ◀───────────────── Heartbeat ─────────────────│
//!      │ ── HeartbeatReply{amnesia: nonce} ──────────▶ │  X counts for nothing from here on
//!      │ ── Probe{nonce} ────────────────────────────▶ │  appends a new empty entry E
//!      │ ◀───────────────── ProbeReply{nonce, E} ──────│
//!      │ ◀───────────────── Append … E … commit ───────│  E committed without X
//!      │ E committed, durable here: Sound              │
//!      │ ── HeartbeatReply{amnesia: 0} ──────────────▶ │  answers a later round: X counts again
//! ```
//!
//! # Rules
//!
//! 1. An amnesiac neither votes nor campaigns.
//! 2. Whatever it answers carries a nonce drawn for this life. A leader that has seen a nonce
//!    counts nothing of that follower: not for commits, reads, leases or its own quorum.
//! 3. The leader makes a fence E for the nonce: an entry appended after the probe arrived.
//! 4. X is sound once it knows, still in term T, that E is committed, and holds the log up to E
//!    durably. It then writes "voted for L in term T" together with its new standing.
//! 5. The leader counts X again when it answers, without a nonce, a round that was sent after
//!    the leader last saw the nonce. (An answer of X's former life cannot do that.)
//!
//! # Why that is safe
//!
//! E is committed, so a majority *not counting X*, call it Q, stored E in term T, after X's
//! former life had ended. Everything that the former life promised is either forgotten to no
//! harm or covered by Q:
//!
//! - *A forgotten vote for a candidate C in term U.* Any majority that includes X and elects C
//!   shares a node S with Q. If U < T, S is past U once it has stored E, so the vote can only
//!   have helped before, in an election like any other. If U = T, then C is L, or it lost. If
//!   U > T, S votes for C after it stored E, since a node in term U would have refused E. S
//!   compares logs: C asked for votes before X's former life ended, when E did not exist, and a
//!   log without E is less complete than S's unless it ends in a term between T and U. But the
//!   leader of such a term, too, needed a node of Q, which either was past T and refused E, or
//!   had E and refused a log without it. So S refuses, and C is never elected.
//! - *A second vote.* X votes only in terms above T, and the first bullet shows that no
//!   candidacy that the former life supported there can still succeed.
//! - *A forgotten acknowledgement of an entry e of term U that was counted for its commit.* If
//!   U > T, the leader of U was elected before X's former life ended, by a majority with a node
//!   of Q, which would have refused E. If U = T, L has e below E, and X holds the log up to E.
//!   If U < T, L's election was an ordinary one (an amnesiac never votes), so L has e by leader
//!   completeness.
//!
//! A probe of a majority for the greatest term does not suffice: with five voters, a candidate
//! outside the majority that answered may hold the forgotten vote in a greater term and be
//! elected by a node that answered earlier. The fence closes that hole, because it is in the
//! logs that voters compare.
//!
//! A disk may also lose its newest records without leaving a trace, so that nothing looks wrong at
//! the start. A leader of the same term shows it: its heartbeat says what this replica has
//! acknowledged, and a replica whose log ends before that becomes an amnesiac on the spot. An old
//! heartbeat cannot do that to a sound replica: within a term its log never loses what it
//! acknowledged. After the term has changed nobody remembers; one disk that lies is within what a
//! group survives.
//!
//! A node that joins for the first time takes the same path. It learns the founders' membership
//! from the append that starts the log, or a later membership from a snapshot. It is not a
//! voter then, so it delays nobody; [`crate::Raft::change`] refuses it a vote until it is
//! sound. A majority without memory cannot recover by itself: that takes an operator.

use kernel::{NodeId, Rng, Token};

use crate::{
    durable::Cover,
    message::{Body, Probe, ProbeReply},
    note::Note,
    progress::Amnesia,
    raft::{Out, Raft},
    start::Standing,
};

/// An amnesiac's way back.
#[derive(Clone, Debug)]
pub(crate) struct Recovery {
    /// Names this life; never zero.
    pub(crate) nonce: u64,
    /// The term whose leader was asked for a fence; zero before anybody was.
    asked: u64,
    /// Term and index of the fence.
    fence: Option<(u64, u64)>,
    /// The write that makes it sound, once it is issued.
    pub(crate) token: Option<Token>,
    /// That write is staged.
    writing: bool,
}

impl Recovery {
    pub(crate) fn new(rng: &mut Rng) -> Recovery {
        Recovery { nonce: rng.bits() | 1, asked: 0, fence: None, token: None, writing: false }
    }
}

impl Raft {
    /// The leader of this term says what this replica has acknowledged to it as durable. A log that
    /// does not hold that came back from a disk that has lost it without a trace; what else is
    /// lost nobody can tell.
    pub(crate) fn remember(&mut self, acknowledged: u64, out: &mut Out) {
        let held = self.log.last();
        if acknowledged <= held || !self.is_sound() {
            return;
        }
        kernel::sometimes!("raft: a replica found that it had lost what it acknowledged");
        out.note(Note::Forgot { acknowledged, held });
        self.standing = Standing::Amnesiac;
        self.recovery = Recovery::new(&mut self.rng);
        self.disk.staged.standing = Some(Standing::Amnesiac);
    }

    /// Asks the leader of this term for a fence, once per heartbeat until it comes.
    pub(crate) fn ask_for_fence(&mut self, leader: NodeId, out: &mut Out) {
        let has_one = self.recovery.fence.is_some_and(|(term, _)| term == self.term);
        if self.is_sound() || has_one {
            return;
        }
        if core::mem::replace(&mut self.recovery.asked, self.term) != self.term {
            out.note(Note::Recovering { leader });
        }
        out.send(leader, self.message(Body::Probe(Probe { nonce: self.recovery.nonce })));
    }

    pub(crate) fn on_probe_reply(&mut self, reply: ProbeReply, out: &mut Out) {
        if !self.is_sound() && reply.nonce == self.recovery.nonce {
            let fence = Some((self.term, reply.fence));
            if core::mem::replace(&mut self.recovery.fence, fence) != fence {
                out.note(Note::Fenced { fence: reply.fence });
            }
        }
    }

    /// Writes down that memory is whole, once the fence is committed and durable here.
    pub(crate) fn recover(&mut self) {
        let Some((term, fence)) = self.recovery.fence else { return };
        let held = self.commit.min(self.durable()) >= fence;
        let same = term == self.term && self.leader.is_some();
        if self.is_sound() || self.recovery.writing || !held || !same {
            return;
        }
        self.vote = self.leader;
        self.disk.staged.hard = true;
        self.disk.staged.standing = Some(Standing::Sound);
        self.recovery.writing = true;
    }

    pub(crate) fn recovery_issued(&mut self, cover: Cover) {
        if let (true, None, Cover::After(token)) =
            (self.recovery.writing, self.recovery.token, cover)
        {
            self.recovery.token = Some(token);
        }
    }

    pub(crate) fn recovery_durable(&mut self, token: Token, out: &mut Out) {
        if !self.is_sound() && self.recovery.token.is_some_and(|own| own <= token) {
            self.standing = Standing::Sound;
            out.note(Note::Recovered { term: self.term });
        }
    }

    /// A follower without memory asks for its fence: the leader appends one, once per nonce.
    pub(crate) fn on_probe(&mut self, from: NodeId, probe: Probe, out: &mut Out) {
        if probe.nonce == 0 || !self.remembers(from, probe.nonce, None) {
            return;
        }
        let fence = self.amnesia_of(from).and_then(|amnesia| amnesia.fence);
        let fence = fence.unwrap_or_else(|| self.append_empty());
        if let Some(amnesia) = self.amnesia_of(from) {
            amnesia.fence = Some(fence);
            let reply = ProbeReply { nonce: probe.nonce, fence };
            out.send(from, self.message(Body::ProbeReply(reply)));
        }
    }

    /// Takes note of what a reply says about its sender's memory. Returns whether the rest of the
    /// reply may be used. An answer without a nonce, from a follower that had one, is only
    /// believed if it answers a round that was sent after the nonce was last seen.
    pub(crate) fn remembers(&mut self, from: NodeId, nonce: u64, round: Option<u64>) -> bool {
        let next = self.log.last() + 1;
        let Some(lead) = &mut self.lead else { return false };
        let Some(peer) = lead.peers.get_mut(&from) else { return false };
        match &mut peer.amnesia {
            known if nonce != 0 => {
                let fence = known.filter(|known| known.nonce == nonce).map(|known| known.fence);
                if fence.is_none() {
                    kernel::sometimes!("raft: a follower has lost its memory");
                    peer.forget(next);
                }
                let fence = fence.flatten();
                peer.amnesia = Some(Amnesia { nonce, round: lead.round, fence });
                true
            }
            None => true,
            Some(known) if round.is_some_and(|round| round > known.round) => {
                peer.amnesia = None;
                true
            }
            Some(_) => false,
        }
    }

    fn amnesia_of(&mut self, node: NodeId) -> Option<&mut Amnesia> {
        self.lead.as_mut()?.peers.get_mut(&node)?.amnesia.as_mut()
    }
}
