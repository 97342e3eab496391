//! What the gateway counts about itself, in the text format of Prometheus.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::etcd::grpc::Status;

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Tally {
    /// Connections taken.
    pub opened: AtomicU64,
    /// Connections that ended.
    pub closed: AtomicU64,
    /// Connections over the limit.
    pub refused: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
}

impl Tally {
    /// A call was answered, perhaps with an error.
    pub fn answered(&self, error: Option<&Status>) {
        let counter = if error.is_some() { &self.failed } else { &self.answered };
        counter.fetch_add(1, Relaxed);
    }
}
