//! Where each bar goes. Only the order of events counts, not how long they took: every event
//! gets the next column, and bars are at least as wide as their label.

use std::collections::BTreeMap;

use crate::counterexample::{Counterexample, Shown};

/// Free columns between the label and both ends of its bar, together.
const PADDING: usize = 2;

/// A bar on the timeline.
pub(super) struct Bar<'a> {
    pub op: &'a Shown,
    pub lane: usize,
    /// First and last column; an open bar reaches the right edge.
    pub from: usize,
    pub to: usize,
}

/// All bars and lanes.
pub(super) struct Layout<'a> {
    pub bars: Vec<Bar<'a>>,
    /// The process of each lane; a process has a second lane where its operations overlap.
    pub lanes: Vec<u64>,
    /// Columns in all.
    pub width: usize,
}

pub(super) fn layout(counterexample: &Counterexample) -> Layout<'_> {
    let ops = &counterexample.ops;
    let mut events: Vec<(u64, bool, usize)> = Vec::new();
    for (index, op) in ops.iter().enumerate() {
        events.push((op.start, false, index));
        events.extend(op.end.map(|end| (end, true, index)));
    }
    events.sort_unstable();
    let width = |op: &Shown| op.label.chars().count() + PADDING;
    let mut span: Vec<(usize, usize)> = vec![(0, usize::MAX); ops.len()];
    let mut column = 0;
    for (_, ends, index) in events {
        if ends {
            column = column.max(span[index].0 + width(&ops[index]) - 1);
            span[index].1 = column;
        } else {
            span[index].0 = column;
        }
        column += 1;
    }
    // Open bars end at the right edge, which lies behind their label.
    let open = ops.iter().zip(&span).map(|(op, &(from, _))| from + width(op));
    let edge = open.chain([column]).max().unwrap_or(column);
    let (lanes, lane_of) = lanes(ops);
    let bar = |(index, op): (usize, _)| {
        let (from, to) = span[index];
        Bar { op, lane: lane_of[index], from, to: to.min(edge - 1) }
    };
    Layout { bars: ops.iter().enumerate().map(bar).collect(), lanes, width: edge }
}

/// Gives every operation a lane of its process on which nothing else is going on.
fn lanes(ops: &[Shown]) -> (Vec<u64>, Vec<usize>) {
    // Per process the position at which each of its lanes becomes free.
    let mut free: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let mut slot = Vec::new();
    for op in ops {
        let lanes = free.entry(op.process).or_default();
        let end = op.end.unwrap_or(u64::MAX);
        match lanes.iter().position(|&until| until < op.start) {
            Some(lane) => {
                lanes[lane] = end;
                slot.push(lane);
            }
            None => {
                lanes.push(end);
                slot.push(lanes.len() - 1);
            }
        }
    }
    let mut first = BTreeMap::new();
    let mut names = Vec::new();
    for (&process, lanes) in &free {
        first.insert(process, names.len());
        names.extend(lanes.iter().map(|_| process));
    }
    let lane = ops.iter().zip(slot).map(|(op, slot)| first[&op.process] + slot).collect();
    (names, lane)
}
