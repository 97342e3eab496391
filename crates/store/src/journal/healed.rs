//! Which unknown holes were dealt with.
//!
//! A marker names them, so that they are told no more. It names each one: a hole that opens later,
//! be it in an older record, is told like any other. A marker's body, little-endian:
//!
//! ```text
//!    0 version u8, here 1
//!    1 first u64 │ last u64      positions of a hole, as often as the body is long
//! ```
//!
//! Without a body the marker is of a time that said only up to where holes were healed: then each
//! one before is. A body of a later version, or one that is lost, says nothing: holes are told
//! again, and dealing with them twice does no harm.

use alloc::vec::Vec;

use bytes::Bytes;
use kernel::bug::{Bug, planted};

use super::header::{Header, u64_at};

const VERSION: u8 = 1;
const HOLE: usize = 16;

/// Positions of healed holes: ranges in order, apart from each other, none before 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Healed(Vec<(u64, u64)>);

impl Healed {
    /// How many holes a marker of one block names: a full disk keeps a block for it.
    pub(super) fn limit(block_bytes: u32) -> usize {
        (block_bytes as usize).saturating_sub(Header::LEN + 1) / HOLE
    }

    /// All positions up to and with `last`.
    fn up_to(last: u64) -> Healed {
        Healed((last > 0).then_some((1, last)).into_iter().collect())
    }

    /// Takes more positions.
    pub(super) fn add(&mut self, first: u64, last: u64) {
        let meets = |(from, to): &(u64, u64)| {
            *from <= last.saturating_add(1) && first <= to.saturating_add(1)
        };
        let met = self.0.iter().copied().filter(meets);
        let all = met.fold((first, last), |(a, b), (from, to)| (a.min(from), b.max(to)));
        self.0.retain(|range| !meets(range));
        self.0.insert(self.0.partition_point(|range| range.0 < all.0), all);
    }

    /// Forgets ranges before a position: nothing there is asked for again.
    pub(super) fn forget_before(&mut self, floor: u64) {
        self.0.retain(|(_, last)| *last >= floor);
    }

    /// Takes more positions, unless that makes more ranges than so many.
    pub(super) fn add_within(&mut self, first: u64, last: u64, limit: usize) {
        let mut all = self.clone();
        all.add(first, last);
        if all.0.len() <= limit {
            *self = all;
        }
    }

    /// The greatest position that is healed; 0 if there is none.
    pub(super) fn last(&self) -> u64 {
        self.0.last().map_or(0, |(_, last)| *last)
    }

    /// What of a range is not healed.
    pub(super) fn left_of(&self, first: u64, last: u64) -> Vec<(u64, u64)> {
        let (mut left, mut from) = (Vec::new(), first);
        for (begin, end) in self.0.iter().filter(|(begin, end)| *begin <= last && first <= *end) {
            if from < *begin {
                left.push((from, begin - 1));
            }
            from = end.saturating_add(1);
        }
        if from <= last {
            left.push((from, last));
        }
        left
    }

    /// The body of a marker; empty if nothing is healed.
    pub(super) fn encode(&self) -> Bytes {
        if self.0.is_empty() {
            return Bytes::new();
        }
        let mut out = Vec::with_capacity(1 + HOLE * self.0.len());
        out.push(VERSION);
        for (first, last) in &self.0 {
            out.extend_from_slice(&first.to_le_bytes());
            out.extend_from_slice(&last.to_le_bytes());
        }
        out.into()
    }

    /// Reads a marker: how far its header says that holes were healed, and its body.
    pub(super) fn decode(up_to: u64, body: &[u8]) -> Healed {
        let holes = match body.split_first() {
            None => return Healed::up_to(up_to),
            Some(_) if planted(Bug::HealedUpTo) => return Healed::up_to(up_to),
            Some((&VERSION, holes)) if holes.len().is_multiple_of(HOLE) => holes,
            Some(_) => return Healed::default(),
        };
        let mut healed = Healed::default();
        for hole in holes.chunks_exact(HOLE) {
            let (first, last) = (u64_at(hole, 0), u64_at(hole, 8));
            if first == 0 || first > last {
                return Healed::default();
            }
            healed.add(first, last);
        }
        healed
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use proptest::prelude::*;

    use super::*;

    fn healed(ranges: &[(u64, u64)]) -> Healed {
        let mut healed = Healed::default();
        ranges.iter().for_each(|(first, last)| healed.add(*first, *last));
        healed
    }

    #[test]
    fn the_encoding_is_golden() {
        let two = healed(&[(0x0102, 0x0103), (5, 5)]);
        #[rustfmt::skip]
        let golden = [
            1,
            5, 0, 0, 0, 0, 0, 0, 0,   5, 0, 0, 0, 0, 0, 0, 0,
            2, 1, 0, 0, 0, 0, 0, 0,   3, 1, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(two.encode(), &golden[..]);
        assert_eq!(Healed::decode(0x0103, &golden), two);
        assert_eq!(healed(&[]).encode(), Bytes::new());
    }

    #[test]
    fn a_marker_without_a_body_heals_all_up_to_a_position() {
        assert_eq!(Healed::decode(0, &[]), Healed::default());
        assert_eq!(Healed::decode(7, &[]).left_of(1, 9), [(8, 9)]);
    }

    #[test]
    fn what_cannot_be_read_heals_nothing() {
        let good = healed(&[(3, 4), (6, 6)]).encode();
        let zero = [&[1], &[0; 16][..]].concat();
        let inverted = [&[1], &4u64.to_le_bytes()[..], &3u64.to_le_bytes()].concat();
        let newer = [&[2], &good[1..]].concat();
        for body in [&good[..good.len() - 1], &zero, &inverted, &newer, &[0]] {
            assert_eq!(Healed::decode(9, body), Healed::default(), "{body:?}");
        }
    }

    #[test]
    fn a_marker_with_as_many_holes_as_it_may_have_fills_a_block() {
        assert_eq!((Healed::limit(4096), Healed::limit(128), Healed::limit(64)), (251, 3, 0));
        let most = (0..251).map(|i| (2 * i + 1, 2 * i + 1)).collect::<vec::Vec<_>>();
        let len = healed(&most).encode().len() + Header::LEN;
        assert!(len <= 4096 && len + HOLE > 4096, "{len}");
    }

    proptest! {
        #[test]
        fn it_is_a_set(ranges in proptest::collection::vec((1u64..40, 0u64..5), 0..12), floor in 0u64..50) {
            let mut set = Healed::default();
            let mut all = [false; 64];
            for (first, more) in ranges {
                set.add(first, first + more);
                all[first as usize..=(first + more) as usize].fill(true);
            }
            prop_assert!(set.0.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "{:?}", set.0);
            prop_assert_eq!(&Healed::decode(set.last(), &set.encode()), &set);
            let left = healed(&set.left_of(1, 63));
            for (at, in_set) in all.iter().enumerate().skip(1) {
                prop_assert_eq!(left.left_of(at as u64, at as u64).is_empty(), !in_set, "{}", at);
            }
            let mut rest = set.clone();
            rest.forget_before(floor);
            prop_assert_eq!(rest.left_of(floor.max(1), 63), set.left_of(floor.max(1), 63));
        }

        #[test]
        fn any_body_is_read(up_to: u64, body: Vec<u8>) {
            let healed = Healed::decode(up_to, &body);
            prop_assert_eq!(Healed::decode(healed.last(), &healed.encode()), healed);
        }
    }
}
