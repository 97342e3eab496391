//! The one place where this crate looks at clocks and starts tasks.
#![allow(clippy::disallowed_methods)]

use std::time::SystemTime;

use kernel::Duration;

/// A moment of the monotonic clock.
pub type Moment = tokio::time::Instant;

/// Now.
pub fn now() -> Moment {
    Moment::now()
}

/// The time of day, in milliseconds since 1970.
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Runs a future beside the caller.
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(future);
}

/// Waits.
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Waits for a future at most so long; `None` if it takes longer.
pub async fn within<F: Future>(duration: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(duration, future).await.ok()
}
