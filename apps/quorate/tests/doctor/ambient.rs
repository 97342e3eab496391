//! Waiting for real processes.
#![allow(clippy::disallowed_methods, reason = "real processes take real time")]

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// Looks again and again until a condition holds; `false` if it does not within the time.
pub fn holds_within(time: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !holds() {
        if begun.elapsed() >= time {
            return false;
        }
        sleep(Duration::from_millis(250));
    }
    true
}
