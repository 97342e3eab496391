//! The world: nodes under virtual time, and everything that may happen to them.
//!
//! ```text
//!   request ─▶┐                        ┌─▶ take_replies
//!   schedule ─▶ queue ─▶ step ─▶ inbox ─▶ batch: handle* settle ─▶ actions ─▶ queue
//!   inject ───▶ faults ─▶ conditions of links, disks, clocks
//! ```
//!
//! One step carries out one event. An event for a node goes to its inbox; if the node is idle
//! the batch runs at once, else it waits until the node is free (or resumed), which is how
//! batches come about. Time is true time; nodes see it through their clocks only.
//!
//! ```
//! use kernel::{Duration, NodeId};
//! use sim::{Fault, Options, Outcome, World, toy::{Add, Counters, Value}};
//!
//! let mut world = World::new(7, Options::calm(3), Counters { nodes: 3 });
//! world.inject(Fault::Pause { node: NodeId(2), lasts: Duration::from_secs(1) });
//! let ticket = world.request(NodeId(1), Add(5));
//! world.run_for(Duration::from_millis(100));
//! let answers = world.take_replies();
//! assert_eq!(answers[0].ticket, ticket);
//! assert_eq!(answers[0].outcome, Outcome::Reply(Value::Is(5)));
//! ```

mod act;
mod faults;
mod node;
mod run;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use bytes::Bytes;
use kernel::{Instant, NodeId, Rng, Ticket, TimerId};

use crate::{
    apart::Apart,
    audit::{Record, Recorder, State, Trace, What},
    disk::SimDisk,
    fault::Fault,
    machine::{Action, Factory, Machine},
    net::Net,
    options::Options,
    plan::Plan,
    time::Queue,
};
use node::Node;
pub use node::Status;

/// What a client asks a machine of this factory.
pub type RequestOf<F> = <<F as Factory>::Machine as Machine>::Request;
/// What a client is answered.
pub type ReplyOf<F> = <<F as Factory>::Machine as Machine>::Reply;

/// What became of a request, as the client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<Y> {
    /// The node answered.
    Reply(Y),
    /// Nobody listened: the request certainly had no effect.
    Refused,
    /// The connection broke: the request may or may not have taken effect.
    Broken,
}

/// An answer as it reaches the client. A request or answer that a cut or lossy client link
/// swallowed is never answered: clients need a deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<Y> {
    /// Which request.
    pub ticket: Ticket,
    /// Which node was asked.
    pub node: NodeId,
    /// When the client learnt it, in true time.
    pub at: Instant,
    /// What it learnt.
    pub outcome: Outcome<Y>,
}

/// A node stopped itself or refused to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt {
    /// When, in true time.
    pub at: Instant,
    /// Who.
    pub node: NodeId,
    /// The reason it gave.
    pub reason: String,
}

/// An event that waits in the queue.
enum Event<R, Y> {
    Frame { from: NodeId, to: NodeId, bytes: Bytes, frame: u64, hash: u64 },
    Timer { node: NodeId, life: u64, timer: TimerId, generation: u64 },
    Done { node: NodeId, life: u64, id: u64 },
    Wake { node: NodeId, life: u64 },
    Request { node: NodeId, ticket: Ticket, request: R },
    Answer(Answer<Y>),
    Strike(Box<Fault>),
    Heal { condition: u64 },
    Restart { node: NodeId, life: u64 },
}

/// A fault that holds for a while.
#[derive(Clone, Debug)]
struct Condition {
    id: u64,
    since: Instant,
    fault: Fault,
}

/// Nodes, links, disks and clocks under virtual time.
pub struct World<F: Factory> {
    factory: F,
    options: Options,
    seed: u64,
    now: Instant,
    queue: Queue<Event<RequestOf<F>, ReplyOf<F>>>,
    nodes: Vec<Node<F::Machine>>,
    net: Net,
    conditions: Vec<Condition>,
    apart: Apart,
    next_condition: u64,
    next_ticket: u64,
    next_frame: u64,
    answers: VecDeque<Answer<ReplyOf<F>>>,
    actions: Vec<Action<ReplyOf<F>>>,
    halts: Vec<Halt>,
    trace: Trace,
    steps: u64,
    recorder: Option<Recorder>,
}

impl<F: Factory> World<F> {
    /// A world whose nodes all start at time zero, in order.
    #[must_use]
    pub fn new(seed: u64, options: Options, factory: F) -> World<F> {
        let rng = Rng::new(seed);
        let net = Net::new(options.nodes, &options.network, &options.clients, rng.fork("net"));
        let nodes = (1..=options.nodes).map(|n| Node::new(NodeId(n), &options, &rng)).collect();
        let mut world = World {
            factory,
            seed,
            now: Instant::ZERO,
            queue: Queue::default(),
            nodes,
            net,
            conditions: Vec::new(),
            apart: Apart::default(),
            next_condition: 0,
            next_ticket: 0,
            next_frame: 0,
            answers: VecDeque::new(),
            actions: Vec::new(),
            halts: Vec::new(),
            trace: Trace::default(),
            steps: 0,
            recorder: None,
            options,
        };
        for node in world.ids() {
            world.queue.push(Instant::ZERO, Event::Restart { node, life: 0 });
        }
        world
    }

    /// A world with the faults of a plan scheduled.
    #[must_use]
    pub fn of_plan(plan: &Plan, factory: F) -> World<F> {
        let mut world = World::new(plan.seed, plan.options.clone(), factory);
        for strike in &plan.schedule {
            world.schedule(strike.at, strike.fault.clone());
        }
        world
    }

    /// Keeps the last `capacity` events from now on, for a report.
    pub fn record(&mut self, capacity: usize) {
        self.recorder = Some(Recorder::new(capacity));
    }

    /// What was recorded; `None` if recording is off.
    #[must_use]
    pub fn log(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    /// Says what a node is from now on, for the space-time diagram; costs nothing while nothing
    /// is recorded.
    pub fn role(&mut self, node: NodeId, role: impl FnOnce() -> String) {
        self.note(node, || What::Role(role()));
    }

    /// Says what a part of a node knows from now on, for the table beside the space-time diagram;
    /// costs nothing while nothing is recorded.
    pub fn state(&mut self, node: NodeId, state: impl FnOnce() -> State) {
        self.note(node, || What::State(state()));
    }

    /// Points at something, for the space-time diagram.
    pub fn mark(&mut self, node: NodeId, text: impl FnOnce() -> String) {
        self.note(node, || What::Mark(text()));
    }

    /// True time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// When the next event happens; `None` if nothing will ever happen again.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        self.queue.next_at()
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// How the world was made.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// How many events happened.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The names of all nodes.
    #[must_use]
    pub fn ids(&self) -> Vec<NodeId> {
        (1..=self.options.nodes).map(NodeId).collect()
    }

    /// What makes the machines.
    #[must_use]
    pub fn factory(&self) -> &F {
        &self.factory
    }

    /// What makes the machines, to be changed.
    pub fn factory_mut(&mut self) -> &mut F {
        &mut self.factory
    }

    /// The machine of a node; `None` while it is down, halted or unknown.
    #[must_use]
    pub fn machine(&self, node: NodeId) -> Option<&F::Machine> {
        self.node(node).and_then(|node| node.machine.as_ref())
    }

    /// The machine of a node, for tests that reach inside: whatever they change must depend on
    /// the seed alone.
    pub fn machine_mut(&mut self, node: NodeId) -> Option<&mut F::Machine> {
        self.node_mut(node).and_then(|node| node.machine.as_mut())
    }

    /// The disk of a node.
    #[must_use]
    pub fn disk(&self, node: NodeId) -> Option<&SimDisk> {
        self.node(node).map(|node| &node.disk)
    }

    /// What a node's clocks show now.
    #[must_use]
    pub fn clock(&self, node: NodeId) -> Option<kernel::Now> {
        self.node(node).map(|node| node.clock.read(self.now))
    }

    /// Whether a node runs, and if not, why.
    #[must_use]
    pub fn status(&self, node: NodeId) -> Option<&Status> {
        self.node(node).map(|node| &node.status)
    }

    /// Every time that a node stopped itself or refused to start, oldest first. Whether a halt
    /// is right (a failed sync) or a bug is for the caller to judge.
    #[must_use]
    pub fn halts(&self) -> &[Halt] {
        &self.halts
    }

    /// A hash of everything that happened and of the states of all machines.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        let mut trace = self.trace.clone();
        trace.add(self.now.0);
        for node in &self.nodes {
            trace.add(node.machine.as_ref().map_or(0, Machine::state_hash));
        }
        trace.hash()
    }

    fn node(&self, node: NodeId) -> Option<&Node<F::Machine>> {
        self.nodes.get((node.0 as usize).checked_sub(1)?)
    }

    fn node_mut(&mut self, node: NodeId) -> Option<&mut Node<F::Machine>> {
        self.nodes.get_mut((node.0 as usize).checked_sub(1)?)
    }

    /// Records an event if recording is on; `what` is not even built otherwise.
    fn note(&mut self, node: NodeId, what: impl FnOnce() -> What) {
        if let Some(recorder) = &mut self.recorder {
            recorder.add(Record { at: self.now, node, what: what() });
        }
    }
}
