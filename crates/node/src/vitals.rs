//! How this node is: counted where it happens, looked at once per second, told when asked.
//!
//! ```text
//!   worker: requests, rounds ──┐
//!   journal thread: syncs ─────┼─▶ Counts ──┐
//!   callers: sampled keys ─────┘            ├─▶ vigil::Vitals ─▶ alarms, health ─▶ /v1/vitals
//!   watch: queues, load, peers ──▶ Look ────┘
//! ```
//!
//! What is counted per request costs one lock that is hardly ever contended, and no allocation: the
//! counts are in fixed memory, and keys are looked at in one request of many.

mod counts;
mod cpu;
mod hot;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vigil::{
    Severity, health,
    vitals::{Alarm, Disk, Load, Peer, Queue, Replica, Vitals},
};

pub use self::{counts::Counts, cpu::Cpu, hot::Hot};
use crate::{ambient::Clock, flight::Flight, metrics::Metrics};

/// Seconds of which stages are told.
const STAGES_S: u32 = 60;

/// What is only seen by looking.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// Everything that waits.
    pub queues: Vec<Queue>,
    /// What the machine gives.
    pub load: Load,
    /// Whether the disk refuses writes.
    pub disk_full: bool,
    /// The other nodes.
    pub peers: Vec<Peer>,
    /// Replicas of this node.
    pub replicas: Vec<Replica>,
    /// Error budgets that burn too fast.
    pub burning: Vec<String>,
}

/// How this node is.
#[derive(Debug)]
pub struct Pulse {
    /// What is counted as it happens.
    pub counts: Counts,
    /// Keys that are asked for most.
    pub hot: Hot,
    clock: Clock,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    node: String,
    started: String,
    starts_10m: u64,
    look: Look,
    alarms: Vec<Alarm>,
}

impl Pulse {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(clock: Clock) -> Pulse {
        Pulse { counts: Counts::new(clock), hot: Hot::default(), clock, seen: Mutex::default() }
    }

    /// Who this is, and how often it started lately.
    pub fn introduce(&self, node: String, starts_10m: u64) {
        let started = vigil::time::rfc3339(self.clock.unix_ms());
        let mut seen = self.lock();
        (seen.node, seen.started, seen.starts_10m) = (node, started, starts_10m);
    }

    /// Somebody looked, as happens every second: alarms come and go. While the node is not settled
    /// none comes: a node that has just started has not heard of anybody.
    pub fn look(&self, look: Look, settled: bool, metrics: &Metrics, flight: &Flight) {
        self.lock().look = look;
        let vitals = self.vitals(1, 0, metrics);
        let troubles = if settled { health::judge(&vitals) } else { Vec::new() };
        let alarms = health::alarms(&troubles, &vitals.alarms, &vitals.now);
        for alarm in alarms.iter().filter(|alarm| !has(&vitals.alarms, alarm)) {
            let event = vigil::Event::new("alarm", Severity::Alarm, alarm.text.clone());
            flight.record(event.with("alarm", alarm.kind.as_str()));
        }
        for alarm in vitals.alarms.iter().filter(|alarm| !has(&alarms, alarm)) {
            let text = format!("no longer: {}", alarm.text);
            let event = vigil::Event::new("alarm-cleared", Severity::Info, text);
            flight.record(event.with("alarm", alarm.kind.as_str()));
        }
        metrics.set_alarms(alarms.iter().map(|alarm| alarm.kind.as_str()));
        metrics.health.set(i64::try_from(health::health(&troubles).score).unwrap_or(0));
        self.lock().alarms = alarms;
    }

    /// All of it, with so many seconds, by a clock that is off by `skew_ms`.
    #[must_use]
    pub fn vitals(&self, seconds: u32, skew_ms: i64, metrics: &Metrics) -> Vitals {
        let now_ms = self.clock.unix_ms().saturating_add_signed(skew_ms);
        let (ops, stages) = self.counts.read(seconds, STAGES_S);
        let (sync, syncs) = self.counts.syncs();
        let seen = self.lock();
        let look = seen.look.clone();
        let mut vitals = Vitals {
            node: seen.node.clone(),
            started: seen.started.clone(),
            starts_10m: seen.starts_10m,
            now: vigil::time::rfc3339(now_ms),
            now_ms,
            ops,
            stages,
            queues: look.queues,
            load: look.load,
            disk: Disk { sync, syncs, full: look.disk_full },
            peers: look.peers,
            replicas: look.replicas,
            burning: look.burning,
            failures: self.counts.failures(),
            hot: self.hot.top(),
            refused_links: metrics.refused_by_reason(),
            alarms: seen.alarms.clone(),
            ..Vitals::default()
        };
        drop(seen);
        vitals.health = health::health(&health::judge(&vitals));
        vitals
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has(alarms: &[Alarm], alarm: &Alarm) -> bool {
    alarms.iter().any(|other| other.kind == alarm.kind)
}

/// Shared by everybody who counts.
pub type Shared = Arc<Pulse>;

#[cfg(test)]
mod tests {
    use super::*;
    use vigil::event::Filter;

    #[test]
    fn an_alarm_rises_is_told_once_and_goes_away() {
        let clock = Clock::start();
        let (pulse, metrics, flight) = (Pulse::new(clock), Metrics::default(), Flight::new(clock));
        pulse.introduce("n1".into(), 1);
        pulse.look(Look { disk_full: true, ..Look::default() }, false, &metrics, &flight);
        let look = |disk_full| Look { disk_full, ..Look::default() };
        for full in [false, true, true, false] {
            pulse.look(look(full), true, &metrics, &flight);
            let vitals = pulse.vitals(5, 4_000, &metrics);
            assert_eq!(vitals.alarms.len(), usize::from(full), "{:?}", vitals.alarms);
            assert_eq!(vitals.health.score < 100, full);
            assert_eq!(vitals.ops.len(), 5);
            assert!(vitals.now_ms > clock.unix_ms() + 3_000, "the clock it goes by is off");
        }
        let (events, _) = flight.read(&Filter { limit: 9, ..Filter::default() });
        let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["alarm", "alarm-cleared"]);
    }
}
