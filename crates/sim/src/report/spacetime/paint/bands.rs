//! What lasts: lanes coloured by role, down and paused times, and the column of faults.

use std::collections::BTreeMap;

use kernel::{Instant, NodeId};

use crate::audit::Record;

use super::{
    super::layout::{ROWS, TOP},
    {Anchor, Painter, Span, What, short},
};

/// A fault that lasts: its column, the node that it strikes alone, from where to where.
type Bar = (usize, NodeId, f64, Option<f64>);

/// Half the width of a lane's band.
const HALF: f64 = 6.0;
/// How many faults may last side by side.
const COLUMNS: usize = 6;

/// What a lane shows from some height on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Shown {
    role: Option<String>,
    down: bool,
    paused: bool,
}

impl Shown {
    fn class(&self) -> &'static str {
        let role = self.role.as_deref().unwrap_or_default();
        match (self.down, self.paused) {
            (true, _) => "down",
            (_, true) => "paused",
            _ if role.starts_with("leader") => "leader",
            _ if role.starts_with("candidate") || role.starts_with("pre") => "candidate",
            _ if role.is_empty() || role.starts_with("follower") => "plain",
            _ => "other",
        }
    }
}

impl Painter<'_> {
    pub(super) fn bands(&mut self) {
        for node in self.nodes() {
            let (mut shown, mut y) = (self.before(node), TOP - 12.0);
            self.say_role(node, &shown, TOP);
            let recorder = self.recorder;
            let mine = |r: &&Record| r.node == node && self.layout.contains(r.at);
            let changes: Vec<_> = recorder.iter().filter(mine).collect();
            for record in changes {
                let before = shown.clone();
                apply(&mut shown, &record.what);
                let here = self.layout.y(record.at).unwrap_or(TOP);
                if before != shown {
                    self.band(node, (y, here), before.class());
                    y = here;
                }
                if before.role != shown.role {
                    self.say_role(node, &shown, here);
                }
            }
            self.band(node, (y, self.layout.bottom), shown.class());
        }
    }

    /// What a node was when the window begins: what came before it, and what its first change
    /// inside betrays.
    fn before(&self, node: NodeId) -> Shown {
        let mut shown =
            Shown { role: self.recorder.role_before(node).map(str::to_owned), ..Shown::default() };
        let mut known = self.recorder.forgotten() == 0;
        for record in self.recorder.iter().filter(|record| record.node == node) {
            if self.layout.contains(record.at) {
                if !known {
                    shown.down |= matches!(record.what, What::Booted(_));
                    shown.paused |= matches!(record.what, What::Resumed);
                }
                known |= matches!(
                    record.what,
                    What::Booted(_) | What::Resumed | What::Paused | What::Crashed { .. }
                );
            } else if self.layout.y(record.at).is_none() {
                apply(&mut shown, &record.what);
            }
        }
        shown
    }

    fn band(&mut self, node: NodeId, (from, to): (f64, f64), class: &str) {
        let x = self.layout.x(node) - HALF;
        self.svg.rect((x, from), (2.0 * HALF, (to - from).max(1.0)), class);
    }

    fn say_role(&mut self, node: NodeId, shown: &Shown, y: f64) {
        if let Some(role) = &shown.role {
            let at = (self.layout.x(node) + 10.0, y - 4.0);
            self.svg.text(at, Anchor::Start, "halo role", role);
        }
    }

    /// Names the faults that began before the window.
    fn say_still<'a>(&mut self, x: f64, faults: impl Iterator<Item = &'a String>) {
        let faults: Vec<&str> = faults.map(String::as_str).collect();
        if !faults.is_empty() {
            let text = short(&format!("still: {}", faults.join("; ")), 64);
            self.svg.text((x, TOP - 8.0), Anchor::Start, "bad", &text);
        }
    }

    /// Faults that last are bars, and bands over the lanes; those that strike once are words.
    pub(super) fn faults(&mut self) {
        let mut open: BTreeMap<String, (usize, NodeId, f64)> = BTreeMap::new();
        let mut bars: Vec<Bar> = Vec::new();
        let recorder = self.recorder;
        let (left, mut still) = (self.layout.faults_x(), true);
        let text_x = left + 12.0 * COLUMNS as f64;
        for record in recorder.iter() {
            let y = self.layout.y(record.at);
            if y.is_some() && std::mem::take(&mut still) {
                self.say_still(left, open.keys());
            }
            match &record.what {
                What::Injected { fault, lasting } => {
                    if let Some(y) = y.filter(|_| self.layout.contains(record.at)) {
                        let at = (text_x, y + 3.5);
                        self.svg.text(at, Anchor::Start, "bad", &short(fault, 54));
                    }
                    if *lasting {
                        let free = |c: &usize| open.values().all(|(used, ..)| used != c);
                        let column = (0..COLUMNS).find(free).unwrap_or(COLUMNS - 1);
                        open.insert(fault.clone(), (column, record.node, y.unwrap_or(TOP)));
                    }
                }
                What::Healed(fault) if fault == "everything" => {
                    let all = std::mem::take(&mut open);
                    bars.extend(
                        all.into_values().map(|(column, node, from)| (column, node, from, y)),
                    );
                }
                What::Healed(fault) => {
                    bars.extend(
                        open.remove(fault).map(|(column, node, from)| (column, node, from, y)),
                    );
                }
                _ => {}
            }
        }
        let bottom = Some(self.layout.bottom);
        bars.extend(open.into_values().map(|(column, node, from)| (column, node, from, bottom)));
        for bar in bars {
            self.bar(bar);
        }
    }

    fn bar(&mut self, (column, node, from, to): Bar) {
        let (left, height) = (self.layout.faults_x(), to.unwrap_or(TOP) - from);
        if height <= 0.0 {
            return;
        }
        let (x, width) = match node {
            NodeId::NONE => (ROWS, left - ROWS),
            node => (self.layout.x(node) - self.layout.lane() / 4.0, self.layout.lane() / 2.0),
        };
        self.svg.rect((x, from), (width, height), "shade");
        self.svg.rect((left + 12.0 * column as f64, from), (8.0, height), "fault");
    }

    /// What clients did, beside each other; what must not be stands out over all lanes.
    pub(super) fn spans(&mut self, spans: &[Span]) {
        let Some(left) = self.layout.clients_x() else { return };
        let mut free = [0.0; COLUMNS];
        for span in spans {
            let (from, to) =
                (self.layout.y(span.from).unwrap_or(TOP - 8.0), self.layout.y(span.to));
            let Some(to) = to else { continue };
            let column = free.iter().position(|until| *until <= from).unwrap_or(COLUMNS - 1);
            free[column] = to;
            let (x, class) =
                (left + 9.0 * column as f64, if span.bad { "span-bad" } else { "span" });
            self.svg.rect((x, from), (6.0, (to - from).max(3.0)), class);
            let class = if span.bad { "halo bad" } else { "halo client" };
            let at = (left + 9.0 * COLUMNS as f64 + 4.0, from + 4.0);
            self.svg.text(at, Anchor::Start, class, &short(&span.text, 18));
        }
    }

    /// The moments of what must not be, as stripes from side to side.
    pub(super) fn found(&mut self, spans: &[Span]) {
        let mut moments: Vec<Instant> =
            spans.iter().filter(|span| span.bad).flat_map(|span| [span.from, span.to]).collect();
        let marked = |r: &&Record| matches!(r.what, What::Mark(_));
        moments.extend(self.recorder.iter().filter(marked).map(|record| record.at));
        moments.sort_unstable();
        moments.dedup();
        let width = self.layout.faults_x() - ROWS;
        for at in moments.into_iter().filter(|at| self.layout.contains(*at)) {
            let y = self.layout.y(at).unwrap_or(TOP);
            self.svg.rect((ROWS, y - 6.0), (width, 12.0), "found");
        }
    }
}

fn apply(shown: &mut Shown, what: &What) {
    match what {
        What::Role(role) => shown.role = Some(role.clone()),
        What::Booted(_) => *shown = Shown::default(),
        What::Crashed { .. } | What::Halted(_) => {
            *shown = Shown { role: None, down: true, paused: false };
        }
        What::Paused => shown.paused = true,
        What::Resumed => shown.paused = false,
        _ => {}
    }
}
