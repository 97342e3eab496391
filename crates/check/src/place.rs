//! Where a register's operations stand in the order of its writes, as far as anyone can tell.
//!
//! With versions on the answers the place is exact. Without them, a value that is written once
//! names its write, and of two writes one is older for sure only if it completed before the
//! other began: a place is then as wide as the write's interval.

use std::collections::BTreeMap;

use kernel::Version;

use crate::history::{Action, History, OPEN, Op, ValueId};
use crate::sweep::Item;

/// The places of one register's operations.
pub(crate) struct Places {
    /// One per operation that succeeded, in the order of invocation.
    pub items: Vec<Item>,
    /// Whether they come from versions.
    pub exact: bool,
}

/// An operation that wrote or read, and the value.
pub(crate) fn touched(history: &History, op: &Op) -> Option<(bool, ValueId)> {
    match op.action {
        Action::Read(seen) => Some((false, history.whole(seen))),
        Action::Write(value) | Action::Cas(_, value) => Some((true, value)),
        _ => None,
    }
}

/// What tells the places.
enum Known {
    /// Version to its rank, from 1.
    Versions(BTreeMap<Version, u64>),
    /// Value to the interval of its only write.
    Values(BTreeMap<ValueId, (u64, u64)>),
}

impl Known {
    /// The earliest and the latest place of an operation that wrote or read this value.
    fn place(&self, op: &Op, value: ValueId) -> (u64, u64) {
        let place = match self {
            Known::Versions(rank) => {
                let exact = op.version.and_then(|version| rank.get(&version));
                exact.map(|&rank| (rank, rank)).or((value == ValueId::NULL).then_some((0, 0)))
            }
            Known::Values(interval) => interval.get(&value).copied(),
        };
        place.unwrap_or((0, u64::MAX))
    }
}

/// The places of these operations, given by index; `None` if nothing tells them.
pub(crate) fn places(history: &History, ops: &[usize]) -> Option<Places> {
    let exact = ops.iter().any(|&index| history.ops[index].version.is_some());
    let known = match exact {
        true => Known::Versions(by_version(history, ops)),
        false => Known::Values(by_time(history, ops)?),
    };
    let item = |&index: &usize| {
        let op = &history.ops[index];
        let (writes, value) = touched(history, op).filter(|_| op.ok())?;
        let (earliest, latest) = known.place(op, value);
        Some(Item { op: index, start: op.start, end: op.end, earliest, latest, writes })
    };
    Some(Places { items: ops.iter().filter_map(item).collect(), exact })
}

fn by_version(history: &History, ops: &[usize]) -> BTreeMap<Version, u64> {
    let mut rank: BTreeMap<Version, u64> =
        ops.iter().filter_map(|&index| history.ops[index].version).map(|v| (v, 0)).collect();
    for (at, place) in rank.values_mut().enumerate() {
        *place = at as u64 + 1;
    }
    rank
}

/// Value to the interval of its write; `None` if some value is written twice.
fn by_time(history: &History, ops: &[usize]) -> Option<BTreeMap<ValueId, (u64, u64)>> {
    let mut interval = BTreeMap::from([(ValueId::NULL, (0, 0))]);
    for &index in ops {
        let op = &history.ops[index];
        if let Some((true, value)) = touched(history, op).filter(|_| !op.failed()) {
            let end = if op.ok() { op.end } else { OPEN };
            if interval.insert(value, (op.start, end)).is_some() {
                return None;
            }
        }
    }
    Some(interval)
}
