//! Lines and bars over time.

use std::fmt::Write;

use super::escape;

/// The inner size of a chart; it is stretched to the room that it gets.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 100.0;

/// A line of a chart.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// The class that colours it: `a`, `b`.
    pub class: &'a str,
    /// Its values, oldest first; `None` where there is none.
    pub values: &'a [Option<f64>],
}

/// The values between which a chart is drawn.
#[derive(Clone, Copy, Debug)]
pub enum Scale {
    /// From zero.
    To(f64),
    /// From one power of ten to another: what is ten times as much is as far apart everywhere.
    Powers(f64, f64),
}

impl Scale {
    /// How high a value is, from 0 to 1.
    fn place(self, value: f64) -> f64 {
        let part = match self {
            Scale::To(top) => value / top.max(f64::MIN_POSITIVE),
            Scale::Powers(low, high) => (value.max(low) / low).log10() / (high / low).log10(),
        };
        part.clamp(0.0, 1.0)
    }
}

/// Lines over the same time.
pub fn lines(label: &str, lines: &[Line<'_>], scale: Scale) -> String {
    let mut svg = open(label);
    for half in [0.0, 0.5, 1.0] {
        let y = half * HEIGHT;
        let _ = write!(svg, "<path class=\"grid\" d=\"M0 {y}H{WIDTH}\"/>");
    }
    for line in lines {
        let path = path(line.values, scale);
        if !path.is_empty() {
            let class = escape(line.class);
            let _ = write!(svg, "<path class=\"line {class}\" d=\"{path}\"/>");
        }
    }
    svg.push_str("</svg>");
    svg
}

fn path(values: &[Option<f64>], scale: Scale) -> String {
    let step = WIDTH / (values.len().max(2) - 1) as f64;
    let mut path = String::new();
    let mut pen_down = false;
    for (at, value) in values.iter().enumerate() {
        let Some(value) = value else {
            pen_down = false;
            continue;
        };
        let (x, y) = (at as f64 * step, HEIGHT - scale.place(*value) * HEIGHT);
        let verb = if pen_down { 'L' } else { 'M' };
        let _ = write!(path, "{verb}{x:.1} {y:.1}");
        pen_down = true;
    }
    path
}

/// Bars over time, the newest at the right edge, with room for so many; `top` is the height of a
/// full one. What is zero is marked at the ground: there, nothing happened.
pub fn bars(label: &str, values: &[u32], room: usize, top: u32) -> String {
    let mut svg = open(label);
    let room = room.max(values.len()).max(1);
    let width = WIDTH / room as f64;
    let top = f64::from(top.max(1));
    for (at, value) in values.iter().enumerate() {
        let x = (room - values.len() + at) as f64 * width;
        let high = (f64::from(*value) / top).min(1.0) * HEIGHT;
        let (class, high) = if *value == 0 { ("none", 4.0) } else { ("bar", high.max(2.0)) };
        let y = HEIGHT - high;
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{high:.1}\"/>",
            (width - 0.4).max(0.4),
        );
    }
    svg.push_str("</svg>");
    svg
}

fn open(label: &str) -> String {
    format!(
        "<svg class=\"chart\" role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         preserveAspectRatio=\"none\">",
        escape(label)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_lifted_where_there_is_nothing() {
        let values = [Some(0.0), Some(50.0), None, Some(200.0)];
        assert_eq!(path(&values, Scale::To(100.0)), "M0.0 100.0L200.0 50.0M600.0 0.0");
        assert_eq!(path(&[None, None], Scale::To(1.0)), "");
        assert!(
            lines("x", &[Line { class: "a", values: &values }], Scale::To(0.0)).contains("line a")
        );
    }

    #[test]
    fn powers_of_ten_are_equally_far_apart() {
        let place = |value| (Scale::Powers(10.0, 1_000.0).place(value) * 100.0).round();
        assert_eq!([1.0, 10.0, 100.0, 1e3, 1e9].map(place), [0.0, 0.0, 50.0, 100.0, 100.0]);
    }

    #[test]
    fn nothing_is_visible_too() {
        let drawn = bars("writes", &[0, 5, 10], 6, 10);
        assert_eq!(drawn.matches("<rect").count(), 3);
        assert_eq!(drawn.matches("class=\"none\"").count(), 1);
        assert!(drawn.contains("y=\"50.0\"") && drawn.contains("y=\"0.0\""), "{drawn}");
        assert!(drawn.contains("x=\"300.0\""), "the first bar stands in the middle: {drawn}");
        assert!(bars("nothing", &[], 0, 0).ends_with("></svg>"));
    }
}
