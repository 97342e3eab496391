//! Figures with axes, units and a legend: what was measured as points, what theory says as a line.

use super::drawing::{Anchor, Drawing};

/// A figure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plot {
    /// What it shows.
    pub title: String,
    /// The axis at the bottom, with its unit.
    pub x: String,
    /// The axis at the left, with its unit.
    pub y: String,
    /// Whether the left axis is logarithmic.
    pub log: bool,
    /// What is drawn, at most six.
    pub series: Vec<Series>,
}

/// Points that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// How it is drawn.
    pub kind: Kind,
    /// Where: x, y, and from where to where y goes.
    pub points: Vec<Point>,
}

/// A point of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Along the bottom.
    pub x: f64,
    /// Upwards.
    pub y: f64,
    /// The spread of `y`, from and to; none if it is exact.
    pub spread: Option<(f64, f64)>,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Measured: points with their spread.
    Points,
    /// Measured in short steps: a line.
    Line,
    /// Computed without a run: a dashed line.
    Theory,
}

const SIZE: (f64, f64) = (640.0, 380.0);
const LEFT: f64 = 76.0;
const RIGHT: f64 = 24.0;
const BOTTOM: f64 = 52.0;
const COLOURS: usize = 6;

impl Plot {
    /// Draws it.
    #[must_use]
    pub fn draw(&self) -> Drawing {
        let mut svg = Drawing::new();
        svg.text((LEFT, 22.0), Anchor::Start, "title", &self.title);
        let top = 40.0 + 18.0 * self.series.len().div_ceil(2) as f64;
        let (x, y) = (self.range(|p| (p.x, p.x)), self.height());
        let frame = Frame { x, y, top, log: self.log };
        frame.axes(&mut svg, &self.x, &self.y);
        self.legend(&mut svg);
        for (i, series) in self.series.iter().enumerate() {
            frame.series(&mut svg, series, i % COLOURS);
        }
        svg.sized(SIZE.0, SIZE.1)
    }

    fn range(&self, of: impl Fn(&Point) -> (f64, f64)) -> (f64, f64) {
        let all = self.series.iter().flat_map(|series| &series.points).map(of);
        let (low, high) = all
            .filter(|(a, b)| a.is_finite() && b.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (from, to)| {
                (low.min(from), high.max(to))
            });
        match low <= high {
            true if high > low => (low, high),
            true => (low - 0.5, high + 0.5),
            false => (0.0, 1.0),
        }
    }

    fn height(&self) -> (f64, f64) {
        let (low, high) = self.range(|p| p.spread.unwrap_or((p.y, p.y)));
        match self.log {
            true => (10f64.powf(low.max(1e-6).log10().floor()), high.max(1e-5) * 1.3),
            // Bars and ratios are read against zero.
            false => (low.min(0.0), if high > 0.0 { high * 1.08 } else { 1.0 }),
        }
    }

    fn legend(&self, svg: &mut Drawing) {
        for (i, series) in self.series.iter().enumerate() {
            let at = (LEFT + 285.0 * (i % 2) as f64, 40.0 + 18.0 * (i / 2) as f64);
            match series.kind {
                Kind::Points => svg.dot((at.0 + 11.0, at.1), 4.0, &format!("f{}", i % COLOURS)),
                Kind::Line => sample(svg, at, "curve", i),
                Kind::Theory => sample(svg, at, "theory", i),
            }
            svg.text((at.0 + 30.0, at.1 + 4.0), Anchor::Start, "tick", &series.name);
        }
    }
}

fn sample(svg: &mut Drawing, at: (f64, f64), class: &str, i: usize) {
    svg.path(&[at, (at.0 + 22.0, at.1)], &format!("{class} i{}", i % COLOURS));
}

/// The part of the sheet inside the axes.
struct Frame {
    x: (f64, f64),
    y: (f64, f64),
    top: f64,
    log: bool,
}

impl Frame {
    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        let bottom = SIZE.1 - BOTTOM;
        let part = match self.log {
            true => (y.max(self.y.0) / self.y.0).log10() / (self.y.1 / self.y.0).log10(),
            false => (y - self.y.0) / (self.y.1 - self.y.0),
        };
        let across = (x - self.x.0) / (self.x.1 - self.x.0);
        let width = SIZE.0 - LEFT - RIGHT;
        (LEFT + 10.0 + (width - 20.0) * across, bottom - (bottom - self.top) * part)
    }

    fn axes(&self, svg: &mut Drawing, x: &str, y: &str) {
        let (right, bottom) = (SIZE.0 - RIGHT, SIZE.1 - BOTTOM);
        let heights = if self.log { decades(self.y) } else { ticks(self.y) };
        for value in heights {
            let (_, at) = self.place(self.x.0, value);
            svg.line((LEFT, at), (right, at), "grid");
            svg.text((LEFT - 8.0, at + 4.0), Anchor::End, "tick", &number(value));
        }
        for value in ticks(self.x) {
            let (at, _) = self.place(value, self.y.0);
            svg.line((at, bottom), (at, bottom + 5.0), "axis");
            svg.text((at, bottom + 19.0), Anchor::Middle, "tick", &number(value));
        }
        svg.path(&[(LEFT, self.top), (LEFT, bottom), (right, bottom)], "axis");
        svg.text(((LEFT + right) / 2.0, SIZE.1 - 10.0), Anchor::Middle, "label", x);
        svg.upright((18.0, (self.top + bottom) / 2.0), "label", y);
    }

    fn series(&self, svg: &mut Drawing, series: &Series, colour: usize) {
        let finite = series.points.iter().filter(|p| p.x.is_finite() && p.y.is_finite());
        match series.kind {
            Kind::Points => {
                for point in finite {
                    if let Some((from, to)) = point.spread {
                        let ends = (self.place(point.x, from), self.place(point.x, to));
                        svg.line(ends.0, ends.1, &format!("spread i{colour}"));
                    }
                    svg.dot(self.place(point.x, point.y), 4.0, &format!("f{colour}"));
                }
            }
            kind => {
                let class = if kind == Kind::Line { "curve" } else { "theory" };
                let points: Vec<_> = finite.map(|point| self.place(point.x, point.y)).collect();
                svg.path(&points, &format!("{class} i{colour}"));
            }
        }
    }
}

/// About five round values within a range.
pub(super) fn ticks((low, high): (f64, f64)) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    let magnitude = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|n| n * magnitude).into_iter().find(|s| *s >= rough);
    let step = step.unwrap_or(rough);
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last.min(first + 20)).map(|n| n as f64 * step).collect()
}

fn decades((low, high): (f64, f64)) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let all = (first..=last).flat_map(|n| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(n)));
    let inside: Vec<f64> = all.filter(|v| *v >= low * 0.999 && *v <= high).collect();
    let few = inside.len() <= 9;
    inside.into_iter().filter(|v| few || (v.log10() - v.log10().round()).abs() < 1e-9).collect()
}

/// A number with as many digits as are worth reading.
#[must_use]
pub fn number(value: f64) -> String {
    let text = match value.abs() {
        0.0 => "0".to_owned(),
        v if v >= 10_000.0 => return thousands(value),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        v if v >= 0.001 => format!("{value:.3}"),
        _ => format!("{value:.1e}"),
    };
    match text.contains('.') && !text.contains('e') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = if value < 0.0 { "-".to_owned() } else { String::new() };
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &[(f64, f64)]) -> Series {
        let point = |(x, y): &(f64, f64)| Point { x: *x, y: *y, spread: None };
        Series { name: "s".into(), kind: Kind::Points, points: points.iter().map(point).collect() }
    }

    #[test]
    fn numbers_are_short_and_ticks_are_round() {
        let texts = [0.0, 1_234_567.0, 150.4, 12.50, 2.0, 0.25, -3.5].map(number);
        assert_eq!(texts, ["0", "1,234,567", "150", "12.5", "2", "0.25", "-3.5"]);
        assert_eq!(ticks((0.0, 10.0)), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks((0.0, 1.1)).last(), Some(&1.0));
        assert_eq!(decades((1.0, 1_000.0)).len(), 4);
        assert_eq!(decades((1.0, 60.0)), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0]);
    }

    #[test]
    fn higher_values_stand_higher_on_both_kinds_of_axis() {
        for log in [false, true] {
            let frame = Frame { x: (0.0, 1.0), y: (1.0, 100.0), top: 50.0, log };
            let heights = [1.0, 10.0, 100.0].map(|y| frame.place(0.5, y).1);
            assert!(heights[0] > heights[1] && heights[1] > heights[2], "{heights:?}");
            assert!((heights[2] - 50.0).abs() < 1e-6 && (heights[0] - 328.0).abs() < 1e-6);
        }
    }

    #[test]
    fn any_data_can_be_drawn() {
        for points in
            [&[][..], &[(1.0, 1.0)], &[(0.0, f64::NAN), (1.0, 2.0)], &[(2.0, -3.0), (2.0, 0.0)]]
        {
            for log in [false, true] {
                let plot = Plot { log, series: vec![series(points)], ..Plot::default() };
                let svg = plot.draw().file();
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{points:?}: {svg}");
            }
        }
    }
}
