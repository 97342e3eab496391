//! Where things go: which moments get a row, and how far apart rows are.

use std::collections::BTreeMap;

use kernel::{Instant, NodeId};

use super::{Diagram, frames::Frames};
use crate::audit::{Record, Recorder, What};

/// Height of the first row.
pub(super) const TOP: f64 = 104.0;
/// What is above this is the head: it stays in sight when the page scrolls.
pub(super) const HEAD: f64 = TOP - 16.0;
/// Distance between lanes: of few nodes, and of many.
const LANES: (f64, f64) = (170.0, 130.0);
/// Where the first lane is, and where the rows begin.
const LEFT: f64 = 170.0;
/// Width of the lane of clients.
const CLIENTS: f64 = 150.0;
/// Where rows begin.
pub(super) const ROWS: f64 = 86.0;
/// The least and the greatest distance between two rows.
const STEP: (f64, f64) = (13.0, 34.0);
/// A silence longer than this is cut short.
const SILENCE_NS: u64 = 20_000_000;

pub(super) struct Layout {
    pub(super) nodes: u64,
    left: f64,
    zero: Instant,
    rows: BTreeMap<Instant, f64>,
    /// Rows that follow a long silence.
    pub(super) breaks: Vec<(f64, u64)>,
    pub(super) bottom: f64,
}

impl Layout {
    /// Gives a row to each of the last moments at which something visible happened.
    pub(super) fn new(
        nodes: u64,
        recorder: &Recorder,
        frames: &Frames,
        diagram: &Diagram<'_>,
    ) -> Layout {
        let shown = recorder.iter().filter(|record| visible(record) && frames.shown(record));
        let mut moments: Vec<Instant> = shown.map(|record| record.at).collect();
        moments.extend(diagram.spans.iter().flat_map(|span| [span.from, span.to]));
        let begin = diagram.from.unwrap_or(Instant::ZERO);
        moments.retain(|at| *at >= begin && *at <= diagram.until);
        moments.sort_unstable();
        moments.dedup();
        let rows = diagram.rows.max(2);
        if diagram.from.is_some() {
            moments.truncate(rows);
        }
        let first = moments.len().saturating_sub(rows);
        let left = if diagram.spans.is_empty() { LEFT } else { LEFT + CLIENTS };
        let (rows, breaks) = (BTreeMap::new(), Vec::new());
        let mut layout = Layout { nodes, left, zero: diagram.zero, rows, breaks, bottom: TOP };
        let (mut y, mut before) = (TOP, None);
        for at in moments.drain(first..) {
            if let Some(before) = before {
                let gap = at.since(before).as_nanos() as u64;
                y += (STEP.0 + gap as f64 / 100_000.0).min(STEP.1);
                if gap > SILENCE_NS {
                    layout.breaks.push((y - STEP.1 / 2.0, gap));
                }
            }
            layout.rows.insert(at, y);
            before = Some(at);
        }
        layout.bottom = y + STEP.1;
        layout
    }

    /// The height of a moment: that of the next row for what has none; `None` before the first.
    pub(super) fn y(&self, at: Instant) -> Option<f64> {
        if self.rows.first_key_value().is_none_or(|(first, _)| at < *first) {
            return None;
        }
        Some(self.rows.range(at..).next().map_or(self.bottom, |(_, y)| *y))
    }

    /// Rows in order of time.
    pub(super) fn rows(&self) -> impl Iterator<Item = (Instant, f64)> {
        self.rows.iter().map(|(at, y)| (*at, *y))
    }

    /// Whether a moment is inside the window.
    pub(super) fn contains(&self, at: Instant) -> bool {
        self.rows.last_key_value().is_some_and(|(last, _)| at <= *last) && self.y(at).is_some()
    }

    /// A moment in words.
    pub(super) fn time(&self, at: Instant) -> String {
        Instant(at.0.saturating_sub(self.zero.0)).to_string()
    }

    /// The distance between lanes.
    pub(super) fn lane(&self) -> f64 {
        if self.nodes <= 3 { LANES.0 } else { LANES.1 }
    }

    /// The lane of a node.
    pub(super) fn x(&self, node: NodeId) -> f64 {
        self.left + (node.0 as f64 - 1.0) * self.lane()
    }

    /// The lane of clients; `None` if there is none.
    pub(super) fn clients_x(&self) -> Option<f64> {
        (self.left > LEFT).then_some(ROWS + 20.0)
    }

    /// Where the column of faults begins.
    pub(super) fn faults_x(&self) -> f64 {
        self.left + (self.nodes as f64 - 0.25) * self.lane()
    }
}

/// Whether an event is drawn: the inner life of a node (timers, syncs, its log) is not.
pub(super) fn visible(record: &Record) -> bool {
    !matches!(record.what, What::Timer(_) | What::Done(_) | What::Log(_) | What::State(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorder(times: &[u64]) -> Recorder {
        let mut recorder = Recorder::new(1_000);
        for at in times {
            recorder.add(Record { at: Instant(*at), node: NodeId(1), what: What::Paused });
        }
        recorder
    }

    fn layout(recorder: &Recorder, rows: usize, until: Instant) -> Layout {
        let diagram = Diagram { rows, until, ..Diagram::default() };
        Layout::new(3, recorder, &Frames::new(recorder, diagram.label, false), &diagram)
    }

    #[test]
    fn the_last_moments_get_rows_and_silence_is_cut_short() {
        let recorder = recorder(&[10, 20, 30, 30, 1_000_000_030]);
        let layout = layout(&recorder, 3, Instant::NEVER);
        assert_eq!(layout.y(Instant(10)), None);
        assert_eq!(layout.y(Instant(20)), Some(TOP));
        let (three, four) = (layout.y(Instant(30)), layout.y(Instant(1_000_000_030)));
        assert!(three.unwrap() - TOP >= STEP.0);
        assert!(four.unwrap() - three.unwrap() <= STEP.1);
        assert_eq!(layout.breaks.len(), 1);
        assert_eq!(layout.y(Instant(25)), three, "what has no row takes the next");
        assert!(layout.contains(Instant(25)) && !layout.contains(Instant(2_000_000_000)));
    }

    #[test]
    fn a_window_may_begin_where_it_is_told() {
        let recorder = recorder(&[10, 20, 30, 40]);
        let diagram = Diagram { rows: 2, from: Some(Instant(15)), ..Diagram::default() };
        let frames = Frames::new(&recorder, diagram.label, false);
        let layout = Layout::new(3, &recorder, &frames, &diagram);
        let rows: Vec<u64> = layout.rows().map(|(at, _)| at.0).collect();
        assert_eq!(rows, [20, 30]);
    }

    #[test]
    fn a_window_may_end_before_the_run() {
        let layout = layout(&recorder(&[10, 20, 30]), 9, Instant(20));
        assert!(layout.contains(Instant(20)) && !layout.contains(Instant(30)));
    }

    #[test]
    fn nothing_recorded_is_an_empty_window() {
        let layout = layout(&recorder(&[]), 9, Instant::NEVER);
        assert_eq!((layout.y(Instant(0)), layout.rows().count()), (None, 0));
    }
}
