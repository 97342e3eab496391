//! The timeline as an SVG file: no script, no font, readable on light and dark pages.

use std::fmt::Write;

use super::layout::{Bar, layout};
use crate::counterexample::Counterexample;

/// Pixels per column: the advance of a 13 px monospace letter, and a little air.
const COLUMN: usize = 8;
/// Pixels from lane to lane.
const LANE: usize = 38;
/// Height of a bar, in pixels.
const BAR: usize = 26;
/// Room for the names of the lanes.
const LEFT: usize = 64;
/// Room for the title.
const TOP: usize = 62;
/// Room on the other sides.
const EDGE: usize = 20;
/// The narrowest picture.
const WIDTH_MIN: usize = 560;

const STYLE: &str = "\
text{font:13px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#1f2933}
.page{fill:#fbfbf9}.title{font-weight:bold}.soft{fill:#6b7780}.lane{stroke:#d5d9dc}
.bar{fill:#dfe8f1;stroke:#6c8299}.open{fill:#efe9dc;stroke:#a08b5b;stroke-dasharray:4 3}
.guilty{fill:#f6d5cf;stroke:#b5392a;stroke-width:2}
@media (prefers-color-scheme:dark){text{fill:#e4e7ea}.page{fill:#1b1f23}.soft{fill:#98a3ac}
.lane{stroke:#3a424a}.bar{fill:#2c3b4a;stroke:#7d97b1}.open{fill:#3b3628;stroke:#b49c63}
.guilty{fill:#5a2620;stroke:#e5705f}}";

/// Draws a counterexample as an SVG file.
#[must_use]
pub fn svg(counterexample: &Counterexample) -> String {
    let layout = layout(counterexample);
    let title = match counterexample.key.as_str() {
        "null" | "" => counterexample.anomaly.name().to_owned(),
        key => format!("{} on key {key}", counterexample.anomaly.name()),
    };
    let bars = layout.width * COLUMN + LEFT;
    // A bold letter is no wider than a column.
    let omitted = match counterexample.omitted {
        0 => String::new(),
        count => format!("; {count} earlier operations not shown"),
    };
    let legend = format!("order only, not duration; dashed: unknown; red: unexplained{omitted}");
    let longest = [&title, &counterexample.text, &legend].map(|words| words.chars().count());
    let words = longest.into_iter().max().unwrap_or(0) * COLUMN + EDGE;
    let width = bars.max(words).max(WIDTH_MIN) + EDGE;
    let height = TOP + layout.lanes.len() * LANE + EDGE + 16;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{0}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n\
         <text class=\"title\" x=\"{EDGE}\" y=\"24\">{0}</text>\n\
         <text class=\"soft\" x=\"{EDGE}\" y=\"44\">{1}</text>\n",
        escape(&title),
        escape(&counterexample.text)
    );
    for (lane, process) in layout.lanes.iter().enumerate() {
        let y = TOP + lane * LANE + LANE / 2;
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "<line class=\"lane\" x1=\"{LEFT}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\"/>\
             <text class=\"soft\" x=\"{EDGE}\" y=\"{}\">p{process}</text>",
            width - EDGE,
            y + 5
        );
    }
    layout.bars.iter().for_each(|bar| draw(&mut out, bar));
    let y = height - EDGE / 2;
    let _ = writeln!(out, "<text class=\"soft\" x=\"{EDGE}\" y=\"{y}\">{legend}</text>\n</svg>");
    out
}

fn draw(out: &mut String, bar: &Bar<'_>) {
    let class = match (bar.op.guilty, bar.op.end) {
        (true, _) => "guilty",
        (false, None) => "open",
        (false, Some(_)) => "bar",
    };
    let x = LEFT + bar.from * COLUMN;
    let y = TOP + bar.lane * LANE + (LANE - BAR) / 2;
    let width = (bar.to + 1 - bar.from) * COLUMN - 2;
    let label = escape(&bar.op.label);
    let _ = writeln!(
        out,
        "<g><title>{label}, process {}, line {}</title>\
         <rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{BAR}\" rx=\"4\"/>\
         <text x=\"{}\" y=\"{}\">{label}</text></g>",
        bar.op.process,
        bar.op.line,
        x + COLUMN,
        y + 18
    );
}

/// Makes any text safe inside SVG.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            control if control.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}
