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

mod layout;
mod paint;

use bytes::Bytes;
use kernel::Instant;

use crate::audit::Recorder;
use layout::Layout;

/// How a run is drawn.
#[derive(Clone, Copy)]
pub struct Diagram<'a> {
    /// What a frame says, in a few words; without words its length is shown.
    pub label: &'a dyn Fn(&Bytes) -> Option<String>,
    /// How many moments are drawn at most; about 20 fit a screen.
    pub rows: usize,
    /// The last moment that is drawn.
    pub until: Instant,
}

impl Default for Diagram<'_> {
    fn default() -> Self {
        Diagram { label: &|_| None, rows: 120, until: Instant::NEVER }
    }
}

impl Diagram<'_> {
    /// Draws the end of a run as an SVG document.
    #[must_use]
    pub fn draw(&self, nodes: u64, recorder: &Recorder) -> String {
        let layout = Layout::new(nodes, recorder, self.rows.max(2), self.until);
        paint::paint(&layout, recorder, self.label)
    }
}
