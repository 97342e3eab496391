//! The timeline as text.
//!
//! ```text
//!   p0  [write 1]
//!   p1           [write 2]
//!   p2                    [read 1]
//!                         ^^^^^^^^  line 5
//! ```

use super::layout::layout;
use crate::counterexample::Counterexample;

/// The widest timeline, in columns; wider ones are listed instead.
const WIDTH_MAX: usize = 160;

/// Draws a counterexample for a terminal.
#[must_use]
pub fn text(counterexample: &Counterexample) -> String {
    let layout = layout(counterexample);
    let mut out = String::new();
    if counterexample.omitted > 0 {
        out += &format!("({} earlier operations are not shown)\n", counterexample.omitted);
    }
    if layout.width > WIDTH_MAX {
        return out + &list(counterexample);
    }
    let margin = layout.lanes.iter().map(|p| p.to_string().len()).max().unwrap_or(0) + 3;
    for (lane, process) in layout.lanes.iter().enumerate() {
        let mut row = vec![' '; layout.width];
        let mut marks = vec![' '; layout.width];
        let mut guilty = Vec::new();
        for bar in layout.bars.iter().filter(|bar| bar.lane == lane) {
            row[bar.from..=bar.to].fill('-');
            row[bar.from] = '[';
            row[bar.to] = if bar.op.end.is_some() { ']' } else { '>' };
            for (at, letter) in bar.op.label.chars().enumerate() {
                row[bar.from + 1 + at] = letter;
            }
            if bar.op.guilty {
                marks[bar.from..=bar.to].fill('^');
                guilty.push(format!("line {}", bar.op.line));
            }
        }
        let line = |name: String, row: Vec<char>| {
            format!("{name:<margin$}{}", row.into_iter().collect::<String>()).trim_end().to_owned()
        };
        out += &(line(format!("p{process}"), row) + "\n");
        if !guilty.is_empty() {
            out += &format!("{}  {}\n", line(String::new(), marks), guilty.join(", "));
        }
    }
    out
}

/// One operation a line, where the drawing would be too wide.
fn list(counterexample: &Counterexample) -> String {
    let line = |op: &crate::Shown| {
        let end = op.end.map_or("…".to_owned(), |end| end.to_string());
        let mark = if op.guilty { "  <--" } else { "" };
        format!(
            "p{:<4} {:>8} to {end:<8} {} (line {}){mark}\n",
            op.process, op.start, op.label, op.line
        )
    };
    counterexample.ops.iter().map(line).collect()
}
