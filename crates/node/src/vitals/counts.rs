//! What is counted as it happens.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use kernel::{Duration, Instant};
use vigil::{
    Histogram, TopK,
    pulse::{Ending, Pulse},
    vitals::{Failures, Latency, Second},
};

use crate::ambient::Clock;

/// Kinds of failures that are told apart.
const FAILURES_MAX: usize = 32;
/// What happened so long ago counts half.
const HALF_LIFE: Duration = Duration::from_secs(60);
/// Syncs are forgotten after twice as long: a disk is judged by what it does now.
const SYNCS: Duration = Duration::from_secs(10);

/// Counts of this node.
#[derive(Debug)]
pub struct Counts {
    clock: Clock,
    pulse: Mutex<Pulse>,
    failures: Mutex<(TopK<(&'static str, String)>, Instant)>,
    /// Of these ten seconds and the ten before.
    syncs: Mutex<([Histogram; 2], Instant)>,
}

impl Counts {
    /// Nothing has happened.
    #[must_use]
    pub fn new(clock: Clock) -> Counts {
        let now = clock.instant();
        Counts {
            clock,
            pulse: Mutex::default(),
            failures: Mutex::new((TopK::new(FAILURES_MAX), now)),
            syncs: Mutex::new((Default::default(), now)),
        }
    }

    /// A request ended.
    pub fn request(
        &self,
        now: Instant,
        mutation: bool,
        code: Option<&'static str>,
        took: Duration,
    ) {
        lock(&self.pulse).request(self.second(now), mutation, Ending::of(code), micros(took));
    }

    /// A request failed, of this keyspace.
    pub fn failure(&self, now: Instant, code: &'static str, keyspace: &str) {
        let mut failures = lock(&self.failures);
        failures.fade(now);
        let is = |slot: &(&'static str, String)| slot.0 == code && slot.1 == keyspace;
        failures.0.count(is, || (code, keyspace.to_owned()));
    }

    /// A request was turned away at the door.
    pub fn refused(&self, now: Instant, code: &'static str, keyspace: &str) {
        lock(&self.pulse).refused(self.second(now));
        self.failure(now, code, keyspace);
    }

    /// A write went through its stages.
    pub fn round(&self, now: Instant, stages: [Option<Duration>; 4]) {
        lock(&self.pulse).round(self.second(now), stages.map(|took| took.map(micros)));
    }

    /// The journal was synced.
    pub fn sync(&self, now: Instant, took: Duration) {
        let mut syncs = lock(&self.syncs);
        syncs.turn(now);
        syncs.0[0].record(micros(took));
    }

    /// So many seconds, and the stages of so many.
    #[must_use]
    pub fn read(&self, seconds: u32, stages: u32) -> (Vec<Second>, BTreeMap<String, Latency>) {
        self.read_at(self.clock.instant(), seconds, stages)
    }

    fn read_at(
        &self,
        now: Instant,
        seconds: u32,
        stages: u32,
    ) -> (Vec<Second>, BTreeMap<String, Latency>) {
        let now = self.second(now);
        let pulse = lock(&self.pulse);
        let stages = pulse.stages(now, stages).into_iter();
        (
            pulse.read(now, seconds),
            stages.map(|(name, latency)| (name.to_owned(), latency)).collect(),
        )
    }

    /// The syncs of the last ten to twenty seconds, and how many.
    #[must_use]
    pub fn syncs(&self) -> (Latency, u64) {
        let mut syncs = lock(&self.syncs);
        syncs.turn(self.clock.instant());
        let mut all = syncs.0[0].clone();
        all.add(&syncs.0[1]);
        (Latency { p50_us: all.quantile(500), p99_us: all.quantile(990) }, all.len())
    }

    /// Why requests failed, most frequent first.
    #[must_use]
    pub fn failures(&self) -> Vec<Failures> {
        let mut failures = lock(&self.failures);
        failures.fade(self.clock.instant());
        let failure = |((code, keyspace), count): &((&'static str, String), u64)| Failures {
            code: (*code).to_owned(),
            keyspace: keyspace.clone(),
            count: *count,
        };
        failures.0.top().into_iter().map(failure).collect()
    }

    fn second(&self, now: Instant) -> u64 {
        self.clock.steady_us(now) / 1_000_000
    }
}

/// What is left behind as time passes.
trait Passing {
    fn turn(&mut self, now: Instant);
}

impl Passing for ([Histogram; 2], Instant) {
    fn turn(&mut self, now: Instant) {
        let age = now.since(self.1);
        if age < SYNCS {
            return;
        }
        self.0.swap(0, 1);
        self.0[0].clear();
        if age >= 2 * SYNCS {
            self.0[1].clear();
        }
        self.1 = now;
    }
}

trait Fading {
    fn fade(&mut self, now: Instant);
}

impl<T: PartialEq> Fading for (TopK<T>, Instant) {
    fn fade(&mut self, now: Instant) {
        while now.since(self.1) >= HALF_LIFE {
            self.0.fade();
            self.1 = self.1 + HALF_LIFE;
            if self.0.total() == 0 {
                self.1 = now;
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_counted_and_fades() {
        let clock = Clock::start();
        let counts = Counts::new(clock);
        let now = clock.instant();
        let ms = Duration::from_millis;
        counts.request(now, true, None, ms(3));
        counts.failure(now, "deadline-exceeded", "carts");
        counts.failure(now, "deadline-exceeded", "carts");
        counts.refused(now, "overloaded", "");
        counts.round(now, [Some(ms(1)), None, Some(ms(2)), Some(ms(0))]);
        counts.sync(now, ms(7));
        // The second that is under way is not told.
        let (seconds, stages) = counts.read_at(now + ms(1000), 3, 60);
        let writes: u64 = seconds.iter().map(|second| second.writes).sum();
        let refused: u64 = seconds.iter().map(|second| second.refused).sum();
        assert_eq!((writes, refused), (1, 1));
        assert!(stages["commit"].p50_us.is_some() && stages["local"].p50_us.is_none());
        assert_eq!(counts.failures()[0].count, 2);
        assert_eq!(counts.syncs().1, 1);
        let later = now + Duration::from_secs(61);
        lock(&counts.failures).fade(later);
        lock(&counts.syncs).turn(later);
        assert_eq!((counts.failures()[0].count, counts.syncs().1), (1, 0));
    }
}
