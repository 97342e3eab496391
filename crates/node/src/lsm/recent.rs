//! Values that were written lately, for reads of one key.
//!
//! A command reads the key that it changes, and most keys that are changed are changed again soon.
//! The ordered layers above the tree answer such a read in a walk over cold memory each, the tree
//! in several; this table answers in one.
//!
//! Two generations bound it: when the younger one is full it becomes the older one, and what was
//! older is let go of. What is in neither is looked up below.

use std::collections::HashMap;

use bytes::Bytes;

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
}

impl Recent {
    /// An empty table that holds at most twice so many bytes.
    pub fn new(bytes_max: usize) -> Recent {
        Recent { young: HashMap::new(), old: HashMap::new(), bytes: 0, bytes_max }
    }

    /// A key was set, or removed (`None`).
    pub fn change(&mut self, key: &Bytes, value: Option<&Bytes>) {
        let length = |value: Option<&Bytes>| value.map_or(0, Bytes::len);
        self.bytes += length(value);
        match self.young.insert(key.clone(), value.cloned()) {
            Some(before) => self.bytes -= length(before.as_ref()),
            None => self.bytes += ENTRY_BYTES + key.len(),
        }
        if self.bytes > self.bytes_max {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
    }

    /// What a key was changed to; `None` if nothing is known here.
    pub fn get(&self, key: &[u8]) -> Option<&Option<Bytes>> {
        self.young.get(key).or_else(|| self.old.get(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_change_is_found_and_old_ones_are_let_go_of() {
        let key = |i: u32| Bytes::copy_from_slice(&i.to_be_bytes());
        let mut recent = Recent::new(10 * (ENTRY_BYTES + 8));
        recent.change(&key(1), Some(&key(1)));
        recent.change(&key(1), Some(&key(2)));
        assert_eq!(recent.get(&key(1)), Some(&Some(key(2))));
        recent.change(&key(1), None);
        assert_eq!(recent.get(&key(1)), Some(&None));
        for i in 2..100 {
            recent.change(&key(i), Some(&key(i)));
            assert!(recent.young.len() + recent.old.len() <= 22);
            assert_eq!(recent.get(&key(i)), Some(&Some(key(i))));
        }
        assert_eq!(recent.get(&key(1)), None);
        // A key in both generations: the younger one counts.
        recent.change(&key(98), Some(&key(7)));
        assert_eq!(recent.get(&key(98)), Some(&Some(key(7))));
    }
}
