//! Who saw something old after something new was already there? One pass in the order of time.
//!
//! Every item says where in the order of the data it stands: somewhere between `earliest` and
//! `latest` (the same, where versions or list positions tell exactly). An *inversion* is a pair
//! of which the first completed before the second began, while the second stands before the
//! first for sure.
//!
//! ```text
//!   [ read v9 ]                    earliest 9
//!                 [ read v4 ]      latest 4 < 9: an inversion
//! ```
//!
//! If the data's order is total and known, a history is linearizable exactly if there is no
//! inversion: a cycle of "before in the data" and "before in time" always contains one of two.

/// An operation with its place in the data's order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    /// Index of the operation.
    pub op: usize,
    /// Position of the invocation.
    pub start: u64,
    /// Position of the completion.
    pub end: u64,
    /// It stands here or later.
    pub earliest: u64,
    /// It stands here or earlier.
    pub latest: u64,
    /// What it is to the caller: which pairs count is the caller's question.
    pub writes: bool,
}

/// Which items can be the earlier and the later one of a pair.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Roles {
    /// Whether a write (or a read) counts as the earlier one.
    pub earlier: fn(&Item) -> bool,
    /// Whether a write (or a read) counts as the later one.
    pub later: fn(&Item) -> bool,
}

/// Everything counts.
pub(crate) const ANY: Roles = Roles { earlier: |_| true, later: |_| true };

/// For every later item that is inverted, the earlier item that shows it most clearly.
pub(crate) fn inversions(items: &[Item], roles: Roles) -> Vec<(&Item, &Item)> {
    let mut by_start: Vec<&Item> = items.iter().filter(|item| (roles.later)(item)).collect();
    let mut by_end: Vec<&Item> = items.iter().filter(|item| (roles.earlier)(item)).collect();
    by_start.sort_by_key(|item| item.start);
    by_end.sort_by_key(|item| item.end);
    let mut done = by_end.into_iter().peekable();
    let mut newest: Option<&Item> = None;
    let mut found = Vec::new();
    for item in by_start {
        while let Some(earlier) = done.next_if(|earlier| earlier.end < item.start) {
            if newest.is_none_or(|newest| newest.earliest < earlier.earliest) {
                newest = Some(earlier);
            }
        }
        if let Some(newest) = newest.filter(|newest| item.latest < newest.earliest) {
            found.push((newest, item));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(op: usize, start: u64, end: u64, place: u64) -> Item {
        Item { op, start, end, earliest: place, latest: place, writes: false }
    }

    fn ops(items: &[Item]) -> Vec<(usize, usize)> {
        inversions(items, ANY).into_iter().map(|(a, b)| (a.op, b.op)).collect()
    }

    #[test]
    fn only_what_completed_before_counts() {
        let overlapping = [item(0, 1, 4, 9), item(1, 3, 6, 4)];
        assert_eq!(ops(&overlapping), vec![]);
        let apart = [item(0, 1, 4, 9), item(1, 5, 6, 4), item(2, 7, 8, 9)];
        assert_eq!(ops(&apart), vec![(0, 1)]);
    }

    #[test]
    fn an_uncertain_place_is_no_accusation() {
        let uncertain = Item { latest: u64::MAX, ..item(1, 5, 6, 4) };
        assert_eq!(ops(&[item(0, 1, 4, 9), uncertain]), vec![]);
    }
}
