//! A client: it asks, learns, keeps its leases alive, and is stopped now and then.

use std::collections::{BTreeMap, VecDeque};

use check::{
    etcd::{Answer, Ask},
    history::{Event, Kind, Verb},
};
use contract::Consistency;
use database::{
    self, Request,
    api::{Action, Done},
};
use kernel::{Duration, Instant, NodeId, Rng, ShardId};
use layers::coordination as wire;
use sim::Outcome;

use super::{Act, Chronicled, KEYSPACE, Operation, compose::Composer, knows::Knows, record};
use crate::{
    actor::Actor,
    attempt::{Attempt, Next},
};

/// What a client is called.
pub(super) struct Names {
    /// Among the clients of the keyspace.
    pub client: u64,
    /// In the history. One whose operation ended unknown is never used again.
    pub process: u64,
    pub stride: u64,
}

/// A client and what it is doing.
pub(super) struct Client {
    names: Names,
    queue: VecDeque<Operation>,
    next_at: Instant,
    busy: Option<Busy>,
    knows: Knows,
    rng: Rng,
    nodes: u64,
    /// Values and leases so far: each is used once.
    used: u64,
    chronicled: Chronicled,
}

struct Busy {
    ask: Ask,
    operation: Operation,
    attempt: Attempt,
    /// What a keep-alive was answered, while it is noted in the log.
    answered: Option<Answer>,
}

impl Client {
    pub(super) fn new(
        names: Names,
        nodes: u64,
        queue: VecDeque<Operation>,
        rng: Rng,
        chronicled: Chronicled,
    ) -> Client {
        let (next_at, busy, knows) = (Instant::ZERO, None, Knows::default());
        Client { names, queue, next_at, busy, knows, rng, nodes, used: 0, chronicled }
    }

    fn begin(&mut self, operation: Operation, now: Instant) -> Busy {
        self.used += 1;
        let composer = Composer {
            knows: &self.knows,
            value: format!("{}.{}", self.names.client, self.used),
            lease: (self.names.client as i64 + 1) << 16 | self.used as i64,
            chronicled: self.chronicled.get(),
        };
        let ask = composer.ask(&operation);
        let anywhere = operation.act == Act::RangeAnywhere;
        let level = anywhere.then_some(Consistency::EVENTUAL);
        let action = record::sent(&ask, 0);
        let attempt = self.attempt(now, &operation, action, level);
        Busy { ask, operation, attempt, answered: None }
    }

    fn attempt(
        &mut self,
        now: Instant,
        operation: &Operation,
        action: Action,
        level: Option<Consistency>,
    ) -> Attempt {
        let request = Attempt::call(KEYSPACE, action, level, None, &mut self.rng);
        Attempt::new(now, (operation.node, self.nodes), request, operation.asks_fate)
    }

    fn event(&self, kind: Kind, busy: &Busy, now: Instant) -> Event {
        let event = Event::new(self.names.process, kind, Verb::Etcd).key(KEYSPACE).at(now.0 as i64);
        let level = busy.attempt.request.consistency.map(|level| level.to_string());
        Event { level, ..event }
    }

    /// An answer arrived. A keep-alive may have to be noted in the log before it counts.
    fn done(
        &mut self,
        now: Instant,
        mut busy: Busy,
        done: &Done,
        history: &mut Vec<Event>,
    ) -> Option<(NodeId, Request)> {
        let asks = matches!(busy.attempt.request.action, Action::Query { .. });
        let answer = match (busy.answered.take(), asks) {
            (Some(answered), _) => renewed(answered, record::changed(&done.body)),
            (None, true) => record::read(&done.body),
            (None, false) => record::changed(&done.body),
        };
        let ids = if asks { record::to_log(&done.body) } else { Vec::new() };
        if !ids.is_empty() {
            let action =
                record::change(wire::Act::LeaseRenew(wire::LeaseRenewRequest { ids }), None);
            busy.answered = answer;
            busy.attempt = self.attempt(now, &busy.operation, action, None);
            let ask = busy.attempt.ask();
            self.busy = Some(busy);
            return Some(ask);
        }
        match answer {
            Some(answer) => {
                self.knows.learn(&busy.ask, &answer);
                let value = serde_json::to_value(&answer).unwrap_or_default();
                history.push(self.event(Kind::Ok, &busy, now).value(value));
                self.rest_until_next(now);
            }
            None => self.end(now, &busy, Kind::Info, history),
        }
        None
    }

    fn end(&mut self, now: Instant, busy: &Busy, kind: Kind, history: &mut Vec<Event>) {
        history.push(self.event(kind, busy, now));
        if kind == Kind::Info {
            self.names.process += self.names.stride;
        }
        self.rest_until_next(now);
    }

    fn rest_until_next(&mut self, now: Instant) {
        let pause = self.queue.front().map_or(Duration::ZERO, |next| next.pause);
        self.next_at = now + pause;
    }
}

/// What a keep-alive comes to when it is noted in the log: what is gone by then, is gone.
fn renewed(answered: Answer, logged: Option<Answer>) -> Option<Answer> {
    match (answered, logged?) {
        (Answer::KeepAlive(mut kept), Answer::KeepAlive(logged)) => {
            let times: BTreeMap<i64, i64> = logged.leases.into_iter().collect();
            for (lease, ttl) in &mut kept.leases {
                *ttl = times.get(lease).copied().unwrap_or(*ttl);
            }
            Some(Answer::KeepAlive(kept))
        }
        _ => None,
    }
}

impl Actor for Client {
    fn idle(&self) -> bool {
        self.queue.is_empty() && self.busy.is_none()
    }

    fn rest(&mut self) {
        self.queue.clear();
    }

    fn due(&self) -> Instant {
        match &self.busy {
            Some(busy) => busy.attempt.deadline,
            None if self.queue.is_empty() => Instant::NEVER,
            None => self.next_at,
        }
    }

    fn next(&mut self, now: Instant, history: &mut Vec<Event>) -> Option<(NodeId, Request)> {
        if self.busy.is_some() || now < self.next_at {
            return None;
        }
        let operation = self.queue.pop_front()?;
        let busy = self.begin(operation, now);
        let value = serde_json::to_value(&busy.ask).unwrap_or_default();
        history.push(self.event(Kind::Invoke, &busy, now).value(value));
        let ask = busy.attempt.ask();
        self.busy = Some(busy);
        Some(ask)
    }

    fn floor(&self, committed: &BTreeMap<ShardId, u64>) -> BTreeMap<ShardId, u64> {
        let call = self.busy.as_ref().map(|busy| &busy.attempt.request);
        match call {
            Some(call)
                if matches!(call.action, Action::Query { .. }) && call.consistency.is_none() =>
            {
                committed.clone()
            }
            _ => BTreeMap::new(),
        }
    }

    fn answered(
        &mut self,
        now: Instant,
        answer: Option<Outcome<database::Answer>>,
        history: &mut Vec<Event>,
    ) -> Option<(NodeId, Request)> {
        let mut busy = self.busy.take()?;
        match busy.attempt.answered(now, answer) {
            Next::Done(done) => return self.done(now, busy, &done, history),
            Next::Failed => self.end(now, &busy, Kind::Fail, history),
            Next::Unknown => self.end(now, &busy, Kind::Info, history),
            Next::Ask(node, request) => {
                self.busy = Some(busy);
                return Some((node, request));
            }
        }
        None
    }
}
