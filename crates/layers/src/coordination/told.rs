//! What commands change, told where they are applied, for who watches on this node.
//!
//! ```text
//!   command ─▶ draft ─┬─▶ plan ─▶ view
//!                     └─▶ told: revisions 7, 8, 9 and their changes ─▶ who watches
//! ```
//!
//! Changes can be read back at any time ([`super::ChangesRequest`]), for the price of a scan and of
//! a look-up or two a change. Who keeps up with the replica need not: the draft of a command knows
//! what it changes. A stretch has no gap. Where one would be, because changes were made in another
//! way, or too many at once, or nobody listened, there is no stretch, and whoever wants to know reads.

use alloc::vec::Vec;

use super::{
    limits::{TOLD_BYTES_MAX, TOLD_EVENTS_MAX},
    log::size,
    wire::Event,
};

/// Changes without a gap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stretch {
    /// The first revision that it knows of.
    pub from: i64,
    /// The first one that it does not know of.
    pub next: i64,
    /// All changes of the revisions between, in order, each with what stood there before.
    pub events: Vec<Event>,
    bytes: usize,
}

impl Stretch {
    /// The changes that lead from one revision to another; `None` if they are too many.
    #[must_use]
    pub fn new(before: i64, after: i64, events: Vec<Event>) -> Option<Stretch> {
        let bytes = events.iter().map(size).sum();
        let (from, next) = (before.saturating_add(1), after.saturating_add(1));
        let stretch = Stretch { from, next, events, bytes };
        stretch.fits().then_some(stretch)
    }

    fn fits(&self) -> bool {
        self.events.len() <= TOLD_EVENTS_MAX && self.bytes <= TOLD_BYTES_MAX
    }

    /// Whether what follows followed at once, and still fits.
    fn join(&mut self, next: Stretch) -> bool {
        let follows = self.next == next.from;
        self.next = next.next;
        self.bytes = self.bytes.saturating_add(next.bytes);
        self.events.extend(next.events);
        follows && self.fits()
    }
}

/// What was told and not taken yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Told {
    /// Nothing has happened.
    #[default]
    Nothing,
    /// This.
    All(Stretch),
    /// More than is known here.
    Gap,
}

impl Told {
    /// What happened next.
    pub fn add(&mut self, next: Option<Stretch>) {
        let known = match (&mut *self, next) {
            (Told::Nothing, Some(next)) => {
                *self = Told::All(next);
                true
            }
            (Told::All(all), Some(next)) => all.join(next),
            (Told::Gap, _) | (_, None) => false,
        };
        if !known {
            *self = Told::Gap;
        }
    }

    /// All that happened since the last time; `None` if nothing did, or not all of it is known.
    pub fn take(&mut self) -> Option<Stretch> {
        match core::mem::take(self) {
            Told::All(stretch) => Some(stretch),
            Told::Nothing | Told::Gap => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordination::KeyValue;

    fn stretch(before: i64, after: i64, value: usize) -> Option<Stretch> {
        let kv = |mod_revision| {
            let value = alloc::vec![0; value].into();
            Some(KeyValue { mod_revision, value, ..KeyValue::default() })
        };
        let event = |revision| Event { kv: kv(revision), ..Event::default() };
        Stretch::new(before, after, (before + 1..=after).map(event).collect())
    }

    #[test]
    fn what_follows_at_once_is_one_stretch() {
        let mut told = Told::default();
        assert_eq!(told.take(), None);
        (3..6).for_each(|at| told.add(stretch(at, at + 1, 10)));
        told.add(stretch(6, 6, 0));
        assert_eq!(told.take(), stretch(3, 6, 10));
        assert_eq!(told, Told::Nothing);
    }

    #[test]
    fn a_gap_stays_until_it_was_noticed() {
        for gap in [None, stretch(5, 6, 1), stretch(3, 4, 1)] {
            let mut told = Told::default();
            told.add(stretch(3, 4, 1));
            told.add(gap);
            told.add(stretch(4, 5, 1));
            assert_eq!(told.take(), None);
            told.add(stretch(5, 6, 1));
            assert_eq!(told.take(), stretch(5, 6, 1));
        }
    }

    #[test]
    fn what_waits_is_bounded() {
        assert_eq!(stretch(0, 1, TOLD_BYTES_MAX), None);
        assert_eq!(stretch(0, TOLD_EVENTS_MAX as i64 + 1, 0), None);
        let (mut told, half) = (Told::default(), TOLD_BYTES_MAX / 2);
        told.add(stretch(0, 1, half));
        assert!(matches!(told, Told::All(_)));
        told.add(stretch(1, 2, half));
        assert_eq!(told, Told::Gap);
    }
}
