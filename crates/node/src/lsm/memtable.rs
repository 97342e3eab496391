//! An ordered map for changes that only gather, and go all at once. Only a key that came into being
//! here and is removed before that is taken out: what is below has no such key to be hidden.
//!
//! ```text
//!   inner     [ sorted keys │ children ]           a B+tree: 64 keys a node
//!               ╱        ╲
//!   leaves    [ sorted keys ] ⇄ [ sorted keys ]    linked, for scans of either direction
//!               ╲
//!   arena       record, record, record …           as they came
//! ```
//!
//! What a put costs here is not compared bytes but lines of memory that no cache holds. The ordered
//! map of the standard library keeps every key in a piece of its own and reads ten of them to find
//! a place; here a search reads three nodes (`sorted`), and a record is written behind the one
//! before (`arena`).

mod arena;
mod sorted;

use std::ops::Bound;

use store::engine::ScanRange;

use arena::{Arena, Place};
use sorted::{FULL, Sorted};

/// No leaf.
const NONE: usize = usize::MAX;

/// The newest change of every key that was changed.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "to make room for one more must not move megabytes of nodes")]
pub struct Memtable {
    arena: Arena,
    leaves: Vec<Box<Leaf>>,
    inners: Vec<Box<Inner>>,
    /// The uppermost node: an inner one, unless the height is 0.
    root: usize,
    height: usize,
}

#[derive(Debug)]
struct Leaf {
    keys: Sorted,
    next: usize,
    previous: usize,
}

/// Children, and between each two of them the first key of the second, or what was it once.
#[derive(Debug)]
struct Inner {
    keys: Sorted,
    children: [usize; FULL + 1],
}

impl Inner {
    fn new(only: usize) -> Inner {
        Inner { keys: Sorted::new(), children: [only; FULL + 1] }
    }

    /// Which child a key belongs to.
    fn child_of(&self, key: &[u8], arena: &Arena) -> usize {
        self.keys.find(key, arena).map_or_else(|at| at, |at| at + 1)
    }

    /// Adds a child behind one, and the key between them.
    fn insert(&mut self, behind: usize, separator: Place, child: usize, arena: &Arena) {
        self.children.copy_within(behind + 1..=self.keys.len(), behind + 2);
        self.children[behind + 1] = child;
        self.keys.insert(behind, arena.key(separator), separator, arena);
    }

    /// Adds a child to a full node, which is split; gives back the key between the two.
    fn split(
        &mut self,
        behind: usize,
        separator: Place,
        child: usize,
        arena: &Arena,
    ) -> (Place, Inner) {
        if behind == FULL {
            return (separator, Inner::new(child));
        }
        let middle = FULL / 2;
        let mut upper = Inner::new(0);
        upper.children[..FULL - middle].copy_from_slice(&self.children[middle + 1..]);
        upper.keys = self.keys.split_off(middle + 1, arena);
        let between = self.keys.pop();
        match behind.checked_sub(middle + 1) {
            Some(behind) => upper.insert(behind, separator, child, arena),
            None => self.insert(behind, separator, child, arena),
        }
        (between, upper)
    }
}

/// Inner nodes on the way to a leaf, the uppermost first, and which child was taken.
type Path = Vec<(usize, usize)>;

impl Memtable {
    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// Bytes of all keys and values, about.
    pub fn bytes(&self) -> u64 {
        self.arena.bytes()
    }

    /// Sets or removes a key.
    pub fn change(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.make(key, value, false);
    }

    /// Sets a key that is nowhere below.
    pub fn insert(&mut self, key: &[u8], value: &[u8]) {
        self.make(key, Some(value), true);
    }

    fn make(&mut self, key: &[u8], value: Option<&[u8]>, new: bool) {
        if self.is_empty() {
            self.leaves.push(Box::new(Leaf { keys: Sorted::new(), next: NONE, previous: NONE }));
        }
        let mut path = Path::new();
        let leaf = self.leaf_of(key, |inner, child| path.push((inner, child)));
        let keys = &mut self.leaves[leaf].keys;
        let found = keys.find(key, &self.arena);
        match found.map(|at| (at, keys.places()[at])) {
            Ok((at, place)) if value.is_none() && self.arena.is_born(place) => keys.remove(at),
            Ok((_, place)) if self.arena.set(place, value) => {}
            Ok((at, place)) => {
                // A value that grew once may grow again.
                let room = value.map_or(0, |value| value.len() + value.len() / 2);
                let born = self.arena.is_born(place);
                keys.move_to(at, self.arena.add(key, value, room, born));
            }
            Err(at) => {
                let place = self.arena.add(key, value, 0, new);
                self.put_in(path, leaf, at, place);
            }
        }
    }

    /// What was done to a key; `None` if nothing was.
    pub fn get(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        let keys = &self.leaves.get(self.leaf_of(key, |_, _| ()))?.keys;
        let at = keys.find(key, &self.arena).ok()?;
        Some(self.arena.record(keys.places()[at]).1)
    }

    /// The changes of a range, in its order.
    pub fn scan(&self, range: ScanRange) -> Walk<'_> {
        let (leaf, at) = match (range.reverse, &range.start, &range.end) {
            (false, Bound::Unbounded, _) => (self.leaf_of(&[], |_, _| ()), 0),
            (false, Bound::Included(start), _) => self.seek(start, false),
            (false, Bound::Excluded(start), _) => self.seek(start, true),
            (true, _, Bound::Included(end)) => self.seek(end, true),
            (true, _, Bound::Excluded(end)) => self.seek(end, false),
            (true, _, Bound::Unbounded) => self.end(),
        };
        Walk { table: self, range, leaf, at }
    }

    /// The leaf to which a key belongs. Calls `by` with each inner node on the way, and the child
    /// that it takes there.
    fn leaf_of(&self, key: &[u8], mut by: impl FnMut(usize, usize)) -> usize {
        (0..self.height).fold(self.root, |node, _| {
            let inner = &self.inners[node];
            let child = inner.child_of(key, &self.arena);
            by(node, child);
            inner.children[child]
        })
    }

    /// Where a key stands or would stand; with `behind`, the position after it.
    fn seek(&self, key: &[u8], behind: bool) -> (usize, usize) {
        let leaf = self.leaf_of(key, |_, _| ());
        let found = self.leaves.get(leaf).map(|leaf| leaf.keys.find(key, &self.arena));
        let at = match found {
            Some(Ok(at)) => at + usize::from(behind),
            Some(Err(at)) => at,
            None => 0,
        };
        (leaf, at)
    }

    /// The position behind the last key.
    fn end(&self) -> (usize, usize) {
        let leaf = (0..self.height).fold(self.root, |node, _| {
            let inner = &self.inners[node];
            inner.children[inner.keys.len()]
        });
        (leaf, self.leaves.get(leaf).map_or(0, |leaf| leaf.keys.len()))
    }

    /// Inserts a record at a position of a leaf, and splits the leaf if it is full.
    fn put_in(&mut self, path: Path, number: usize, at: usize, place: Place) {
        let (arena, born) = (&self.arena, self.leaves.len());
        let leaf = &mut self.leaves[number];
        if leaf.keys.len() < FULL {
            return leaf.keys.insert(at, arena.key(place), place, arena);
        }
        // What comes behind all others, as revisions do, leaves full nodes behind.
        let cut = if at == FULL { FULL } else { FULL / 2 };
        let mut keys = leaf.keys.split_off(cut, arena);
        match at.checked_sub(cut) {
            Some(at) => keys.insert(at, arena.key(place), place, arena),
            None => leaf.keys.insert(at, arena.key(place), place, arena),
        }
        let separator = keys.places()[0];
        let next = std::mem::replace(&mut leaf.next, born);
        self.leaves.push(Box::new(Leaf { keys, next, previous: number }));
        if let Some(next) = self.leaves.get_mut(next) {
            next.previous = born;
        }
        self.raise(path, separator, born);
    }

    /// Tells the parents of a new node, which splits those that are full.
    fn raise(&mut self, mut path: Path, mut separator: Place, mut child: usize) {
        let arena = &self.arena;
        while let Some((number, behind)) = path.pop() {
            let born = self.inners.len();
            let inner = &mut self.inners[number];
            if inner.keys.len() < FULL {
                return inner.insert(behind, separator, child, arena);
            }
            let (between, upper) = inner.split(behind, separator, child, arena);
            (separator, child) = (between, born);
            self.inners.push(Box::new(upper));
        }
        let mut root = Inner::new(self.root);
        root.insert(0, separator, child, arena);
        (self.root, self.height) = (self.inners.len(), self.height + 1);
        self.inners.push(Box::new(root));
    }
}

/// Changes of a range, in its order.
#[derive(Debug)]
pub struct Walk<'a> {
    table: &'a Memtable,
    range: ScanRange,
    leaf: usize,
    /// How many keys of the leaf lie before the walker.
    at: usize,
}

impl<'a> Iterator for Walk<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let place = loop {
            let leaf = self.table.leaves.get(self.leaf)?;
            match (self.range.reverse, self.at) {
                (false, at) if at < leaf.keys.len() => {
                    self.at += 1;
                    break leaf.keys.places()[at];
                }
                (false, _) => (self.leaf, self.at) = (leaf.next, 0),
                (true, 0) => {
                    self.leaf = leaf.previous;
                    self.at = self.table.leaves.get(self.leaf).map_or(0, |leaf| leaf.keys.len());
                }
                (true, _) => {
                    self.at -= 1;
                    break leaf.keys.places()[self.at];
                }
            }
        };
        let record = self.table.arena.record(place);
        if !self.range.contains(record.0) {
            self.leaf = NONE;
            return None;
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests;
