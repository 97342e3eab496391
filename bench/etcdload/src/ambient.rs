//! The one place where the generator reads a clock.

/// A moment of the monotonic clock.
pub type Moment = std::time::Instant;

/// Now.
pub fn now() -> Moment {
    Moment::now()
}
