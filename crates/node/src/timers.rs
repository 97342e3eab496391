//! The timers of one process: set, moved, forgotten, due.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Instant, TimerId};

/// Timers by instant.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    at: BTreeMap<TimerId, Instant>,
    order: BTreeSet<(Instant, TimerId)>,
}

impl Timers {
    /// Sets or moves a timer.
    pub fn set(&mut self, timer: TimerId, at: Instant) {
        if let Some(before) = self.at.insert(timer, at) {
            if before == at {
                return;
            }
            self.order.remove(&(before, timer));
        }
        self.order.insert((at, timer));
    }

    /// Forgets a timer.
    pub fn cancel(&mut self, timer: TimerId) {
        if let Some(at) = self.at.remove(&timer) {
            self.order.remove(&(at, timer));
        }
    }

    /// When the next timer fires.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes the earliest timer that is due.
    pub fn pop_due(&mut self, now: Instant) -> Option<TimerId> {
        let (at, timer) = self.order.first().copied()?;
        if at > now {
            return None;
        }
        self.cancel(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_and_once() {
        let mut timers = Timers::default();
        timers.set(TimerId(1), Instant(30));
        timers.set(TimerId(2), Instant(10));
        timers.set(TimerId(3), Instant(20));
        timers.set(TimerId(2), Instant(25));
        timers.cancel(TimerId(3));
        timers.cancel(TimerId(9));
        assert_eq!(timers.next(), Some(Instant(25)));
        assert_eq!(timers.pop_due(Instant(24)), None);
        let due: Vec<_> = std::iter::from_fn(|| timers.pop_due(Instant(30))).collect();
        assert_eq!(due, [TimerId(2), TimerId(1)]);
        assert_eq!(timers.next(), None);
    }
}
