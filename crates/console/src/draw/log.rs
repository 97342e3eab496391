//! The log of a replica as a bar.
//!
//! ```text
//!   from                                                 to
//!   ├──────────────┬───────────────────┬──────────┬───────┤
//!   │ compacted    │ applied           │ committed│ held  │ not there yet
//! ```
//!
//! All replicas of a shard are drawn to one scale, the end of the log: of a million entries, what a
//! replica lacks would be too thin to see.

use client::document::ReplicaLog;

use super::escape;

/// The inner size; it is stretched to the room that it gets.
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 14.0;

/// Draws a log between two indices.
pub fn log(label: &str, log: &ReplicaLog, applied: u64, from: u64, to: u64) -> String {
    let span = to.saturating_sub(from).max(1) as f64;
    let place = |index: u64| (index.saturating_sub(from) as f64 / span).clamp(0.0, 1.0) * WIDTH;
    let commit = log.commit_index.max(applied);
    let marks = [
        ("compacted", from, log.first_index.saturating_sub(1)),
        ("applied", log.first_index.saturating_sub(1), applied),
        ("committed", applied, commit),
        ("held", commit, log.last_index),
    ];
    let mut svg = format!(
        "<svg class=\"log\" role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         preserveAspectRatio=\"none\"><rect class=\"absent\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>",
        escape(label)
    );
    for (class, begin, end) in marks {
        let (begin, end) = (place(begin), place(end));
        if end > begin {
            let width = end - begin;
            svg.push_str(&format!(
                "<rect class=\"{class}\" x=\"{begin:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\"/>"
            ));
        }
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_log_lie_side_by_side() {
        let held = ReplicaLog { term: 1, first_index: 21, commit_index: 80, last_index: 90 };
        let drawn = log("n1", &held, 60, 0, 100);
        for (class, x, width) in [
            ("compacted", "0.0", "80.0"),
            ("applied", "80.0", "160.0"),
            ("committed", "240.0", "80.0"),
            ("held", "320.0", "40.0"),
        ] {
            let part = format!("class=\"{class}\" x=\"{x}\" width=\"{width}\"");
            assert!(drawn.contains(&part), "{part} in {drawn}");
        }
    }

    #[test]
    fn a_log_outside_of_the_scale_is_cut_at_it() {
        let far = ReplicaLog { term: 1, first_index: 1, commit_index: 9, last_index: 9 };
        let drawn = log("n1", &far, 9, 100, 100);
        assert_eq!(drawn.matches("<rect").count(), 1, "only the absent ground: {drawn}");
    }
}
