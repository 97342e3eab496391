//! The clocks of one node, derived from true time.
//!
//! ```text
//!   true time ──(rate: 1 + drift)──▶ monotonic ──(+ skew and jumps, or frozen)──▶ wall
//! ```
//!
//! The monotonic clock never goes back; its origin is random and changes at every boot, so that
//! an instant that outlives its process is noticed. The wall clock follows the same crystal, may
//! jump either way, and may stand still.

use kernel::{
    Duration, Instant,
    time::{Now, Wall},
};

/// What every wall clock without skew shows at true time zero: 2026-01-01T00:00:00Z.
pub const EPOCH_MS: u64 = 1_767_225_600_000;

const MILLION: u64 = 1_000_000;

/// The clocks of one node.
#[derive(Clone, Debug)]
pub struct NodeClock {
    /// True time and monotonic time at the last change of rate.
    base: (Instant, Instant),
    drift_ppm: i64,
    /// Wall minus monotonic, nanoseconds.
    wall_offset: i128,
    frozen: Option<Wall>,
}

impl NodeClock {
    /// A clock that shows `origin` now and whose wall is `skew_ns` off.
    #[must_use]
    pub fn new(now: Instant, origin: Instant, drift_ppm: i64, skew_ns: i64) -> NodeClock {
        let wall =
            i128::from(EPOCH_MS) * i128::from(MILLION) + i128::from(now.0) + i128::from(skew_ns);
        NodeClock {
            base: (now, origin),
            drift_ppm,
            wall_offset: wall - i128::from(origin.0),
            frozen: None,
        }
    }

    /// The node's monotonic time at a true time, which must not precede the last change.
    #[must_use]
    pub fn monotonic(&self, at: Instant) -> Instant {
        // Whole millions apart, so that 64 bits are enough and division is rare and cheap.
        let elapsed = at.0.saturating_sub(self.base.0.0);
        let (millions, rest) = (elapsed / MILLION, elapsed % MILLION);
        let local = millions.saturating_mul(self.rate()) + rest * self.rate() / MILLION;
        Instant(self.base.1.0.saturating_add(local))
    }

    /// Local nanoseconds in a million true ones.
    fn rate(&self) -> u64 {
        MILLION.saturating_add_signed(self.drift_ppm)
    }

    /// Both clocks at a true time.
    #[must_use]
    pub fn read(&self, at: Instant) -> Now {
        let instant = self.monotonic(at);
        let wall = Wall(clamp(i128::from(instant.0) + self.wall_offset) / MILLION);
        Now { instant, wall: self.frozen.unwrap_or(wall) }
    }

    /// The first true time, not before `now`, at which the monotonic clock shows `local`.
    #[must_use]
    pub fn when(&self, now: Instant, local: Instant) -> Instant {
        if local == Instant::NEVER {
            return Instant::NEVER;
        }
        let ahead = local.0.saturating_sub(self.base.1.0);
        let (whole, rest) = (ahead / self.rate(), ahead % self.rate());
        let elapsed = whole.saturating_mul(MILLION) + (rest * MILLION).div_ceil(self.rate());
        Instant(self.base.0.0.saturating_add(elapsed)).max(now)
    }

    /// Changes the rate from now on. The rate stays above a tenth of true time.
    /// Returns whether that is a change.
    pub fn set_drift(&mut self, now: Instant, drift_ppm: i64) -> bool {
        let drift_ppm = drift_ppm.clamp(-900_000, 9_000_000);
        let changed = drift_ppm != self.drift_ppm;
        if changed {
            self.base = (now, self.monotonic(now));
            self.drift_ppm = drift_ppm;
        }
        changed
    }

    /// Moves the wall clock.
    pub fn jump(&mut self, by_ms: i64) {
        self.wall_offset += i128::from(by_ms) * i128::from(MILLION);
    }

    /// Stops the wall clock, or lets it go on from the right time.
    pub fn set_frozen(&mut self, now: Instant, frozen: bool) {
        let shown = self.read(now).wall;
        self.frozen = frozen.then_some(shown);
    }

    /// A new monotonic origin, as after a reboot; the wall clock goes on.
    pub fn reboot(&mut self, now: Instant, origin: Instant) {
        let shown = self.monotonic(now);
        self.wall_offset += i128::from(shown.0) - i128::from(origin.0);
        self.base = (now, origin);
    }

    /// How far the wall clock is from true time, in milliseconds.
    #[must_use]
    pub fn wall_error_ms(&self, now: Instant) -> i64 {
        let right = EPOCH_MS + now.since(Instant::ZERO).as_millis() as u64;
        self.read(now).wall.0.wrapping_sub(right) as i64
    }

    /// True time that passes while the node believes that `local` passes.
    #[must_use]
    pub fn stretch(&self, now: Instant, local: Duration) -> Duration {
        self.when(now, self.monotonic(now) + local).since(now)
    }
}

fn clamp(nanos: i128) -> u64 {
    u64::try_from(nanos.max(0)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_fast_clock_runs_ahead_and_its_timers_fire_early() {
        let mut clock = NodeClock::new(Instant(0), Instant(5), 0, 0);
        clock.set_drift(Instant(0), 100_000);
        let minute = Instant::ZERO + 60 * SECOND;
        assert_eq!(clock.monotonic(minute).since(Instant(5)), 66 * SECOND);
        assert_eq!(clock.wall_error_ms(minute), 6_000);
        assert!(clock.stretch(Instant(0), 11 * SECOND) <= 10 * SECOND);
    }

    #[test]
    fn jumps_and_freezes_touch_the_wall_alone() {
        let mut clock = NodeClock::new(Instant(0), Instant(0), 0, 250_000_000);
        let at = Instant::ZERO + SECOND;
        assert_eq!(clock.wall_error_ms(at), 250);
        clock.jump(-5_000);
        assert_eq!(clock.wall_error_ms(at), -4_750);
        clock.set_frozen(at, true);
        let later = at + 3 * SECOND;
        assert_eq!(clock.read(later).wall, clock.read(at).wall);
        assert_eq!(clock.monotonic(later).since(clock.monotonic(at)), 3 * SECOND);
        clock.set_frozen(later, false);
        assert_eq!(clock.wall_error_ms(later), -4_750);
    }

    #[test]
    fn a_reboot_moves_the_origin_and_keeps_the_wall() {
        let mut clock = NodeClock::new(Instant(0), Instant(1_000), 50, 0);
        let at = Instant::ZERO + 10 * SECOND;
        let wall = clock.read(at).wall;
        clock.reboot(at, Instant(7));
        assert_eq!(clock.read(at), Now { instant: Instant(7), wall });
    }

    proptest! {
        #[test]
        fn monotonic_never_goes_back_and_when_is_its_inverse(
            steps in prop::collection::vec((1u64..10_000_000_000, -200_000i64..200_000), 1..20),
            ahead in 0u64..100_000_000_000,
        ) {
            let mut clock = NodeClock::new(Instant(0), Instant(123), 0, 0);
            let mut now = Instant(0);
            for (step, drift) in steps {
                let before = clock.monotonic(now);
                now = now + Duration::from_nanos(step);
                clock.set_drift(now, drift);
                prop_assert!(clock.monotonic(now) >= before);
                let local = clock.monotonic(now) + Duration::from_nanos(ahead);
                let at = clock.when(now, local);
                prop_assert!(at >= now && clock.monotonic(at) >= local);
                prop_assert!(at == now || clock.monotonic(Instant(at.0 - 1)) < local);
            }
        }
    }
}
