//! Faults: events strike at once, conditions hold for a while.
//!
//! What links, disks and clocks do is computed afresh from all conditions whenever one begins or
//! ends. That is slower than undoing each, and it cannot be wrong about overlaps.

use kernel::{Duration, Instant, NodeId, Rng};

use super::{Condition, Event, Status, World};
use crate::disk::Lie;
use crate::{
    audit::What,
    disk::Trouble,
    fault::{Between, Fault},
    machine::{Copied, Factory, Machine},
    net::Flap,
};

impl<F: Factory> World<F> {
    /// Lets a fault strike at a true time.
    pub fn schedule(&mut self, at: Instant, fault: Fault) {
        self.queue.push(at.max(self.now), Event::Strike(Box::new(fault)));
    }

    /// Lets a fault strike now.
    pub fn inject(&mut self, fault: Fault) {
        self.trace.add(0xfa17 ^ self.now.0);
        let what = || What::Injected { fault: fault.to_string(), lasting: fault.lasts().is_some() };
        self.note(fault.node().unwrap_or(NodeId::NONE), what);
        match fault.lasts() {
            Some(lasts) => self.begin(fault, lasts),
            None => self.strike(&fault),
        }
    }

    fn begin(&mut self, fault: Fault, lasts: Duration) {
        let id = self.next_condition;
        self.next_condition += 1;
        self.conditions.push(Condition { id, since: self.now, fault });
        let end = self.now + lasts;
        if end != Instant::NEVER {
            self.queue.push(end, Event::Heal { condition: id });
        }
        self.apply_conditions();
    }

    fn strike(&mut self, fault: &Fault) {
        match *fault {
            Fault::Crash { node, restart_after } => {
                self.crash(node);
                self.restart_later(node, restart_after);
            }
            Fault::Kill { node, restart_after } => {
                self.kill(node);
                self.restart_later(node, restart_after);
            }
            Fault::PowerCut { restart_after } => {
                for node in self.ids() {
                    self.crash(node);
                    self.restart_later(node, Some(restart_after));
                }
            }
            Fault::RotApart { pick, restart_after } => {
                self.rot_apart(pick);
                self.strike(&Fault::PowerCut { restart_after });
            }
            Fault::Wipe { node, restart_after } => {
                self.wipe(node);
                self.restart_later(node, restart_after);
            }
            Fault::Restart { node } => self.restart(node),
            Fault::Jump { node, millis } => {
                if let Some(node) = self.node_mut(node) {
                    node.clock.jump(millis);
                }
            }
            Fault::BitRot { node, ref place } => {
                if let Some(disk) = self.disk(node) {
                    disk.rot(place);
                }
            }
            Fault::MisdirectedWrite { node, pick } => self.lie(node, Lie::Misdirect { pick }),
            Fault::LostWrite { node, pick } => self.lie(node, Lie::Lose { pick }),
            Fault::FailedSync { node } => self.lie(node, Lie::Fail),
            _ => {}
        }
    }

    fn lie(&mut self, node: NodeId, lie: Lie) {
        if let Some(disk) = self.disk(node) {
            disk.lie_at_next_sync(lie);
        }
    }

    /// Lets every disk rot, each where no other disk has lost the same.
    fn rot_apart(&mut self, pick: u64) {
        let mut rng = Rng::new(pick);
        let ids = self.ids();
        let copies = ids.iter().map(|id| self.node(*id)?.machine.as_ref().map(Machine::copies));
        let copies: Vec<Option<Vec<Copied>>> = copies.collect();
        // What was repaired and is not synced may be lost again in this very strike.
        let synced = |id: &NodeId| self.disk(*id).is_some_and(|disk| disk.synced());
        let held =
            ids.iter().zip(&copies).map(|(id, copies)| copies.clone().filter(|_| synced(id)));
        let held: Vec<Option<Vec<Copied>>> = held.collect();
        self.apart.look(&ids, &held);
        let most = rng.range(1, 4);
        for (id, copies) in ids.iter().zip(copies) {
            let mut copies = copies.unwrap_or_default();
            rng.shuffle(&mut copies);
            let mut left = most;
            for copy in copies {
                let Some(disk) = self.disk(*id).filter(|_| left > 0) else { break };
                if self.apart.spares(&copy) && disk.rot_at(&copy, &mut rng) {
                    self.apart.rotten(*id, &copy);
                    left -= 1;
                }
            }
        }
    }

    fn restart_later(&mut self, node: NodeId, after: Option<Duration>) {
        if let (Some(after), Some(life)) = (after, self.node(node).map(|n| n.life)) {
            self.queue.push(self.now + after, Event::Restart { node, life });
        }
    }

    /// Cuts the power of a node: memory and unsynced sectors are gone.
    pub fn crash(&mut self, id: NodeId) {
        self.stop(id, true);
    }

    /// Kills the process of a node: memory is gone, the page cache is not.
    pub fn kill(&mut self, id: NodeId) {
        self.stop(id, false);
    }

    fn stop(&mut self, id: NodeId, power: bool) {
        // A stopped process dies, too; the one that replaces it is not stopped.
        let is_pause = |c: &Condition| matches!(c.fault, Fault::Pause { node, .. } if node == id);
        self.conditions.retain(|condition| !is_pause(condition));
        let Some(node) = self.node_mut(id) else { return };
        let open = node.die();
        node.status = Status::Down;
        if power {
            node.disk.lose_power();
        }
        let mut rng = node.rng.fork(&format!("crash {}", node.life));
        self.factory.crashed(id, &mut rng);
        self.note(id, || What::Crashed { power });
        if let Some(node) = self.nodes.get(id.0 as usize - 1) {
            node.trace(&mut self.trace);
        }
        self.break_off(id, open);
    }

    /// Crashes a node and empties its disk.
    pub fn wipe(&mut self, id: NodeId) {
        self.crash(id);
        let Some(node) = self.node_mut(id) else { return };
        node.disk.wipe();
        node.wiped = true;
        self.factory.wiped(id);
        self.note(id, || What::Wiped);
    }

    /// Stops the process of a node until [`World::resume`].
    pub fn pause(&mut self, id: NodeId) {
        if let Some(node) = self.node_mut(id) {
            node.paused_by_hand = true;
        }
        self.apply_conditions();
    }

    /// Lets a node go on that [`World::pause`] stopped.
    pub fn resume(&mut self, id: NodeId) {
        if let Some(node) = self.node_mut(id) {
            node.paused_by_hand = false;
        }
        self.apply_conditions();
    }

    /// Ends every condition and starts every node that is down or halted.
    pub fn heal_all(&mut self) {
        self.heal_all_but(&[]);
    }

    /// As [`World::heal_all`], but these nodes are crashed and stay down.
    pub fn heal_all_but(&mut self, dead: &[NodeId]) {
        self.note(NodeId::NONE, || What::Healed("everything".to_owned()));
        self.conditions.clear();
        self.net.renew(self.now, self.next_frame);
        for node in &mut self.nodes {
            node.paused_by_hand = false;
            node.disk.heal();
        }
        self.apply_conditions();
        for id in self.ids() {
            match dead.contains(&id) {
                true => self.crash(id),
                false => self.restart(id),
            }
        }
    }

    /// From now on no frame between nodes is late by more than this, on top of what links usually
    /// take.
    pub fn bound_tail(&mut self, tail: Duration) {
        self.net.bound_tail(tail);
        self.apply_conditions();
    }

    /// Ends one condition, unless it was healed before.
    pub(super) fn heal(&mut self, id: u64) {
        let Some(index) = self.conditions.iter().position(|c| c.id == id) else { return };
        let fault = self.conditions.remove(index).fault;
        if let Fault::Slow { links, .. } = &fault {
            self.renew(links);
        }
        let node = fault.node().unwrap_or(NodeId::NONE);
        self.note(node, || What::Healed(fault.to_string()));
        self.apply_conditions();
    }

    fn renew(&mut self, between: &Between) {
        for (from, to) in between.links() {
            if from.0.max(to.0) <= self.options.nodes {
                self.net.link(from, to).renew(self.now, self.next_frame);
            }
        }
    }

    /// Computes what every link, disk, clock and process does from the conditions that hold.
    fn apply_conditions(&mut self) {
        self.net.reset();
        let conditions = std::mem::take(&mut self.conditions);
        for condition in &conditions {
            self.apply_to_links(condition);
        }
        for id in self.ids() {
            self.apply_to_node(id, &conditions);
        }
        self.conditions = conditions;
    }

    fn apply_to_links(&mut self, condition: &Condition) {
        let Some(between) = condition.fault.between() else { return };
        for (from, to) in between.links() {
            if from.0.max(to.0) > self.options.nodes {
                continue;
            }
            let link = self.net.link(from, to);
            match condition.fault {
                Fault::Cut { .. } => link.cut = true,
                Fault::Flap { up, down, .. } => {
                    link.flaps.push(Flap { since: condition.since, up, down });
                }
                Fault::Slow { delay, bytes_per_second, .. } => {
                    link.quality.base += delay;
                    let rate = &mut link.quality.bytes_per_second;
                    *rate = [*rate, bytes_per_second]
                        .into_iter()
                        .filter(|r| *r != 0)
                        .min()
                        .unwrap_or(0);
                }
                Fault::Lossy { loss_ppm, duplicate_ppm, reorder_ppm, .. } => {
                    link.quality.loss_ppm += loss_ppm;
                    link.quality.duplicate_ppm += duplicate_ppm;
                    link.quality.reorder_ppm += reorder_ppm;
                }
                _ => {}
            }
        }
    }

    fn apply_to_node(&mut self, id: NodeId, conditions: &[Condition]) {
        let now = self.now;
        let Some(node) = self.node_mut(id) else { return };
        let mut trouble = Trouble::default();
        let (mut paused, mut stalled, mut frozen) = (node.paused_by_hand, false, false);
        let (mut sync_delay, mut drift) = (Duration::ZERO, node.drift_ppm);
        for condition in conditions.iter().filter(|c| c.fault.node() == Some(id)) {
            match condition.fault {
                Fault::Pause { .. } => paused = true,
                Fault::SlowDisk { delay, .. } => sync_delay += delay,
                Fault::StallDisk { .. } => stalled = true,
                Fault::FullDisk { .. } => trouble.full = true,
                Fault::ReadErrors { ppm, .. } => trouble.read_error_ppm += ppm,
                Fault::Drift { ppm, .. } => drift += ppm,
                Fault::Freeze { .. } => frozen = true,
                _ => {}
            }
        }
        node.disk.set_trouble(trouble);
        node.sync_delay = sync_delay;
        node.clock.set_frozen(now, frozen);
        let drifted = node.clock.set_drift(now, drift);
        let (was_paused, was_stalled) = (node.paused, node.stalled);
        (node.paused, node.stalled) = (paused, stalled);
        if drifted {
            self.look_at_timers_again(id);
        }
        if was_paused != paused {
            self.note(id, || if paused { What::Paused } else { What::Resumed });
        }
        if was_paused && !paused {
            self.wake_now(id);
        }
        if was_stalled && !stalled {
            self.release_held(id);
        }
    }

    /// A crystal changed its rate: the events of all timers are at wrong times.
    fn look_at_timers_again(&mut self, id: NodeId) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(id.0 as usize - 1) else { return };
        for (timer, entry) in &mut node.timers {
            let Some(at) = entry.at.filter(|at| *at != Instant::NEVER) else { continue };
            node.generation += 1;
            (entry.generation, entry.looks_at) = (node.generation, node.clock.when(now, at));
            let event = Event::Timer {
                node: id,
                life: node.life,
                timer: *timer,
                generation: entry.generation,
            };
            self.queue.push(entry.looks_at, event);
        }
    }

    fn wake_now(&mut self, id: NodeId) {
        if let Some(life) = self.node(id).map(|node| node.life) {
            self.queue.push(self.now, Event::Wake { node: id, life });
        }
    }

    fn release_held(&mut self, id: NodeId) {
        let Some(node) = self.node_mut(id) else { return };
        let life = node.life;
        for work in std::mem::take(&mut node.held) {
            self.queue.push(self.now, Event::Done { node: id, life, id: work });
        }
    }
}
