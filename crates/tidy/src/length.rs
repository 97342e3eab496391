//! Files are short: one subject each, read in one go.

use crate::{Finding, Tree};

/// A file with more lines says why, in a line of its header: `//! Long: …`.
pub const LINES_MAX: usize = 800;

/// Half of all files have at most so many lines.
pub const MEDIAN_MAX: usize = 150;

/// Rust files that are too long, one by one and as a whole.
#[must_use]
pub fn short(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut lengths = Vec::new();
    for (path, text) in tree.ending(".rs") {
        let lines = text.lines().count();
        lengths.push(lines);
        let header = text.lines().take_while(|line| line.starts_with("//!"));
        let reason = header.filter_map(|line| line.strip_prefix("//! Long: "));
        if lines > LINES_MAX && !reason.into_iter().any(|reason| !reason.trim().is_empty()) {
            let what = format!("{lines} lines: split it, or say why in its header (//! Long: …)");
            findings.push(Finding::new(path, None, what));
        }
    }
    lengths.sort_unstable();
    if let Some(median) = lengths.get(lengths.len() / 2)
        && *median > MEDIAN_MAX
    {
        let what = format!("the median file has {median} lines, more than {MEDIAN_MAX}");
        findings.push(Finding::new("*.rs", None, what));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_needs_a_reason() {
        let body = "x\n".repeat(LINES_MAX);
        let of = |head: &str| {
            let text = format!("{head}{body}");
            short(&Tree::of([("long.rs", text.as_str()), ("a.rs", ""), ("b.rs", "")])).len()
        };
        assert_eq!(of(""), 0, "exactly the limit");
        assert_eq!(of("//! Words.\n"), 1);
        assert_eq!(of("//! Long: \n"), 1);
        assert_eq!(of("//! Words.\n//! Long: a table.\n"), 0);
    }

    #[test]
    fn the_median_is_bounded() {
        let long = "x\n".repeat(MEDIAN_MAX + 1);
        let tree = Tree::of([("a.rs", long.as_str()), ("b.rs", long.as_str()), ("c.rs", "")]);
        assert_eq!(short(&tree)[0].place, "*.rs");
        assert!(short(&Tree::of([("a.rs", long.as_str()), ("b.rs", ""), ("c.rs", "")])).is_empty());
    }
}
