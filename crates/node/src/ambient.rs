//! The only file of this crate that touches what differs from run to run: clocks, threads and
//! entropy. Everything else is handed a [`Clock`], a thread or a seed.
#![allow(clippy::disallowed_methods)]

use std::{
    hash::{BuildHasher, Hasher},
    io, thread,
    time::{SystemTime, UNIX_EPOCH},
};

use kernel::{Duration, Instant, Now, Wall};
use rustix::time::{ClockId, clock_gettime};

/// The monotonic clock begins here.
const FIRST: Duration = Duration::from_secs(3600);

/// Both clocks of the machine. The monotonic origin is the moment of creation.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Duration,
    /// When it was started, in microseconds since 1970.
    epoch_us: u64,
}

impl Clock {
    /// Starts counting now. Instants begin well above zero, so that "one second ago" exists.
    #[must_use]
    pub fn start() -> Clock {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let epoch_us = u64::try_from(wall.as_micros()).unwrap_or(u64::MAX);
        Clock { origin: since_boot(), epoch_us }
    }

    /// The monotonic clock.
    #[must_use]
    pub fn instant(&self) -> Instant {
        Instant::ZERO + FIRST + since_boot().saturating_sub(self.origin)
    }

    /// A moment in microseconds since 1970, as if the wall clock had gone evenly since the start:
    /// no jump of it tears what is counted by this.
    #[must_use]
    pub fn steady_us(&self, at: Instant) -> u64 {
        let us = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.epoch_us.saturating_add(us(at.since(Instant::ZERO))).saturating_sub(us(FIRST))
    }

    /// The time of day of a moment of the monotonic clock, in nanoseconds since 1970, by what the
    /// wall clock says now.
    #[must_use]
    pub fn unix_nanos(&self, at: Instant) -> u64 {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (past, future) = (self.instant().since(at), at.since(self.instant()));
        let then = wall.saturating_sub(past).saturating_add(future);
        u64::try_from(then.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The time of day, in milliseconds since 1970.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        self.unix_nanos(self.instant()) / 1_000_000
    }

    /// Both clocks; the wall clock is off by `skew_ms` milliseconds.
    #[must_use]
    pub fn now(&self, skew_ms: i64) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
        Now { instant: self.instant(), wall: Wall(wall.saturating_add_signed(skew_ms)) }
    }
}

/// Time since the machine was started. The standard library's monotonic clock stands still while the
/// machine is suspended: a leader that wakes up would think that its lease still holds, and answer
/// reads that others have overwritten meanwhile. This one goes on.
fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    let (s, ns) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(s.unwrap_or_default(), ns.unwrap_or_default())
}

/// Starts a named thread.
///
/// # Errors
/// If the machine has no room for one more.
pub fn spawn<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<thread::JoinHandle<T>> {
    thread::Builder::new().name(name.to_owned()).spawn(body)
}

/// Runs a future beside the caller, who is a task too.
#[allow(clippy::disallowed_methods)]
pub fn run_beside(future: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(future);
}

/// Blocks this thread: only the injected slowness of a disk wants that.
pub fn sleep(time: Duration) {
    thread::sleep(time);
}

/// 64 bits of the operating system's entropy, by way of the standard library's hash seeds.
#[must_use]
pub fn seed() -> u64 {
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}

/// 128 bits of entropy, for a new cluster's id.
#[must_use]
pub fn seed128() -> u128 {
    (u128::from(seed()) << 64) | u128::from(seed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_advance_and_skew_moves_only_the_wall() {
        let clock = Clock::start();
        let (first, second) = (clock.now(0), clock.now(3_600_000));
        assert!(second.instant >= first.instant);
        assert!(second.wall.0 >= first.wall.0 + 3_600_000);
        assert!(second.instant.since(first.instant) < Duration::from_secs(1800));
        let past = clock.unix_nanos(first.instant);
        assert!(past.abs_diff(first.wall.0 * 1_000_000) < 60_000_000_000, "within a minute");
        assert!(clock.steady_us(first.instant).abs_diff(first.wall.0 * 1000) < 60_000_000);
        let later = clock.unix_nanos(first.instant + Duration::from_secs(100));
        assert!(later - past > 99_000_000_000, "moments ahead lie ahead");
    }

    #[test]
    fn seeds_differ() {
        assert_ne!(seed(), seed());
        assert_ne!(seed128(), 0);
    }
}
