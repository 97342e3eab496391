//! Bounded uncertainty (TrueTime: Corbett et al., "Spanner", 2012, section 3).
//!
//! A reading is an interval that contains true time. Its width is the error of the last
//! synchronization plus what the crystal may have drifted since:
//!
//! ```text
//!                 synchronized            now
//!   true time ────────┼────────────────────┼───▶
//!                  ├──┼──┤           ├─────┼─────┤
//!                   error            earliest   latest
//! ```
//!
//! *Commit wait* (section 4.1.2): stamp an event with `latest`, and make it known only once
//! `earliest` has passed the stamp. Then whoever acts after it became known gets a greater stamp,
//! on whatever node, without a message between them. All of it rests on the bounds: where a
//! clock is further off than it says, the order is wrong and nothing here can notice.

use crate::time::{Duration, Instant};

const MILLION: u64 = 1_000_000;

/// True time is in here, bounds included. Nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interval {
    /// Not before this.
    pub earliest: u64,
    /// Not after this.
    pub latest: u64,
}

impl Interval {
    /// Whether all of this is before all of the other: then it really came first.
    #[must_use]
    pub fn is_before(self, other: Interval) -> bool {
        self.latest < other.earliest
    }
}

/// The clock of one node: its last synchronization, carried on by the monotonic clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntervalClock {
    at: Instant,
    reading: u64,
    error: u64,
    drift_ppm: u64,
}

impl IntervalClock {
    /// A clock whose crystal is off by at most `drift_ppm` parts per million (at most 400 000),
    /// synchronized at `at` to `reading` nanoseconds since 1970, which is off by at most `error`.
    #[must_use]
    pub fn new(at: Instant, reading: u64, error: Duration, drift_ppm: u64) -> IntervalClock {
        let drift_ppm = drift_ppm.min(400_000);
        IntervalClock { at, reading, error: nanos(error), drift_ppm }
    }

    /// Takes a new reading, unless carrying on from the old one is more certain.
    pub fn synchronize(&mut self, at: Instant, reading: u64, error: Duration) {
        if nanos(error) <= self.uncertainty(at) {
            (self.at, self.reading, self.error) = (at, reading, nanos(error));
        }
    }

    /// What is known of true time now.
    #[must_use]
    pub fn now(&self, now: Instant) -> Interval {
        let middle = self.reading.saturating_add(nanos(now.since(self.at)));
        let error = self.uncertainty(now);
        Interval { earliest: middle.saturating_sub(error), latest: middle.saturating_add(error) }
    }

    /// Whether this time has certainly passed.
    #[must_use]
    pub fn is_after(&self, now: Instant, time: u64) -> bool {
        time < self.now(now).earliest
    }

    /// Whether this time has certainly not come yet.
    #[must_use]
    pub fn is_before(&self, now: Instant, time: u64) -> bool {
        self.now(now).latest < time
    }

    /// How long to wait, by the own monotonic clock, until this time has certainly passed. It
    /// may be asked again after the wait; a synchronization meanwhile can only shorten it.
    #[must_use]
    pub fn commit_wait(&self, now: Instant, time: u64) -> Duration {
        // earliest(x) = reading - error + x - x·d/(M-d) must exceed `time`; x since `at`.
        let target = u128::from(time.saturating_add(self.error).saturating_sub(self.reading));
        let (whole, drift) = (u128::from(MILLION), u128::from(self.drift_ppm));
        let elapsed = target * (whole - drift) / (whole - 2 * drift) + 3;
        let until = self.at + Duration::from_nanos(u64::try_from(elapsed).unwrap_or(u64::MAX));
        if self.is_after(now, time) { Duration::ZERO } else { until.since(now) }
    }

    /// Half the width of the interval, in nanoseconds.
    fn uncertainty(&self, now: Instant) -> u64 {
        // A crystal that is slow by d shows x while x/(1-d) passes: x·d/(1-d) more, not x·d.
        let elapsed = u128::from(nanos(now.since(self.at)));
        let drift = u128::from(self.drift_ppm);
        let drifted = (elapsed * drift).div_ceil(u128::from(MILLION) - drift);
        self.error.saturating_add(u64::try_from(drifted).unwrap_or(u64::MAX))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EPOCH: u64 = 1_767_225_600_000_000_000;

    /// A node whose crystal and synchronization are off by given parts of what they may be.
    #[derive(Clone, Debug)]
    struct Node {
        clock: IntervalClock,
        rate_ppm: i64,
    }

    impl Node {
        /// `error` and `drift` in -100..=100 percent of the bounds.
        fn new(error_ns: u64, drift_ppm: u64, error: i64, drift: i64) -> Node {
            let off = error_ns as i64 * error / 100;
            let reading = EPOCH.saturating_add_signed(off);
            let bound = Duration::from_nanos(error_ns);
            let clock = IntervalClock::new(Instant(0), reading, bound, drift_ppm);
            Node { clock, rate_ppm: drift_ppm as i64 * drift / 100 }
        }

        /// The local monotonic clock at a true time after the epoch.
        fn local(&self, elapsed: u64) -> Instant {
            let rate = MILLION.saturating_add_signed(self.rate_ppm);
            Instant((u128::from(elapsed) * u128::from(rate) / u128::from(MILLION)) as u64)
        }

        fn read(&self, elapsed: u64) -> Interval {
            self.clock.now(self.local(elapsed))
        }

        /// The first true time at which a local wait that began at `elapsed` is over.
        fn wait(&self, elapsed: u64, wait: Duration) -> u64 {
            let rate = MILLION.saturating_add_signed(self.rate_ppm);
            let until = u128::from((self.local(elapsed) + wait).0);
            (until * u128::from(MILLION)).div_ceil(u128::from(rate)) as u64
        }
    }

    fn nodes() -> impl Strategy<Value = Node> {
        (0u64..10_000_000, 0u64..1_000, -100i64..=100, -100i64..=100)
            .prop_map(|(error_ns, drift, error, rate)| Node::new(error_ns, drift, error, rate))
    }

    const HOUR: u64 = 3_600_000_000_000;

    proptest! {
        #[test]
        fn true_time_is_always_inside(node in nodes(), elapsed in 0..HOUR) {
            let Interval { earliest, latest } = node.read(elapsed);
            // The local clock counts whole nanoseconds: one may be missing.
            prop_assert!((earliest..=latest + 1).contains(&(EPOCH + elapsed)));
        }

        #[test]
        fn an_order_of_intervals_is_an_order_of_real_time(
            a in nodes(), b in nodes(), at_a in 0..HOUR, at_b in 0..HOUR,
        ) {
            prop_assert!(!a.read(at_a).is_before(b.read(at_b)) || at_a < at_b);
        }

        #[test]
        fn commit_wait_orders_stamps_as_real_time_does(
            a in nodes(), b in nodes(), began in 0..HOUR, later in 0u64..1_000_000_000,
        ) {
            let stamp = a.read(began).latest;
            let wait = a.clock.commit_wait(a.local(began), stamp);
            let known = a.wait(began, wait);
            prop_assert!(a.clock.is_after(a.local(known), stamp));
            prop_assert!(stamp < EPOCH + known, "the stamp has really passed");
            // One nanosecond for the counting of the other local clock.
            prop_assert!(b.read(known + later + 1).latest > stamp);
        }

        #[test]
        fn the_wait_is_not_longer_than_needed(node in nodes(), began in 0..HOUR, ahead in 0..HOUR) {
            let now = node.local(began);
            let time = EPOCH + began + ahead;
            let wait = node.clock.commit_wait(now, time);
            prop_assert!(node.clock.is_after(now + wait, time));
            let shorter = wait.saturating_sub(Duration::from_nanos(6));
            prop_assert!(wait.is_zero() || !node.clock.is_after(now + shorter, time));
        }
    }

    #[test]
    fn a_clock_that_is_off_by_more_than_it_says_turns_the_order() {
        let honest = Node::new(1_000_000, 0, 0, 0);
        let wrong = Node::new(1_000_000, 0, -500, 0);
        let first = honest.read(HOUR);
        let second = wrong.read(HOUR + 1_000_000);
        assert!(second.is_before(first), "the later event seems to be the earlier");
    }

    #[test]
    fn before_and_after_leave_a_doubt_between_them() {
        let clock = IntervalClock::new(Instant(0), EPOCH, Duration::from_nanos(10), 0);
        let says = |time| (clock.is_after(Instant(0), time), clock.is_before(Instant(0), time));
        assert_eq!(says(EPOCH - 11), (true, false));
        assert_eq!(says(EPOCH - 10), (false, false));
        assert_eq!(says(EPOCH + 10), (false, false));
        assert_eq!(says(EPOCH + 11), (false, true));
    }

    #[test]
    fn uncertainty_grows_until_the_next_good_synchronization() {
        let error = Duration::from_millis;
        let mut clock = IntervalClock::new(Instant(0), EPOCH, error(1), 200);
        let hour = Instant(HOUR);
        let width = |clock: &IntervalClock| clock.now(hour).latest - clock.now(hour).earliest;
        assert!(width(&clock) > 1_440_000_000, "200 ppm of an hour, either way");
        let carried = clock.clone();
        clock.synchronize(hour, EPOCH + HOUR, Duration::from_secs(5));
        assert_eq!(clock, carried, "a worse reading is ignored");
        clock.synchronize(hour, EPOCH + HOUR, error(2));
        assert_eq!(width(&clock), 4_000_000);
    }
}
