//! The voter. (Raft paper, sections 5.2 and 5.4.1.)
//!
//! One vote per term, durable before it leaves; never for a candidate whose log is less
//! complete; never while a leader is heard; never without memory.

use kernel::{
    NodeId, Now,
    bug::{Bug, planted},
};

use crate::{
    message::{Body, Message, RequestVote, VoteReply},
    note::Note,
    raft::{Out, Raft},
};

impl Raft {
    pub(crate) fn on_request_vote(
        &mut self,
        now: Now,
        from: NodeId,
        term: u64,
        request: RequestVote,
        out: &mut Out,
    ) {
        let pre = request.pre;
        let complete = (request.last_term, request.last_index)
            >= (self.log.last_term(), self.log.last())
            || planted(Bug::VoteIgnoresLog);
        let stays = !request.transfer && self.stays_with_leader(now);
        let willing = complete && !stays && self.may_vote();
        let granted = willing && if pre { term > self.term } else { self.vote_is_free(from) };
        out.note(match granted {
            true => Note::VoteGranted { pre, to: from, term },
            false => Note::VoteRefused { pre, to: from, term },
        });
        let reply = Body::VoteReply(VoteReply { pre, granted });
        if pre {
            // A promise speaks of the term asked for, a refusal of the term that is.
            let term = if granted { term } else { self.term };
            return out.send(from, Message { term, body: Some(reply) });
        }
        let message = self.message(reply);
        if !granted {
            return out.send(from, message);
        }
        self.disk.staged.hard |= self.vote != from;
        self.vote = from;
        self.restart_election_timer(now);
        self.promises.push((from, message));
    }

    fn vote_is_free(&self, candidate: NodeId) -> bool {
        let unused = !self.vote.is_some() && !self.leader.is_some();
        unused || self.vote == candidate || planted(Bug::DoubleVote)
    }
}
