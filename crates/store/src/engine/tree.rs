//! A persistent ordered map: every change makes a new tree that shares all but a path with the
//! old one.
//!
//! It is a treap (Seidel and Aragon, 1996) whose priorities are a hash of the key, so that the
//! shape depends on the contents alone. Changes cost O(log n) expected, removing a range too (two
//! splits and a join); a snapshot is a clone of the root. Nodes that no other tree shares are
//! changed in place.

use alloc::{sync::Arc, vec::Vec};
use core::cmp::Ordering;

use bytes::Bytes;
use kernel::wire::crc32c;

use super::ScanRange;

type Link = Option<Arc<Node>>;

#[derive(Clone, Debug)]
struct Node {
    key: Bytes,
    value: Bytes,
    priority: u64,
    /// Bytes of all keys and values below, this node's included.
    bytes: u64,
    left: Link,
    right: Link,
}

/// The map. Clones are cheap and independent.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    root: Link,
}

impl Tree {
    pub(super) fn get(&self, key: &[u8]) -> Option<&Bytes> {
        let mut at = self.root.as_deref();
        while let Some(node) = at {
            at = match key.cmp(&node.key) {
                Ordering::Less => node.left.as_deref(),
                Ordering::Greater => node.right.as_deref(),
                Ordering::Equal => return Some(&node.value),
            };
        }
        None
    }

    pub(super) fn put(&mut self, key: Bytes, value: Bytes) {
        let priority = priority(&key);
        put(&mut self.root, Node { key, value, priority, bytes: 0, left: None, right: None });
    }

    pub(super) fn delete(&mut self, key: &[u8]) {
        if self.get(key).is_some() {
            delete(&mut self.root, key);
        }
    }

    /// Removes the keys from `start` up to but not including `end`.
    pub(super) fn delete_range(&mut self, start: &[u8], end: &[u8]) {
        if start < end {
            let (left, rest) = split(self.root.take(), start);
            let (_, right) = split(rest, end);
            self.root = join(left, right);
        }
    }

    /// Bytes of all keys and values.
    pub(super) fn bytes(&self) -> u64 {
        bytes(&self.root)
    }

    pub(super) fn scan(&self, range: ScanRange) -> Walk<'_> {
        let mut walk = Walk { range, stack: Vec::new() };
        walk.descend(self.root.as_deref());
        walk
    }
}

/// Visits a range of the tree: the stack holds the nodes whose own turn is still to come.
pub(super) struct Walk<'a> {
    range: ScanRange,
    stack: Vec<&'a Node>,
}

impl<'a> Walk<'a> {
    /// Goes to the first node of a subtree that lies in the range.
    fn descend(&mut self, mut at: Option<&'a Node>) {
        while let Some(node) = at {
            let (inside, near, far) = match self.range.reverse {
                false => (self.range.starts_by(&node.key), &node.left, &node.right),
                true => (self.range.ends_after(&node.key), &node.right, &node.left),
            };
            if inside {
                self.stack.push(node);
            }
            at = if inside { near } else { far }.as_deref();
        }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = (&'a Bytes, &'a Bytes);

    fn next(&mut self) -> Option<Self::Item> {
        let node = self.stack.pop()?;
        if !self.range.contains(&node.key) {
            self.stack.clear();
            return None;
        }
        let far = if self.range.reverse { &node.left } else { &node.right };
        self.descend(far.as_deref());
        Some((&node.key, &node.value))
    }
}

impl Node {
    /// Counts the bytes below again.
    fn recount(&mut self) {
        let own = (self.key.len() + self.value.len()) as u64;
        self.bytes = own + bytes(&self.left) + bytes(&self.right);
    }
}

fn bytes(link: &Link) -> u64 {
    link.as_ref().map_or(0, |node| node.bytes)
}

fn put(link: &mut Link, mut new: Node) {
    match link {
        Some(node) if node.priority >= new.priority => {
            let node = Arc::make_mut(node);
            match new.key.cmp(&node.key) {
                Ordering::Less => put(&mut node.left, new),
                Ordering::Greater => put(&mut node.right, new),
                Ordering::Equal => node.value = new.value,
            }
            node.recount();
        }
        // The key is not below: its node would have this priority.
        _ => {
            (new.left, new.right) = split(link.take(), &new.key);
            new.recount();
            *link = Some(Arc::new(new));
        }
    }
}

fn delete(link: &mut Link, key: &[u8]) {
    let Some(shared) = link else { return };
    let node = Arc::make_mut(shared);
    match key.cmp(&node.key) {
        Ordering::Less => delete(&mut node.left, key),
        Ordering::Greater => delete(&mut node.right, key),
        Ordering::Equal => {
            *link = join(node.left.take(), node.right.take());
            return;
        }
    }
    node.recount();
}

/// Parts a tree into the keys below `key` and the others.
fn split(link: Link, key: &[u8]) -> (Link, Link) {
    let Some(mut shared) = link else { return (None, None) };
    let node = Arc::make_mut(&mut shared);
    if node.key < *key {
        let (low, high) = split(node.right.take(), key);
        node.right = low;
        node.recount();
        (Some(shared), high)
    } else {
        let (low, high) = split(node.left.take(), key);
        node.left = high;
        node.recount();
        (low, Some(shared))
    }
}

/// Makes one tree of two, where every key of `low` is below every key of `high`.
fn join(low: Link, high: Link) -> Link {
    match (low, high) {
        (None, only) | (only, None) => only,
        (Some(mut a), Some(b)) if a.priority >= b.priority => {
            let node = Arc::make_mut(&mut a);
            node.right = join(node.right.take(), Some(b));
            node.recount();
            Some(a)
        }
        (low, Some(mut b)) => {
            let node = Arc::make_mut(&mut b);
            node.left = join(low, node.left.take());
            node.recount();
            Some(b)
        }
    }
}

/// A checksum of the key, mixed (Stafford's variant 13 of the SplitMix64 finalizer).
fn priority(key: &[u8]) -> u64 {
    let mut z = (u64::from(crc32c(key)) << 20) ^ key.len() as u64;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
impl Tree {
    /// Length of the longest path.
    pub(super) fn depth(&self) -> usize {
        fn depth(link: &Link) -> usize {
            link.as_ref().map_or(0, |node| 1 + depth(&node.left).max(depth(&node.right)))
        }
        depth(&self.root)
    }
}
