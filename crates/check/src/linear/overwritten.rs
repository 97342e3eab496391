//! A cheap look for the commonest anomaly before the search: a value that was read although every
//! write of it had been overwritten, for sure, before the read began.
//!
//! ```text
//!   every write of 1 ──────┤   ├── a write of 2 ──┤   ├── read 1
//! ```
//!
//! It finds stale reads in n log n where values repeat, and proves nothing when it finds none.

use std::collections::BTreeMap;

use super::model::{Call, RegisterAct};
use crate::history::ValueId;

/// A write with the value that it leaves behind.
type Write = (ValueId, usize);

/// The first read (or compare-and-set) of this kind: the last write of its value, if any, the
/// write that came after it, and the read, by index.
pub(super) fn find(calls: &[Call<RegisterAct>]) -> Option<Vec<usize>> {
    let mut by_end: Vec<usize> =
        (0..calls.len()).filter(|&at| !calls[at].open() && value(&calls[at]).is_some()).collect();
    by_end.sort_by_key(|&at| calls[at].end);
    let mut done = by_end.into_iter().peekable();
    let mut latest = Latest::default();
    let mut sources: BTreeMap<ValueId, Vec<usize>> = BTreeMap::new();
    for (at, call) in calls.iter().enumerate() {
        sources.entry(value(call).unwrap_or_default()).or_default().extend(value(call).map(|_| at));
    }
    for (at, call) in calls.iter().enumerate() {
        while let Some(write) = done.next_if(|&write| calls[write].end < call.start) {
            latest.add(calls, (value(&calls[write]).unwrap_or_default(), write));
        }
        let Some(seen) = call.act.observes().filter(|_| !call.open()) else { continue };
        let Some(over) = latest.other_than(seen) else { continue };
        // Writes of the value itself that may still be in effect, or have yet to come.
        let writes = sources.get(&seen).map_or(&[][..], Vec::as_slice);
        let alive = |&&write: &&usize| {
            write != at && calls[write].start < call.end && calls[write].end > calls[over].start
        };
        if writes.iter().rev().find(alive).is_none() {
            let before = writes.iter().rev().find(|&&write| calls[write].end < calls[over].start);
            return Some(before.copied().into_iter().chain([over, at]).collect());
        }
    }
    None
}

fn value(call: &Call<RegisterAct>) -> Option<ValueId> {
    call.act.produces()
}

/// Of the writes so far the one that began last, and the one of another value.
#[derive(Default)]
struct Latest {
    first: Option<Write>,
    second: Option<Write>,
}

impl Latest {
    fn add(&mut self, calls: &[Call<RegisterAct>], write: Write) {
        let later =
            |than: Option<Write>| than.is_none_or(|t| calls[t.1].start < calls[write.1].start);
        let same = |other: Option<Write>| other.is_some_and(|other| other.0 == write.0);
        if later(self.first) {
            if !same(self.first) {
                self.second = self.first;
            }
            self.first = Some(write);
        } else if !same(self.first) && later(self.second) {
            self.second = Some(write);
        }
    }

    fn other_than(&self, value: ValueId) -> Option<usize> {
        let other = |write: &Write| write.0 != value;
        self.first.filter(other).or(self.second.filter(other)).map(|write| write.1)
    }
}
