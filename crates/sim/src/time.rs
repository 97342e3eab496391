//! Virtual time: a queue of events ordered by (time, sequence).
//!
//! Two events of one instant happen in the order in which they were scheduled; nothing is left
//! to the memory layout. The heap holds small keys only; payloads stay where they are in a slab.

use std::{cmp::Reverse, collections::BinaryHeap};

use kernel::Instant;

/// Events that have yet to happen.
#[derive(Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<Reverse<(u64, u64, u32)>>,
    slots: Vec<Option<E>>,
    free: Vec<u32>,
    sequence: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Queue { heap: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), sequence: 0 }
    }
}

impl<E> Queue<E> {
    /// Schedules an event.
    pub fn push(&mut self, at: Instant, event: E) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(event);
                slot
            }
            None => {
                self.slots.push(Some(event));
                (self.slots.len() - 1) as u32
            }
        };
        self.heap.push(Reverse((at.0, self.sequence, slot)));
        self.sequence += 1;
    }

    /// When the next event happens.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, ..))| Instant(*at))
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<(Instant, E)> {
        let Reverse((at, _, slot)) = self.heap.pop()?;
        let event = self.slots[slot as usize].take()?;
        self.free.push(slot);
        Some((Instant(at), event))
    }

    /// How many events wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn time_first_then_the_order_of_scheduling(times in prop::collection::vec(0u64..20, 0..200)) {
            let mut queue = Queue::default();
            for (order, at) in times.iter().enumerate() {
                queue.push(Instant(*at), order);
            }
            let mut expected: Vec<(u64, usize)> = times.iter().copied().zip(0..).collect();
            expected.sort();
            let popped: Vec<(u64, usize)> =
                std::iter::from_fn(|| queue.pop()).map(|(at, order)| (at.0, order)).collect();
            prop_assert_eq!(popped, expected);
            prop_assert!(queue.is_empty());
        }
    }

    #[test]
    fn slots_are_used_again() {
        let mut queue = Queue::default();
        for round in 0..1_000u64 {
            queue.push(Instant(round), round);
            assert_eq!(queue.pop(), Some((Instant(round), round)));
        }
        assert_eq!(queue.slots.len(), 1);
    }
}
