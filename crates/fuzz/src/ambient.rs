//! The one place that reads a clock and starts a thread.
#![allow(clippy::disallowed_methods)]

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    time::{Duration, Instant},
};

/// A moment of the monotonic clock.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// Ends the watch when it is dropped.
#[derive(Debug)]
pub struct Watch(#[allow(dead_code, reason = "held, and closed when dropped")] Sender<()>);

/// Calls `look` every so often, on a thread of its own, until the watch is dropped.
pub fn watch(every: Duration, mut look: impl FnMut() + Send + 'static) -> Watch {
    let (hold, ended): (Sender<()>, Receiver<()>) = channel();
    std::thread::spawn(move || {
        while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
            look();
        }
    });
    Watch(hold)
}
