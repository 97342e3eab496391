//! A diagram that is gone through: a cursor forwards and backwards, and beside it what every node
//! knew and what happened at that moment.
//!
//! The fragment carries its moments as JSON; `assets/player.js` moves the cursor. Without the script
//! the whole diagram and the last states are there.

use std::collections::BTreeMap;

use kernel::{Instant, NodeId};
use serde::Serialize;

use super::{
    super::{
        drawing::{Drawing, escape},
        log,
    },
    Span,
    frames::Frames,
    layout::{HEAD, Layout},
};
use crate::audit::{Recorder, State, What};

/// A diagram with its moments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Player {
    /// The name of the picture as a file, without its ending.
    pub name: String,
    drawing: Drawing,
    heads: Drawing,
    story: String,
    rows: usize,
}

/// What the script is given.
#[derive(Serialize)]
struct Story {
    /// The state of everything before the first moment.
    before: Vec<Known>,
    moments: Vec<Moment>,
    /// Which moments show what must not be.
    found: Vec<usize>,
    /// Where the cursor stands first: at the last finding, else at the first fault, else at the end.
    start: usize,
    /// Where rows end.
    bottom: f64,
}

#[derive(Serialize)]
struct Moment {
    at: String,
    y: f64,
    /// What happened, in words.
    events: Vec<String>,
    /// What changed.
    known: Vec<Known>,
}

/// What is known of a node from a moment on: how it is, its role, or what a part of it knows.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Known {
    Life(String, &'static str),
    Role(String, String),
    Facts(String, String, Vec<(&'static str, String)>),
}

impl Player {
    pub(super) fn new(
        name: &str,
        (drawing, heads): (Drawing, Drawing),
        layout: &Layout,
        recorder: &Recorder,
        frames: &Frames,
        spans: &[Span],
    ) -> Player {
        let mut story = Story {
            before: before(layout, recorder),
            moments: Vec::new(),
            found: Vec::new(),
            start: 0,
            bottom: layout.bottom,
        };
        let rows: Vec<(Instant, f64)> = layout.rows().collect();
        for (at, y) in &rows {
            let (at, y) = (layout.time(*at), *y);
            story.moments.push(Moment { at, y, events: Vec::new(), known: Vec::new() });
        }
        let place = |at: Instant| rows.partition_point(|(row, _)| *row < at);
        for record in recorder.iter() {
            let Some(moment) = story.moments.get_mut(place(record.at)) else { continue };
            let known = known(record.node, &record.what);
            if layout.y(record.at).is_none() {
                story.before.extend(known);
                continue;
            }
            moment.known.extend(known);
            if super::layout::visible(record) && frames.shown(record) {
                moment.events.push(words(record, frames));
            }
            if matches!(record.what, What::Mark(_)) {
                story.found.push(place(record.at));
            }
        }
        for span in spans {
            let verb = |text: &str| format!("clients  {text}: {}", span.text);
            for (at, text) in [(span.from, "begin"), (span.to, "end")] {
                if let (Some(moment), true) =
                    (story.moments.get_mut(place(at)), layout.contains(at))
                {
                    moment.events.push(verb(text));
                    story.found.extend(span.bad.then_some(place(at)));
                }
            }
        }
        story.found.sort_unstable();
        story.found.dedup();
        story.start = story.found.last().copied().unwrap_or(rows.len().saturating_sub(1));
        let rows = story.moments.len();
        // Strings and numbers only: this cannot fail.
        let story = serde_json::to_string(&story).unwrap_or_default();
        Player { name: name.to_owned(), drawing, heads, story, rows }
    }

    /// The picture alone.
    #[must_use]
    pub fn drawing(&self) -> &Drawing {
        &self.drawing
    }

    /// Part of a page that has the styles and the script.
    #[must_use]
    pub(in super::super) fn html(&self, caption: &str) -> String {
        let last = self.rows.saturating_sub(1);
        let (name, caption) = (escape(&self.name), escape(caption));
        // Inside a script only this could end it.
        let story = self.story.replace('<', "\\u003c");
        format!(
            "<section class=\"player\" aria-label=\"Run: {caption}\">\n\
             <div class=\"controls\" role=\"group\" aria-label=\"Cursor\">\
             <button data-go=\"first\" title=\"First moment (Home)\">|◀</button>\
             <button data-go=\"back\" title=\"One moment back (←)\">◀</button>\
             <button data-go=\"play\" title=\"Play (space)\" aria-pressed=\"false\">play</button>\
             <button data-go=\"next\" title=\"One moment on (→)\">▶</button>\
             <button data-go=\"last\" title=\"Last moment (End)\">▶|</button>\
             <button data-go=\"found\" title=\"Next moment that matters (f)\">finding</button>\
             <label>moment <input type=\"range\" min=\"0\" max=\"{last}\" value=\"{last}\" \
             aria-label=\"Moment of {name}\"></label><output class=\"clock\"></output></div>\n\
             <div class=\"stage\"><div class=\"scroll\" tabindex=\"0\" \
             aria-label=\"Space-time diagram; arrow keys move the cursor\">\
             <div class=\"heads\">{heads}</div>{picture}</div>\n\
             <aside><h4>What each node knows</h4><table class=\"states\"><tbody></tbody></table>\
             <h4>What happens</h4><ul class=\"events\" aria-live=\"polite\"></ul></aside></div>\n\
             <script type=\"application/json\">{story}</script>\n\
             <p class=\"caption\">{caption}</p></section>\n",
            heads = self.heads.part("Nodes", (64.0, HEAD)),
            picture = self.drawing.inline(&format!("Space-time diagram: {caption}"), HEAD),
        )
    }
}

/// What was known before all that is drawn, as far as it is not forgotten.
fn before(layout: &Layout, recorder: &Recorder) -> Vec<Known> {
    let mut known = Vec::new();
    for node in (1..=layout.nodes).map(NodeId) {
        known.push(Known::Life(node.to_string(), "up"));
        known.extend(recorder.role_before(node).map(|r| Known::Role(node.to_string(), r.into())));
    }
    let states: BTreeMap<_, &State> =
        recorder.states_before().map(|(node, state)| ((node, state.of.clone()), state)).collect();
    known.extend(states.into_iter().map(|((node, _), state)| facts(node, state)));
    known
}

fn facts(node: NodeId, state: &State) -> Known {
    Known::Facts(node.to_string(), state.of.clone(), state.facts.clone())
}

/// What an event changes in the table of states.
fn known(node: NodeId, what: &What) -> Option<Known> {
    let name = node.to_string();
    Some(match what {
        What::Role(role) => Known::Role(name, role.clone()),
        What::State(state) => facts(node, state),
        What::Booted(_) | What::Resumed => Known::Life(name, "up"),
        What::Paused => Known::Life(name, "paused"),
        What::Crashed { .. } | What::Halted(_) => Known::Life(name, "down"),
        _ => return None,
    })
}

fn words(record: &crate::audit::Record, frames: &Frames) -> String {
    let node = if record.node == NodeId::NONE { "world".into() } else { record.node.to_string() };
    let said = |frame: u64| frames.words(frame).unwrap_or_default();
    match &record.what {
        What::Sent { to, frame, .. } => format!("{node} sends to {to}: {}", said(*frame)),
        What::Delivered { from, frame } => format!("{node} receives from {from}: {}", said(*frame)),
        What::Dropped { from, frame, why } => {
            format!("lost on the way from {from} to {node} ({why:?}): {}", said(*frame))
        }
        _ => format!("{node}  {}", log::line(record)),
    }
}
