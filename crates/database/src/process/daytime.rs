//! The time of day that commands are stamped with: the median of the members' clocks.
//!
//! ```text
//!            n2        n1 (here)                        n3, set wrong
//!   ─────────┼─────────┼────────────────────────────────┼────▶  ahead of the monotonic clock here
//!                      ▲ the median
//! ```
//!
//! What is stamped stays: log time never goes back. One clock that jumps ahead would end keys early,
//! and forget the outcomes of requests that are still repeated. A median does not follow it, however
//! far it goes, as long as most clocks are right (Lamport and Melliar-Smith, 1985, section 4).
//!
//! The others' clocks are known by how far they are ahead of the *monotonic* clock here: so a jump
//! of this node's own time of day is one voice of several, too, from the moment it happens. Of an
//! even number, the earlier one in the middle counts: what expires rather expires late. A node that
//! has heard of no other has its own clock alone.

use alloc::vec::Vec;

use kernel::{Instant, Now, Wall, bug};

/// How far the time of day is ahead of the monotonic clock, in milliseconds.
#[must_use]
pub fn ahead(now: Now) -> i64 {
    let monotonic = now.instant.since(Instant::ZERO).as_millis();
    let signed = |ms: u128| i64::try_from(ms).unwrap_or(i64::MAX);
    signed(now.wall.0.into()).saturating_sub(signed(monotonic))
}

/// Between which bounds the other members' clocks hold this one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    low: i64,
    high: i64,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { low: i64::MIN, high: i64::MAX }
    }
}

impl Bounds {
    /// By how far each of the others is ahead of the monotonic clock here.
    #[must_use]
    pub fn of(mut others: Vec<i64>) -> Bounds {
        others.sort_unstable();
        let middle = others.len() / 2;
        let below = middle.checked_sub(1).and_then(|at| others.get(at));
        Bounds {
            low: below.copied().unwrap_or(i64::MIN),
            high: others.get(middle).copied().unwrap_or(i64::MAX),
        }
    }

    /// The median's time of day.
    #[must_use]
    pub fn wall(self, now: Now) -> Wall {
        if bug::planted(bug::Bug::OwnClock) {
            return now.wall;
        }
        let own = ahead(now);
        let agreed = own.clamp(self.low, self.high);
        Wall(now.wall.0.saturating_add_signed(agreed.saturating_sub(own)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Duration;

    /// The time of day here, by clocks that are off by so many seconds.
    fn median(own: i64, others: &[i64]) -> i64 {
        let at = |off: i64| Now {
            instant: Instant::ZERO + Duration::from_secs(5),
            wall: Wall(1_000_000_000_u64.saturating_add_signed(off * 1000)),
        };
        let others = others.iter().map(|off| ahead(at(*off))).collect();
        let wall = Bounds::of(others).wall(at(own));
        (wall.0 as i64 - 1_000_000_000) / 1000
    }

    #[test]
    fn one_clock_that_is_wrong_is_outvoted_wherever_it_is() {
        for wrong in [-86_400, -60, 60, 86_400] {
            for right in [-1, 0, 1] {
                assert!(median(wrong, &[right, 0]).abs() <= 1, "here");
                assert!(median(right, &[wrong, 0]).abs() <= 1, "there");
            }
            assert!(median(0, &[wrong, 1, wrong, -1]).abs() <= 1, "two of five");
        }
    }

    #[test]
    fn of_an_even_number_the_earlier_one_in_the_middle_counts() {
        assert_eq!(median(7, &[]), 7, "alone");
        assert_eq!([median(0, &[60]), median(60, &[0]), median(0, &[-60])], [0, 0, -60]);
        assert_eq!([median(0, &[60, 70, 80]), median(90, &[60, 70, 80])], [60, 70]);
    }
}
