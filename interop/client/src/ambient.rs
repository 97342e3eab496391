//! The clock.

use std::time::{Instant, SystemTime};

/// Now.
pub fn now() -> Instant {
    Instant::now()
}

/// A number that no earlier run has had: milliseconds since 1970.
pub fn run() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis() as u64)
}
