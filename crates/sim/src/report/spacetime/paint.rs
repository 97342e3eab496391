//! Painting a diagram, from back to front: grid, bands, messages, marks.

use std::collections::BTreeMap;

use kernel::{Instant, NodeId};

use super::{
    super::drawing::{Anchor, Drawing},
    Span,
    frames::Frames,
    layout::{Layout, ROWS, TOP},
};
use crate::audit::{Lost, Recorder, What};

mod bands;

/// A frame on its way.
struct Flight {
    from: NodeId,
    to: NodeId,
    sent: Instant,
    label: String,
    arrivals: u32,
}

pub(super) struct Painter<'a> {
    layout: &'a Layout,
    recorder: &'a Recorder,
    svg: Drawing,
    /// Words beside arrow heads: painted over all lines, so that no line strikes them out.
    labels: Vec<((f64, f64), Anchor, String)>,
}

/// Width of the column of faults.
const FAULTS: f64 = 410.0;

/// Paints the window of a run: all of it, and the names of the columns alone.
pub(super) fn paint(
    layout: &Layout,
    recorder: &Recorder,
    frames: &Frames,
    spans: &[Span],
) -> (Drawing, Drawing) {
    let mut painter = Painter { layout, recorder, svg: Drawing::new(), labels: Vec::new() };
    painter.found(spans);
    painter.grid();
    painter.faults();
    painter.bands();
    painter.spans(spans);
    painter.messages(frames);
    painter.marks();
    painter.title();
    let (width, heads) = (layout.faults_x() + FAULTS, painter.heads());
    painter.svg.add(&heads);
    (painter.svg.sized(width, layout.bottom + 24.0), heads.sized(width, TOP))
}

impl Painter<'_> {
    fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.layout.nodes).map(NodeId)
    }

    fn grid(&mut self) {
        let right = self.layout.faults_x();
        let mut labelled = 0.0;
        for (at, y) in self.layout.rows() {
            self.svg.line((ROWS, y), (right, y), "row");
            if y - labelled >= 11.0 {
                self.svg.text((ROWS - 8.0, y + 3.0), Anchor::End, "time", &self.layout.time(at));
                labelled = y;
            }
        }
        for (y, gap) in &self.layout.breaks {
            self.svg.line((ROWS, *y), (right, *y), "break");
            let text = format!("{} ms", gap / 1_000_000);
            self.svg.text((right - 4.0, y - 2.0), Anchor::End, "gap", &text);
        }
    }

    fn title(&mut self) {
        let (first, last) = (self.layout.rows().next(), self.layout.rows().last());
        let (first, last) = (first.map_or(Instant(0), |r| r.0), last.map_or(Instant(0), |r| r.0));
        let title = format!("{} to {}", self.layout.time(first), self.layout.time(last));
        self.svg.text((20.0, 28.0), Anchor::Start, "title", &title);
        self.legend();
    }

    /// The names of the columns.
    fn heads(&self) -> Drawing {
        let (mut heads, y) = (Drawing::new(), TOP - 22.0);
        for node in self.nodes() {
            heads.text((self.layout.x(node), y), Anchor::Middle, "node", &node.to_string());
        }
        if let Some(x) = self.layout.clients_x() {
            heads.text((x, y), Anchor::Start, "node", "clients");
        }
        heads.text((self.layout.faults_x(), y), Anchor::Start, "node", "faults");
        heads
    }

    fn legend(&mut self) {
        let keys = ["leader", "candidate", "plain", "down", "paused"];
        let names = ["leader", "candidate", "follower", "down", "paused"];
        for (i, (class, name)) in keys.iter().zip(names).enumerate() {
            let x = 20.0 + 84.0 * i as f64;
            self.svg.rect((x, 42.0), (12.0, 12.0), class);
            self.svg.text((x + 17.0, 52.0), Anchor::Start, "", name);
        }
        let text = "purple: client request and reply · dashed: repeated · red: lost · \
                    time is not to scale";
        self.svg.text((450.0, 52.0), Anchor::Start, "", text);
    }

    fn messages(&mut self, frames: &Frames) {
        let mut flights: BTreeMap<u64, Flight> = BTreeMap::new();
        let recorder = self.recorder;
        for record in recorder.iter() {
            let inside = self.layout.contains(record.at);
            match &record.what {
                What::Sent { to, frame, .. } => {
                    if let Some(label) = frames.words(*frame) {
                        let (from, sent, label) = (record.node, record.at, label.to_owned());
                        flights.insert(*frame, Flight { from, to: *to, sent, label, arrivals: 0 });
                    }
                }
                What::Delivered { frame, .. } => {
                    if let Some(flight) = flights.get_mut(frame) {
                        flight.arrivals += 1;
                        if inside {
                            self.arrival(flight, record.at);
                        }
                    }
                }
                What::Dropped { frame, why, .. } => {
                    if let Some(flight) = flights.get_mut(frame) {
                        flight.arrivals += 1;
                        if inside {
                            self.loss(flight, record.at, *why);
                        }
                    }
                }
                _ => {}
            }
        }
        for flight in flights.values().filter(|f| f.arrivals == 0 && self.layout.contains(f.sent)) {
            let from = (self.layout.x(flight.from), self.layout.y(flight.sent).unwrap_or(TOP));
            let to = between(from, (self.layout.x(flight.to), self.layout.bottom), 0.4);
            self.svg.line(from, to, "flight");
        }
        for (at, anchor, label) in std::mem::take(&mut self.labels) {
            self.svg.text(at, anchor, "halo", &label);
        }
    }

    /// Both ends of a flight; one that began before the window comes in at the top.
    fn ends(&self, flight: &Flight, at: Instant) -> ((f64, f64), (f64, f64)) {
        let (from, to) = (self.layout.x(flight.from), self.layout.x(flight.to));
        let end = self.layout.y(at).unwrap_or(TOP);
        match self.layout.y(flight.sent) {
            Some(start) => ((from, start), (to, end)),
            None => (between((to, end), (from, TOP), 0.5), (to, end)),
        }
    }

    fn arrival(&mut self, flight: &Flight, at: Instant) {
        if flight.from == flight.to {
            return;
        }
        let (from, mut to) = self.ends(flight, at);
        let left = from.0 < to.0;
        to.0 += if left { -7.0 } else { 7.0 };
        self.svg.line(from, to, if flight.arrivals > 1 { "again" } else { "message" });
        let (anchor, x) = match left {
            true => (Anchor::End, to.0 - 9.0),
            false => (Anchor::Start, to.0 + 9.0),
        };
        // Beside the head and on the line, which is nearly level here or far away.
        let slope = (from.1 - to.1) / (from.0 - to.0);
        let y = to.1 + slope * (x - to.0) - 3.0;
        self.labels.push(((x, y), anchor, flight.label.clone()));
    }

    fn loss(&mut self, flight: &Flight, at: Instant, why: Lost) {
        let (from, to) = self.ends(flight, at);
        let lane = (from.0 - to.0).abs().max(1.0);
        let reach = match why {
            Lost::Down | Lost::Inbox => 1.0 - 12.0 / lane,
            Lost::Cut | Lost::Loss | Lost::Queue => 60.0 / lane,
        };
        let (x, y) = between(from, to, reach);
        self.svg.line(from, (x, y), "lost");
        self.svg.line((x - 3.5, y - 3.5), (x + 3.5, y + 3.5), "cross");
        self.svg.line((x - 3.5, y + 3.5), (x + 3.5, y - 3.5), "cross");
    }

    /// Requests and replies of clients, boots, halts, and what the caller points at.
    fn marks(&mut self) {
        let recorder = self.recorder;
        for record in recorder.iter().filter(|record| self.layout.contains(record.at)) {
            let (x, y) = (self.layout.x(record.node), self.layout.y(record.at).unwrap_or(TOP));
            let mut say = |class: &str, text: &str| {
                self.svg.text((x + 10.0, y + 4.0), Anchor::Start, &format!("halo {class}"), text);
            };
            match &record.what {
                What::Request(ticket) => {
                    self.svg.dot((x, y), 3.0, "client");
                    let text = format!("?{}", ticket.0);
                    self.svg.text((x - 9.0, y + 3.5), Anchor::End, "halo client", &text);
                }
                What::Reply(ticket) => {
                    self.svg.dot((x, y), 3.0, "client");
                    let text = format!("!{}", ticket.0);
                    self.svg.text((x - 9.0, y + 3.5), Anchor::End, "halo client", &text);
                }
                What::Crashed { power: true } => say("bad", "crash"),
                What::Crashed { power: false } => say("bad", "kill"),
                What::Wiped => say("bad", "          wiped"),
                What::Halted(reason) => say("bad", &short(&format!("halt: {reason}"), 40)),
                What::Paused => say("bad", "pause"),
                What::Resumed => say("good", "resume"),
                What::Booted(boots) => say("good", &format!("boot {boots}")),
                What::Mark(text) => {
                    self.svg.dot((x, y), 4.0, "bad");
                    self.svg.text((x + 10.0, y + 4.0), Anchor::Start, "halo bad", text);
                }
                _ => {}
            }
        }
    }
}

/// A point on the way.
fn between(from: (f64, f64), to: (f64, f64), part: f64) -> (f64, f64) {
    (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part)
}

/// At most so many characters.
fn short(text: &str, len: usize) -> String {
    match text.char_indices().nth(len) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
