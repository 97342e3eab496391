//! Bounded staleness: a read may miss only what completed less than the bound before it began.

use crate::anomaly::Anomaly;
use crate::counterexample::{Counterexample, label};
use crate::history::History;
use crate::place::places;
use crate::sweep::Item;
use crate::verdict::Judgement;

/// Judges the reads of one register against a bound in nanoseconds.
pub(crate) fn judge(history: &History, ops: &[usize], bound: u64, judgement: &mut Judgement) {
    let Some(places) = places(history, ops) else {
        return judgement.unknown("values are written more than once and there are no versions");
    };
    judgement.judging(places.items.len());
    let bound = i64::try_from(bound).unwrap_or(i64::MAX);
    let overdue = |item: &Item| history.ops[item.op].end_time.saturating_add(bound);
    let (mut writes, mut reads): (Vec<&Item>, Vec<&Item>) =
        places.items.iter().partition(|item| item.writes);
    writes.sort_by_key(|write| overdue(write));
    reads.sort_by_key(|read| history.ops[read.op].start_time);
    let mut due = writes.into_iter().peekable();
    let mut newest: Option<&Item> = None;
    for read in reads {
        let now = history.ops[read.op].start_time;
        while let Some(write) = due.next_if(|write| overdue(write) < now) {
            if newest.is_none_or(|newest| newest.earliest < write.earliest) {
                newest = Some(write);
            }
        }
        let Some(missed) = newest.filter(|newest| read.latest < newest.earliest) else { continue };
        let late = now.saturating_sub(history.ops[missed.op].end_time);
        let text = format!(
            "{} although {} had completed {} before; the bound is {}",
            label(history, &history.ops[read.op]),
            label(history, &history.ops[missed.op]),
            duration(late),
            duration(bound)
        );
        let anomaly = Anomaly::BoundExceeded;
        judgement.found(Counterexample::new(history, anomaly, text, &[missed.op], &[read.op]));
    }
}

/// Nanoseconds for people, cut to a whole number of the largest unit that fits.
fn duration(nanos: i64) -> String {
    match nanos {
        0..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => format!("{} µs", nanos / 1_000),
        _ => format!("{} ms", nanos / 1_000_000),
    }
}
