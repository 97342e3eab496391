//! The most frequent of very many, in fixed memory: space-saving (Metwally, Agrawal and El Abbadi,
//! "Efficient Computation of Frequent and Top-k Elements in Data Streams", 2005).
//!
//! Whatever takes more than one part in `capacity` of the stream is in the list, and a count is too
//! high by at most what the least of the list had.

use alloc::vec::Vec;

/// Counts of the most frequent.
#[derive(Clone, Debug)]
pub struct TopK<T> {
    slots: Vec<(T, u64)>,
    capacity: usize,
    total: u64,
}

impl<T: PartialEq> TopK<T> {
    /// Keeps so many.
    #[must_use]
    pub fn new(capacity: usize) -> TopK<T> {
        TopK { slots: Vec::with_capacity(capacity), capacity, total: 0 }
    }

    /// Counts one more; `make` is only called if it is not in the list.
    pub fn count(&mut self, is: impl Fn(&T) -> bool, make: impl FnOnce() -> T) {
        self.total += 1;
        if let Some(slot) = self.slots.iter_mut().find(|slot| is(&slot.0)) {
            slot.1 += 1;
        } else if self.slots.len() < self.capacity {
            self.slots.push((make(), 1));
        } else if let Some(least) = self.slots.iter_mut().min_by_key(|slot| slot.1) {
            *least = (make(), least.1 + 1);
        }
    }

    /// Halves every count, so that the past fades.
    pub fn fade(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.1 /= 2);
        self.slots.retain(|slot| slot.1 > 0);
        self.total /= 2;
    }

    /// How many were counted, faded as the counts are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The list, most frequent first.
    #[must_use]
    pub fn top(&self) -> Vec<&(T, u64)> {
        let mut top: Vec<&(T, u64)> = self.slots.iter().collect();
        top.sort_by_key(|slot| core::cmp::Reverse(slot.1));
        top
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_frequent_is_listed_and_no_count_is_too_low(
            stream in proptest::collection::vec(0u32..40, 1..600),
        ) {
            let mut top = TopK::new(8);
            for item in &stream {
                top.count(|other| other == item, || *item);
            }
            for item in 0..40 {
                let truth = stream.iter().filter(|other| **other == item).count() as u64;
                let told = top.slots.iter().find(|slot| slot.0 == item).map(|slot| slot.1);
                match told {
                    Some(told) => prop_assert!(told >= truth && told <= truth + top.total() / 8),
                    None => prop_assert!(truth <= top.total() / 8),
                }
            }
        }
    }

    #[test]
    fn the_past_fades() {
        let mut top = TopK::new(2);
        (0..8).for_each(|_| top.count(|other| *other == 'a', || 'a'));
        top.count(|other| *other == 'b', || 'b');
        top.fade();
        assert_eq!(top.top(), [&('a', 4)]);
        assert_eq!(top.total(), 4);
    }
}
