//! Stages of a request along its time.

use super::escape;

/// The inner size of a row; it is stretched to the room that it gets.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 12.0;

/// A stage.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// The class that colours it.
    pub class: &'static str,
    /// When it began, in microseconds after the arrival.
    pub start_us: i64,
    /// How long it took, in microseconds.
    pub took_us: u64,
}

/// Draws stages on a scale of so many microseconds: the longest behind, the others slimmer before it.
pub fn waterfall(label: &str, stages: &[Stretch], whole_us: u64) -> String {
    let mut svg = format!(
        "<svg class=\"fall\" role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         preserveAspectRatio=\"none\"><path class=\"grid\" d=\"M0 6H{WIDTH}\"/>",
        escape(label)
    );
    let mut stages = stages.to_vec();
    stages.sort_by_key(|stage| std::cmp::Reverse(stage.took_us));
    for (at, stage) in stages.into_iter().enumerate() {
        let (y, high) = if at == 0 { (1, 10) } else { (4, 4) };
        let (begin, width) = extent(stage, whole_us);
        svg.push_str(&format!(
            "<rect class=\"{}\" x=\"{begin:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{high}\"/>",
            stage.class,
        ));
    }
    svg.push_str("</svg>");
    svg
}

/// Where a stage begins and how wide it is: never outside, never too thin to see.
fn extent(stage: Stretch, whole_us: u64) -> (f64, f64) {
    let whole = whole_us.max(1) as f64;
    let begin = (stage.start_us.max(0) as f64 / whole * WIDTH).min(WIDTH - 1.5);
    (begin, (stage.took_us as f64 / whole * WIDTH).max(1.5).min(WIDTH - begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_lies_where_it_was_and_never_outside() {
        let at = |start_us, took_us| extent(Stretch { class: "c", start_us, took_us }, 1_000);
        assert_eq!(at(250, 500), (150.0, 300.0));
        assert_eq!(at(-50, 1), (0.0, 1.5));
        assert_eq!(at(9_000, 9_000), (598.5, 1.5));
        assert_eq!(at(500, 9_000), (300.0, 300.0));
    }

    #[test]
    fn the_longest_is_behind() {
        let stage = |class, took_us| Stretch { class, start_us: 0, took_us };
        let drawn = waterfall("x", &[stage("short", 5), stage("long", 50)], 50);
        assert!(drawn.find("long").unwrap() < drawn.find("short").unwrap(), "{drawn}");
    }
}
