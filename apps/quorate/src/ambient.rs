//! The one place where the binary reads clocks, draws entropy and starts tasks.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::hash::{BuildHasher, Hasher};

use kernel::Duration;

/// A moment of the monotonic clock.
pub type Moment = tokio::time::Instant;

/// Now.
pub fn now() -> Moment {
    Moment::now()
}

/// Waits.
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Waits for a future at most so long; `None` if it takes longer.
pub async fn within<F: Future>(duration: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(duration, future).await.ok()
}

/// Runs a future beside the caller.
pub fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(future)
}

/// Runs the same work on so many threads, and gives what each made of it.
pub fn on_threads<T: Send>(count: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(&work)).collect();
        let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

/// The time of day, in seconds since 1970.
pub fn unix_s() -> u64 {
    unix_ms() / 1_000
}

/// 64 bits of the operating system's entropy.
pub fn seed() -> u64 {
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}

/// The time of day, in milliseconds since 1970.
pub fn unix_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Runs work that takes long beside all tasks; `None` if it did not end.
pub async fn block<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}
