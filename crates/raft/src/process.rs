//! The process contract: which event goes where, and what a term does to a message.

use kernel::{Event, NodeId, Now, Process, Ticket};

use crate::{
    api::{Output, Refusal, Reply, Request},
    message::{AppendReply, Body, Found, Message, RequestVote, VoteReply},
    note::{Note, StepDownReason},
    raft::{Out, Raft},
    record::Record,
};

/// Terms and indexes beyond this are nonsense: nobody gets there one by one. Refusing them at
/// the door leaves room for every sum behind it.
pub(crate) const NUMBER_MAX: u64 = u64::MAX >> 1;

impl Process for Raft {
    type Message = Message;
    type Request = Request;
    type Reply = Reply;
    type Record = Record;
    type Output = Output;
    type Note = Note;

    fn handle(&mut self, now: Now, event: Event<Message, Request>, out: &mut Out) {
        if self.halted {
            return;
        }
        match event {
            Event::Start => self.on_start(now, out),
            Event::Message { from, message } => self.on_message(now, from, message, out),
            Event::Request { ticket, request } => self.on_request(now, ticket, request, out),
            Event::Timer(timer) => self.on_timer(now, timer, out),
            Event::Persisted(token) => self.on_persisted(now, token, out),
            Event::PersistFailed(token) => self.on_persist_failed(now, token, out),
        }
    }

    fn settle(&mut self, now: Now, out: &mut Out) {
        if !self.halted {
            self.settle_batch(now, out);
            self.log.free();
        }
    }
}

impl Raft {
    fn on_request(&mut self, now: Now, ticket: Ticket, request: Request, out: &mut Out) {
        let proposed = |(index, term)| Reply::Proposed { index, term };
        let accepted = |()| Reply::Accepted;
        let answer = match request {
            Request::Propose(data) => self.propose(now, data).map(proposed),
            Request::Change(change) => self.change(now, change).map(proposed),
            Request::Transfer(to) => self.transfer(now, to, out).map(accepted),
            Request::Read => {
                // The reply goes first: the output may follow at once.
                return match self.may_read() {
                    Ok(()) => {
                        out.reply(ticket, Reply::Accepted);
                        self.admit_read(now, ticket, out);
                    }
                    Err(refusal) => out.reply(ticket, Reply::Refused(refusal)),
                };
            }
        };
        out.reply(ticket, answer.unwrap_or_else(Reply::Refused));
    }

    fn on_message(&mut self, now: Now, from: NodeId, message: Message, out: &mut Out) {
        let Message { term, body: Some(body) } = message else { return };
        if term > NUMBER_MAX || from == self.config.id || !from.is_some() {
            return out.note(Note::Malformed { from });
        }
        if term < self.term {
            return self.on_stale(from, &body, out);
        }
        if term > self.term && !self.adopts(now, term, &body, out) {
            return;
        }
        if is_from_leader(&body) && !self.heed(now, from, out) {
            return out.note(Note::Malformed { from });
        }
        match body {
            Body::RequestVote(request) => self.on_request_vote(now, from, term, request, out),
            Body::VoteReply(reply) => self.on_vote_reply(now, from, term, reply, out),
            Body::Append(append) => self.on_append(from, append, out),
            Body::AppendReply(reply) => self.on_append_reply(now, from, reply, out),
            Body::Heartbeat(heartbeat) => self.on_heartbeat(now, from, heartbeat, out),
            Body::HeartbeatReply(reply) => self.on_heartbeat_reply(now, from, reply, out),
            Body::SnapshotChunk(chunk) => self.on_snapshot_chunk(from, chunk, out),
            Body::SnapshotAck(ack) => self.on_snapshot_ack(now, from, ack, out),
            Body::TimeoutNow(_) => self.on_timeout_now(now, out),
            Body::Probe(probe) => self.on_probe(from, probe, out),
            Body::ProbeReply(reply) => self.on_probe_reply(reply, out),
            Body::Fetch(fetch) => self.on_fetch(from, fetch, out),
            Body::Found(found) => self.on_found(now, from, found, out),
        }
    }

    /// A greater term is adopted, with three exceptions: a pre-vote and its grant speak of a
    /// term that nobody is in yet, and a voter that hears from a leader does not let a candidate
    /// disturb it. Returns whether the message is handled further.
    fn adopts(&mut self, now: Now, term: u64, body: &Body, out: &mut Out) -> bool {
        match body {
            Body::RequestVote(RequestVote { pre: true, .. })
            | Body::VoteReply(VoteReply { pre: true, granted: true }) => true,
            Body::RequestVote(RequestVote { transfer: false, .. }) | Body::Fetch(_)
                if self.stays_with_leader(now) =>
            {
                kernel::sometimes!("raft: a voter stays with its leader");
                false
            }
            _ => {
                self.adopt_term(now, term, StepDownReason::HigherTerm, out);
                true
            }
        }
    }

    /// The sender has missed a term; whoever leads or asks for votes is told.
    fn on_stale(&mut self, from: NodeId, body: &Body, out: &mut Out) {
        let reply = match body {
            Body::RequestVote(request) => {
                Body::VoteReply(VoteReply { pre: request.pre, granted: false })
            }
            Body::Fetch(_) => Body::Found(Found::default()),
            body if is_from_leader(body) => {
                Body::AppendReply(AppendReply { rejected: true, ..AppendReply::default() })
            }
            _ => return,
        };
        out.send(from, self.message(reply));
    }

    /// Why this replica cannot do what only a leader can.
    pub(crate) fn not_leader(&self) -> Refusal {
        Refusal::NotLeader { leader: self.leader }
    }
}

/// Whether only the leader of the message's term sends this.
fn is_from_leader(body: &Body) -> bool {
    matches!(
        body,
        Body::Append(_)
            | Body::Heartbeat(_)
            | Body::SnapshotChunk(_)
            | Body::TimeoutNow(_)
            | Body::ProbeReply(_)
    )
}
