//! How far away another node is, and how far its clock is off: learned from reports, at no cost.
//!
//! ```text
//!   here    sent_us ─┐                        ┌─▶ rtt = now − echo_us − held_us
//!                     ╲                      ╱
//!   there              └─ held_us ── wall ──┘     clock = wall + rtt / 2 − wall here
//! ```
//!
//! As NTP does it (RFC 5905, section 8): the answer that was fastest tells most, so the best of the
//! last few counts.

use kernel::{Instant, Now, Wall};

use crate::message::Ping;

use super::daytime::ahead;

/// Reports of which the fastest counts.
const SAMPLES: usize = 4;

/// What is known of the way to one node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pace {
    /// When it sent its last report, by its clock, and when that came.
    heard: Option<(u64, Instant)>,
    /// There and back in microseconds, and how far its time of day is ahead of the monotonic clock
    /// here, in milliseconds.
    samples: [Option<(u64, i64)>; SAMPLES],
    next: usize,
}

impl Pace {
    /// A report of that node came.
    pub fn heard(&mut self, now: Now, ping: &Ping) {
        self.heard = Some((ping.sent_us, now.instant));
        if ping.echo_us == 0 {
            return;
        }
        let rtt = micros(now.instant).saturating_sub(ping.echo_us.saturating_add(ping.held_us));
        let there = Wall(ping.wall_ms.saturating_add(rtt / 2000));
        if let Some(sample) = self.samples.get_mut(self.next) {
            *sample = Some((rtt, ahead(Now { wall: there, ..now })));
        }
        self.next = (self.next + 1) % SAMPLES;
    }

    /// What goes with the next report to that node.
    pub fn ping(&self, now: Now) -> Ping {
        let (echo_us, held_us) = self.heard.map_or((0, 0), |(sent, at)| {
            (sent, u64::try_from(now.instant.since(at).as_micros()).unwrap_or(u64::MAX))
        });
        Ping { sent_us: micros(now.instant), wall_ms: now.wall.0, echo_us, held_us }
    }

    /// There and back in microseconds, and how far its clock is ahead of the one here in
    /// milliseconds, give or take half of the former.
    pub fn best(&self, now: Now) -> Option<(u64, i64)> {
        self.fastest().map(|(rtt, there)| (rtt, there.saturating_sub(ahead(now))))
    }

    /// How far its time of day is ahead of the monotonic clock here, in milliseconds.
    pub fn ahead(&self) -> Option<i64> {
        self.fastest().map(|(_, there)| there)
    }

    fn fastest(&self) -> Option<(u64, i64)> {
        self.samples.iter().flatten().min_by_key(|sample| sample.0).copied()
    }
}

fn micros(at: Instant) -> u64 {
    u64::try_from(at.since(Instant::ZERO).as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Duration;

    /// A clock that began at another time and is off by so much.
    fn now(ms: u64, began: u64, off: i64) -> Now {
        let instant = Instant::ZERO + Duration::from_millis(began + ms);
        Now { instant, wall: Wall((1_000_000 + ms).saturating_add_signed(off)) }
    }

    #[test]
    fn the_way_and_the_clock_are_told_by_the_fastest_report() {
        let (mut here, mut there) = (Pace::default(), Pace::default());
        assert_eq!(here.best(now(0, 50, 0)), None);
        for (at, way) in [(0, 40), (1000, 5), (2000, 60)] {
            there.heard(now(at + way, 7_777, 4_000), &here.ping(now(at, 50, 0)));
            // It is held for half a second, and takes as long back.
            here.heard(
                now(at + 2 * way + 500, 50, 0),
                &there.ping(now(at + way + 500, 7_777, 4_000)),
            );
        }
        assert_eq!(here.best(now(2_620, 50, 0)), Some((10_000, 4_000)));
        assert_eq!(here.best(now(2_620, 50, 9_000)), Some((10_000, -5_000)), "a jump here");
        for at in [3000, 4000, 5000, 6000] {
            there.heard(now(at + 80, 7_777, 0), &here.ping(now(at, 50, 0)));
            here.heard(now(at + 160, 50, 0), &there.ping(now(at + 80, 7_777, 0)));
        }
        assert_eq!(here.best(now(6_160, 50, 0)), Some((160_000, 0)), "what was is forgotten");
    }
}
