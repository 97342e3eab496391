//! Values that were looked up lately, kept up to date, for reads of one key.
//!
//! A command reads the key that it changes, and most keys that are read are read again soon. The
//! ordered layers above the tree answer such a read in a walk over cold memory each, the tree in
//! several; this table answers in one. What is only ever written (history, logs) never enters it.
//!
//! Two generations bound it: when the younger one is full it becomes the older one, and what was
//! older is let go of. A key is in one of them at most: the older one gives up what is asked for.
//!
//! A key that is made or removed is forgotten: the command that made it looked it up to see that it
//! was not there, and most (a lease, a place in a queue for a lock) are not looked up again soon.

use bytes::Bytes;
use hashbrown::HashMap;

use super::spent::Spent;

/// What an entry costs beside its bytes, about.
const ENTRY_BYTES: usize = 128;

/// Newest values by key.
#[derive(Debug)]
pub struct Recent {
    young: HashMap<Bytes, Option<Bytes>>,
    old: HashMap<Bytes, Option<Bytes>>,
    /// Of the younger generation.
    bytes: usize,
    /// Of each generation.
    bytes_max: usize,
    spent: Spent,
}

impl Recent {
    /// An empty table that holds at most twice so many bytes.
    pub fn new(bytes_max: usize, spent: Spent) -> Recent {
        Recent { young: HashMap::new(), old: HashMap::new(), bytes: 0, bytes_max, spent }
    }

    /// A key was looked up and found to have this value, or none.
    pub fn remember(&mut self, key: Bytes, value: Option<Bytes>) {
        self.bytes += ENTRY_BYTES + key.len() + length(value.as_ref());
        self.young.insert(key, value);
        if self.bytes > self.bytes_max {
            // As large as the one before, so that it never has to be made larger.
            let young = HashMap::with_capacity(self.young.len());
            let old = std::mem::replace(&mut self.young, young);
            self.spent.free(std::mem::replace(&mut self.old, old));
            self.bytes = 0;
        }
    }

    /// A key was set, or removed (`None`).
    pub fn change(&mut self, key: &[u8], value: Option<&Bytes>) {
        match self.young.get_mut(key) {
            Some(slot) if slot.is_some() == value.is_some() => {
                self.bytes = self.bytes + length(value) - length(slot.as_ref());
                *slot = value.cloned();
            }
            Some(_) => self.forget(key),
            None => match self.old.remove_entry(key) {
                Some((key, old)) if old.is_some() == value.is_some() => {
                    self.remember(key, value.cloned());
                }
                _ => {}
            },
        }
    }

    fn forget(&mut self, key: &[u8]) {
        if let Some((key, value)) = self.young.remove_entry(key) {
            self.bytes -= ENTRY_BYTES + key.len() + length(value.as_ref());
        }
    }

    /// What stands under a key; `None` if that is not known here.
    pub fn get(&mut self, key: &[u8]) -> Option<Option<Bytes>> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.remember(key, value.clone());
        Some(value)
    }
}

fn length(value: Option<&Bytes>) -> usize {
    value.map_or(0, Bytes::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recent(bytes_max: usize) -> Recent {
        Recent::new(bytes_max, Spent::start().unwrap())
    }

    fn key(i: u32) -> Bytes {
        Bytes::copy_from_slice(&i.to_be_bytes())
    }

    #[test]
    fn the_newest_change_of_what_was_looked_up_is_found() {
        let mut recent = recent(10 * (ENTRY_BYTES + 8));
        recent.change(&key(1), Some(&key(1)));
        assert_eq!(recent.get(&key(1)), None, "nobody looked it up");
        recent.remember(key(1), Some(key(1)));
        assert_eq!(recent.get(&key(1)), Some(Some(key(1))));
        recent.change(&key(1), Some(&key(2)));
        assert_eq!(recent.get(&key(1)), Some(Some(key(2))));
    }

    #[test]
    fn a_key_that_is_made_or_removed_is_forgotten() {
        for generations in [1, 2] {
            let mut recent = recent(1 << 20);
            recent.remember(key(1), None);
            recent.remember(key(2), Some(key(2)));
            recent.remember(key(3), None);
            if generations == 2 {
                recent.bytes_max = 0;
                recent.remember(key(4), None);
                recent.bytes_max = 1 << 20;
            }
            recent.change(&key(1), Some(&key(1)));
            recent.change(&key(2), None);
            recent.change(&key(3), None);
            assert_eq!((recent.get(&key(1)), recent.get(&key(2))), (None, None));
            assert_eq!(recent.get(&key(3)), Some(None), "it was not there, and is not");
            assert_eq!(recent.bytes, ENTRY_BYTES + 4, "only the third is left in the young one");
        }
    }

    #[test]
    fn what_nobody_asks_for_is_let_go_of_and_what_is_asked_for_stays() {
        let mut recent = recent(10 * (ENTRY_BYTES + 8));
        recent.remember(key(0), Some(key(0)));
        for i in 1..100 {
            recent.remember(key(i), Some(key(i)));
            assert!(recent.young.len() + recent.old.len() <= 22);
            assert_eq!(recent.get(&key(0)), Some(Some(key(0))), "asked for all the time");
        }
        assert_eq!(recent.get(&key(1)), None);
    }

    #[test]
    fn a_change_reaches_a_key_of_the_older_generation() {
        let mut recent = recent(2 * (ENTRY_BYTES + 8));
        (0..3).for_each(|i| recent.remember(key(i), Some(key(i))));
        assert_eq!((recent.young.len(), recent.old.len()), (0, 3));
        recent.change(&key(1), Some(&key(9)));
        assert_eq!((recent.young.len(), recent.old.len()), (1, 2));
        assert_eq!(recent.get(&key(1)), Some(Some(key(9))));
    }
}
