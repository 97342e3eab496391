//! Charts as SVG, from figures alone: no text of users is drawn, so nothing needs escaping here but
//! labels, which are escaped all the same.
//!
//! Colours and strokes are classes of the style sheet, which knows light and dark.

mod chart;
mod log;
mod waterfall;

pub use chart::{Line, Scale, bars, lines};
pub use log::log;
pub use waterfall::{Stretch, waterfall};

/// Text that may stand in an attribute or between tags.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_leave_their_attribute() {
        let label = "\"><script>alert('&')</script>";
        let drawn = bars(label, &[1, 2], 2, 2);
        assert!(
            !drawn.contains("<script>") && drawn.contains("&quot;&gt;&lt;script&gt;"),
            "{drawn}"
        );
    }
}
