//! The clock.

use std::time::Instant;

/// Now.
pub fn now() -> Instant {
    Instant::now()
}
