//! One node as the world keeps it: what is volatile, what survives, and its timers.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Duration, Instant, NodeId, Rng, Ticket, TimerId};

use crate::{
    audit::Trace,
    clock::NodeClock,
    disk::SimDisk,
    machine::{Input, Machine, Work},
    options::Options,
};

/// Whether a node runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It runs (perhaps paused).
    Up,
    /// It crashed or has not started yet.
    Down,
    /// It stopped itself or refused to start, for this reason.
    Halted(String),
}

/// A timer: where it is set, and the event in the queue that will look at it.
///
/// Moving a timer later costs no event: the old event finds that it came too early and goes
/// back into the queue. Protocols move their election timers with every message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timer {
    pub(super) at: Option<Instant>,
    pub(super) looks_at: Instant,
    pub(super) generation: u64,
}

pub(super) struct Node<M: Machine> {
    pub(super) id: NodeId,
    pub(super) machine: Option<M>,
    pub(super) status: Status,
    pub(super) disk: SimDisk,
    pub(super) clock: NodeClock,
    pub(super) drift_ppm: i64,
    pub(super) rng: Rng,
    /// Grows when the process dies: events of an earlier life find nobody.
    pub(super) life: u64,
    pub(super) boots: u64,
    pub(super) wiped: bool,
    pub(super) paused_by_hand: bool,
    pub(super) paused: bool,
    pub(super) stalled: bool,
    pub(super) sync_delay: Duration,
    pub(super) inbox: Vec<(u64, Input<M::Request>)>,
    pub(super) busy_until: Instant,
    pub(super) wakes: bool,
    pub(super) timers: BTreeMap<TimerId, Timer>,
    pub(super) generation: u64,
    /// Until when each kind of work is occupied.
    pub(super) working: BTreeMap<Work, Instant>,
    /// Work whose time has come while the disk is stalled.
    pub(super) held: Vec<u64>,
    pub(super) open: BTreeSet<Ticket>,
}

impl<M: Machine> Node<M> {
    pub(super) fn new(id: NodeId, options: &Options, seed: &Rng) -> Node<M> {
        let mut rng = seed.fork(&format!("node {id}"));
        let skew = u64::try_from(options.clock.skew.as_nanos()).unwrap_or(0).min(1 << 60);
        let skew = rng.range(0, 2 * skew) as i64 - skew as i64;
        let drift = options.clock.drift_ppm.unsigned_abs();
        let drift_ppm = rng.range(0, 2 * drift) as i64 - drift as i64;
        let origin = origin(&mut rng);
        Node {
            id,
            machine: None,
            status: Status::Down,
            disk: SimDisk::new(options.disk.capacity, rng.fork("disk")),
            clock: NodeClock::new(Instant::ZERO, origin, drift_ppm, skew),
            drift_ppm,
            rng,
            life: 0,
            boots: 0,
            wiped: false,
            paused_by_hand: false,
            paused: false,
            stalled: false,
            sync_delay: Duration::ZERO,
            inbox: Vec::new(),
            busy_until: Instant::ZERO,
            wakes: false,
            timers: BTreeMap::new(),
            generation: 0,
            working: BTreeMap::new(),
            held: Vec::new(),
            open: BTreeSet::new(),
        }
    }

    /// Forgets everything volatile; the tickets that were never answered.
    pub(super) fn die(&mut self) -> BTreeSet<Ticket> {
        self.machine = None;
        self.life += 1;
        self.inbox.clear();
        self.timers.clear();
        self.working.clear();
        self.held.clear();
        (self.wakes, self.paused, self.paused_by_hand) = (false, false, false);
        std::mem::take(&mut self.open)
    }

    /// Adds to the trace what a comparison of two runs should notice first.
    pub(super) fn trace(&self, trace: &mut Trace) {
        trace.add(self.id.0 << 32 | self.boots);
        trace.add(self.disk.durable_hash());
        trace.add(self.machine.as_ref().map_or(0, Machine::state_hash));
    }
}

/// Where a monotonic clock starts: somewhere in the first hour.
pub(super) fn origin(rng: &mut Rng) -> Instant {
    Instant(rng.below(3_600_000_000_000))
}
