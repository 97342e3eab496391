//! The one place where this crate reads a clock and starts tasks.
#![allow(clippy::disallowed_methods)]

/// A moment of the runtime's clock.
pub(crate) type Moment = tokio::time::Instant;

/// Now.
pub(crate) fn now() -> Moment {
    Moment::now()
}

/// Waits until a moment.
pub(crate) async fn sleep_until(moment: Moment) {
    tokio::time::sleep_until(moment).await;
}

/// Runs a future beside the caller.
pub(crate) fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(future)
}
