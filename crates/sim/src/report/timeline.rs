//! A whole run at the scale of time: who was what, what was broken, and how clients fared.

use super::{
    drawing::{Anchor, Drawing},
    plot::{number, ticks},
};

/// A run from its beginning to its end, in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// What it shows.
    pub title: String,
    /// Where it begins and ends, in seconds.
    pub span: (f64, f64),
    /// One for each node.
    pub lanes: Vec<Lane>,
    /// Faults: from, to, and what.
    pub faults: Vec<(f64, f64, String)>,
    /// Operations of clients: when one ended, how long it took in milliseconds, whether it was ok.
    pub operations: Vec<(f64, f64, bool)>,
}

/// What one node was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lane {
    /// Its name.
    pub name: String,
    /// From, to, and what: `leader`, `candidate`, `plain`, `down` or `paused`, with a word.
    pub pieces: Vec<(f64, f64, &'static str, String)>,
}

const WIDTH: f64 = 1100.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 20.0;
const LANE: f64 = 26.0;
/// Height of the first lane: below the title and two lines of faults.
const TOP: f64 = 64.0;
/// The same without a title.
const TOP_BARE: f64 = 42.0;
const CLIENTS: f64 = 110.0;

impl Timeline {
    /// Draws it.
    #[must_use]
    pub fn draw(&self) -> Drawing {
        let mut svg = Drawing::new();
        svg.text((LEFT, 22.0), Anchor::Start, "title", &self.title);
        let top = self.top();
        let lanes = top + LANE * self.lanes.len() as f64;
        let bottom = if self.operations.is_empty() { lanes } else { lanes + CLIENTS };
        self.shade(&mut svg, bottom);
        for (i, lane) in self.lanes.iter().enumerate() {
            self.lane(&mut svg, lane, top + LANE * i as f64);
        }
        if !self.operations.is_empty() {
            self.clients(&mut svg, lanes, bottom);
        }
        for value in ticks(self.span) {
            let x = self.x(value);
            svg.line((x, bottom), (x, bottom + 5.0), "axis");
            svg.text((x, bottom + 18.0), Anchor::Middle, "tick", &number(value));
        }
        svg.path(&[(LEFT, bottom), (WIDTH - RIGHT, bottom)], "axis");
        let middle = (LEFT + WIDTH - RIGHT) / 2.0;
        svg.text(
            (middle, bottom + 36.0),
            Anchor::Middle,
            "label",
            "time since the start of the run [s]",
        );
        svg.sized(WIDTH, bottom + 46.0)
    }

    fn top(&self) -> f64 {
        if self.title.is_empty() { TOP_BARE } else { TOP }
    }

    fn x(&self, at: f64) -> f64 {
        let (from, to) = self.span;
        let part = (at.clamp(from, to) - from) / (to - from).max(1e-9);
        LEFT + (WIDTH - LEFT - RIGHT) * part
    }

    fn shade(&self, svg: &mut Drawing, bottom: f64) {
        let top = self.top();
        // Two lines of names; a fault whose name fits on neither has none.
        let mut free = [f64::NEG_INFINITY; 2];
        for (from, to, what) in &self.faults {
            let (x, end) = (self.x(*from), self.x(*to));
            svg.rect((x, top - 6.0), ((end - x).max(2.0), bottom - top + 6.0), "shade");
            svg.rect((x, top - 10.0), ((end - x).max(2.0), 4.0), "fault");
            if let Some(row) = free.iter().position(|until| *until <= x) {
                free[row] = x + 6.2 * what.chars().count() as f64;
                let y = top - 14.0 - 11.0 * row as f64;
                svg.text((x, y), Anchor::Start, "halo bad", what);
            }
        }
    }

    fn lane(&self, svg: &mut Drawing, lane: &Lane, y: f64) {
        svg.text((LEFT - 10.0, y + LANE / 2.0 + 4.0), Anchor::End, "node", &lane.name);
        for (from, to, class, word) in &lane.pieces {
            let (x, end) = (self.x(*from), self.x(*to));
            svg.rect((x, y + 4.0), ((end - x).max(0.6), LANE - 8.0), class);
            if end - x > 6.4 * word.len() as f64 {
                svg.text((x + 5.0, y + LANE / 2.0 + 4.0), Anchor::Start, "role", word);
            }
        }
    }

    /// One dot an operation, on a logarithmic scale: what failed stands on top.
    fn clients(&self, svg: &mut Drawing, top: f64, bottom: f64) {
        let (low, high) = (0.1f64, 10_000.0f64);
        let y = |ms: f64| {
            let part = (ms.clamp(low, high) / low).log10() / (high / low).log10();
            bottom - (bottom - top - 14.0) * part
        };
        for value in [1.0, 10.0, 100.0, 1_000.0] {
            svg.line((LEFT, y(value)), (WIDTH - RIGHT, y(value)), "grid");
            svg.text((LEFT - 8.0, y(value) + 4.0), Anchor::End, "tick", &number(value));
        }
        svg.upright((18.0, (top + bottom) / 2.0), "label", "operation [ms]");
        for (at, took, ok) in &self.operations {
            svg.dot((self.x(*at), y(*took)), 2.2, if *ok { "f0" } else { "bad" });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_faults_and_operations_stand_where_their_time_is() {
        let piece = (0.0, 5.0, "leader", "leader 1".to_owned());
        let timeline = Timeline {
            span: (0.0, 10.0),
            lanes: vec![Lane { name: "n1".into(), pieces: vec![piece] }],
            faults: vec![(5.0, 7.5, "cut <n1>".into())],
            operations: vec![(5.0, 12.0, true), (99.0, f64::NAN, false)],
            ..Timeline::default()
        };
        assert_eq!(timeline.x(5.0), LEFT + (WIDTH - LEFT - RIGHT) / 2.0);
        let svg = timeline.draw().file();
        let half = format!(
            "x=\"{:.1}\" y=\"36.0\" width=\"{:.1}\"",
            timeline.x(5.0),
            timeline.x(7.5) - timeline.x(5.0)
        );
        assert!(svg.contains(&half), "{svg}");
        assert!(svg.contains("cut &lt;n1&gt;") && svg.contains(">leader 1<"));
        assert!(svg.contains("class=\"bad\" cx=\"1080.0\""), "what is late stands at the end");
        assert!(Timeline::default().draw().file().ends_with("</svg>\n"));
    }
}
