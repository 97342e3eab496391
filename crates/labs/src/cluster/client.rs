//! Clients of a lab: each does one thing at a time, tries again as its plan says, and writes down
//! what it saw.

use bytes::Bytes;
use check::history::{Event, Kind, Verb};
use contract::{Consistency, Program};
use database::{
    Answer, Request,
    api::{Action, Call, Done, Trace},
    failure::Effect,
};
use kernel::{Duration, Instant, NodeId, RequestId, Rng, Ticket};
use layers::{counter, kv};
use prost::Message;
use sim::Outcome;

use crate::plan::{self, scenario::Does};

/// The keyspace of keys, and that of the counter.
pub const KEYS: &str = "keys";
/// The keyspace of the counter.
pub const COUNTERS: &str = "counters";
/// The one counter.
const COUNTER: &str = "visits";

/// An operation, from its beginning to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Did {
    /// Which group of clients.
    pub group: usize,
    /// What.
    pub does: Does,
    /// The key: the writer whose it is.
    pub key: u64,
    /// The number written, or read.
    pub value: u64,
    /// When it began.
    pub from: Instant,
    /// When it ended.
    pub to: Instant,
    /// How.
    pub kind: Kind,
    /// How often it was asked.
    pub tries: u64,
    /// The node whose answer it was.
    pub node: NodeId,
}

/// Where a client may turn to.
pub struct Places<'a> {
    /// Nodes.
    pub nodes: u64,
    /// Who leads.
    pub leader: NodeId,
    /// Both sides of the first cut, once there was one.
    pub sides: &'a (Vec<NodeId>, Vec<NodeId>),
}

/// A client.
pub struct Client {
    plan: plan::Client,
    /// Its place among all clients: its key, if it writes.
    id: u64,
    group: usize,
    writers: u64,
    process: u64,
    rng: Rng,
    count: u64,
    busy: Option<Busy>,
    next_at: Instant,
    end: Instant,
}

struct Busy {
    did: Did,
    id: RequestId,
    ticket: Ticket,
    deadline: Instant,
    /// Whether an earlier try may have taken effect.
    doubt: bool,
    /// Whether it rests before it tries again.
    rests: bool,
}

/// Between a refusal and the next try.
const REST: Duration = Duration::from_millis(15);
/// Processes whose operation ended unknown go on under a new name, this much higher.
const STRIDE: u64 = 1_000;

impl Client {
    /// A client of a group; writers are numbered from 0.
    #[must_use]
    pub fn new(
        plan: plan::Client,
        (id, group): (u64, usize),
        writers: u64,
        rng: Rng,
        span: (Instant, Instant),
    ) -> Client {
        let mut rng = rng;
        // Not all at once.
        let next_at = span.0 + rng.duration(Duration::ZERO, plan.every);
        let (process, end) = (id, span.1);
        Client { plan, id, group, writers, process, rng, count: 0, busy: None, next_at, end }
    }

    /// Whether it has ended.
    #[must_use]
    pub fn idle(&self, now: Instant) -> bool {
        self.busy.is_none() && now >= self.end
    }

    /// When it must be served without an answer.
    #[must_use]
    pub fn due(&self) -> Instant {
        match &self.busy {
            Some(busy) => busy.deadline,
            None if self.next_at >= self.end => Instant::NEVER,
            None => self.next_at,
        }
    }

    /// The ticket that it waits for.
    #[must_use]
    pub fn waits_for(&self) -> Option<Ticket> {
        self.busy.as_ref().filter(|busy| !busy.rests).map(|busy| busy.ticket)
    }

    /// Its request has this ticket.
    pub fn asked(&mut self, ticket: Ticket) {
        if let Some(busy) = &mut self.busy {
            busy.ticket = ticket;
        }
    }

    /// Begins the next operation, or tries again, if the time has come.
    pub fn begin(
        &mut self,
        now: Instant,
        places: &Places<'_>,
        history: &mut Vec<Event>,
    ) -> Option<(NodeId, Request)> {
        if let Some(busy) = &mut self.busy {
            if !busy.rests || now < busy.deadline {
                return None;
            }
            (busy.rests, busy.deadline) = (false, now + self.plan.timeout);
            let node = self.place(places);
            return self.request().map(|request| (node, request));
        }
        if now < self.next_at || now >= self.end {
            return None;
        }
        self.count += 1;
        let does = self.plan.does;
        let (key, value) = match does {
            Does::Write => (self.id, self.count),
            Does::Read => (self.rng.below(self.writers.max(1)), 0),
            Does::Add => (0, 1),
        };
        let did = Did {
            group: self.group,
            does,
            key,
            value,
            from: now,
            to: now,
            kind: Kind::Info,
            tries: 1,
            node: NodeId::NONE,
        };
        history.push(self.event(&did, Kind::Invoke, now));
        let id = RequestId::from_random(self.rng.bits128());
        let node = self.place(places);
        let deadline = now + self.plan.timeout;
        self.busy =
            Some(Busy { did, id, ticket: Ticket(u64::MAX), deadline, doubt: false, rests: false });
        self.request().map(|request| (node, request))
    }

    fn place(&mut self, places: &Places<'_>) -> NodeId {
        let side = match self.plan.at.as_str() {
            "leader" if places.leader != NodeId::NONE => return places.leader,
            "first" => &places.sides.0,
            "second" => &places.sides.1,
            at => match at.strip_prefix('n').and_then(|number| number.parse().ok()) {
                Some(number) => return NodeId(number),
                None => &Vec::new(),
            },
        };
        match self.rng.pick(side) {
            Some(node) => *node,
            None => NodeId(self.rng.range(1, places.nodes)),
        }
    }

    fn request(&self) -> Option<Request> {
        let busy = self.busy.as_ref()?;
        let (keyspace, action) = action(&self.plan, &busy.did);
        let read = busy.did.does == Does::Read;
        Some(Request::Call(Call {
            keyspace: keyspace.into(),
            action,
            consistency: if read { Consistency::parse(&self.plan.level).ok() } else { None },
            session: None,
            request_id: (!read).then(|| busy.id.clone()),
            timeout: self.plan.timeout,
            trace: Trace::default(),
        }))
    }

    /// Its answer came, or its deadline. What it asks next, or what it did.
    pub fn answered(
        &mut self,
        now: Instant,
        answer: Option<Outcome<Answer>>,
        places: &Places<'_>,
        history: &mut Vec<Event>,
    ) -> (Option<(NodeId, Request)>, Option<Did>) {
        let Some(mut busy) = self.busy.take() else { return (None, None) };
        let refused = matches!(&answer, Some(Outcome::Refused))
            || matches!(&answer, Some(Outcome::Reply(Answer::Failed(f))) if f.effect == Effect::None);
        if let Some(Outcome::Reply(Answer::Done(done))) = &answer {
            return (None, Some(self.end(busy, Kind::Ok, Some(done), now, history)));
        }
        busy.doubt |= !refused;
        if busy.did.tries >= self.plan.tries {
            let sure = busy.did.does == Does::Read || !busy.doubt;
            let kind = if sure { Kind::Fail } else { Kind::Info };
            return (None, Some(self.end(busy, kind, None, now, history)));
        }
        busy.did.tries += 1;
        if !self.plan.same_id {
            busy.id = RequestId::from_random(self.rng.bits128());
        }
        // A refusal comes at once: without a rest a client would spin.
        busy.rests = answer.is_some();
        busy.deadline = now + if busy.rests { REST } else { self.plan.timeout };
        let rests = busy.rests;
        self.busy = Some(busy);
        if rests {
            return (None, None);
        }
        let node = self.place(places);
        (self.request().map(|request| (node, request)), None)
    }

    fn end(
        &mut self,
        mut busy: Busy,
        kind: Kind,
        done: Option<&Done>,
        now: Instant,
        history: &mut Vec<Event>,
    ) -> Did {
        (busy.did.kind, busy.did.to) = (kind, now);
        let mut total = None;
        if let Some(done) = done {
            busy.did.node = done.receipt.replica;
            match busy.did.does {
                Does::Read => busy.did.value = read(done),
                Does::Add => total = counter::Reply::read(&done.body).ok().map(|reply| reply.value),
                Does::Write => {}
            }
        }
        let mut event = self.event(&busy.did, kind, now);
        event.total = total;
        history.push(event);
        if kind == Kind::Info {
            self.process += STRIDE;
        }
        self.next_at = now + self.plan.every;
        busy.did
    }

    fn event(&self, did: &Did, kind: Kind, now: Instant) -> Event {
        let (verb, key) = match did.does {
            Does::Write => (Verb::Write, format!("w{}", did.key)),
            Does::Read => (Verb::Read, format!("w{}", did.key)),
            Does::Add => (Verb::Add, COUNTER.to_owned()),
        };
        let event = Event::new(self.process, kind, verb).key(key).at(now.0 as i64);
        let mut event = match (did.does, kind) {
            (Does::Read, Kind::Ok) if did.value == 0 => event,
            (Does::Read, Kind::Ok) | (Does::Write | Does::Add, _) => event.value(did.value),
            (Does::Read, _) => event,
        };
        if did.does == Does::Read && self.plan.level != "linearizable" {
            event.level = Some(self.plan.level.clone());
        }
        event
    }

    /// The last look at a writer's key, or at the counter.
    #[must_use]
    pub fn last_look(does: Does, key: u64) -> Request {
        let plan = plan::Client { does, ..plan::Client::default() };
        let asks = match does {
            Does::Add => query(Program::Counter, &counter::Query { name: COUNTER.into() }),
            _ => query(Program::Kv, &kv::Query::from(kv::Get { key: name(key) })),
        };
        let keyspace = if does == Does::Add { COUNTERS } else { KEYS };
        Request::Call(Call {
            keyspace: keyspace.into(),
            action: asks,
            consistency: None,
            session: None,
            request_id: None,
            timeout: plan.timeout * 4,
            trace: Trace::default(),
        })
    }
}

/// What a read showed: the number written last, 0 if none was.
#[must_use]
pub fn read(done: &Done) -> u64 {
    let reply = kv::QueryReply::read(&done.body).ok();
    let value = reply.and_then(|reply| reply.items.first().map(|item| item.value.clone()));
    let text = value.map(|value| String::from_utf8_lossy(&value).into_owned()).unwrap_or_default();
    text.trim_end_matches('#').parse().unwrap_or(0)
}

fn name(key: u64) -> Bytes {
    Bytes::from(format!("w{key}"))
}

fn query(program: Program, query: &impl Message) -> Action {
    Action::Query { program, query: query.encode_to_vec().into() }
}

fn action(plan: &plan::Client, did: &Did) -> (&'static str, Action) {
    match did.does {
        Does::Read => (KEYS, query(Program::Kv, &kv::Query::from(kv::Get { key: name(did.key) }))),
        Does::Add => {
            let command = counter::Command { name: COUNTER.into(), by: 1 }.encode_to_vec().into();
            (COUNTERS, Action::Mutate { program: Program::Counter, command })
        }
        Does::Write => {
            let text = did.value.to_string();
            let value =
                Bytes::from(format!("{text}{}", "#".repeat(plan.bytes.saturating_sub(text.len()))));
            let put = |key: Bytes| kv::Put { key, value: value.clone(), ..kv::Put::default() };
            let mut all = vec![put(name(did.key)).into()];
            all.extend(
                (1..plan.batch).map(|n| put(Bytes::from(format!("b{}-{n}", did.key))).into()),
            );
            let command = kv::Command::batch(all).encode_to_vec().into();
            (KEYS, Action::Mutate { program: Program::Kv, command })
        }
    }
}
