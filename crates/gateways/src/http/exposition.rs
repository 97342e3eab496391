//! The two text formats of figures.
//!
//! The node writes OpenMetrics, which knows units and examples. Who does not ask for it gets the
//! older text format of Prometheus (0.0.4): counters are declared with their suffix, and what that
//! format does not know is left out.

use std::collections::BTreeSet;

use hyper::{HeaderMap, header::ACCEPT};

/// The media types.
pub const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
pub const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether OpenMetrics is asked for.
pub fn wants_open(headers: &HeaderMap) -> bool {
    let accepts = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accepts.is_some_and(|types| types.contains("application/openmetrics-text"))
}

/// OpenMetrics in the older format.
pub fn classic(open: &str) -> String {
    let counter = |line: &str| {
        let name = line.strip_prefix("# TYPE ")?.strip_suffix(" counter")?;
        Some(name.to_owned())
    };
    let counters: BTreeSet<String> = open.lines().filter_map(counter).collect();
    let mut text = String::with_capacity(open.len());
    for line in open.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(kind @ ("HELP" | "TYPE")), Some(name), Some(rest)) => {
                let suffix = if counters.contains(name) { "_total" } else { "" };
                text.push_str(&format!("# {kind} {name}{suffix} {rest}"));
            }
            (Some("#"), ..) => continue,
            // An example follows the number.
            _ => text.push_str(line.split(" # {").next().unwrap_or(line)),
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn the_older_format_has_no_units_no_examples_and_counters_with_their_suffix() {
        let open = "# HELP q_elections Campaigns.\n# TYPE q_elections counter\n\
                    q_elections_total{reason=\"a # b\"} 1\n\
                    # HELP q_seconds Took.\n# TYPE q_seconds histogram\n# UNIT q_seconds seconds\n\
                    q_seconds_bucket{le=\"0.1\"} 7 # {trace_id=\"0a\"} 0.05\nq_seconds_sum 0.3\n# EOF\n";
        let classic = "# HELP q_elections_total Campaigns.\n# TYPE q_elections_total counter\n\
                       q_elections_total{reason=\"a # b\"} 1\n\
                       # HELP q_seconds Took.\n# TYPE q_seconds histogram\n\
                       q_seconds_bucket{le=\"0.1\"} 7\nq_seconds_sum 0.3\n";
        assert_eq!(super::classic(open), classic);
        let mut headers = HeaderMap::new();
        assert!(!wants_open(&headers));
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3";
        headers.insert(ACCEPT, HeaderValue::from_static(prometheus));
        assert!(wants_open(&headers));
    }
}
