//! When the keyspace was there, and what a tenant may therefore be told.

use std::{cell::RefCell, rc::Rc};

use kernel::Instant;

/// Shared by the landlord, who writes it, and the tenants, who go by it.
pub type Shared = Rc<RefCell<Register>>;

/// A time in which the keyspace may not be there.
#[derive(Clone, Copy, Debug)]
struct Gap {
    /// When its end was asked for.
    asked: Instant,
    /// When that was acknowledged.
    gone: Instant,
    /// When a new one was acknowledged.
    back: Instant,
}

/// All such times.
#[derive(Debug)]
pub struct Register {
    gaps: Vec<Gap>,
}

impl Default for Register {
    /// It was not there to begin with.
    fn default() -> Register {
        let (asked, gone, back) = (Instant::ZERO, Instant::ZERO, Instant::NEVER);
        Register { gaps: vec![Gap { asked, gone, back }] }
    }
}

impl Register {
    /// Its end is asked for.
    pub fn asked(&mut self, now: Instant) {
        let (gone, back) = (Instant::NEVER, Instant::NEVER);
        self.gaps.push(Gap { asked: now, gone, back });
    }

    /// Its end is acknowledged.
    pub fn gone(&mut self, now: Instant) {
        if let Some(gap) = self.gaps.last_mut() {
            gap.gone = now;
        }
    }

    /// A new one is acknowledged.
    pub fn back(&mut self, now: Instant) {
        if let Some(gap) = self.gaps.last_mut() {
            gap.back = now;
        }
    }

    /// Whether it may have been missing at some moment from `from` to `to`.
    fn missing(&self, from: Instant, to: Instant) -> bool {
        self.gaps.iter().any(|gap| gap.asked <= to && gap.back >= from)
    }

    /// What is wrong with an answer that there is no such keyspace.
    pub fn unheard(&self, (from, to): (Instant, Instant)) -> Result<(), String> {
        match self.missing(from, to) {
            true => Ok(()),
            false => Err("a keyspace that was there all the time is not found".into()),
        }
    }

    /// Whether all that was there at `from` is certainly gone at `to`.
    fn replaced(&self, from: Instant, to: Instant) -> bool {
        self.gaps.iter().any(|gap| gap.asked >= from && gap.gone <= to)
    }
}

/// A write of a tenant.
#[derive(Clone, Copy, Debug)]
struct Write {
    number: u64,
    asked: Instant,
    /// When it was acknowledged, if it was.
    done: Option<Instant>,
    /// An attempt of it may still be under way, and may take effect in a keyspace that was made since:
    /// what is known of request ids is dropped with the keyspace.
    under_way: bool,
}

/// What a tenant wrote under its key.
#[derive(Debug, Default)]
pub struct Written(Vec<Write>);

impl Written {
    /// A write is asked for; its number.
    pub fn asked(&mut self, now: Instant) -> u64 {
        let number = self.0.len() as u64 + 1;
        self.0.push(Write { number, asked: now, done: None, under_way: true });
        number
    }

    /// The last one is acknowledged, at the first attempt or a later one.
    pub fn done(&mut self, now: Instant, first: bool) {
        if let Some(write) = self.0.last_mut() {
            (write.done, write.under_way) = (Some(now), !first);
        }
    }

    /// What is wrong with what a read from `from` to `to` shows: a number, or nothing.
    pub fn judge(
        &self,
        register: &Register,
        (from, to): (Instant, Instant),
        shown: Option<u64>,
    ) -> Result<(), String> {
        let last = self.0.iter().rev().find_map(|write| Some((write, write.done?)));
        let Some(number) = shown else {
            let fine = last.is_none_or(|(write, _)| register.missing(write.asked, to));
            let lost = || format!("write {} is lost", last.map_or(0, |(write, _)| write.number));
            return if fine { Ok(()) } else { Err(lost()) };
        };
        let Some(write) = self.0.iter().find(|write| write.number == number) else {
            return Err(format!("{number} was never written"));
        };
        match (write.done.filter(|_| !write.under_way), last) {
            (Some(done), _) if register.replaced(done, from) => {
                Err(format!("write {number} is there again, and what it was in was dropped"))
            }
            (Some(_), Some((last, _))) if number < last.number => {
                Err(format!("write {number} is there and {} was acknowledged", last.number))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Instant {
        Instant(second * 1_000_000_000)
    }

    /// There from 2 to 10 or 12, and from 20 on.
    fn register() -> Register {
        let mut register = Register::default();
        register.back(at(2));
        register.asked(at(10));
        register.gone(at(12));
        register.back(at(20));
        register
    }

    /// Writes 1 at 3 to 4, 2 at 5, which nobody knows of, and 3 at 7 to 8.
    fn written() -> Written {
        let mut written = Written::default();
        for (asked, done) in [(3, Some(4)), (5, None), (7, Some(8))] {
            written.asked(at(asked));
            done.into_iter().for_each(|done| written.done(at(done), true));
        }
        written
    }

    fn judge(from: u64, to: u64, shown: Option<u64>) -> bool {
        written().judge(&register(), (at(from), at(to)), shown).is_ok()
    }

    #[test]
    fn what_was_acknowledged_is_there_until_the_drop() {
        assert!(judge(8, 9, Some(3)) && judge(11, 13, Some(3)));
        assert!(!judge(8, 9, None), "lost");
        assert!(!judge(8, 9, Some(1)), "gone back");
        assert!(judge(8, 9, Some(2)), "nobody knows when this one took effect");
        assert!(!judge(8, 9, Some(4)), "never written");
    }

    #[test]
    fn what_was_dropped_does_not_come_back() {
        assert!(judge(9, 11, None) && judge(30, 31, None));
        assert!(!judge(12, 13, Some(3)) && !judge(30, 31, Some(3)));
        assert!(judge(30, 31, Some(2)), "it may have been on its way until now");
        let mut written = written();
        written.asked(at(9));
        written.done(at(10), false);
        let again = written.judge(&register(), (at(30), at(31)), Some(4));
        assert_eq!(again, Ok(()), "its first attempt may have been on its way until now");
    }

    #[test]
    fn a_keyspace_that_is_there_is_found() {
        let unheard = |from, to| register().unheard((at(from), at(to))).is_ok();
        assert!(unheard(0, 1) && unheard(9, 10) && unheard(15, 16) && unheard(19, 21));
        assert!(!unheard(3, 9) && !unheard(21, 22));
    }
}
