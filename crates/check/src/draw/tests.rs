//! Drawings, exactly as they must look.

use super::{svg, text};
use crate::{Anomaly, Counterexample, Shown};

fn shown(process: u64, label: &str, start: u64, end: Option<u64>) -> Shown {
    Shown { process, label: label.into(), start, end, line: start, guilty: label == "read 1" }
}

fn stale() -> Counterexample {
    let ops = vec![
        shown(0, "write 1", 1, Some(3)),
        shown(1, "write 2 ?", 2, None),
        shown(2, "read 2", 4, Some(5)),
        shown(1, "read 1", 6, Some(7)),
    ];
    let text = "read 1 although \"read 2\" <had> completed & seen".into();
    Counterexample { anomaly: Anomaly::StaleRead, key: "\"x\"".into(), text, ops, omitted: 2 }
}

#[test]
fn bars_are_as_wide_as_their_label_and_open_ones_reach_the_edge() {
    let expected = "\
(2 earlier operations are not shown)
p0  [write 1]
p1   [write 2 ?------------->
p1                   [read 1]
                     ^^^^^^^^  line 6
p2           [read 2]
";
    assert_eq!(text(&stale()), expected);
}

#[test]
fn what_is_too_wide_is_listed() {
    let wide: Vec<Shown> =
        (0..30).map(|n| shown(n, "write 1234567", 2 * n + 1, Some(2 * n + 2))).collect();
    let text = text(&Counterexample { ops: wide, omitted: 0, ..stale() });
    assert_eq!(text.lines().count(), 30);
    assert!(text.starts_with("p0           1 to 2        write 1234567 (line 1)\n"), "{text}");
}

#[test]
fn svg_is_safe_and_marks_the_guilty() {
    let svg = svg(&stale());
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert!(svg.contains("&lt;had&gt; completed &amp; seen"));
    assert_eq!(svg.matches("class=\"guilty\"").count(), 1);
    assert_eq!(svg.matches("class=\"open\"").count(), 1);
    assert_eq!(svg.matches("<g>").count(), 4);
    assert!(!svg.contains("<script"));
}
