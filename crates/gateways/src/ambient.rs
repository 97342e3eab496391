//! The one place where this crate starts tasks and looks at the clock of the runtime.
#![allow(clippy::disallowed_methods)]

use std::pin::Pin;

use kernel::Duration;
use tokio::task::AbortHandle;

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

/// Waits for a future at most so long; `None` if it takes longer.
pub(crate) async fn within<F: Future>(duration: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(duration, future).await.ok()
}
