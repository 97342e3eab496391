//! What the tree holds in ranges that were scanned lately, where that is little.
//!
//! Who takes a lock scans its queue, who gathers scans who is there: short ranges, again and again,
//! in which the tree holds nothing or next to nothing, as what comes and goes between two flushes
//! never reaches it. To find that out takes a look into each level of the tree.
//!
//! The tree changes only by a flush, and what a flush brings lies in the front above it until it is
//! released there. So what was found is true until then, and all is forgotten then.

use std::{cell::RefCell, ops::Bound, sync::Arc};

use bytes::Bytes;
use hashbrown::HashMap;
use store::engine::{Scan, ScanRange};

use super::spent::Spent;

/// Most pairs of a range that is kept.
const PAIRS_MAX: usize = 4;

/// Most bytes of the pairs of a range that is kept.
const PAIR_BYTES_MAX: usize = 1 << 10;

/// What a range costs beside its bytes, about.
const ENTRY_BYTES: usize = 192;

/// Most bytes that all ranges take; then they are forgotten.
const BYTES_MAX: usize = 4 << 20;

type Pair = (Bytes, Bytes);
type Ends = (Bound<Bytes>, Bound<Bytes>);

/// Ranges and all pairs in each, in the order of keys.
#[derive(Debug)]
pub struct Ranges(RefCell<Kept>);

#[derive(Debug)]
struct Kept {
    ranges: HashMap<Ends, Arc<[Pair]>>,
    bytes: usize,
    spent: Spent,
}

impl Ranges {
    /// Nothing is known.
    pub fn new(spent: Spent) -> Ranges {
        Ranges(RefCell::new(Kept { ranges: HashMap::new(), bytes: 0, spent }))
    }

    /// What the tree holds in a range: as it was found before, or by `look`.
    pub fn scan<'a>(&self, range: &ScanRange, look: impl FnOnce() -> Scan<'a>) -> Scan<'a> {
        let ends = (range.start.clone(), range.end.clone());
        if let Some(pairs) = self.0.borrow().ranges.get(&ends) {
            return given(Arc::clone(pairs), range.reverse);
        }
        let mut found = look();
        let mut pairs: Vec<Pair> = Vec::new();
        let mut bytes = 0;
        loop {
            let next = match found.next() {
                None => break,
                Some(Ok(pair)) => pair,
                error => return Box::new(pairs.into_iter().map(Ok).chain(error).chain(found)),
            };
            bytes += next.0.len() + next.1.len();
            pairs.push(next);
            if pairs.len() > PAIRS_MAX || bytes > PAIR_BYTES_MAX {
                return Box::new(pairs.into_iter().map(Ok).chain(found));
            }
        }
        // A copy: what the tree gives out may hold the block in which it lies.
        let copy = |(key, value): &Pair| (copied(key), copied(value));
        let kept: Arc<[Pair]> = match range.reverse {
            false => pairs.iter().map(copy).collect(),
            true => pairs.iter().rev().map(copy).collect(),
        };
        self.0.borrow_mut().keep(ends, kept, bytes);
        Box::new(pairs.into_iter().map(Ok))
    }

    /// The tree has changed.
    pub fn forget(&mut self) {
        self.0.get_mut().forget();
    }
}

impl Kept {
    fn forget(&mut self) {
        self.bytes = 0;
        if !self.ranges.is_empty() {
            self.spent.free(std::mem::take(&mut self.ranges));
        }
    }

    fn keep(&mut self, (start, end): Ends, pairs: Arc<[Pair]>, bytes: usize) {
        let len = |bound: &Bound<Bytes>| match bound {
            Bound::Included(key) | Bound::Excluded(key) => key.len(),
            Bound::Unbounded => 0,
        };
        self.bytes += ENTRY_BYTES + bytes + len(&start) + len(&end);
        if self.bytes > BYTES_MAX {
            return self.forget();
        }
        let own = |bound: Bound<Bytes>| bound.map(|key| copied(&key));
        self.ranges.insert((own(start), own(end)), pairs);
    }
}

fn copied(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

fn given<'a>(pairs: Arc<[Pair]>, reverse: bool) -> Scan<'a> {
    let last = pairs.len();
    let at = move |i: usize| Ok(pairs[if reverse { last - 1 - i } else { i }].clone());
    Box::new((0..last).map(at))
}

#[cfg(test)]
mod tests {
    use store::engine::EngineError;

    use super::*;

    fn unknown() -> Ranges {
        Ranges::new(Spent::start().unwrap())
    }

    fn pairs(keys: &[u8]) -> Vec<Pair> {
        keys.iter().map(|key| (Bytes::from(vec![*key]), Bytes::from(vec![*key; 2]))).collect()
    }

    fn range(reverse: bool) -> ScanRange {
        ScanRange { reverse, ..ScanRange::between(Bytes::from("a"), Bytes::from("z")) }
    }

    /// What a scan gives, and whether the tree was looked into.
    fn scanned(ranges: &Ranges, reverse: bool, held: &[u8]) -> (Vec<Pair>, bool) {
        let mut looked = false;
        let mut held = pairs(held);
        if reverse {
            held.reverse();
        }
        let look = || -> Scan<'_> {
            looked = true;
            Box::new(held.into_iter().map(Ok))
        };
        let given = ranges.scan(&range(reverse), look).map(Result::unwrap).collect();
        (given, looked)
    }

    #[test]
    fn what_was_found_is_found_again_in_either_direction_until_it_is_forgotten() {
        for (held, learnt) in [(&b""[..], false), (b"bc", false), (b"bcde", true)] {
            let mut ranges = unknown();
            assert!(scanned(&ranges, learnt, held).1);
            let reversed: Vec<Pair> = pairs(held).into_iter().rev().collect();
            assert_eq!(scanned(&ranges, false, b"!"), (pairs(held), false));
            assert_eq!(scanned(&ranges, true, b"!"), (reversed, false));
            ranges.forget();
            assert_eq!(scanned(&ranges, false, b"bx"), (pairs(b"bx"), true));
        }
    }

    #[test]
    fn much_is_given_whole_and_not_kept() {
        let ranges = unknown();
        let held: Vec<u8> = (0..50).collect();
        for _ in 0..2 {
            assert_eq!(scanned(&ranges, false, &held), (pairs(&held), true));
        }
        let large = (Bytes::from("k"), Bytes::from(vec![0; PAIR_BYTES_MAX]));
        let scan = ranges.scan(&range(false), || Box::new([Ok(large.clone())].into_iter()));
        assert_eq!(scan.count(), 1);
        assert_eq!(ranges.0.borrow().ranges.len(), 0);
    }

    #[test]
    fn an_error_comes_in_its_place_and_nothing_is_kept() {
        let ranges = unknown();
        let [first, second] = [0, 1].map(|i| pairs(b"bc")[i].clone());
        let found = [Ok(first), Err(EngineError::Io("no".to_owned())), Ok(second)];
        let given = ranges.scan(&range(false), || Box::new(found.clone().into_iter()));
        assert_eq!(given.collect::<Vec<_>>(), found);
        assert_eq!(ranges.0.borrow().ranges.len(), 0);
    }

    #[test]
    fn memory_is_bounded() {
        let ranges = unknown();
        for i in 0..200_000_u32 {
            let start = Bytes::copy_from_slice(&i.to_be_bytes());
            let range = ScanRange::between(start, Bytes::from_static(&[255; 4]));
            drop(ranges.scan(&range, || Box::new(std::iter::empty())));
            assert!(ranges.0.borrow().bytes <= BYTES_MAX);
        }
        assert!(ranges.0.borrow().ranges.len() > 100);
    }
}
