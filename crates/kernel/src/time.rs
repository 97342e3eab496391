//! Time that is passed in, never read.
//!
//! [`Instant`] is monotonic and local to one process: the only clock that timeouts and leases
//! may use. [`Wall`] is the time of day: it may jump, and only the hybrid clock reads it.

pub use core::time::Duration;
use core::{fmt, ops};

/// Monotonic nanoseconds since an origin that only this process knows. While the machine is
/// suspended they go on: a lease runs out whether or not its holder is awake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instant(pub u64);

/// Milliseconds since 1970-01-01T00:00:00Z by the machine's clock. It may jump either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Wall(pub u64);

/// Both clocks, read together by the host just before it calls a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For timeouts, leases and intervals.
    pub instant: Instant,
    /// For hybrid timestamps.
    pub wall: Wall,
}

impl Instant {
    /// Before every other instant.
    pub const ZERO: Instant = Instant(0);
    /// After every other instant: "never".
    pub const NEVER: Instant = Instant(u64::MAX);

    /// Time since `earlier`, zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl ops::Add<Duration> for Instant {
    type Output = Instant;

    /// Saturates at [`Instant::NEVER`].
    fn add(self, by: Duration) -> Instant {
        Instant(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl ops::Sub<Duration> for Instant {
    type Output = Instant;

    /// Saturates at [`Instant::ZERO`].
    fn sub(self, by: Duration) -> Instant {
        Instant(self.0.saturating_sub(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000_000, self.0 % 1_000_000_000 / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn instants_saturate_instead_of_wrapping() {
        assert_eq!(Instant::NEVER + Duration::from_secs(1), Instant::NEVER);
        assert_eq!(Instant::ZERO - Duration::from_secs(1), Instant::ZERO);
        assert_eq!(Instant(5).since(Instant(9)), Duration::ZERO);
        assert_eq!(Instant(1_500_000_000).to_string(), "1.500000s");
    }
}
