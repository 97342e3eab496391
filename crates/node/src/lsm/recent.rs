//! Values that were looked up lately, kept up to date, for reads of one key.
//!
//! A command reads the key that it changes, and most keys that are read are read again soon. The
//! ordered layers above the tree answer such a read in a walk over cold memory each, the tree in
//! several; this table answers in one. What is only ever written (history, logs) never enters it,
//! nor does a key that is not there: the command that makes it looked it up to see just that, and
//! most of what comes into being (a lease, a place in a queue) is not looked up again soon.
//!
//! Two generations bound it: when the younger one is full it becomes the older one, and what was
//! older is let go of. A key is in one of them at most: the older one gives up what is asked for.

use bytes::Bytes;
use hashbrown::HashMap;

use super::spent::Spent;

/// What an entry costs beside its bytes, about.
const ENTRY_BYTES: usize = 128;

/// Newest values by key.
#[derive(Debug)]
pub struct Recent {
    young: HashMap<Bytes, Bytes>,
    old: HashMap<Bytes, Bytes>,
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

    /// A key was looked up and found to have this value.
    pub fn remember(&mut self, key: Bytes, value: Bytes) {
        self.bytes += cost(&key, &value);
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
        let Some(value) = value else { return self.forget(key) };
        if let Some(slot) = self.young.get_mut(key) {
            self.bytes = self.bytes + value.len() - slot.len();
            *slot = value.clone();
        } else if let Some((key, _)) = self.old.remove_entry(key) {
            self.remember(key, value.clone());
        }
    }

    fn forget(&mut self, key: &[u8]) {
        match self.young.remove_entry(key) {
            Some((key, value)) => self.bytes -= cost(&key, &value),
            None => drop(self.old.remove(key)),
        }
    }

    /// What stands under a key; `None` if that is not known here.
    pub fn get(&mut self, key: &[u8]) -> Option<Bytes> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.remember(key, value.clone());
        Some(value)
    }
}

fn cost(key: &Bytes, value: &Bytes) -> usize {
    ENTRY_BYTES + key.len() + value.len()
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
        recent.remember(key(1), key(1));
        assert_eq!(recent.get(&key(1)), Some(key(1)));
        recent.change(&key(1), Some(&key(2)));
        assert_eq!(recent.get(&key(1)), Some(key(2)));
        recent.change(&key(1), None);
        assert_eq!((recent.get(&key(1)), recent.bytes), (None, 0));
    }

    #[test]
    fn what_nobody_asks_for_is_let_go_of_and_what_is_asked_for_stays() {
        let mut recent = recent(10 * (ENTRY_BYTES + 8));
        recent.remember(key(0), key(0));
        for i in 1..100 {
            recent.remember(key(i), key(i));
            assert!(recent.young.len() + recent.old.len() <= 22);
            assert_eq!(recent.get(&key(0)), Some(key(0)), "asked for all the time");
        }
        assert_eq!(recent.get(&key(1)), None);
    }

    #[test]
    fn a_change_reaches_a_key_of_the_older_generation() {
        let mut recent = recent(2 * (ENTRY_BYTES + 8));
        (0..3).for_each(|i| recent.remember(key(i), key(i)));
        assert_eq!((recent.young.len(), recent.old.len()), (0, 3));
        recent.change(&key(1), Some(&key(9)));
        recent.change(&key(2), None);
        assert_eq!((recent.young.len(), recent.old.len()), (1, 1));
        assert_eq!([1, 2].map(|i| recent.get(&key(i))), [Some(key(9)), None]);
    }
}
