//! Nodes under virtual time: a network that delays, loses, repeats and reorders; disks that take
//! their time and fail; crashes. Everything comes from one seed.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use kernel::{Event, Instant, NodeId, Rng, Ticket, TimerId, Token};
use raft::{Config, Membership, Message, Raft};

use crate::{
    check::Check,
    node::{Deed, Node},
};

/// Something that will happen.
#[derive(Debug)]
enum Happening {
    Arrives { from: NodeId, to: NodeId, message: Message },
    Written { node: NodeId, life: u64, token: Token },
    Fires { node: NodeId, life: u64, timer: TimerId, setting: u64 },
}

/// How bad the world is.
#[derive(Clone, Debug)]
pub struct World {
    pub delay: (Duration, Duration),
    pub drop: f64,
    pub repeat: f64,
    pub disk: (Duration, Duration),
    pub disk_fails: f64,
}

impl World {
    pub fn good() -> World {
        World {
            delay: (Duration::from_micros(200), Duration::from_millis(2)),
            drop: 0.0,
            repeat: 0.0,
            disk: (Duration::from_micros(100), Duration::from_millis(1)),
            disk_fails: 0.0,
        }
    }
}

pub struct Cluster {
    pub nodes: BTreeMap<NodeId, Node>,
    pub now: Instant,
    pub world: World,
    /// One-way cuts.
    pub cuts: BTreeSet<(NodeId, NodeId)>,
    pub slow_disks: BTreeSet<NodeId>,
    pub check: Check,
    pub rng: Rng,
    /// Print what happens.
    pub trace: bool,
    agenda: BTreeMap<(Instant, u64), Happening>,
    count: u64,
    lives: BTreeMap<NodeId, u64>,
    settings: BTreeMap<(NodeId, TimerId), u64>,
    reads: BTreeMap<Ticket, NodeId>,
}

impl Cluster {
    /// Founders 1..=`voters`, not yet started.
    pub fn new(seed: u64, voters: u64, tune: impl Fn(&mut Config)) -> Cluster {
        let founders = Membership::new((1..=voters).map(NodeId), []);
        let mut cluster = Cluster {
            nodes: BTreeMap::new(),
            now: Instant(1_000_000_000),
            world: World::good(),
            cuts: BTreeSet::new(),
            slow_disks: BTreeSet::new(),
            check: Check::default(),
            rng: Rng::new(seed),
            trace: false,
            agenda: BTreeMap::new(),
            count: 0,
            lives: BTreeMap::new(),
            settings: BTreeMap::new(),
            reads: BTreeMap::new(),
        };
        (1..=voters).for_each(|id| cluster.add(NodeId(id), &founders, &tune));
        cluster
    }

    pub fn add(&mut self, id: NodeId, founders: &Membership, tune: &impl Fn(&mut Config)) {
        let mut config = Config::new(id);
        tune(&mut config);
        self.nodes.insert(id, Node::new(config, founders));
    }

    pub fn raft(&self, id: NodeId) -> Option<&Raft> {
        self.nodes.get(&id)?.raft.as_ref()
    }

    pub fn ids(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    pub fn is_up(&self, id: NodeId) -> bool {
        self.raft(id).is_some()
    }

    /// The leader of the greatest term.
    pub fn leader(&self) -> Option<NodeId> {
        let leads = |id: &NodeId| self.raft(*id).filter(|raft| raft.is_leader());
        self.nodes
            .keys()
            .copied()
            .filter(|id| leads(id).is_some())
            .max_by_key(|id| self.raft(*id).map(Raft::term))
    }

    pub fn start(&mut self, id: NodeId) {
        *self.lives.entry(id).or_default() += 1;
        let rng = Rng::new(self.rng.bits());
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let deeds = node.start(self.now, rng);
        self.after(id, deeds);
    }

    pub fn start_all(&mut self) {
        self.ids().into_iter().for_each(|id| self.start(id));
    }

    pub fn crash(&mut self, id: NodeId) {
        *self.lives.entry(id).or_default() += 1;
        self.check.forget_reads(self.reads.iter().filter(|(_, at)| **at == id).map(|(t, _)| *t));
        self.reads.retain(|_, at| *at != id);
        if let Some(node) = self.nodes.get_mut(&id) {
            node.crash(|writes| self.rng.below(writes as u64 + 1) as usize);
        }
    }

    pub fn wipe(&mut self, id: NodeId) {
        self.crash(id);
        if let Some(node) = self.nodes.get_mut(&id) {
            node.wipe();
        }
    }

    /// Calls the replica of a node and carries out what comes of it.
    pub fn call<T>(
        &mut self,
        id: NodeId,
        call: impl FnOnce(&mut Raft, kernel::Now, &mut raft::Out) -> T,
    ) -> Option<T> {
        let node = self.nodes.get_mut(&id)?;
        let (answer, deeds) = node.call(self.now, call)?;
        self.after(id, deeds);
        Some(answer)
    }

    pub fn propose(&mut self, id: NodeId, data: &str) -> Option<Result<(u64, u64), raft::Refusal>> {
        let data = data.to_owned().into();
        self.call(id, |raft, now, _| raft.propose(now, data))
    }

    pub fn read(&mut self, id: NodeId, ticket: Ticket) -> bool {
        self.check.read(ticket);
        self.reads.insert(ticket, id);
        let asked = self.call(id, |raft, now, out| raft.read_index(now, ticket, out));
        if !matches!(asked, Some(Ok(()))) {
            self.check.forget_reads([ticket].into_iter());
            self.reads.remove(&ticket);
        }
        matches!(asked, Some(Ok(())))
    }

    /// Lets everything happen until `until`. Stops at a violation.
    pub fn run_until(&mut self, until: Instant) {
        while let Some(((at, _), _)) = self.agenda.first_key_value()
            && *at <= until
            && self.check.violation.is_none()
        {
            let Some(((at, _), happening)) = self.agenda.pop_first() else { break };
            self.now = self.now.max(at);
            self.happen(happening);
        }
        self.now = self.now.max(until);
    }

    pub fn run_for(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }

    /// Runs until something is true; false if it is not within `time`.
    pub fn run_to(&mut self, time: Duration, done: impl Fn(&Cluster) -> bool) -> bool {
        let until = self.now + time;
        while self.now < until && self.check.violation.is_none() {
            if done(self) {
                return true;
            }
            self.run_for(Duration::from_millis(5));
        }
        done(self)
    }

    fn happen(&mut self, happening: Happening) {
        if self.trace {
            println!("{} {happening:?}", self.now);
        }
        let alive = |this: &Cluster, id: NodeId, life: u64| this.lives.get(&id) == Some(&life);
        let (id, deeds) = match happening {
            Happening::Arrives { from, to, message } => {
                if self.cuts.contains(&(from, to)) {
                    return;
                }
                let Some(node) = self.nodes.get_mut(&to) else { return };
                (to, node.handle(self.now, Event::Message { from, message }))
            }
            Happening::Written { node: id, life, token } => {
                if !alive(self, id, life) {
                    return;
                }
                let fails = self.rng.chance(self.world.disk_fails);
                if self.trace && fails {
                    println!("    … and fails");
                }
                let Some(node) = self.nodes.get_mut(&id).filter(|n| n.is_writing(token)) else {
                    return;
                };
                let deeds = match fails {
                    true => node.failed(self.now, token),
                    false => node.written(self.now, token),
                };
                (id, deeds)
            }
            Happening::Fires { node: id, life, timer, setting } => {
                if !alive(self, id, life) || self.settings.get(&(id, timer)) != Some(&setting) {
                    return;
                }
                let Some(node) = self.nodes.get_mut(&id) else { return };
                (id, node.handle(self.now, Event::Timer(timer)))
            }
        };
        self.after(id, deeds);
    }

    /// Checks a node and carries out its deeds.
    fn after(&mut self, id: NodeId, deeds: Vec<Deed>) {
        if let Some(raft) = self.nodes.get(&id).and_then(|node| node.raft.as_ref()) {
            self.check.node(id, raft);
        }
        for deed in deeds {
            self.carry_out(id, deed);
        }
    }

    fn carry_out(&mut self, id: NodeId, deed: Deed) {
        let life = self.lives.get(&id).copied().unwrap_or_default();
        if self.trace {
            println!("    {id} {deed:?}");
        }
        match deed {
            Deed::Send { to, message } => {
                self.check.leaves(&self.nodes[&id], &message);
                self.check.hand_over(&self.nodes[&id], self.nodes.get(&to), &message);
                if self.rng.chance(self.world.drop) {
                    return;
                }
                let copies = 1 + u64::from(self.rng.chance(self.world.repeat));
                for _ in 0..copies {
                    let (low, high) = self.world.delay;
                    let delay = self.rng.duration(low, high);
                    let message = message.clone();
                    self.schedule(self.now + delay, Happening::Arrives { from: id, to, message });
                }
            }
            Deed::Persist { token, records } => {
                self.check.records(&self.nodes[&id], &records);
                let (low, high) = self.world.disk;
                let slow = if self.slow_disks.contains(&id) { 1_500 } else { 0 };
                let delay = self.rng.duration(low, high) + Duration::from_millis(slow);
                self.schedule(self.now + delay, Happening::Written { node: id, life, token });
            }
            Deed::Timer { timer, at } => {
                let setting = self.settings.entry((id, timer)).or_default();
                *setting += 1;
                let setting = *setting;
                self.schedule(
                    at.max(self.now),
                    Happening::Fires { node: id, life, timer, setting },
                );
            }
            Deed::Committed { entries } => self.check.commit(id, &entries),
            Deed::Read { ticket, index } => {
                self.reads.remove(&ticket);
                self.check.read_done(ticket, index);
            }
            Deed::Halted { text } => {
                self.check.violation.get_or_insert(text);
            }
        }
    }

    fn schedule(&mut self, at: Instant, happening: Happening) {
        self.count += 1;
        self.agenda.insert((at, self.count), happening);
    }
}
