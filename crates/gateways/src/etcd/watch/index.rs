//! Who watches a key.

use std::collections::{BTreeSet, HashMap};

use super::{
    ranges::Ranges,
    spec::{End, Spec},
};

/// Numbers of watches, by what they watch.
#[derive(Debug, Default)]
pub struct Index {
    /// Watches of one key.
    keys: HashMap<Box<[u8]>, Few>,
    ranges: Ranges,
}

/// Nearly always one, so that no more room is taken than one needs.
#[derive(Debug)]
#[expect(clippy::box_collection, reason = "the set is the rare case, and half of the room")]
enum Few {
    One(u64),
    More(Box<BTreeSet<u64>>),
}

impl Index {
    /// Adds a watch.
    pub fn insert(&mut self, spec: &Spec, number: u64, stands: impl Fn(u64) -> bool) {
        if spec.end != End::One {
            self.ranges.insert(&spec.key, &spec.end, number);
            return self.ranges.tidy(stands);
        }
        match self.keys.get_mut(&spec.key) {
            None => drop(self.keys.insert(spec.key.clone(), Few::One(number))),
            Some(Few::More(more)) => drop(more.insert(number)),
            Some(few) => {
                if let Few::One(one) = *few {
                    *few = Few::More(Box::new([one, number].into()));
                }
            }
        }
    }

    /// Removes a watch.
    pub fn remove(&mut self, spec: &Spec, number: u64, stands: impl Fn(u64) -> bool) {
        if spec.end != End::One {
            self.ranges.remove();
            return self.ranges.tidy(stands);
        }
        let empty = match self.keys.get_mut(&spec.key) {
            Some(Few::More(more)) => {
                more.remove(&number);
                more.is_empty()
            }
            Some(Few::One(one)) => *one == number,
            None => false,
        };
        if empty {
            self.keys.remove(&spec.key);
        }
    }

    /// Names every watch of a key, and perhaps some that have gone.
    pub fn visit(&self, key: &[u8], mut found: impl FnMut(u64)) {
        match self.keys.get(key) {
            Some(Few::One(one)) => found(*one),
            Some(Few::More(more)) => more.iter().copied().for_each(&mut found),
            None => {}
        }
        self.ranges.visit(key, &mut found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watches_of_a_key_and_of_ranges_around_it_are_found() {
        let mut index = Index::default();
        let spec =
            |key: &'static str, end: &'static str| Spec::inside(key.into(), end.into()).unwrap();
        let specs = [spec("a", ""), spec("a", ""), spec("a", "c"), spec("b", ""), spec("b", "\0")];
        for (number, spec) in (0..).zip(&specs) {
            index.insert(spec, number, |_| true);
        }
        let found = |index: &Index, key: &str| {
            let mut found = Vec::new();
            index.visit(key.as_bytes(), |number| found.push(number));
            found.sort_unstable();
            found
        };
        assert_eq!(found(&index, "a"), [0, 1, 2]);
        assert_eq!(found(&index, "b"), [2, 3, 4]);
        assert_eq!(found(&index, "z"), [4]);
        index.remove(&specs[0], 0, |_| true);
        assert_eq!(found(&index, "a"), [1, 2]);
        index.remove(&specs[1], 1, |_| true);
        index.remove(&specs[3], 3, |_| true);
        assert_eq!(found(&index, "b"), [2, 4]);
        assert!(index.keys.is_empty());
    }
}
