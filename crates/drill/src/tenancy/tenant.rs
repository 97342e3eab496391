//! Who writes into the keyspace, and reads what it wrote.

use bytes::Bytes;
use check::history::Event;
use contract::Program;
use database::{Answer, Code, Request, api::Action};
use kernel::{Duration, Instant, NodeId, Rng};
use layers::kv;
use prost::Message;
use sim::Outcome;

use super::{
    KEYSPACE,
    register::{Shared, Written},
};
use crate::{
    actor::Actor,
    attempt::{Attempt, Next},
};

/// A client with a key of its own.
pub struct Tenant {
    key: Bytes,
    nodes: u64,
    rng: Rng,
    register: Shared,
    written: Written,
    resting: bool,
    next_at: Instant,
    busy: Option<Busy>,
    wrong: Option<String>,
}

struct Busy {
    attempt: Attempt,
    writes: bool,
    asked: Instant,
}

impl Tenant {
    pub fn new(id: u64, nodes: u64, rng: Rng, register: Shared) -> Tenant {
        Tenant {
            key: Bytes::from(format!("tenant-{id}")),
            nodes,
            rng,
            register,
            written: Written::default(),
            resting: false,
            next_at: Instant::ZERO,
            busy: None,
            wrong: None,
        }
    }

    fn action(&mut self, now: Instant, writes: bool) -> Action {
        if !writes {
            let query: kv::Query = kv::Get { key: self.key.clone() }.into();
            return Action::Query { program: Program::Kv, query: query.encode_to_vec().into() };
        }
        let value = Bytes::from(self.written.asked(now).to_string());
        let put = kv::Put { key: self.key.clone(), value, ..kv::Put::default() };
        let command = kv::Command::one(put).encode_to_vec().into();
        Action::Mutate { program: Program::Kv, command }
    }

    fn judge(&mut self, busy: &Busy, now: Instant, answer: &Answer) {
        let (register, span) = (self.register.borrow(), (busy.asked, now));
        let judged = match answer {
            Answer::Done(done) if busy.writes => {
                let reply = kv::Reply::read(&done.body);
                if reply.is_ok_and(|reply| reply.status() == kv::Status::Ok) {
                    self.written.done(now, busy.attempt.is_first());
                }
                Ok(())
            }
            Answer::Done(done) => match shown(&done.body) {
                Some(shown) => self.written.judge(&register, span, shown),
                None => Err("a read is answered with something else".into()),
            },
            Answer::Failed(failure) if failure.code == Code::KeyspaceNotFound => {
                register.unheard(span)
            }
            _ => Ok(()),
        };
        if let Err(why) = judged {
            let key = String::from_utf8_lossy(&self.key);
            self.wrong = Some(format!("{key}, asked at {}: {why}", busy.asked));
        }
    }
}

/// The number that a read shows, or that it shows none.
fn shown(body: &Bytes) -> Option<Option<u64>> {
    let reply = kv::QueryReply::read(body).ok()?;
    let Some(item) = reply.items.first() else { return Some(None) };
    std::str::from_utf8(&item.value).ok()?.parse().ok().map(Some)
}

impl Actor for Tenant {
    fn idle(&self) -> bool {
        self.resting && self.busy.is_none()
    }

    fn rest(&mut self) {
        self.resting = true;
    }

    fn wrong(&self) -> Option<&str> {
        self.wrong.as_deref()
    }

    fn due(&self) -> Instant {
        match &self.busy {
            Some(busy) => busy.attempt.deadline,
            None if self.resting => Instant::NEVER,
            None => self.next_at,
        }
    }

    fn next(&mut self, now: Instant, _: &mut Vec<Event>) -> Option<(NodeId, Request)> {
        if self.busy.is_some() || self.resting || now < self.next_at {
            return None;
        }
        let writes = self.rng.chance(0.5);
        let action = self.action(now, writes);
        let request = Attempt::call(KEYSPACE, action, None, None, &mut self.rng);
        let place = (self.rng.range(1, self.nodes), self.nodes);
        let attempt = Attempt::new(now, place, request, false);
        let ask = attempt.ask();
        self.busy = Some(Busy { attempt, writes, asked: now });
        Some(ask)
    }

    fn answered(
        &mut self,
        now: Instant,
        answer: Option<Outcome<Answer>>,
        _: &mut Vec<Event>,
    ) -> Option<(NodeId, Request)> {
        let mut busy = self.busy.take()?;
        if let Some(Outcome::Reply(answer)) = &answer {
            self.judge(&busy, now, answer);
        }
        if let Next::Ask(node, request) = busy.attempt.answered(now, answer) {
            self.busy = Some(busy);
            return Some((node, request));
        }
        let most = if self.rng.chance(0.7) { 8 } else { 150 };
        self.next_at = now + Duration::from_millis(self.rng.range(0, most));
        None
    }
}
