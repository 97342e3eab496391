//! One run: from a plan and operations to a verdict.

mod end;

use std::collections::{BTreeMap, VecDeque};

use check::history::Event;
use contract::{Contract, Program};
use database::{
    Answer, Request,
    api::{Control, Done},
};
use kernel::{Duration, Instant, NodeId, Rng, ShardId, Ticket};
use sim::{Plan, World};

use crate::{
    actor::Actor,
    ambush::Ambush,
    client::Client,
    coordination::{self, Stops},
    factory::{Cluster, settings},
    invariants::Invariants,
    operator::Operator,
    replicas::Pictures,
    show, tenancy,
    workload::{self, Operation},
};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was found.
    Valid,
    /// A checker gave up.
    Unknown(String),
    /// Something that must hold does not.
    Failed {
        /// What judged.
        by: &'static str,
        /// What it found.
        why: String,
    },
}

/// What a run shows.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// Sums up everything that happened.
    pub trace_hash: u64,
    /// Virtual time.
    pub span: Duration,
    /// Events of the world.
    pub steps: u64,
    /// Operations that ended ok, failed, unknown.
    pub operations: [u64; 3],
    /// Leaders over all shards and terms.
    pub elections: usize,
    /// What clients invoked and saw.
    pub history: Vec<Event>,
}

/// Everything that decides a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Seed, options, faults.
    pub plan: Plan,
    /// What clients do.
    pub operations: Vec<Operation>,
    /// What clients of the keyspace with etcd's model do; none if it is not there.
    pub coordination: Vec<coordination::Operation>,
    /// Whether a keyspace comes and goes.
    pub tenancy: bool,
}

const CLIENTS: u64 = 6;
/// Clients of the keyspace with etcd's model have names of their own: from here on in the history.
const PROCESSES: u64 = 1 << 32;
/// Setting the cluster up may take this long.
const SET_UP: Duration = Duration::from_secs(20);
/// A node that stopped itself is started again after this long, as an init system would.
const SUPERVISE: Duration = Duration::from_millis(500);
/// Invariants are looked at after so many events.
const LOOK_EVERY: u64 = 16;

impl Run {
    /// The run of a seed: options, faults and operations are all drawn from it.
    #[must_use]
    pub fn of_seed(seed: u64) -> Run {
        Run::of_plan(sim::nemesis::swarm(seed))
    }

    /// A run of this plan with the operations of its seed.
    #[must_use]
    pub fn of_plan(plan: Plan) -> Run {
        let options = &plan.options;
        let each = options.safety.as_secs() * 5;
        let operations = workload::draw(plan.seed, CLIENTS, each, options.nodes, options.safety);
        let coordination = coordination::draw(&plan);
        let tenancy = tenancy::carries(plan.seed);
        Run { plan, operations, coordination, tenancy }
    }

    /// Runs it. With `record`, the world keeps that many last events for a report.
    #[must_use]
    pub fn go(&self, record: Option<usize>) -> (Report, World<Cluster>) {
        let options = self.plan.options.clone();
        let cluster = Cluster::new(options.nodes, settings(), record.is_some());
        let mut world = World::new(self.plan.seed, options, cluster);
        if let Some(capacity) = record {
            world.record(capacity);
        }
        // What a run before this one left behind on this thread is not this one's.
        let _ = kernel::mark::ledger::broken();
        let mut stage = Stage::new(self, world);
        let outcome = stage.play();
        (stage.report(outcome), stage.world)
    }
}

struct Stage<'a> {
    run: &'a Run,
    world: World<Cluster>,
    clients: Vec<Box<dyn Actor>>,
    waiting: BTreeMap<Ticket, usize>,
    history: Vec<Event>,
    invariants: Invariants,
    pictures: Pictures,
    /// From here on the clients are those of the keyspace that comes and goes.
    guests: usize,
    /// Per client: what its read must show at least.
    floors: Vec<BTreeMap<ShardId, u64>>,
    /// Per client: what it waits for.
    waits: Vec<Option<Wait>>,
    /// From here on every node that is up answers by the deadline.
    healed: Instant,
    /// The same of the questions that are asked in an ambush.
    probes: BTreeMap<Ticket, BTreeMap<ShardId, u64>>,
    operator: Operator,
    ambush: Ambush,
    stops: Stops,
    next_look: u64,
    supervised: Instant,
}

/// A request of a client that is not answered yet.
#[derive(Clone, Copy)]
struct Wait {
    ticket: Ticket,
    since: Instant,
}

type Play<T> = Result<T, Outcome>;

fn failed<T>(by: &'static str, why: impl Into<String>) -> Play<T> {
    Err(Outcome::Failed { by, why: why.into() })
}

impl<'a> Stage<'a> {
    fn new(run: &'a Run, world: World<Cluster>) -> Stage<'a> {
        let nodes = run.plan.options.nodes;
        let rng = Rng::new(run.plan.seed).fork("clients");
        let count = run.operations.iter().map(|op| op.client + 1).max().unwrap_or(0);
        let client = |id: u64| -> Box<dyn Actor> {
            let mine: VecDeque<Operation> =
                run.operations.iter().filter(|op| op.client == id).cloned().collect();
            Box::new(Client::new(id, count, nodes, mine, rng.fork(&format!("client {id}"))))
        };
        let mut clients: Vec<Box<dyn Actor>> = (0..count).map(client).collect();
        clients.extend(coordination::actors(&run.plan, &run.coordination, PROCESSES));
        let guests = clients.len();
        clients.extend(run.tenancy.then(|| tenancy::actors(&run.plan)).into_iter().flatten());
        Stage {
            run,
            world,
            floors: vec![BTreeMap::new(); clients.len()],
            waits: vec![None; clients.len()],
            healed: Instant::NEVER,
            clients,
            guests,
            waiting: BTreeMap::new(),
            history: Vec::new(),
            invariants: Invariants::default(),
            pictures: Pictures::default(),
            probes: BTreeMap::new(),
            operator: Operator::new(&run.plan, Instant::NEVER),
            ambush: Ambush::new(&run.plan, Instant::NEVER),
            stops: Stops::new(&run.plan, Instant::NEVER),
            next_look: 0,
            supervised: Instant::ZERO,
        }
    }

    fn play(&mut self) -> Outcome {
        match self.acts() {
            Ok(outcome) | Err(outcome) => outcome,
        }
    }

    fn acts(&mut self) -> Play<Outcome> {
        self.set_up()?;
        let start = self.world.now();
        for strike in &self.run.plan.schedule {
            let at = start + strike.at.since(Instant::ZERO);
            self.world.schedule(at, strike.fault.clone());
        }
        self.operator = Operator::new(&self.run.plan, start);
        self.ambush = Ambush::new(&self.run.plan, start);
        self.stops = Stops::new(&self.run.plan, start);
        self.until(start + self.run.plan.options.safety, |_| false)?;
        self.operator.rest();
        self.ambush.rest();
        self.stops.rest();
        self.heal();
        self.liveness()?;
        self.judge()
    }

    /// Makes the keyspaces, before any fault strikes.
    fn set_up(&mut self) -> Play<()> {
        let replicas = self.run.plan.options.replicas as u32;
        let mut keyspaces = vec![("kv", Program::Kv), ("counters", Program::Counter)];
        if !self.run.coordination.is_empty() {
            keyspaces.push((coordination::KEYSPACE, Program::Coordination));
        }
        for (name, program) in keyspaces {
            let history_s = if program == Program::Kv { self.history_s() } else { 0 };
            let contract = Contract { replicas, history_s, ..Contract::new(program) };
            let control = Control::CreateKeyspace { name: name.into(), contract };
            let request = |node| {
                let (control, request_id) = (control.clone(), None);
                let timeout = Duration::from_secs(2);
                (node, Request::Control { control, request_id, timeout })
            };
            let good = |answer: &Answer| matches!(answer, Answer::Control { .. });
            let made = self.ask_until(SET_UP, request, good)?;
            if !made {
                return failed("set-up", format!("keyspace {name} could not be made in calm"));
            }
        }
        Ok(())
    }

    /// In half of all runs the keys keep their past, in half of these for so short a time that most
    /// of it is forgotten.
    fn history_s(&self) -> u32 {
        let mut rng = Rng::new(self.run.plan.seed).fork("history");
        match (rng.chance(0.5), rng.chance(0.5)) {
            (false, _) => 0,
            (true, false) => 600,
            (true, true) => 1,
        }
    }

    /// Asks node after node until an answer is good; `false` if none is within `limit`.
    fn ask_until(
        &mut self,
        limit: Duration,
        request: impl Fn(NodeId) -> (NodeId, Request),
        good: impl Fn(&Answer) -> bool,
    ) -> Play<bool> {
        let end = self.world.now() + limit;
        let nodes: Vec<NodeId> = self.alive();
        for node in nodes.iter().cycle() {
            if self.world.now() >= end {
                return Ok(false);
            }
            let (node, request) = request(*node);
            let ticket = self.world.request(node, request);
            let patience = self.world.now() + Duration::from_millis(2500);
            let mut reply = None;
            while reply.is_none() && self.world.now() < patience {
                let answers = self.advance(patience)?;
                reply = answers.into_iter().find(|answer| answer.ticket == ticket);
            }
            if let Some(sim::Outcome::Reply(answer)) = reply.map(|answer| answer.outcome)
                && good(&answer)
            {
                return Ok(true);
            }
            self.advance_to(self.world.now() + Duration::from_millis(50))?;
        }
        Ok(false)
    }

    fn alive(&self) -> Vec<NodeId> {
        let dead = &self.run.plan.dead;
        self.world.ids().into_iter().filter(|node| !dead.contains(node)).collect()
    }

    fn advance_to(&mut self, until: Instant) -> Play<()> {
        while self.world.now() < until {
            self.advance(until)?;
        }
        Ok(())
    }

    /// Runs until a client must be served or this time; looks at the invariants on the way.
    /// Answers that no client waits for are returned.
    fn advance(&mut self, until: Instant) -> Play<Vec<sim::Answer<Answer>>> {
        let due = self.clients.iter().map(|client| client.due()).min().unwrap_or(Instant::NEVER);
        let due = due.min(self.operator.due()).min(self.ambush.due()).min(self.stops.due());
        let until = until.min(due).max(self.world.now() + Duration::from_nanos(1));
        let mut strangers = Vec::new();
        while self.world.now() < until {
            let before = self.world.now();
            let steps = self.world.steps();
            self.world.run_until_true(|world| world.steps() > steps, until);
            show::all(&mut self.world);
            let answers = self.world.take_replies();
            for answer in answers {
                match self.waiting.remove(&answer.ticket) {
                    Some(client) => self.serve(client, Some(answer))?,
                    None => strangers.extend(self.probed(answer)?),
                }
            }
            if self.world.steps() >= self.next_look {
                self.look()?;
            }
            if !strangers.is_empty() || (self.world.now() > before && self.due()) {
                break;
            }
        }
        self.supervise();
        if self.operator.due() <= self.world.now()
            && let Some((node, request)) = self.operator.act(&self.world)
        {
            self.world.request(node, request);
        }
        if self.stops.due() <= self.world.now() {
            self.stops.strike(&mut self.world);
        }
        if self.ambush.due() <= self.world.now() {
            self.ambush.strike(&mut self.world);
            if let Some(node) = self.ambush.asks(self.world.now()) {
                self.hear();
                for request in end::reads() {
                    let ticket = self.world.request(node, request);
                    self.probes.insert(ticket, self.invariants.committed().clone());
                }
            }
        }
        for client in 0..self.clients.len() {
            if self.clients[client].due() <= self.world.now() {
                self.serve(client, None)?;
            }
        }
        Ok(strangers)
    }

    fn due(&self) -> bool {
        self.clients.iter().any(|client| client.due() <= self.world.now())
    }

    /// The answer to a question asked in an ambush is judged; any other is given back.
    fn probed(&mut self, answer: sim::Answer<Answer>) -> Play<Option<sim::Answer<Answer>>> {
        let Some(floor) = self.probes.remove(&answer.ticket) else { return Ok(Some(answer)) };
        if let sim::Outcome::Reply(Answer::Done(done)) = &answer.outcome {
            fresh(&floor, done)?;
        }
        Ok(None)
    }

    /// A client got its answer, or its time has come.
    fn serve(&mut self, id: usize, answer: Option<sim::Answer<Answer>>) -> Play<()> {
        let now = self.world.now();
        let client = &mut self.clients[id];
        let ask = match self.waits[id].take() {
            Some(wait) => {
                self.waiting.remove(&wait.ticket);
                if answer.is_none() && wait.since >= self.healed {
                    let text = "a node that is up leaves a request without an answer";
                    return failed("liveness", text);
                }
                let outcome = answer.map(|answer| answer.outcome);
                if let Some(sim::Outcome::Reply(Answer::Done(done))) = &outcome {
                    fresh(&self.floors[id], done)?;
                }
                let ask = client.answered(now, outcome, &mut self.history);
                if let Some(wrong) = client.wrong() {
                    return failed("tenancy", wrong);
                }
                ask
            }
            None => {
                let ask = client.next(now, &mut self.history);
                self.hear();
                self.floors[id] = self.clients[id].floor(self.invariants.committed());
                ask
            }
        };
        if let Some((node, request)) = ask {
            let ticket = self.world.request(node, request);
            self.waits[id] = Some(Wait { ticket, since: now });
            self.waiting.insert(ticket, id);
        }
        Ok(())
    }

    /// Takes note of what is committed now, as far as anybody knows.
    fn hear(&mut self) {
        for node in self.world.ids() {
            if let Some(machine) = self.world.machine(node) {
                self.invariants.hear(machine);
            }
        }
    }

    fn look(&mut self) -> Play<()> {
        self.next_look = self.world.steps() + LOOK_EVERY;
        for node in self.world.ids() {
            if let Some(machine) = self.world.machine(node)
                && let Err(why) = self
                    .invariants
                    .look(node, machine)
                    .and_then(|()| self.pictures.look(self.world.now(), node, machine))
            {
                return failed("invariant", why);
            }
        }
        let nodes =
            self.world.ids().into_iter().filter_map(|node| {
                Some((node, self.world.machine(node)?, self.world.clock(node)?))
            });
        match self.invariants.leases(nodes) {
            Err(why) => failed("invariant", why),
            Ok(()) => Ok(()),
        }
    }

    /// Starts nodes again that stopped themselves.
    fn supervise(&mut self) {
        if self.world.now() < self.supervised {
            return;
        }
        self.supervised = self.world.now() + SUPERVISE;
        for node in self.world.ids() {
            if matches!(self.world.status(node), Some(sim::Status::Halted(_))) {
                self.world.restart(node);
            }
        }
    }

    fn until(&mut self, end: Instant, stop: impl Fn(&Self) -> bool) -> Play<()> {
        while self.world.now() < end && !stop(self) {
            self.advance(end)?;
        }
        Ok(())
    }

    fn report(&self, outcome: Outcome) -> Report {
        use check::history::Kind;
        let count = |kind| self.history.iter().filter(|event| event.kind == kind).count() as u64;
        Report {
            outcome,
            trace_hash: self.world.trace_hash(),
            span: self.world.now().since(Instant::ZERO),
            steps: self.world.steps(),
            operations: [count(Kind::Ok), count(Kind::Fail), count(Kind::Info)],
            elections: self.invariants.elections(),
            history: self.history.clone(),
        }
    }
}

/// A linearizable read shows everything that was committed when it began; a read in a session
/// everything that the session has seen.
fn fresh(floor: &BTreeMap<ShardId, u64>, done: &Done) -> Play<()> {
    let (seen, least) = (done.receipt.version.index, floor.get(&done.shard).copied().unwrap_or(0));
    if seen < least {
        let shard = done.shard;
        return failed("reads", format!("a read of {shard} shows {seen}, not {least}"));
    }
    Ok(())
}
