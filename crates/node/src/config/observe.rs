//! The `[observe]` table: what of itself a node notices.
//!
//! ```toml
//! [observe]
//! requests = true    # name, time, count and trace every request; false saves what that costs
//! ```

use serde::Deserialize;

use crate::otlp::Settings;

/// What of itself a node notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observe {
    /// Whether every request is named, timed, counted and, if it is sampled, traced.
    pub requests: bool,
}

/// The table as it is written.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Table {
    requests: Option<bool>,
}

impl Table {
    pub(super) fn read(self) -> Observe {
        Observe { requests: self.requests.unwrap_or(true) }
    }

    /// Traces are of requests: where none is noticed, there is nothing to export.
    pub(super) fn limit(self, otlp: Option<Settings>) -> Option<Settings> {
        let traced = self.read().requests;
        otlp.map(|otlp| Settings { traces: otlp.traces && traced, ..otlp })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn requests_are_observed_and_traced_unless_somebody_says_no() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let (cluster, collector) = ("11111111111111111111111111111111", "http://c:4318");
        let flags = [
            pair("node", "1"),
            pair("cluster", cluster),
            pair("data", "d"),
            pair("otlp.endpoint", collector),
        ];
        let load = |more: &[(String, String)]| {
            let config = Config::load(None, Vec::new(), [&flags, more].concat()).unwrap();
            (config.observe.requests, config.otlp.unwrap().traces)
        };
        assert_eq!(load(&[]), (true, true));
        assert_eq!(load(&[pair("observe.requests", "false")]), (false, false));
    }
}
