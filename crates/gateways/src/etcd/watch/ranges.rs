//! Ranges that hold a key.
//!
//! ```text
//!   sorted by start    a…c   a…z   b…c   d…∞   f…g   h…k   m…n
//!   greatest end of    └──────── ∞ ────────┘   (of each half, its halves, …)
//! ```
//!
//! A search leaves out halves that begin behind the key, and halves whose greatest end is before
//! it: k ranges out of n are found in about k log n steps. Ranges that came since the list was
//! sorted stand in a short list beside it, and ranges that have gone are left out by whoever asks,
//! until the list is sorted anew.

use super::spec::End;

/// Lists shorter than this are searched as they are.
const SHORT: usize = 64;

/// A set of ranges with numbers that are never used again.
#[derive(Debug, Default)]
pub struct Ranges {
    sorted: Vec<Range>,
    /// By place in `sorted`: the greatest end of the part whose middle it is.
    ends: Vec<End>,
    fresh: Vec<Range>,
    gone: usize,
}

#[derive(Clone, Debug)]
struct Range {
    start: Box<[u8]>,
    end: End,
    number: u64,
}

impl Range {
    fn holds(&self, key: &[u8]) -> bool {
        *self.start <= *key && ends_behind(&self.end, key)
    }
}

fn ends_behind(end: &End, key: &[u8]) -> bool {
    match end {
        End::One => false,
        End::Before(end) => **end > *key,
        End::Never => true,
    }
}

impl Ranges {
    /// Adds a range.
    pub fn insert(&mut self, start: &[u8], end: &End, number: u64) {
        self.fresh.push(Range { start: start.into(), end: end.clone(), number });
    }

    /// A range has gone; [`Ranges::visit`] may still name it.
    pub fn remove(&mut self) {
        self.gone += 1;
    }

    /// Sorts the list anew if that pays. `stands` says which ranges are still there.
    pub fn tidy(&mut self, stands: impl Fn(u64) -> bool) {
        let many = SHORT + self.sorted.len() / 4;
        if self.fresh.len() <= many && self.gone <= many {
            return;
        }
        self.sorted.append(&mut self.fresh);
        self.sorted.retain(|range| stands(range.number));
        self.sorted.sort_by(|a, b| a.start.cmp(&b.start));
        self.gone = 0;
        self.ends = vec![End::One; self.sorted.len()];
        self.measure(0, self.sorted.len());
    }

    /// Notes the greatest end of a part and of the parts inside.
    fn measure(&mut self, from: usize, to: usize) -> End {
        if from == to {
            return End::One;
        }
        let middle = from + (to - from) / 2;
        let (left, right) = (self.measure(from, middle), self.measure(middle + 1, to));
        let greatest = left.max(right).max(self.sorted[middle].end.clone());
        self.ends[middle] = greatest.clone();
        greatest
    }

    /// Names every range that holds a key, and perhaps some that have gone.
    pub fn visit(&self, key: &[u8], found: &mut impl FnMut(u64)) {
        self.part(0, self.sorted.len(), key, found);
        self.fresh.iter().filter(|range| range.holds(key)).for_each(|range| found(range.number));
    }

    fn part(&self, from: usize, to: usize, key: &[u8], found: &mut impl FnMut(u64)) {
        if from == to {
            return;
        }
        let middle = from + (to - from) / 2;
        if !ends_behind(&self.ends[middle], key) {
            return;
        }
        self.part(from, middle, key, found);
        let range = &self.sorted[middle];
        if *range.start > *key {
            return;
        }
        if range.holds(key) {
            found(range.number);
        }
        self.part(middle + 1, to, key, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ends_are_ordered_by_how_far_they_reach() {
        let before = |key: &str| End::Before(key.as_bytes().into());
        assert!(End::One < before("a") && before("a") < before("b") && before("b") < End::Never);
    }

    proptest! {
        #[test]
        fn the_ranges_found_are_those_that_hold_the_key(
            ranges in proptest::collection::vec(("[a-d]{1,3}", proptest::option::of("[a-e]{1,3}")), 0..300),
            gone in proptest::collection::btree_set(0..300_u64, 0..200),
            keys in proptest::collection::vec("[a-d]{0,3}", 1..20),
        ) {
            let mut all = Ranges::default();
            let ranges: Vec<_> = ranges.into_iter().map(|(start, end)| {
                (start, end.map_or(End::Never, |end| End::Before(end.as_bytes().into())))
            }).collect();
            for (number, (start, end)) in (0..).zip(&ranges) {
                all.insert(start.as_bytes(), end, number);
                all.tidy(|_| true);
            }
            gone.iter().for_each(|_| all.remove());
            all.tidy(|number| !gone.contains(&number));
            for key in keys {
                let key = key.as_bytes();
                let mut found = Vec::new();
                all.visit(key, &mut |number| found.push(number));
                found.retain(|number| !gone.contains(number));
                found.sort_unstable();
                let wanted: Vec<u64> = (0..)
                    .zip(&ranges)
                    .filter(|(number, _)| !gone.contains(number))
                    .filter(|(_, (start, end))| start.as_bytes() <= key && ends_behind(end, key))
                    .map(|(number, _)| number)
                    .collect();
                prop_assert_eq!(found, wanted);
            }
        }
    }
}
