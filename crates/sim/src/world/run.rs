//! Steps: taking events from the queue and giving batches to machines.

use bytes::Bytes;
use kernel::{Duration, Instant, NodeId, Ticket, TimerId};

use super::{Answer, Event, Outcome, ReplyOf, RequestOf, Status, World, node};
use crate::{
    audit::{Lost, What},
    machine::{Boot, Factory, Input, Machine},
    net::Route,
};

impl<F: Factory> World<F> {
    /// Carries out the next event; `false` if nothing will ever happen again.
    pub fn step(&mut self) -> bool {
        let Some((at, event)) = self.queue.pop() else { return false };
        self.now = self.now.max(at);
        self.steps += 1;
        match event {
            Event::Frame { from, to, bytes, frame, hash } => {
                self.frame(from, to, bytes, frame, hash);
            }
            Event::Timer { node, life, timer, generation } => {
                self.timer(node, life, timer, generation);
            }
            Event::Done { node, life, id } => self.done(node, life, id),
            Event::Wake { node, life } => self.wake(node, life),
            Event::Request { node, ticket, request } => self.arrived(node, ticket, request),
            Event::Answer(answer) => self.answers.push_back(answer),
            Event::Strike(fault) => self.inject(*fault),
            Event::Heal { condition } => self.heal(condition),
            Event::Restart { node, life } => {
                if self.node(node).is_some_and(|n| n.life == life) {
                    self.restart(node);
                }
            }
        }
        true
    }

    /// Runs until this true time.
    pub fn run_until(&mut self, until: Instant) {
        while self.queue.next_at().is_some_and(|at| at <= until) {
            self.step();
        }
        self.now = self.now.max(until);
    }

    /// Runs for this long.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now + duration);
    }

    /// Runs until the condition holds, looking after each event; `false` if it does not hold by
    /// the deadline.
    pub fn run_until_true(
        &mut self,
        mut condition: impl FnMut(&World<F>) -> bool,
        deadline: Instant,
    ) -> bool {
        while !condition(self) {
            if self.queue.next_at().is_none_or(|at| at > deadline) {
                self.now = self.now.max(deadline);
                return condition(self);
            }
            self.step();
        }
        true
    }

    /// Sends a client's request to a node; the ticket names the answer.
    pub fn request(&mut self, node: NodeId, request: RequestOf<F>) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        if self.node(node).is_some()
            && let Route::Arrives { at, .. } = self.net.route(self.now, NodeId::NONE, node, 0)
        {
            self.queue.push(at, Event::Request { node, ticket, request });
        }
        ticket
    }

    /// Takes all answers that have reached their clients, oldest first.
    pub fn take_replies(&mut self) -> Vec<Answer<ReplyOf<F>>> {
        self.answers.drain(..).collect()
    }

    fn frame(&mut self, from: NodeId, to: NodeId, bytes: Bytes, frame: u64, hash: u64) {
        let len = bytes.len() as u64;
        let open = from == to || self.net.arrive(self.now, (from, to), frame, len);
        let inbox = self.options.process.inbox;
        let why = match self.node(to) {
            _ if !open => Some(Lost::Cut),
            Some(node) if node.machine.is_none() => Some(Lost::Down),
            Some(node) if node.inbox.len() >= inbox => Some(Lost::Inbox),
            Some(_) => None,
            None => return,
        };
        match why {
            Some(why) => self.note(to, || What::Dropped { from, frame, why }),
            None => {
                self.note(to, || What::Delivered { from, frame });
                self.deliver(to, hash ^ from.0, Input::Frame { from, bytes });
            }
        }
    }

    fn timer(&mut self, id: NodeId, life: u64, timer: TimerId, generation: u64) {
        let now = self.now;
        let Some(node) = self.node_mut(id).filter(|node| node.life == life) else { return };
        let Some(entry) = node.timers.get_mut(&timer) else { return };
        if entry.generation != generation {
            return;
        }
        match entry.at {
            Some(at) if node.clock.monotonic(now) < at => {
                entry.looks_at = node.clock.when(now, at);
                let looks_at = entry.looks_at;
                self.queue.push(looks_at, Event::Timer { node: id, life, timer, generation });
            }
            set => {
                node.timers.remove(&timer);
                if set.is_some() {
                    self.note(id, || What::Timer(timer));
                    self.deliver(id, timer.0, Input::Timer(timer));
                }
            }
        }
    }

    fn done(&mut self, id: NodeId, life: u64, work: u64) {
        let Some(node) = self.node_mut(id).filter(|node| node.life == life) else { return };
        if node.stalled {
            node.held.push(work);
            return;
        }
        self.note(id, || What::Done(work));
        self.deliver(id, work, Input::Done(work));
    }

    fn arrived(&mut self, id: NodeId, ticket: Ticket, request: RequestOf<F>) {
        if !self.net.arrive(self.now, (NodeId::NONE, id), u64::MAX, 0) {
            return;
        }
        let inbox = self.options.process.inbox;
        let listens =
            |node: &&mut node::Node<_>| node.machine.is_some() && node.inbox.len() < inbox;
        match self.node_mut(id).filter(listens) {
            None => self.answer(id, ticket, Outcome::Refused),
            Some(node) => {
                node.open.insert(ticket);
                self.note(id, || What::Request(ticket));
                self.deliver(id, ticket.0, Input::Request { ticket, request });
            }
        }
    }

    /// Sends an answer on its way to the client.
    pub(super) fn answer(&mut self, node: NodeId, ticket: Ticket, outcome: Outcome<ReplyOf<F>>) {
        if let Route::Arrives { at, .. } = self.net.route(self.now, node, NodeId::NONE, 0) {
            self.queue.push(at, Event::Answer(Answer { ticket, node, at, outcome }));
        }
    }

    /// Puts an input into a node's inbox and runs the batch if the node is free.
    fn deliver(&mut self, id: NodeId, word: u64, input: Input<RequestOf<F>>) {
        let now = self.now;
        let Some(node) = self.node_mut(id) else { return };
        node.inbox.push((word, input));
        if node.paused || node.wakes {
            return;
        }
        if node.busy_until <= now {
            return self.batch(id);
        }
        node.wakes = true;
        let (at, life) = (node.busy_until, node.life);
        self.queue.push(at, Event::Wake { node: id, life });
    }

    /// Runs the batch that gathered while the node was busy or paused.
    pub(super) fn wake(&mut self, id: NodeId, life: u64) {
        let Some(node) = self.node_mut(id).filter(|node| node.life == life) else { return };
        node.wakes = false;
        if !node.paused && !node.inbox.is_empty() {
            self.batch(id);
        }
    }

    fn batch(&mut self, id: NodeId) {
        let (now, cost) = (self.now, self.options.process.cost);
        let mut actions = std::mem::take(&mut self.actions);
        let Some(node) = self.nodes.get_mut(id.0 as usize - 1) else { return };
        let Some(machine) = node.machine.as_mut() else { return };
        let clocks = node.clock.read(now);
        let inputs = node.inbox.len() as u32;
        self.trace.add(now.0 ^ (id.0 << 56) ^ u64::from(inputs));
        for (word, input) in node.inbox.drain(..) {
            self.trace.add(word ^ (kind(&input) << 60));
            machine.handle(clocks, input, &mut actions);
        }
        machine.settle(clocks, &mut actions);
        // At least a nanosecond, so that a machine that keeps itself busy cannot stop time.
        node.busy_until = now + cost.max(Duration::from_nanos(1)) * inputs;
        for action in actions.drain(..) {
            self.act(id, action);
        }
        self.actions = actions;
    }

    /// Starts a node that is down or halted; nothing happens to one that runs.
    pub fn restart(&mut self, id: NodeId) {
        let now = self.now;
        let Some(node) = self.node_mut(id).filter(|node| node.machine.is_none()) else { return };
        node.disk.own_up();
        let origin = node::origin(&mut node.rng);
        node.clock.reboot(now, origin);
        let boot = Boot {
            node: id,
            disk: node.disk.clone(),
            boots: node.boots,
            wiped: node.wiped,
            rng: node.rng.fork(&format!("boot {}", node.boots)),
            now: node.clock.read(now),
        };
        let boots = node.boots;
        (node.boots, node.wiped, node.busy_until) = (boots + 1, false, now);
        self.trace.add(0xb007 ^ (id.0 << 56) ^ boots);
        self.note(id, || What::Booted(boots));
        match self.factory.boot(boot) {
            Err(reason) => self.halt(id, reason),
            Ok(machine) => {
                if let Some(node) = self.node_mut(id) {
                    node.disk.opened();
                    (node.machine, node.status) = (Some(machine), Status::Up);
                }
                self.deliver(id, 0, Input::Start);
            }
        }
    }
}

fn kind<R>(input: &Input<R>) -> u64 {
    match input {
        Input::Start => 1,
        Input::Frame { .. } => 2,
        Input::Timer(_) => 3,
        Input::Done(_) => 4,
        Input::Request { .. } => 5,
    }
}
