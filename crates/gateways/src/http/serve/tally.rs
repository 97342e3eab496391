//! What the gateway counts about itself, in the text format of Prometheus.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// Counters since the start.
#[derive(Default)]
pub struct Tally {
    opened: AtomicU64,
    closed: AtomicU64,
    refused: AtomicU64,
    /// By hundreds of the status.
    responses: [AtomicU64; 6],
}

impl Tally {
    pub fn opened(&self) {
        self.opened.fetch_add(1, Relaxed);
    }

    pub fn closed(&self) {
        self.closed.fetch_add(1, Relaxed);
    }

    pub fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub fn response(&self, status: u16) {
        if let Some(class) = self.responses.get(usize::from(status / 100)) {
            class.fetch_add(1, Relaxed);
        }
    }

    /// The metrics of the gateway, then those of the node (which may end with a mark of the end).
    pub fn text(&self, node: &str) -> String {
        let (opened, closed) = (self.opened.load(Relaxed), self.closed.load(Relaxed));
        let mut text = format!(
            "# HELP quorate_http_connections Open HTTP connections.\n\
             # TYPE quorate_http_connections gauge\n\
             quorate_http_connections {}\n\
             # HELP quorate_http_connections_refused HTTP connections over the limit.\n\
             # TYPE quorate_http_connections_refused counter\n\
             quorate_http_connections_refused_total {}\n\
             # HELP quorate_http_responses HTTP responses by class of status.\n\
             # TYPE quorate_http_responses counter\n",
            opened.saturating_sub(closed),
            self.refused.load(Relaxed),
        );
        for (class, count) in self.responses.iter().enumerate().skip(2) {
            let count = count.load(Relaxed);
            let _ = writeln!(text, "quorate_http_responses_total{{status=\"{class}xx\"}} {count}");
        }
        text.push_str(node);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_counted_by_class_before_the_metrics_of_the_node() {
        let tally = Tally::default();
        tally.opened();
        tally.response(201);
        tally.response(204);
        tally.response(999);
        let text = tally.text("up 1\n# EOF\n");
        assert!(text.contains("quorate_http_connections 1\n"), "{text}");
        assert!(text.contains("quorate_http_responses_total{status=\"2xx\"} 2\n"), "{text}");
        assert!(text.ends_with("up 1\n# EOF\n"));
    }
}
