//! What the gateway counts about itself, in the text format of Prometheus.

use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::grpc::Status;

/// A count that only grows, or goes up and down.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// More.
    pub fn add(&self, by: u64) {
        self.0.fetch_add(by, Relaxed);
    }

    /// Less.
    pub fn sub(&self, by: u64) {
        self.0.fetch_sub(by, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Figures of an etcd gateway; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Figures(Arc<Counts>);

/// The counts.
#[derive(Debug, Default)]
pub struct Counts {
    /// Open connections.
    pub connections: Count,
    /// Connections over the limit.
    pub refused: Count,
    /// Calls that were answered well.
    pub calls: Count,
    /// Calls that were answered with an error.
    pub failed: Count,
    /// Watches that the hub serves.
    pub watches: Count,
    /// Watches that read by themselves until they have caught up.
    pub behind: Count,
    /// Events that the hub handed out, each as often as it was.
    pub events: Count,
    /// Times that a watch's stream had no room.
    pub lagged: Count,
}

impl std::ops::Deref for Figures {
    type Target = Counts;

    fn deref(&self) -> &Counts {
        &self.0
    }
}

impl Counts {
    /// A call was answered, perhaps with an error.
    pub fn answered(&self, error: Option<&Status>) {
        let count = if error.is_some() { &self.failed } else { &self.calls };
        count.add(1);
    }
}

impl Figures {
    /// All of them, as text.
    #[must_use]
    pub fn text(&self) -> String {
        let gauges = [
            ("connections", "Open connections of etcd's clients.", &self.connections),
            ("watches", "Watches that are served as changes come.", &self.watches),
            ("watches_behind", "Watches that catch up by themselves.", &self.behind),
        ];
        let counters = [
            ("connections_refused", "Connections of etcd's clients over the limit.", &self.refused),
            ("calls", "Calls of etcd's clients that went well.", &self.calls),
            ("calls_failed", "Calls of etcd's clients that failed.", &self.failed),
            ("watch_events", "Events handed out to watches.", &self.events),
            ("watches_lagged", "Times that a watch's stream had no room.", &self.lagged),
        ];
        let mut text = String::new();
        for (name, help, count) in gauges {
            let name = format!("quorate_etcd_{name}");
            let value = count.get();
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n");
        }
        for (name, help, count) in counters {
            let name = format!("quorate_etcd_{name}");
            let value = count.get();
            let _ =
                write!(text, "# HELP {name} {help}\n# TYPE {name} counter\n{name}_total {value}\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_text_with_their_kinds() {
        let figures = Figures::default();
        figures.watches.add(3);
        figures.watches.sub(1);
        figures.answered(None);
        let text = figures.text();
        assert!(text.contains("# TYPE quorate_etcd_watches gauge\nquorate_etcd_watches 2\n"));
        assert!(text.contains("quorate_etcd_calls_total 1\n"), "{text}");
    }
}
