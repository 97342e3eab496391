//! The space-time diagram (Lamport, 1978): a lane for each node, time downwards.
//!
//! ```text
//!    time      n1        n2        n3       faults
//!    1.200s    █ leader  │         │
//!              █────append 7──────▶│
//!    1.201s    █         ╳         │        ┃ cut n1 <-> n2
//!              ░ down    │         │        ┃
//! ```
//!
//! Time is not drawn to scale: each moment at which something happens gets a row, and long
//! silences are cut short and marked, since an election that follows two seconds of silence is
//! read best next to it. Only the last rows of a run are drawn.

mod frames;
mod layout;
mod paint;
mod player;

use bytes::Bytes;
use kernel::Instant;

use super::drawing::Drawing;
use crate::audit::Recorder;
use frames::Frames;
use layout::Layout;
pub use player::Player;

/// How a run is drawn.
#[derive(Clone, Copy)]
pub struct Diagram<'a> {
    /// What a frame says, in a few words.
    pub label: &'a dyn Fn(&Bytes) -> Option<String>,
    /// Whether frames without words are left out; else their length is shown.
    pub terse: bool,
    /// How many moments are drawn at most; about 20 fit a screen. The last ones, unless `from` says
    /// where to begin.
    pub rows: usize,
    /// The first moment that is drawn; none begins so that the end is drawn.
    pub from: Option<Instant>,
    /// The last moment that is drawn.
    pub until: Instant,
    /// The moment that times are counted from.
    pub zero: Instant,
    /// What clients did; they get a lane of their own.
    pub spans: &'a [Span],
}

/// An operation of a client, from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// When it began.
    pub from: Instant,
    /// When it ended.
    pub to: Instant,
    /// What it was.
    pub text: String,
    /// Whether it is part of what must not be.
    pub bad: bool,
}

impl Default for Diagram<'_> {
    fn default() -> Self {
        let label = &|_: &Bytes| None;
        let (rows, until) = (120, Instant::NEVER);
        Diagram { label, terse: false, rows, from: None, until, zero: Instant::ZERO, spans: &[] }
    }
}

impl Diagram<'_> {
    /// Draws the end of a run.
    #[must_use]
    pub fn draw(&self, nodes: u64, recorder: &Recorder) -> Drawing {
        let frames = Frames::new(recorder, self.label, self.terse);
        paint::paint(&self.layout(nodes, recorder, &frames), recorder, &frames, self.spans).0
    }

    /// The end of a run, to be gone through forwards and backwards.
    #[must_use]
    pub fn player(&self, name: &str, nodes: u64, recorder: &Recorder) -> Player {
        let frames = Frames::new(recorder, self.label, self.terse);
        let layout = self.layout(nodes, recorder, &frames);
        let drawing = paint::paint(&layout, recorder, &frames, self.spans);
        Player::new(name, drawing, &layout, recorder, &frames, self.spans)
    }

    fn layout(&self, nodes: u64, recorder: &Recorder, frames: &Frames) -> Layout {
        Layout::new(nodes, recorder, frames, self)
    }
}
