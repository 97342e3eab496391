//! When which revision was the newest: what the time of revisions is counted from.

use alloc::{collections::VecDeque, vec::Vec};

use kernel::{Duration, Instant};

/// How many marks there are in the time that revisions stay, about.
const MARKS: u32 = 64;

/// Which revision was the newest at some moments of one leadership.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// The term of the leadership.
    pub term: u64,
    marks: VecDeque<(Instant, i64)>,
}

impl Marks {
    /// Those of a leadership that begins.
    pub fn of(term: u64) -> Marks {
        Marks { term, marks: VecDeque::new() }
    }

    /// Notes the newest revision, unless the last mark is too near.
    pub fn note(&mut self, now: Instant, revision: i64, history: Duration) {
        let apart = history / MARKS;
        if self.marks.back().is_none_or(|(at, _)| now.since(*at) >= apart) {
            self.marks.push_back((now, revision));
        }
    }

    /// Takes the marks that are older than that: the last of them is where to compact to.
    pub fn take(&mut self, now: Instant, history: Duration) -> Option<i64> {
        let old = |(at, _): &mut (Instant, i64)| now.since(*at) >= history;
        let mut taken = Vec::new();
        while let Some(mark) = self.marks.pop_front_if(old) {
            taken.push(mark.1);
        }
        taken.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_given_up_once_its_mark_is_old_enough_and_not_before() {
        let (history, mut marks) = (Duration::from_secs(640), Marks::default());
        let at = |seconds| Instant::ZERO + Duration::from_secs(seconds);
        let mut given_up = Vec::new();
        for second in 0..1_000 {
            marks.note(at(second), second as i64 * 2, history);
            if let Some(revision) = marks.take(at(second), history) {
                assert!(revision as u64 / 2 + 640 <= second, "{revision} at {second}");
                given_up.push(revision);
            }
            assert!(marks.marks.len() <= MARKS as usize + 1);
        }
        assert_eq!(given_up.len(), 36);
        assert!(given_up.is_sorted());
    }
}
