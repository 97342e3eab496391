//! Where the search has been in vain.
//!
//! A situation is a set of placed calls of known outcome, a state, and how many calls of unknown
//! outcome were used up, class by class. Who used up no more of any class can do everything that
//! others can: a situation is hopeless if one with the same known calls and state, and with no
//! more used up, was hopeless. Without this rule a handful of lost answers makes every
//! contradiction exponentially hard to prove.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// With more classes than this, only exactly equal situations are recognised.
const CLASSES_MAX: usize = 64;

/// The end of a chain.
const END: u32 = u32::MAX;

pub(super) struct Memory {
    classes: usize,
    /// Print of known calls and state, to the chain of what was used up.
    heads: HashMap<u128, u32, BuildHasherDefault<Low>>,
    next: Vec<u32>,
    /// `classes` numbers per link.
    used: Vec<u16>,
}

impl Memory {
    pub(super) fn new(classes: usize) -> Memory {
        let classes = if classes > CLASSES_MAX { 0 } else { classes };
        Memory { classes, heads: HashMap::default(), next: Vec::new(), used: Vec::new() }
    }

    /// Whether what is used up must be part of the print.
    pub(super) fn exact(&self) -> bool {
        self.classes == 0
    }

    /// Notes a situation; `false` if it is known to be hopeless.
    pub(super) fn enter(&mut self, print: u128, used: impl Iterator<Item = usize>) -> bool {
        let classes = self.classes;
        let head = self.heads.get(&print).copied();
        if classes == 0 {
            return head.is_none() && self.heads.insert(print, END).is_none();
        }
        // Counts beyond what fits are not compared: such situations are always explored.
        let now: Vec<u16> = used.map(|count| u16::try_from(count).unwrap_or(u16::MAX)).collect();
        let full = now.contains(&u16::MAX);
        let mut at = head.unwrap_or(END);
        while at != END && !full {
            let link = at as usize * classes..(at as usize + 1) * classes;
            let old = &mut self.used[link];
            if old.iter().zip(&now).all(|(old, now)| old <= now) {
                return false;
            }
            if old.iter().zip(&now).all(|(old, now)| old >= now) {
                old.copy_from_slice(&now);
                return true;
            }
            at = self.next[at as usize];
        }
        let link = u32::try_from(self.next.len()).unwrap_or(END);
        if link != END && !full {
            self.next.push(head.unwrap_or(END));
            self.used.extend(now);
            self.heads.insert(print, link);
        }
        true
    }

    /// About how much it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        // A slot of the table: print, link, control byte, and padding.
        self.heads.capacity() * 33 + self.next.capacity() * 4 + self.used.capacity() * 2
    }

    /// Forgets everything: that costs time, not the answer.
    pub(super) fn forget(&mut self) {
        *self = Memory::new(self.classes);
    }
}

/// The prints are random already: their low half is hash enough.
#[derive(Default)]
pub(super) struct Low(u64);

impl Hasher for Low {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {}
    fn write_u128(&mut self, print: u128) {
        self.0 = print as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::Memory;

    #[test]
    fn who_used_up_more_is_hopeless_too() {
        let mut memory = Memory::new(2);
        let mut enter = |used: [usize; 2]| memory.enter(7, used.into_iter());
        assert!(enter([2, 1]));
        assert!(!enter([2, 1]));
        assert!(!enter([3, 1]));
        assert!(enter([1, 5]));
        assert!(!enter([2, 6]));
        assert!(enter([1, 1]));
        assert!(!enter([1, 4]));
        assert!(memory.enter(8, [9, 9].into_iter()));
    }
}
