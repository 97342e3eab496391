//! The proof of the world: one file per kind of fault, and determinism itself.

mod clocks;
mod determinism;
mod disks;
mod laws;
mod links;
mod processes;

use std::{cell::RefCell, rc::Rc};

use bytes::Bytes;
use kernel::{Duration, Instant, NodeId, Now, Rng, Ticket, TimerId, disk::Disk};

use super::World;
use crate::{
    disk::{SECTOR, SimDisk},
    machine::{Action, Boot, Copied, Factory, Input, Machine},
    options::Options,
};

const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);
const C: NodeId = NodeId(3);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn at(n: u64) -> Instant {
    Instant::ZERO + ms(n)
}

/// What a probe saw: true order, own clocks, input.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    node: NodeId,
    now: Now,
    input: Input<Vec<Action<&'static str>>>,
}

type Log = Rc<RefCell<Vec<Seen>>>;

/// A machine that does what requests tell it and writes down what it sees.
struct Probe {
    node: NodeId,
    disk: SimDisk,
    log: Log,
    settled: u64,
}

impl Machine for Probe {
    type Request = Vec<Action<&'static str>>;
    type Reply = &'static str;

    fn handle(
        &mut self,
        now: Now,
        input: Input<Self::Request>,
        out: &mut Vec<Action<Self::Reply>>,
    ) {
        if let Input::Request { request, .. } = &input {
            out.extend(request.iter().cloned());
        }
        self.log.borrow_mut().push(Seen { node: self.node, now, input });
    }

    fn settle(&mut self, _: Now, _: &mut Vec<Action<Self::Reply>>) {
        self.settled += 1;
    }

    /// Whoever has a file "shared" holds the same in each sector of it.
    fn copies(&self) -> Vec<Copied> {
        let files = self.disk.list().unwrap_or_default();
        let len = files.iter().find(|(name, _)| name == "shared").map_or(0, |(_, len)| *len);
        let (file, size) = ("shared".to_owned(), SECTOR as u64);
        let sector =
            |name| Copied { names: vec![name], file: file.clone(), offset: name * size, len: size };
        (0..len / size).map(sector).collect()
    }
}

#[derive(Default)]
struct Probes {
    log: Log,
    refuse: bool,
    boots: Vec<(NodeId, u64, bool)>,
    crashed: Vec<NodeId>,
    wiped: Vec<NodeId>,
}

impl Factory for Probes {
    type Machine = Probe;

    fn boot(&mut self, boot: Boot) -> Result<Probe, String> {
        self.boots.push((boot.node, boot.boots, boot.wiped));
        if self.refuse {
            return Err("refused".to_owned());
        }
        Ok(Probe { node: boot.node, disk: boot.disk, log: self.log.clone(), settled: 0 })
    }

    fn crashed(&mut self, node: NodeId, _: &mut Rng) {
        self.crashed.push(node);
    }

    fn wiped(&mut self, node: NodeId) {
        self.wiped.push(node);
    }
}

/// Three probes on a network without chance, started and idle.
fn probes() -> World<Probes> {
    let mut options = Options::calm(3);
    options.clock.skew = Duration::ZERO;
    options.clock.drift_ppm = 0;
    for quality in [&mut options.network, &mut options.clients] {
        (quality.base, quality.jitter, quality.tail_ppm) = (ms(1), Duration::ZERO, 0);
    }
    let mut world = World::new(1, options, Probes::default());
    world.run_until(at(10));
    world.factory().log.borrow_mut().clear();
    world
}

impl World<Probes> {
    /// Lets a node do these things and waits until it has begun.
    fn tell(&mut self, node: NodeId, actions: Vec<Action<&'static str>>) -> Ticket {
        let ticket = self.request(node, actions);
        self.run_for(ms(1));
        ticket
    }

    fn seen(&self) -> Vec<Seen> {
        let seen = self.factory().log.borrow().clone();
        let noise = |s: &Seen| matches!(s.input, Input::Request { .. } | Input::Start);
        seen.into_iter().filter(|s| !noise(s)).collect()
    }

    /// Frames that arrived, as (receiver, sender, first byte).
    fn frames(&self) -> Vec<(NodeId, NodeId, u8)> {
        let frame = |s: Seen| match s.input {
            Input::Frame { from, bytes } => Some((s.node, from, bytes[0])),
            _ => None,
        };
        self.seen().into_iter().filter_map(frame).collect()
    }
}

fn send(to: NodeId, byte: u8) -> Action<&'static str> {
    Action::Send { to, bytes: Bytes::from(vec![byte; 100]) }
}

fn timer(id: u64, at: Instant) -> Action<&'static str> {
    Action::SetTimer { timer: TimerId(id), at }
}
