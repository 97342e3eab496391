//! Clients: they ask, wait, try again under the same request id, and write down what they saw.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use check::history::{Event, Kind, Verb};
use contract::{Consistency, Program, Session};
use database::{
    Answer, Request,
    api::{Action, Done},
};
use kernel::{Duration, Instant, NodeId, Rng, ShardId, Version};
use layers::{counter, kv};
use prost::Message;
use sim::Outcome;

use crate::{
    actor::Actor,
    attempt::{Attempt, Next},
    workload::{Act, Operation},
};

/// A client and what it is doing.
pub struct Client {
    process: u64,
    /// A process whose operation ended unknown is never used again.
    stride: u64,
    queue: VecDeque<Operation>,
    next_at: Instant,
    busy: Option<Busy>,
    session: Option<Session>,
    seen: Vec<Option<(Version, String)>>,
    rng: Rng,
    nodes: u64,
    written: u64,
}

struct Busy {
    operation: Operation,
    attempt: Attempt,
    value: String,
    expected: Option<String>,
}

impl Client {
    /// A client with its part of the operations.
    pub fn new(
        process: u64,
        stride: u64,
        nodes: u64,
        queue: VecDeque<Operation>,
        rng: Rng,
    ) -> Client {
        let keys = crate::workload::KEYS as usize;
        Client {
            process,
            stride,
            queue,
            next_at: Instant::ZERO,
            busy: None,
            session: None,
            seen: vec![None; keys],
            rng,
            nodes,
            written: 0,
        }
    }

    fn begin(&mut self, operation: Operation, now: Instant) -> Busy {
        self.written += 1;
        let value = format!("{}.{}", self.process, self.written);
        let key = operation.key;
        let seen = self.seen.get(key as usize).cloned().flatten();
        let expected = seen.as_ref().map(|(_, value)| value.clone());
        let (keyspace, action) = action(&operation, &value, seen.as_ref());
        let consistency = match operation.act {
            Act::ReadSession => {
                Consistency::parse("eventual+read-your-writes+monotonic-reads").ok()
            }
            _ => None,
        };
        let session = self.session.clone();
        let request = Attempt::call(keyspace, action, consistency, session, &mut self.rng);
        let place = (operation.node, self.nodes);
        let attempt = Attempt::new(now, place, request, operation.asks_fate);
        Busy { operation, attempt, value, expected }
    }

    fn done(&mut self, now: Instant, busy: &Busy, done: &Done, history: &mut Vec<Event>) {
        if let Some(mut session) = self.session.take() {
            session.observe(done.shard, done.session.index(done.shard));
            self.session = Some(session);
        } else {
            self.session = Some(done.session.clone());
        }
        let Some(event) = complete(self.process, busy, done, now) else {
            return self.end(now, busy, Kind::Fail, history);
        };
        if let Some((version, value)) = saw(busy, done)
            && let Some(seen) = self.seen.get_mut(busy.operation.key as usize)
        {
            *seen = Some((version, value));
        }
        history.push(event);
        self.rest(now);
    }

    fn end(&mut self, now: Instant, busy: &Busy, kind: Kind, history: &mut Vec<Event>) {
        if kind == Kind::Fail && busy.operation.act == Act::CompareAndSet {
            self.seen[busy.operation.key as usize] = None;
        }
        let mut event = invoke(self.process, busy, now);
        event.kind = kind;
        history.push(event);
        if kind == Kind::Info {
            self.process += self.stride;
            self.session = None;
        }
        self.rest(now);
    }

    fn rest(&mut self, now: Instant) {
        let pause = self.queue.front().map_or(Duration::ZERO, |next| next.pause);
        self.next_at = now + pause;
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
        history.push(invoke(self.process, &busy, now));
        let ask = busy.attempt.ask();
        self.busy = Some(busy);
        Some(ask)
    }

    fn floor(&self, committed: &BTreeMap<ShardId, u64>) -> BTreeMap<ShardId, u64> {
        let Some(busy) = &self.busy else { return BTreeMap::new() };
        match (busy.operation.act, &busy.attempt.request.session) {
            (Act::Read | Act::Total | Act::Elements, _) => committed.clone(),
            (Act::ReadSession, Some(session)) => {
                committed.keys().map(|shard| (*shard, session.index(*shard))).collect()
            }
            _ => BTreeMap::new(),
        }
    }

    fn answered(
        &mut self,
        now: Instant,
        answer: Option<Outcome<Answer>>,
        history: &mut Vec<Event>,
    ) -> Option<(NodeId, Request)> {
        let mut busy = self.busy.take()?;
        match busy.attempt.answered(now, answer) {
            Next::Done(done) => self.done(now, &busy, &done, history),
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

fn action(
    operation: &Operation,
    value: &str,
    seen: Option<&(Version, String)>,
) -> (&'static str, Action) {
    let key = Bytes::from(format!("r{}", operation.key));
    let bytes = Bytes::from(padded(value, operation.padding));
    let put =
        |ttl_ms, condition| kv::Put { key: key.clone(), value: bytes.clone(), ttl_ms, condition };
    let change = |command: kv::Command| Action::Mutate {
        program: Program::Kv,
        command: command.encode_to_vec().into(),
    };
    let ask = |query: kv::Query| Action::Query {
        program: Program::Kv,
        query: query.encode_to_vec().into(),
    };
    let action = match operation.act {
        Act::Read | Act::ReadSession => ask(kv::Get { key }.into()),
        Act::Write => change(kv::Command::one(put(0, None))),
        Act::WriteShortLived => {
            let key = Bytes::from(format!("t{}", operation.key));
            change(kv::Command::one(kv::Put { key, value: bytes, ttl_ms: 500, condition: None }))
        }
        Act::Delete => change(kv::Command::one(kv::Delete { key, condition: None })),
        Act::CompareAndSet => {
            let condition = match seen {
                Some((version, _)) => kv::Condition::version(*version),
                None => kv::Condition::absent(),
            };
            change(kv::Command::one(put(0, Some(condition))))
        }
        Act::Insert => {
            let element = Bytes::from(format!("s{}/{value}", operation.key));
            let marker = Bytes::from(format!("m{}", operation.key));
            let bytes = Bytes::from(value.to_owned());
            let put = |key: Bytes| kv::Put { key, value: bytes.clone(), ..kv::Put::default() };
            change(kv::Command::batch(vec![put(element).into(), put(marker).into()]))
        }
        Act::Elements => {
            let start = Bytes::from(format!("s{}/", operation.key));
            let end = Bytes::from(format!("s{}0", operation.key));
            ask(kv::Scan { start, end, limit: 10_000, keys_only: true, ..kv::Scan::default() }
                .into())
        }
        Act::Add => {
            let name = Bytes::from(format!("c{}", operation.key));
            let command = counter::Command { name, by: 1 }.encode_to_vec().into();
            return ("counters", Action::Mutate { program: Program::Counter, command });
        }
        Act::Total => {
            let name = Bytes::from(format!("c{}", operation.key));
            let query = counter::Query { name }.encode_to_vec().into();
            return ("counters", Action::Query { program: Program::Counter, query });
        }
    };
    ("kv", action)
}

/// A value of more than one sector, so that damage may strike it alone.
fn padded(value: &str, padding: usize) -> String {
    format!("{value}{}", "#".repeat(padding))
}

/// The value without its padding; all of it if the padding is not what was written.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let value = text.trim_end_matches('#');
    if value.contains(['#', '\0']) { text.into_owned() } else { value.to_owned() }
}

fn verb(act: Act) -> Verb {
    match act {
        Act::Read | Act::ReadSession | Act::Total | Act::Elements => Verb::Read,
        Act::Write | Act::WriteShortLived => Verb::Write,
        Act::Delete => Verb::Delete,
        Act::CompareAndSet => Verb::Cas,
        Act::Add | Act::Insert => Verb::Add,
    }
}

fn history_key(operation: &Operation) -> String {
    let kind = match operation.act {
        Act::Read | Act::ReadSession | Act::Write | Act::Delete | Act::CompareAndSet => "r",
        Act::WriteShortLived => "t",
        Act::Add | Act::Total => "c",
        Act::Insert | Act::Elements => "s",
    };
    format!("{kind}{}", operation.key)
}

fn invoke(process: u64, busy: &Busy, now: Instant) -> Event {
    let event = Event::new(process, Kind::Invoke, verb(busy.operation.act))
        .key(history_key(&busy.operation))
        .at(now.0 as i64);
    let mut event = match busy.operation.act {
        Act::Write | Act::WriteShortLived | Act::Insert => event.value(busy.value.clone()),
        Act::CompareAndSet => {
            let expected = busy.expected.clone();
            event.value(serde_json::json!([expected, busy.value]))
        }
        Act::Add => event.value(1),
        _ => event,
    };
    if busy.operation.act == Act::ReadSession {
        event.level = busy.attempt.request.consistency.map(|level| level.to_string());
    }
    event
}

/// The completion; `None` if the program refused (a compare-and-set whose condition failed).
fn complete(process: u64, busy: &Busy, done: &Done, now: Instant) -> Option<Event> {
    let mut event = invoke(process, busy, now);
    event.kind = Kind::Ok;
    match busy.operation.act {
        Act::Read | Act::ReadSession => {
            let reply = kv::QueryReply::read(&done.body).ok()?;
            let item = reply.items.first();
            event.value = item.map_or(serde_json::Value::Null, |item| plain(&item.value).into());
        }
        Act::Elements => {
            let reply = kv::QueryReply::read(&done.body).ok()?;
            let element = |item: &kv::Item| {
                let key = String::from_utf8_lossy(&item.key).into_owned();
                key.split_once('/').map(|(_, value)| value.to_owned())
            };
            event.value = reply.items.iter().filter_map(element).collect();
        }
        Act::Write | Act::WriteShortLived | Act::Delete | Act::CompareAndSet | Act::Insert => {
            let reply = kv::Reply::read(&done.body).ok()?;
            if reply.status() != kv::Status::Ok {
                return None;
            }
        }
        Act::Add => event.total = Some(counter::Reply::read(&done.body).ok()?.value),
        Act::Total => event.value = counter::Reply::read(&done.body).ok()?.value.into(),
    }
    Some(event)
}

/// The version and value that the client knows of a register after this operation.
fn saw(busy: &Busy, done: &Done) -> Option<(Version, String)> {
    match busy.operation.act {
        Act::Read | Act::ReadSession => {
            let reply = kv::QueryReply::read(&done.body).ok()?;
            let item = reply.items.first()?;
            let value = plain(&item.value);
            Some((Version::from_bytes(&item.version)?, value))
        }
        Act::Write | Act::CompareAndSet => {
            let reply = kv::Reply::read(&done.body).ok()?;
            Some((Version::from_bytes(&reply.version)?, busy.value.clone()))
        }
        _ => None,
    }
}
