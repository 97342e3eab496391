//! Hybrid logical clock (Kulkarni et al., 2014).
//!
//! A timestamp is 48 bits of wall-clock milliseconds and a 16-bit counter: it orders causally
//! related events as a Lamport clock does and stays close to physical time. The counter, not
//! the physical part, grows while the wall clock stands still: a clock that ticks its physical
//! part on every event (as some published pseudo-code does) runs away from real time.

use core::fmt;

use crate::time::Wall;

/// 48 bits of milliseconds since 1970, then 16 bits of counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// A timestamp of these parts; milliseconds beyond 48 bits saturate.
    #[must_use]
    pub fn new(millis: u64, counter: u16) -> Timestamp {
        Timestamp((millis.min((1 << 48) - 1) << 16) | u64::from(counter))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn millis(self) -> u64 {
        self.0 >> 16
    }

    /// How many events shared the millisecond before this one.
    #[must_use]
    pub fn counter(self) -> u16 {
        self.0 as u16
    }

    /// The smallest greater timestamp; the counter overflows into the milliseconds.
    #[must_use]
    pub fn next(self) -> Timestamp {
        Timestamp(self.0.saturating_add(1))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.millis(), self.counter())
    }
}

/// A remote timestamp too far ahead of the local wall clock to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFarAhead {
    /// How far, in milliseconds.
    pub ahead_ms: u64,
}

/// The clock of one process. The default one believes no remote timestamp ahead of its wall clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct HybridClock {
    last: Timestamp,
    offset_max_ms: u64,
}

impl HybridClock {
    /// A clock that refuses remote timestamps more than `offset_max_ms` ahead of the wall clock.
    #[must_use]
    pub fn new(offset_max_ms: u64) -> HybridClock {
        HybridClock { last: Timestamp(0), offset_max_ms }
    }

    /// Stamps a local or send event: greater than every stamp before it.
    pub fn tick(&mut self, wall: Wall) -> Timestamp {
        self.last = Timestamp::new(wall.0, 0).max(self.last.next());
        self.last
    }

    /// Takes note of a remote timestamp, so that the next stamp is greater.
    ///
    /// # Errors
    /// If the remote clock is too far ahead; the local clock is unchanged.
    pub fn observe(&mut self, wall: Wall, remote: Timestamp) -> Result<(), TooFarAhead> {
        let ahead_ms = remote.millis().saturating_sub(wall.0);
        if ahead_ms > self.offset_max_ms && remote > self.last {
            return Err(TooFarAhead { ahead_ms });
        }
        self.force(remote);
        Ok(())
    }

    /// Takes note of a timestamp that is already part of history: never refused.
    pub fn force(&mut self, remote: Timestamp) {
        self.last = self.last.max(remote);
    }

    /// The latest stamp given or observed.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_events_in_a_millisecond_do_not_move_physical_time() {
        let mut clock = HybridClock::new(500);
        let first = clock.tick(Wall(1_000));
        let last = (0..1_000).map(|_| clock.tick(Wall(1_000))).last().unwrap();
        assert_eq!((first.millis(), last.millis()), (1_000, 1_000));
        assert_eq!(last.counter(), 1_000);
        assert_eq!(clock.tick(Wall(1_001)), Timestamp::new(1_001, 0));
    }

    #[test]
    fn a_wall_clock_that_jumps_back_does_not_turn_the_order() {
        let mut clock = HybridClock::new(500);
        let before = clock.tick(Wall(9_000));
        assert!(clock.tick(Wall(3_000)) > before);
    }

    #[test]
    fn the_far_future_is_refused_and_leaves_no_trace() {
        let mut clock = HybridClock::new(500);
        let far = Timestamp::new(2_000, 0);
        assert_eq!(clock.observe(Wall(1_000), far), Err(TooFarAhead { ahead_ms: 1_000 }));
        assert!(clock.tick(Wall(1_000)) < far);
        assert_eq!(clock.observe(Wall(1_600), far), Ok(()));
        assert!(clock.tick(Wall(1_600)) > far);
    }
}
