//! One run: set up, calm, strikes, healing, the last looks.

use std::collections::BTreeMap;

use check::history::Event;
use contract::{Contract, Program};
use database::{Answer, Request, Settings, api::Control};
use drill::factory::Cluster;
use kernel::{Duration, Instant, NodeId, Rng, ShardId, Ticket};
use sim::{
    Options, Outcome, World,
    net::Quality,
    report::{spacetime::Player, timeline::Timeline},
};

use super::{
    client::{COUNTERS, Client, Did, KEYS, Places, read},
    picture, strikes,
    strikes::{Sides, Struck},
    sums,
    watch::{Watch, shard_of},
};
use crate::{
    measure::Measures,
    plan::{Scenario, scenario::Does},
};

/// Events kept of a run that is drawn.
const EVENTS: usize = 600_000;
/// How long setting up, and agreeing at the end, may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Calm before clients begin.
const CALM: Duration = Duration::from_millis(800);

/// What a run gave.
pub struct Played {
    /// The numbers.
    pub measures: Measures,
    /// The run at the scale of time.
    pub timeline: Timeline,
    /// Its diagram, if it was to be drawn.
    pub player: Option<Player>,
}

/// A run as it goes on.
pub struct Stage<'a> {
    /// What is run.
    pub scenario: &'a Scenario,
    /// The world.
    pub world: World<Cluster>,
    /// What is seen inside.
    pub watch: Watch,
    /// The shard that is watched.
    pub shard: ShardId,
    /// What clients did.
    pub done: Vec<Did>,
    /// The same for the checkers.
    pub history: Vec<Event>,
    /// What struck.
    pub struck: Vec<Struck>,
    /// When clients began, and when they ended.
    pub span: (Instant, Instant),
    /// At the first cut: the greatest commit index on its first side.
    pub minority: Option<(Vec<NodeId>, u64)>,
    /// Laws that were broken.
    pub broken: Option<String>,
    clients: Vec<Client>,
    waiting: BTreeMap<Ticket, usize>,
    sides: Sides,
    laws: drill::invariants::Invariants,
}

/// Runs a scenario once.
///
/// # Errors
/// If the cluster cannot be set up, the plan asks for what does not exist, or the engine breaks a law:
/// that is a bug, and no report should speak of anything else.
pub fn play(scenario: &Scenario, seed: u64, draw: bool) -> Result<Played, String> {
    let mut stage = Stage::set_up(scenario, seed, draw)?;
    let plan = strikes::schedule(scenario, stage.span.0);
    let mut next = plan.into_iter().peekable();
    while let Some((at, i)) = next.next_if(|(at, _)| *at < stage.span.1) {
        stage.until(at);
        stage.strike(i)?;
    }
    stage.until(stage.span.1);
    let trouble = stage.calm_again();
    if let Some(law) = stage.broken {
        return Err(format!("with seed {seed} the engine broke a law of its own: {law}"));
    }
    let (measures, player) = (sums::of(&stage, &trouble), draw.then(|| picture::player(&stage)));
    Ok(Played { measures, timeline: picture::timeline(&stage), player })
}

impl<'a> Stage<'a> {
    fn set_up(scenario: &'a Scenario, seed: u64, draw: bool) -> Result<Stage<'a>, String> {
        let cluster = Cluster::new(scenario.nodes, settings(scenario), draw);
        let mut world = World::new(seed, options(scenario), cluster);
        if draw {
            world.record(EVENTS);
        }
        let adds = scenario.client.iter().any(|client| client.does == Does::Add);
        let (keyspace, program) =
            if adds { (COUNTERS, Program::Counter) } else { (KEYS, Program::Kv) };
        make(&mut world, keyspace, program, scenario.nodes as u32)?;
        let shard = shard_of(&world, keyspace).ok_or("the keyspace has no shard")?;
        let watch = Watch::new(shard);
        let span = (world.now(), world.now());
        let mut stage = Stage {
            scenario,
            world,
            watch,
            shard,
            done: Vec::new(),
            history: Vec::new(),
            struck: Vec::new(),
            span,
            minority: None,
            broken: None,
            clients: Vec::new(),
            waiting: BTreeMap::new(),
            sides: (Vec::new(), Vec::new()),
            laws: drill::invariants::Invariants::default(),
        };
        stage.until(span.0 + CALM);
        let begin = stage.world.now();
        stage.span = (begin, begin + Duration::from_secs(scenario.seconds));
        stage.clients = clients(scenario, seed, stage.span);
        Ok(stage)
    }

    fn strike(&mut self, i: usize) -> Result<(), String> {
        let strike = &self.scenario.strike[i];
        let struck =
            strikes::strike(&mut self.world, &mut self.watch, self.scenario, strike, self.shard)?;
        let links = strike.fault.starts_with("cut");
        if links && self.minority.is_none() {
            let minority = struck.sides.0.len() as u64 * 2 <= self.scenario.nodes;
            let side = if minority { &struck.sides.0 } else { &struck.sides.1 };
            self.minority = Some((side.clone(), self.watch.commit(side)));
            self.sides = struck.sides.clone();
        }
        self.struck.push(struck);
        Ok(())
    }

    /// When the first fault struck, and when the last of them ended.
    #[must_use]
    pub fn trouble(&self) -> Option<(Instant, Instant)> {
        let last = self.struck.iter().map(|struck| struck.until.min(self.span.1)).max()?;
        Some((self.struck.first()?.at, last))
    }

    /// Goes on until this time.
    fn until(&mut self, until: Instant) {
        while self.world.now() < until {
            let due = self.clients.iter().map(Client::due).min().unwrap_or(Instant::NEVER);
            let stop = due.min(until).max(self.world.now() + Duration::from_nanos(1));
            while self.world.now() < stop {
                let steps = self.world.steps();
                self.world.run_until_true(|world| world.steps() > steps, stop);
                self.look();
                let answers = self.world.take_replies();
                let any = !answers.is_empty();
                for answer in answers {
                    if let Some(client) = self.waiting.remove(&answer.ticket) {
                        self.serve(client, Some(answer.outcome));
                    }
                }
                if any {
                    break;
                }
            }
            let now = self.world.now();
            for client in 0..self.clients.len() {
                if self.clients[client].due() <= now {
                    self.serve(client, None);
                }
            }
            self.supervise();
        }
    }

    fn look(&mut self) {
        self.watch.look(&self.world);
        drill::show::shard(&mut self.world, self.shard);
        if self.broken.is_none() && self.world.steps().is_multiple_of(8) {
            let nodes = self.world.ids();
            let found = nodes
                .into_iter()
                .find_map(|node| self.laws.look(node, self.world.machine(node)?).err());
            let halted = || {
                let halt = self.world.halts().first()?;
                Some(format!("{} halted: {}", halt.node, halt.reason))
            };
            self.broken = found.or_else(halted);
        }
    }

    fn serve(&mut self, client: usize, answer: Option<Outcome<Answer>>) {
        let now = self.world.now();
        let places =
            Places { nodes: self.scenario.nodes, leader: self.watch.leader(), sides: &self.sides };
        let one = &mut self.clients[client];
        let ask = match one.waits_for() {
            Some(ticket) => {
                self.waiting.remove(&ticket);
                let (ask, did) = one.answered(now, answer, &places, &mut self.history);
                self.done.extend(did);
                ask
            }
            None => one.begin(now, &places, &mut self.history),
        };
        if let Some((node, request)) = ask {
            let ticket = self.world.request(node, request);
            self.clients[client].asked(ticket);
            self.waiting.insert(ticket, client);
        }
    }

    /// Nodes that stopped themselves start again, as under an init system.
    fn supervise(&mut self) {
        for node in self.world.ids() {
            if matches!(self.world.status(node), Some(sim::Status::Halted(_))) {
                self.world.restart(node);
            }
        }
    }

    /// Everything is healed; clients come to their end; what is there at last is read. Says how long
    /// after the last fault all nodes agreed again.
    fn calm_again(&mut self) -> Calm {
        let healed = self.world.now();
        // Healing begins every link anew, which whole ones should not be made to pay for.
        if !self.struck.is_empty() {
            self.world.heal_all();
        }
        self.watch.paused.clear();
        let end = healed + PATIENCE;
        let commit = self.watch.commit(&self.world.ids());
        let (mut agreed, mut now) = (None, healed);
        while now < end {
            now = now + Duration::from_millis(5);
            self.until(now);
            if agreed.is_none() && self.watch.agree(commit) {
                agreed = Some(now);
            }
            if agreed.is_some() && self.clients.iter().all(|client| client.idle(now)) {
                break;
            }
        }
        let writers =
            self.scenario.client.iter().filter(|c| c.does == Does::Write).map(|c| c.count).sum();
        let looks = (0..writers).map(|key| self.last_look(Does::Write, key)).collect();
        let adds = self.scenario.client.iter().any(|client| client.does == Does::Add);
        let counted = if adds { self.last_look(Does::Add, 0) } else { None };
        Calm { agreed: agreed.is_some(), looks, counted }
    }

    fn last_look(&mut self, does: Does, key: u64) -> Option<u64> {
        for node in self.world.ids().into_iter().cycle().take(12) {
            let ticket = self.world.request(node, Client::last_look(does, key));
            let end = self.world.now() + Duration::from_secs(2);
            while self.world.now() < end {
                self.world.run_for(Duration::from_millis(1));
                for answer in self.world.take_replies() {
                    if answer.ticket == ticket
                        && let Outcome::Reply(Answer::Done(done)) = &answer.outcome
                    {
                        return match does {
                            Does::Add => layers::counter::Reply::read(&done.body)
                                .ok()
                                .map(|reply| reply.value as u64),
                            _ => Some(read(done)),
                        };
                    }
                }
            }
        }
        None
    }
}

/// What was there when all was healed.
pub struct Calm {
    /// Whether all nodes agreed.
    pub agreed: bool,
    /// What every writer's key held; none if nobody would say.
    pub looks: Vec<Option<u64>>,
    /// What the counter showed.
    pub counted: Option<u64>,
}

fn clients(scenario: &Scenario, seed: u64, span: (Instant, Instant)) -> Vec<Client> {
    let rng = Rng::new(seed).fork("lab clients");
    let writers: u64 =
        scenario.client.iter().filter(|c| c.does == Does::Write).map(|c| c.count).sum();
    // Writers come first, so that their numbers are those of their keys.
    let (mut writer, mut other) = (0, writers);
    let mut all = Vec::new();
    for (group, plan) in scenario.client.iter().enumerate() {
        for _ in 0..plan.count {
            let next = if plan.does == Does::Write { &mut writer } else { &mut other };
            let id = std::mem::replace(next, *next + 1);
            all.push(Client::new(
                plan.clone(),
                (id, group),
                writers,
                rng.fork(&format!("client {id}")),
                span,
            ));
        }
    }
    all
}

fn make(
    world: &mut World<Cluster>,
    name: &str,
    program: Program,
    replicas: u32,
) -> Result<(), String> {
    let end = world.now() + PATIENCE;
    let contract = Contract { replicas, ..Contract::new(program) };
    for node in world.ids().into_iter().cycle() {
        if world.now() > end {
            break;
        }
        let control = Control::CreateKeyspace { name: name.into(), contract };
        let timeout = Duration::from_secs(2);
        let ticket = world.request(node, Request::Control { control, request_id: None, timeout });
        world.run_for(Duration::from_millis(600));
        let made = |answer: &sim::Answer<Answer>| {
            answer.ticket == ticket
                && matches!(answer.outcome, Outcome::Reply(Answer::Control { .. }))
        };
        if world.take_replies().iter().any(made) {
            return Ok(());
        }
    }
    Err(format!("the keyspace {name} could not be made: no leader within {} s", PATIENCE.as_secs()))
}

fn settings(scenario: &Scenario) -> Settings {
    Settings {
        election_timeout: scenario.election_timeout,
        heartbeat: scenario.heartbeat,
        pre_vote: scenario.pre_vote,
        check_quorum: scenario.check_quorum,
        lease: scenario.check_quorum,
        ..Settings::default()
    }
}

fn options(scenario: &Scenario) -> Options {
    let ppm = |percent: f64| (percent * 10_000.0) as u32;
    let mut options = Options::calm(scenario.nodes);
    options.network = Quality {
        base: scenario.delay,
        jitter: scenario.jitter,
        tail_ppm: 0,
        loss_ppm: ppm(scenario.loss),
        duplicate_ppm: ppm(scenario.duplicate),
        reorder_ppm: ppm(scenario.reorder),
        bytes_per_second: scenario.bandwidth,
        ..Quality::default()
    };
    options.clients = Quality {
        base: scenario.client_delay,
        jitter: Duration::ZERO,
        tail_ppm: 0,
        loss_ppm: ppm(scenario.client_loss),
        bytes_per_second: 0,
        ..Quality::default()
    };
    options.disk.sync = scenario.sync;
    options.disk.jitter = Duration::ZERO;
    options
}
