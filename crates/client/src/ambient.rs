//! The one place where this crate reads a clock, starts tasks and draws from the machine's entropy.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::hash::{BuildHasher, Hasher};

use kernel::Duration;

/// A moment of the runtime's clock.
pub(crate) type Moment = tokio::time::Instant;

/// A task that ends with its owner.
#[derive(Debug)]
pub(crate) struct Task(tokio::task::JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs a future beside the caller.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Task {
    Task(tokio::spawn(future))
}

/// Now.
pub(crate) fn now() -> Moment {
    Moment::now()
}

/// Waits.
pub(crate) async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Waits for a future until a moment; `None` if it takes longer.
pub(crate) async fn until<F: Future>(moment: Moment, future: F) -> Option<F::Output> {
    tokio::time::timeout_at(moment, future).await.ok()
}

/// 64 bits of the operating system's entropy, by way of the standard library's hash seeds.
pub(crate) fn seed() -> u64 {
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}
