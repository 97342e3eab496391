//! The one place where this crate starts tasks, looks at clocks and draws from the machine's
//! entropy.
#![allow(clippy::disallowed_methods)]

use std::{pin::Pin, thread, time::SystemTime};

use kernel::Duration;
use tokio::task::AbortHandle;

/// A moment of the monotonic clock.
pub(crate) type Moment = std::time::Instant;

/// A timer that runs.
pub(crate) type Sleep = Pin<Box<tokio::time::Sleep>>;

/// Runs a future beside the caller.
pub(crate) fn spawn<F>(future: F)
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(future);
}

/// Runs a future beside the caller, which may end it.
pub(crate) fn spawn_until<F>(future: F) -> AbortHandle
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(future).abort_handle()
}

/// Starts a timer.
pub(crate) fn start_sleep(duration: Duration) -> Sleep {
    Box::pin(tokio::time::sleep(duration))
}

/// Waits.
pub(crate) async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Runs work that takes long beside all tasks; `None` if it did not end.
pub(crate) async fn block<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// How many threads can run at a time.
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// The moment.
pub(crate) fn now() -> Moment {
    Moment::now()
}

/// The time of day, in seconds since 1970.
pub(crate) fn unix_s() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Lets others go first.
pub(crate) async fn yield_now() {
    tokio::task::yield_now().await;
}

/// Waits for a future at most so long; `None` if it takes longer.
pub(crate) async fn within<F: Future>(duration: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(duration, future).await.ok()
}
