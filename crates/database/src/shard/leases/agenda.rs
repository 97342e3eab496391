//! Which lease is to be looked at when.
//!
//! Every lease has a place here, and the place does not move when the lease is kept alive: it is
//! looked at in its turn, found to have time left, and gets its next place. So a keep-alive costs
//! nothing here, and a turn looks at a few leases and not at all.

use alloc::{collections::BTreeMap, vec::Vec};

/// Leases of one moment stand together: a power of two, in milliseconds.
const GRAIN_MS: u64 = 256;

/// Leases by the moment at which they are looked at. The same one may be there several times.
#[derive(Clone, Debug, Default)]
pub struct Agenda {
    places: BTreeMap<u64, Vec<i64>>,
    len: usize,
}

impl Agenda {
    /// Looks at a lease at this moment, in milliseconds, or a little later.
    pub fn put(&mut self, at: u64, id: i64) {
        self.places.entry(at.div_ceil(GRAIN_MS)).or_default().push(id);
        self.len += 1;
    }

    /// Whether there is a lease whose moment has come.
    pub fn is_due(&self, now: u64) -> bool {
        self.places.first_key_value().is_some_and(|(at, _)| *at <= now / GRAIN_MS)
    }

    /// A lease whose moment has come.
    pub fn take(&mut self, now: u64) -> Option<i64> {
        if !self.is_due(now) {
            return None;
        }
        let mut first = self.places.first_entry()?;
        let id = first.get_mut().pop();
        if first.get().is_empty() {
            first.remove();
        }
        self.len -= usize::from(id.is_some());
        id
    }

    /// How many places are taken.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes of memory, without what the allocator and the tree add.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        let place = |ids: &Vec<i64>| size_of::<(u64, Vec<i64>)>() + ids.capacity() * 8;
        self.places.values().map(place).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_comes_too_early_and_everything_comes() {
        let mut agenda = Agenda::default();
        for (at, id) in [(0, 1), (1, 2), (256, 3), (257, 4), (u64::MAX, 5)] {
            agenda.put(at, id);
        }
        let mut seen = Vec::new();
        for now in 0..600 {
            while let Some(id) = agenda.take(now) {
                seen.push((now, id));
            }
        }
        assert_eq!(seen, [(0, 1), (256, 3), (256, 2), (512, 4)]);
        assert_eq!((agenda.len(), agenda.take(u64::MAX)), (1, None), "that never comes");
    }
}
