//! The last minutes of a node, second by second.

use alloc::{collections::VecDeque, vec::Vec};

use crate::{
    Histogram,
    vitals::{Latencies, Latency, Second},
};

/// Seconds that are remembered.
pub const SECONDS_MAX: usize = 300;

/// Stages of a write on its leader, in order.
pub const STAGES: [&str; 4] = ["queue", "local", "commit", "apply"];

/// How a request ended, as far as an operator cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Answered; that a client asked for something wrong is an answer too.
    Answered,
    /// Not carried out, or nobody knows, through no fault of the client.
    Failed,
    /// Turned away at once.
    Refused,
}

impl Ending {
    /// How a request with this error code ended; `None` is success.
    #[must_use]
    pub fn of(code: Option<&str>) -> Ending {
        match code {
            Some("overloaded" | "disk-full" | "quota-exceeded") => Ending::Refused,
            Some(
                "unavailable" | "deadline-exceeded" | "storage" | "internal" | "session-ahead",
            ) => Ending::Failed,
            _ => Ending::Answered,
        }
    }
}

/// Counts what happens, by second.
#[derive(Clone, Debug, Default)]
pub struct Pulse {
    seconds: VecDeque<Beat>,
}

#[derive(Clone, Debug, Default)]
struct Beat {
    second: u64,
    read: Histogram,
    write: Histogram,
    errors: u64,
    refused: u64,
    stages: [Histogram; 4],
}

impl Pulse {
    /// A request ended in this second.
    pub fn request(&mut self, second: u64, mutation: bool, ending: Ending, us: u64) {
        let beat = self.beat(second);
        match ending {
            Ending::Answered => {}
            Ending::Failed => beat.errors += 1,
            Ending::Refused => beat.refused += 1,
        }
        if mutation { beat.write.record(us) } else { beat.read.record(us) }
    }

    /// A request was turned away at the door in this second.
    pub fn refused(&mut self, second: u64) {
        self.beat(second).refused += 1;
    }

    /// A write went through stages, each of so many microseconds.
    pub fn round(&mut self, second: u64, stages: [Option<u64>; 4]) {
        let beat = self.beat(second);
        for (histogram, us) in beat.stages.iter_mut().zip(stages) {
            if let Some(us) = us {
                histogram.record(us);
            }
        }
    }

    /// Every one of the last seconds before `now`, oldest first; those in which nothing happened
    /// too.
    #[must_use]
    pub fn read(&self, now: u64, seconds: u32) -> Vec<Second> {
        let first = now.saturating_sub(u64::from(seconds).min(SECONDS_MAX as u64));
        let quiet = Beat::default();
        let second = |at: u64| {
            let beat = self.seconds.iter().rev().find(|beat| beat.second == at);
            let beat = beat.unwrap_or(&quiet);
            let both = |thousandths| Latencies {
                read: beat.read.quantile(thousandths),
                write: beat.write.quantile(thousandths),
            };
            Second {
                second: at,
                reads: beat.read.len(),
                writes: beat.write.len(),
                errors: beat.errors,
                refused: beat.refused,
                p50_us: both(500),
                p99_us: both(990),
            }
        };
        (first..now).map(second).collect()
    }

    /// The stages of the writes of so many seconds.
    #[must_use]
    pub fn stages(&self, now: u64, seconds: u32) -> Vec<(&'static str, Latency)> {
        let first = now.saturating_sub(u64::from(seconds));
        let stage = |(at, name): (usize, &&'static str)| {
            let mut all = Histogram::default();
            for beat in self.seconds.iter().filter(|beat| beat.second >= first) {
                beat.stages.get(at).into_iter().for_each(|histogram| all.add(histogram));
            }
            (*name, Latency { p50_us: all.quantile(500), p99_us: all.quantile(990) })
        };
        STAGES.iter().enumerate().map(stage).collect()
    }

    /// The beat of a second. A clock that was set back counts on in the newest.
    fn beat(&mut self, second: u64) -> &mut Beat {
        if self.seconds.back().is_none_or(|newest| newest.second < second) {
            // The oldest is used again: after the first minutes nothing is allocated.
            let full = self.seconds.len() >= SECONDS_MAX;
            let mut beat = if full { self.seconds.pop_front() } else { None }.unwrap_or_default();
            beat.clear(second);
            self.seconds.push_back(beat);
        }
        let newest = self.seconds.len() - 1;
        &mut self.seconds[newest]
    }
}

impl Beat {
    fn clear(&mut self, second: u64) {
        self.read.clear();
        self.write.clear();
        self.stages.iter_mut().for_each(Histogram::clear);
        (self.second, self.errors, self.refused) = (second, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_told_apart_and_quiet_ones_are_told_too() {
        let mut pulse = Pulse::default();
        for us in [100, 200, 300] {
            pulse.request(10, true, Ending::Answered, us);
        }
        pulse.request(10, false, Ending::Failed, 5_000_000);
        pulse.request(12, false, Ending::Answered, 50);
        pulse.request(11, false, Ending::Answered, 50);
        pulse.refused(12);
        pulse.round(12, [Some(1), None, Some(700), Some(3)]);
        let seconds = pulse.read(13, 4);
        let told: Vec<_> = seconds.iter().map(|s| (s.second, s.reads, s.writes)).collect();
        assert_eq!(told, [(9, 0, 0), (10, 1, 3), (11, 0, 0), (12, 2, 0)]);
        assert_eq!((seconds[1].errors, seconds[3].refused), (1, 1));
        let p50 = seconds[1].p50_us.write.unwrap();
        assert!(p50.abs_diff(200) <= 13, "{p50}");
        assert_eq!(seconds[0].p99_us, Latencies::default());
        let stages = pulse.stages(13, 60);
        assert_eq!((stages[0].0, stages[0].1.p50_us), ("queue", Some(1)));
        assert_eq!(stages[1].1.p99_us, None, "a stage that did not happen is not measured");
    }

    #[test]
    fn memory_is_bounded_however_long_it_runs() {
        let mut pulse = Pulse::default();
        for second in 0..2000 {
            pulse.request(second, true, Ending::Answered, second);
        }
        assert_eq!(pulse.seconds.len(), SECONDS_MAX);
        assert_eq!(pulse.read(2000, 9999).len(), SECONDS_MAX);
        assert!(pulse.read(2000, 9999).iter().all(|second| second.writes == 1));
    }

    #[test]
    fn a_clients_own_mistake_is_no_error() {
        assert_eq!(Ending::of(None), Ending::Answered);
        assert_eq!(Ending::of(Some("keyspace-not-found")), Ending::Answered);
        assert_eq!(Ending::of(Some("deadline-exceeded")), Ending::Failed);
        assert_eq!(Ending::of(Some("overloaded")), Ending::Refused);
    }
}
