//! Carrying out what machines want done.

use bytes::Bytes;
use kernel::{Duration, Instant, NodeId, Ticket, TimerId};

use super::{Event, Halt, Outcome, ReplyOf, Status, World, node::Timer};
use crate::{
    audit::{What, hash_bytes},
    machine::{Action, Factory, Work},
    net::Route,
};

impl<F: Factory> World<F> {
    /// Carries out one action of a node that was alive when the batch began; after a halt the
    /// rest of the batch is void.
    pub(super) fn act(&mut self, id: NodeId, action: Action<ReplyOf<F>>) {
        if self.machine(id).is_none() {
            return;
        }
        match action {
            Action::Send { to, bytes } => self.send(id, to, bytes),
            Action::SetTimer { timer, at } => self.set_timer(id, timer, at),
            Action::CancelTimer(timer) => self.set_timer(id, timer, Instant::NEVER),
            Action::Work { id: work, kind, bytes } => self.work(id, work, kind, bytes),
            Action::Reply { ticket, reply } => self.reply(id, ticket, reply),
            Action::Halt(reason) => self.halt(id, reason),
            Action::Log(line) => self.note(id, || What::Log(line)),
        }
    }

    /// Puts bytes on a link that its sender never sent, as a stranger on the network would. They
    /// travel like any others.
    pub fn forge(&mut self, from: NodeId, to: NodeId, bytes: Bytes) {
        self.send(from, to, bytes);
    }

    fn send(&mut self, from: NodeId, to: NodeId, bytes: Bytes) {
        let hash = hash_bytes(&bytes);
        self.trace.add(hash ^ (to.0 << 56));
        if self.node(to).is_none() {
            return;
        }
        let frame = self.next_frame;
        self.next_frame += 1;
        self.note(from, || What::Sent { to, frame, bytes: bytes.clone() });
        if from == to {
            self.queue.push(self.now, Event::Frame { from, to, bytes, frame, hash });
            return;
        }
        match self.net.route(self.now, from, to, bytes.len() as u64) {
            Route::Lost(why) => self.note(to, || What::Dropped { from, frame, why }),
            Route::Arrives { at, again } => {
                if let Some(again) = again {
                    let bytes = bytes.clone();
                    self.queue.push(again, Event::Frame { from, to, bytes, frame, hash });
                }
                self.queue.push(at, Event::Frame { from, to, bytes, frame, hash });
            }
        }
    }

    fn set_timer(&mut self, id: NodeId, timer: TimerId, at: Instant) {
        self.trace.add(at.0 ^ timer.0.rotate_left(32));
        let now = self.now;
        let Some(node) = self.node_mut(id) else { return };
        if at == Instant::NEVER {
            if let Some(entry) = node.timers.get_mut(&timer) {
                entry.at = None;
            }
            return;
        }
        let looks_at = node.clock.when(now, at);
        if let Some(entry) = node.timers.get_mut(&timer)
            && entry.looks_at <= looks_at
        {
            entry.at = Some(at);
            return;
        }
        node.generation += 1;
        let (life, generation) = (node.life, node.generation);
        node.timers.insert(timer, Timer { at: Some(at), looks_at, generation });
        self.queue.push(looks_at, Event::Timer { node: id, life, timer, generation });
    }

    fn work(&mut self, id: NodeId, work: u64, kind: Work, bytes: u64) {
        self.trace.add(work ^ bytes.rotate_left(32) ^ 4);
        let (now, disk) = (self.now, self.options.disk.clone());
        let Some(node) = self.node_mut(id) else { return };
        let transfer = bytes.saturating_mul(1_000_000_000).checked_div(disk.bytes_per_second);
        let takes = disk.sync
            + node.rng.duration(Duration::ZERO, disk.jitter)
            + Duration::from_nanos(transfer.unwrap_or(0))
            + node.sync_delay;
        let free = node.working.get(&kind).copied().unwrap_or(now).max(now);
        let (at, life) = (free + takes, node.life);
        node.working.insert(kind, at);
        self.queue.push(at, Event::Done { node: id, life, id: work });
    }

    fn reply(&mut self, id: NodeId, ticket: Ticket, reply: ReplyOf<F>) {
        self.trace.add(ticket.0 ^ 5);
        if self.node_mut(id).is_some_and(|node| node.open.remove(&ticket)) {
            self.note(id, || What::Reply(ticket));
            self.answer(id, ticket, Outcome::Reply(reply));
        }
    }

    /// The machine of a node is dropped for good; clients see their connections break.
    pub(super) fn halt(&mut self, id: NodeId, reason: String) {
        self.trace.add(hash_bytes(reason.as_bytes()));
        self.note(id, || What::Halted(reason.clone()));
        let Some(node) = self.node_mut(id) else { return };
        let open = node.die();
        node.status = Status::Halted(reason.clone());
        self.halts.push(Halt { at: self.now, node: id, reason });
        self.break_off(id, open);
    }

    /// Tells the clients of a dead process that their connections broke.
    pub(super) fn break_off(&mut self, id: NodeId, open: impl IntoIterator<Item = Ticket>) {
        for ticket in open {
            self.answer(id, ticket, Outcome::Broken);
        }
    }
}
