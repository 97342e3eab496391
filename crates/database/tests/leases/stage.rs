//! Three nodes whose disks are immediate and whose clock is turned by hand.
//!
//! A node that is stopped gets nothing done: its messages and requests wait, its timers are late.
//! When it goes on, what waits comes first, then the timers, as a node's worker does it; unless
//! `timers_first` is set. A node that is cut off talks to nobody, and clients still reach it. What is
//! held up on its way to a node arrives later.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use contract::{Consistency, Contract, Program};
use database::{
    Answer, Boot, Database, Envelope, Identity, Mode, Output, Request, Settings,
    api::{Action, Call, Control, Member, Trace},
    message::Body,
    shard::{Runs, Shard},
};
use kernel::{
    ClusterId, Duration, Effect, Event, Incarnation, Instant, NodeId, Now, Process, Rng, Ticket,
    TimerId, Wall, process::EffectsOf,
};
use layers::{
    coordination::{
        Act, Ask, Command, LeaseGrantRequest, LeaseKeepAlive, LeaseLeasesRequest,
        LeaseRenewRequest, LeaseTimeToLiveRequest, Outcome, Query, QueryReply, Reply, Stretch,
    },
    kv,
};
use prost::Message;
use store::{
    MemEngine, Read, ScanRange, Space, Table,
    engine::FlushJob,
    journal::{Record, Recovery, Tail},
};

type Db = Database<MemEngine>;
type Told = Event<Envelope, Request>;

/// Between two looks at the timers.
const STEP_MS: u64 = 5;

struct Node {
    db: Db,
    inbox: VecDeque<Told>,
    timers: BTreeMap<TimerId, Instant>,
    records: Vec<Record>,
    stopped: bool,
    cut: bool,
    halted: bool,
    /// What is on its way to it, since when and from whom, while that is held up.
    held: Option<Vec<(u64, NodeId, Envelope)>>,
}

pub struct Stage {
    nodes: Vec<Node>,
    settings: Settings,
    pub now_ms: u64,
    /// By how much each node's time of day is off.
    pub off_ms: [i64; 3],
    pub timers_first: bool,
    tickets: u64,
    answers: BTreeMap<Ticket, Answer>,
    /// The newest word of each node about the keyspace.
    pub changed: BTreeMap<usize, u64>,
    /// What each node has told of its changes.
    pub told: BTreeMap<usize, Vec<Stretch>>,
    starts: u64,
}

fn member(node: u64) -> Member {
    let address = format!("n{node}:7170");
    Member {
        node: NodeId(node),
        peer: address.clone(),
        http: address,
        labels: Vec::new(),
        ..Member::default()
    }
}

/// A node's replica of the coordination keyspace.
fn coordinating(node: &Node) -> Option<&Shard> {
    node.db.shards().values().find(|shard| shard.runs.coordinates().is_some())
}

pub fn settings() -> Settings {
    Settings { lease_checkpoint: Duration::from_secs(5), ..Settings::default() }
}

impl Stage {
    /// Three nodes with a coordination keyspace that has a leader.
    pub fn new(settings: Settings) -> Stage {
        Stage::with(3, settings)
    }

    /// The same, with so many replicas of the keyspace.
    pub fn with(replicas: u32, settings: Settings) -> Stage {
        Stage::under(Contract { replicas, ..Contract::new(Program::Coordination) }, settings)
    }

    /// The same, under this contract.
    pub fn under(contract: Contract, settings: Settings) -> Stage {
        let mut stage = Stage {
            nodes: Vec::new(),
            settings,
            now_ms: 1_000,
            off_ms: [0; 3],
            timers_first: false,
            tickets: 0,
            answers: BTreeMap::new(),
            changed: BTreeMap::new(),
            told: BTreeMap::new(),
            starts: 0,
        };
        for node in 0..3 {
            let fresh = stage.open(node, MemEngine::new(), Vec::new());
            stage.nodes.push(fresh);
        }
        stage.run(2_000);
        let control = Control::CreateKeyspace { name: "etcd".into(), contract };
        let timeout = Duration::from_secs(9);
        let made = stage.wait(0, Request::Control { control, request_id: None, timeout });
        assert!(matches!(made, Answer::Control { changed: true, .. }), "{made:?}");
        stage.run(2_000);
        stage
    }

    fn open(&mut self, node: usize, engine: MemEngine, records: Vec<Record>) -> Node {
        self.starts += 1;
        let (cluster, incarnation) = (ClusterId(1), Incarnation(1));
        let identity = Identity { node: NodeId(node as u64 + 1), cluster, incarnation, pid: 0 };
        let boot = Boot { mode: Mode::Bootstrap, members: (1..=3).map(member).collect() };
        let journal = Recovery {
            shards: records.iter().map(|record| record.shard).collect(),
            records: records.clone(),
            tail: Tail::Clean,
            damage: Vec::new(),
            suspects: BTreeSet::new(),
        };
        let (me, rng) = (member(node as u64 + 1), Rng::new(self.starts));
        let settings = self.settings.clone();
        let db = Database::open(settings, identity, me, boot, &journal, engine, rng).unwrap();
        Node {
            db,
            inbox: VecDeque::from([Event::Start]),
            timers: BTreeMap::new(),
            records,
            stopped: false,
            cut: false,
            halted: false,
            held: None,
        }
    }

    fn now(&self, node: usize) -> Now {
        let wall = 1_800_000_000_000 + self.now_ms;
        Now {
            instant: Instant(self.now_ms * 1_000_000),
            wall: Wall(wall.saturating_add_signed(self.off_ms[node])),
        }
    }

    /// Lets time pass.
    pub fn run(&mut self, ms: u64) {
        for _ in 0..ms.div_ceil(STEP_MS) {
            self.now_ms += STEP_MS;
            for node in 0..self.nodes.len() {
                if self.timers_first {
                    self.fire(node);
                }
                self.batch(node);
                self.fire(node);
            }
            while (0..self.nodes.len()).any(|node| self.batch(node)) {}
        }
    }

    fn fire(&mut self, node: usize) {
        let now = self.now(node);
        let node = &mut self.nodes[node];
        let due = |(timer, at): (&TimerId, &Instant)| (*at <= now.instant).then_some(*timer);
        let due: Vec<TimerId> = node.timers.iter().filter_map(due).collect();
        for timer in due.into_iter().filter(|_| !node.stopped) {
            node.timers.remove(&timer);
            node.inbox.push_front(Event::Timer(timer));
        }
    }

    /// One batch of a node: everything at hand. Whether there was anything.
    fn batch(&mut self, of: usize) -> bool {
        let (now, node) = (self.now(of), &mut self.nodes[of]);
        if node.stopped || node.halted || node.inbox.is_empty() {
            return false;
        }
        let mut out = EffectsOf::<Db>::new();
        for event in std::mem::take(&mut node.inbox) {
            node.db.handle(now, event, &mut out);
        }
        node.db.settle(now, &mut out);
        let mut sends = Vec::new();
        for effect in out.drain() {
            match effect {
                Effect::Persist { token, records } => {
                    node.records.extend(records);
                    node.inbox.push_back(Event::Persisted(token));
                }
                Effect::Flush { token } => {
                    node.db.flush_job().run().unwrap();
                    node.inbox.push_back(Event::Persisted(token));
                }
                Effect::Send { to, message, .. } => sends.push((to, message)),
                Effect::Reply { ticket, reply, .. } => drop(self.answers.insert(ticket, reply)),
                Effect::SetTimer { timer, at } => drop(node.timers.insert(timer, at)),
                Effect::CancelTimer { timer } => drop(node.timers.remove(&timer)),
                Effect::Output(Output::Changed { keyspace, applied, told }) => {
                    assert_eq!(keyspace, "etcd");
                    self.changed.insert(of, applied);
                    told.into_iter().for_each(|told| self.told.entry(of).or_default().push(told));
                }
                Effect::Output(_) | Effect::Note(_) => {}
                Effect::Halt(reason) => panic!("{reason:?}"),
            }
        }
        for (to, message) in sends {
            let from = NodeId(of as u64 + 1);
            let cut = self.nodes[of].cut;
            let there = &mut self.nodes[to.0 as usize - 1];
            if !cut && !there.cut && !there.halted {
                match &mut there.held {
                    Some(held) => held.push((self.now_ms, from, message)),
                    None => there.inbox.push_back(Event::Message { from, message }),
                }
            }
        }
        true
    }

    /// Hands a request to a node; its answer comes under the ticket.
    pub fn put(&mut self, node: usize, request: Request) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.nodes[node].inbox.push_back(Event::Request { ticket, request });
        ticket
    }

    pub fn answer(&mut self, ticket: Ticket) -> Option<Answer> {
        self.answers.remove(&ticket)
    }

    pub fn wait(&mut self, node: usize, request: Request) -> Answer {
        let ticket = self.put(node, request);
        for _ in 0..4_000 {
            self.run(STEP_MS);
            if let Some(answer) = self.answer(ticket) {
                return answer;
            }
        }
        panic!("no answer");
    }

    /// The node that leads the keyspace: of those that think so, the one with the greatest term.
    pub fn leader(&self) -> usize {
        let term = |node: &Node| {
            let shard = coordinating(node)?;
            shard.raft.ready_to_serve().then(|| shard.raft.term())
        };
        let led = |of: &usize| (!self.nodes[*of].halted).then(|| term(&self.nodes[*of])).flatten();
        (0..self.nodes.len()).max_by_key(led).unwrap()
    }

    /// How many nodes hold a replica of this keyspace.
    pub fn holders(&self, keyspace: &str) -> usize {
        (0..self.nodes.len()).filter(|node| self.holds(*node, keyspace)).count()
    }

    /// Whether a node holds one.
    pub fn holds(&self, node: usize, keyspace: &str) -> bool {
        let of = |runs: &Runs| matches!(runs, Runs::Keyspace { name, .. } if name == keyspace);
        self.nodes[node].db.shards().values().any(|shard| of(&shard.runs))
    }

    pub fn stop(&mut self, node: usize, stopped: bool) {
        self.nodes[node].stopped = stopped;
    }

    pub fn cut(&mut self, node: usize, cut: bool) {
        self.nodes[node].cut = cut;
    }

    /// From now on, what others send to a node is held up.
    pub fn hold(&mut self, node: usize) {
        self.nodes[node].held = Some(Vec::new());
    }

    /// What is held up and wanted, by when it was sent and by what it says, arrives: each by itself
    /// and in the order in which it was sent.
    pub fn deliver(&mut self, node: usize, wanted: impl Fn(u64, &Body) -> bool) {
        let is_wanted = |(sent, _, message): &(u64, NodeId, Envelope)| {
            message.body.as_ref().is_some_and(|body| wanted(*sent, body))
        };
        let held = self.nodes[node].held.take().unwrap_or_default();
        let (arrives, held): (Vec<_>, Vec<_>) = held.into_iter().partition(is_wanted);
        self.nodes[node].held = Some(held);
        for (_, from, message) in arrives {
            self.nodes[node].inbox.push_back(Event::Message { from, message });
            while self.batch(node) {}
        }
    }

    /// What others send to a node arrives again as it is sent.
    pub fn hold_no_more(&mut self, node: usize) {
        self.deliver(node, |_, _| true);
        self.nodes[node].held = None;
    }

    /// Where the log of the keyspace begins on a node.
    pub fn first_index(&self, node: usize) -> u64 {
        coordinating(&self.nodes[node]).unwrap().raft.status().first_index
    }

    /// Crashes a node, which starts again from its journal.
    pub fn restart(&mut self, node: usize) {
        let records = std::mem::take(&mut self.nodes[node].records);
        let fresh = self.open(node, MemEngine::new(), records);
        self.nodes[node] = fresh;
    }

    /// Leadership of the keyspace goes to this node.
    pub fn transfer(&mut self, to: usize) {
        let shard = coordinating(&self.nodes[to]).unwrap().id;
        let control = Control::Transfer { shard, to: NodeId(to as u64 + 1) };
        let timeout = Duration::from_secs(5);
        self.wait(to, Request::Control { control, request_id: None, timeout });
        self.run(500);
        assert_eq!(self.leader(), to);
    }
}

pub fn call(action: Action, timeout_ms: u64) -> Request {
    Request::Call(Call {
        keyspace: "etcd".into(),
        action,
        consistency: Some(Consistency::LINEARIZABLE),
        session: None,
        request_id: None,
        timeout: Duration::from_millis(timeout_ms),
        trace: Trace::default(),
    })
}

pub fn mutate(act: Act) -> Request {
    let command = Command::new(act).encode_to_vec().into();
    call(Action::Mutate { program: Program::Coordination, command }, 5_000)
}

pub fn query(ask: Ask) -> Request {
    let query = Query::from(ask).encode_to_vec().into();
    call(Action::Query { program: Program::Coordination, query }, 5_000)
}

/// The same, of another keyspace.
pub fn within(keyspace: &str, request: Request) -> Request {
    let Request::Call(call) = request else { panic!("{request:?} is of no keyspace") };
    Request::Call(Call { keyspace: keyspace.into(), ..call })
}

/// Reads a key of a keyspace of the KV program.
pub fn read(key: &'static str) -> Request {
    let query = kv::Query::from(kv::Get { key: key.into() }).encode_to_vec().into();
    call(Action::Query { program: Program::Kv, query }, 5_000)
}

/// What was read.
pub fn items(answer: Answer) -> Vec<kv::Item> {
    kv::QueryReply::decode(body(answer).expect("an answer")).unwrap().items
}

/// Changes a keyspace of the KV program.
pub fn write(command: &kv::Command) -> Request {
    let command = command.encode_to_vec().into();
    call(Action::Mutate { program: Program::Kv, command }, 5_000)
}

fn body(answer: Answer) -> Option<Bytes> {
    match answer {
        Answer::Done(done) => Some(done.body),
        _ => None,
    }
}

impl Stage {
    /// How many overwritten versions each node keeps.
    pub fn overwritten(&self) -> Vec<usize> {
        self.count(Table::HistoryQueue)
    }

    /// How many keys with a deadline each node keeps.
    pub fn deadlines(&self) -> Vec<usize> {
        self.count(Table::Expiry)
    }

    fn count(&self, table: Table) -> Vec<usize> {
        let of = |node: &Node| {
            let (engine, shards) = (node.db.engine(), node.db.shards().values());
            let all = |space: Space| space.table_range(table, &ScanRange::all());
            shards.map(|shard| engine.scan(all(shard.space)).count()).sum()
        };
        self.nodes.iter().map(of).collect()
    }
}

/// What is asked of leases.
impl Stage {
    pub fn act(&mut self, node: usize, act: Act) -> Outcome {
        let answer = self.wait(node, mutate(act));
        Reply::read(&body(answer).unwrap()).unwrap().into_result().unwrap()
    }

    pub fn ask(&mut self, node: usize, ask: Ask) -> Option<layers::coordination::Answer> {
        let body = body(self.wait(node, query(ask)))?;
        QueryReply::read(&body).unwrap().into_result().ok()
    }

    pub fn grant(&mut self, id: i64, ttl: i64) {
        let outcome = self.act(0, Act::LeaseGrant(LeaseGrantRequest { ttl, id }));
        assert!(matches!(outcome, Outcome::LeaseGrant(_)));
    }

    /// Keeps a lease alive as a gateway does: through the log if the answer says so.
    pub fn keep_alive(&mut self, node: usize, id: i64) -> Option<LeaseKeepAlive> {
        let request = LeaseRenewRequest { ids: vec![id] };
        let kept = kept(self.ask(node, Ask::LeaseKeepAlive(request.clone()))?);
        if !kept.log_it {
            return Some(kept);
        }
        match self.act(node, Act::LeaseRenew(request)) {
            Outcome::LeaseRenew(response) => response.leases.into_iter().next(),
            other => panic!("{other:?}"),
        }
    }

    /// What a lease has left, in seconds; -1 if it has ended.
    pub fn left(&mut self, node: usize, id: i64) -> i64 {
        match self.ask(node, Ask::LeaseTimeToLive(LeaseTimeToLiveRequest { id, keys: false })) {
            Some(layers::coordination::Answer::LeaseTimeToLive(response)) => response.ttl,
            other => panic!("{other:?}"),
        }
    }

    /// The leases there are.
    pub fn leases(&mut self) -> Vec<i64> {
        match self.ask(0, Ask::LeaseLeases(LeaseLeasesRequest {})) {
            Some(layers::coordination::Answer::LeaseLeases(response)) => {
                response.leases.iter().map(|lease| lease.id).collect()
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The only lease of an answer to a keep-alive.
pub fn kept(answer: layers::coordination::Answer) -> LeaseKeepAlive {
    match answer {
        layers::coordination::Answer::LeaseKeepAlive(response) => response.leases[0].clone(),
        other => panic!("{other:?}"),
    }
}

/// The lease of an answer, if there was one.
pub fn kept_of(answer: Option<Answer>) -> Option<LeaseKeepAlive> {
    let body = answer.and_then(body)?;
    Some(kept(QueryReply::read(&body).unwrap().into_result().unwrap()))
}
