//! Stages of a request along its time.

use super::escape;

/// The inner size of a row; it is stretched to the room that it gets.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 12.0;

/// A stage.
#[derive(Clone, Copy, Debug)]
pub struct Stretch<'a> {
    /// What it says to who cannot see it.
    pub label: &'a str,
    /// The class that colours it.
    pub class: &'a str,
    /// When it began, in microseconds after the arrival.
    pub start_us: i64,
    /// How long it took, in microseconds.
    pub took_us: u64,
}

/// Draws a stage on a scale of so many microseconds.
pub fn waterfall(stretch: Stretch<'_>, whole_us: u64) -> String {
    let whole = whole_us.max(1) as f64;
    let begin = (stretch.start_us.max(0) as f64 / whole).min(1.0) * WIDTH;
    let width =
        (stretch.took_us as f64 / whole * WIDTH).max(1.5).min(WIDTH - begin.min(WIDTH - 1.5));
    let begin = begin.min(WIDTH - 1.5);
    format!(
        "<svg class=\"fall\" role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         preserveAspectRatio=\"none\"><path class=\"grid\" d=\"M0 6H{WIDTH}\"/>\
         <rect class=\"{}\" x=\"{begin:.1}\" y=\"1\" width=\"{width:.1}\" height=\"10\"/></svg>",
        escape(stretch.label),
        escape(stretch.class),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_lies_where_it_was_and_never_outside() {
        let stretch = |start_us, took_us| Stretch { label: "x", class: "c", start_us, took_us };
        let drawn = waterfall(stretch(250, 500), 1_000);
        assert!(drawn.contains("x=\"150.0\"") && drawn.contains("width=\"300.0\""), "{drawn}");
        assert!(waterfall(stretch(-50, 1), 1_000).contains("x=\"0.0\" y=\"1\" width=\"1.5\""));
        assert!(waterfall(stretch(9_000, 9_000), 1_000).contains("x=\"598.5\""));
    }
}
