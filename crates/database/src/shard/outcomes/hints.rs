//! Which page may hold an id.
//!
//! Every mutation asks, and nearly always the answer is "none": a hash table answers with one look
//! at memory, where an ordered set takes twenty once it holds a million ids.

use alloc::vec::Vec;

use hashbrown::HashTable;

/// Pairs of a hash of an id and the first index of a page. No order of theirs can be seen.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    table: HashTable<(u64, u64)>,
}

impl Hints {
    /// The page may hold an id of this hash.
    pub fn insert(&mut self, hash: u64, first: u64) {
        self.table.insert_unique(hash, (hash, first), |(hash, _)| *hash);
    }

    /// The page holds one id of this hash less.
    pub fn remove(&mut self, hash: u64, first: u64) {
        if let Ok(entry) = self.table.find_entry(hash, |pair| *pair == (hash, first)) {
            entry.remove();
        }
    }

    /// The pages that may hold an id of this hash, newest first.
    pub fn pages(&self, hash: u64) -> Vec<u64> {
        let same = self.table.iter_hash(hash).filter(|pair| pair.0 == hash);
        let mut pages: Vec<u64> = same.map(|(_, first)| *first).collect();
        pages.sort_unstable_by(|one, other| other.cmp(one));
        pages.dedup();
        pages
    }

    fn sorted(&self) -> Vec<(u64, u64)> {
        let mut all: Vec<(u64, u64)> = self.table.iter().copied().collect();
        all.sort_unstable();
        all
    }
}

impl PartialEq for Hints {
    fn eq(&self, other: &Hints) -> bool {
        self.table.len() == other.table.len() && self.sorted() == other.sorted()
    }
}

impl Eq for Hints {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_fall_on_each_other_are_told_apart_by_their_pages() {
        let mut hints = Hints::default();
        for (hash, first) in [(7, 1), (7, 65), (7, 65), (8, 1)] {
            hints.insert(hash, first);
        }
        assert_eq!(hints.pages(7), [65, 1]);
        assert_eq!(hints.pages(9), []);
        hints.remove(7, 65);
        assert_eq!(hints.pages(7), [65, 1], "one of two is left");
        hints.remove(7, 65);
        hints.remove(7, 99);
        assert_eq!(hints.pages(7), [1]);
        let mut same = Hints::default();
        same.insert(8, 1);
        assert_ne!(same, hints);
        same.insert(7, 1);
        assert_eq!(same, hints);
    }
}
