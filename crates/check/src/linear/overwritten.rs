//! A cheap look for the commonest anomaly before the search: a value that was read although every
//! write of it had been overwritten, for sure, before the read began.
//!
//! ```text
//!   every write of 1 ──────┤   ├── a write of 2 ──┤   ├── read 1
//! ```
//!
//! It finds stale reads in n log n where values repeat, and proves nothing when it finds none.

use std::collections::BTreeMap;

use super::model::{Call, Model, Register, RegisterAct};
use crate::history::ValueId;

/// A write with the value that it leaves behind.
type Write = (ValueId, usize);

/// The first read (or compare-and-set) of this kind: the last write of its value, if any, the
/// write that came after it, and the read, by index.
pub(super) fn find(calls: &[Call<RegisterAct>]) -> Option<Vec<usize>> {
    let mut by_end: Vec<Write> = writes(calls).filter(|write| !calls[write.1].open()).collect();
    by_end.sort_by_key(|write| calls[write.1].end);
    let mut done = by_end.into_iter().peekable();
    let mut latest = Latest::default();
    let sources = Sources::new(calls);
    for (at, call) in calls.iter().enumerate() {
        while let Some(write) = done.next_if(|write| calls[write.1].end < call.start) {
            latest.add(calls, write);
        }
        let Some(seen) = call.act.observes().filter(|_| !call.open()) else { continue };
        let Some(over) = latest.other_than(seen) else { continue };
        let last = sources.last_to_return(seen, call.end);
        if last.is_none_or(|last| calls[last].end < calls[over].start) {
            return Some(last.into_iter().chain([over, at]).collect());
        }
    }
    None
}

fn writes(calls: &[Call<RegisterAct>]) -> impl Iterator<Item = Write> {
    calls.iter().enumerate().filter_map(|(at, call)| Some((call.act.produces()?, at)))
}

/// Per value its writes, by start, each with the one that returns last among those so far.
struct Sources(BTreeMap<ValueId, Vec<(u64, usize)>>);

impl Sources {
    fn new(calls: &[Call<RegisterAct>]) -> Sources {
        let mut sources: BTreeMap<ValueId, Vec<(u64, usize)>> = BTreeMap::new();
        // Setting a value to itself brings no value back.
        for (value, at) in writes(calls).filter(|&(_, at)| !Register::reads(calls[at].act)) {
            let list = sources.entry(value).or_default();
            let before = list.last().map_or(at, |&(_, last)| last);
            let last = if calls[before].end > calls[at].end { before } else { at };
            list.push((calls[at].start, last));
        }
        Sources(sources)
    }

    /// Of the writes that began before this moment the one that returns last.
    fn last_to_return(&self, value: ValueId, moment: u64) -> Option<usize> {
        let list = self.0.get(&value)?;
        let begun = list.partition_point(|&(start, _)| start < moment);
        begun.checked_sub(1).map(|last| list[last].1)
    }
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
