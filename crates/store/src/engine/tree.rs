//! A persistent ordered map: every change makes a new tree that shares all but a path with the
//! old one.
//!
//! It is a treap (Seidel and Aragon, 1996) whose priorities are a hash of the key, so that the
//! shape depends on the contents alone. Changes cost O(log n) expected, removing a range too (two
//! splits and a join); a snapshot is a clone of the root.

use alloc::{sync::Arc, vec::Vec};

use bytes::Bytes;
use kernel::wire::crc32c;

use super::ScanRange;

type Link = Option<Arc<Node>>;

#[derive(Debug)]
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
                core::cmp::Ordering::Less => node.left.as_deref(),
                core::cmp::Ordering::Greater => node.right.as_deref(),
                core::cmp::Ordering::Equal => return Some(&node.value),
            };
        }
        None
    }

    pub(super) fn put(&mut self, key: Bytes, value: Bytes) {
        let (left, rest) = split(&self.root, &key, false);
        let (_, right) = split(&rest, &key, true);
        let priority = priority(&key);
        let middle = node(key, value, priority, None, None);
        self.root = join(&join(&left, &middle), &right);
    }

    pub(super) fn delete(&mut self, key: &[u8]) {
        if self.get(key).is_some() {
            let (left, rest) = split(&self.root, key, false);
            let (_, right) = split(&rest, key, true);
            self.root = join(&left, &right);
        }
    }

    /// Removes the keys from `start` up to but not including `end`.
    pub(super) fn delete_range(&mut self, start: &[u8], end: &[u8]) {
        if start < end {
            let (left, rest) = split(&self.root, start, false);
            let (_, right) = split(&rest, end, false);
            self.root = join(&left, &right);
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

fn node(key: Bytes, value: Bytes, priority: u64, left: Link, right: Link) -> Link {
    let own = (key.len() + value.len()) as u64;
    let bytes = own + bytes(&left) + bytes(&right);
    Some(Arc::new(Node { key, value, priority, bytes, left, right }))
}

fn bytes(link: &Link) -> u64 {
    link.as_ref().map_or(0, |node| node.bytes)
}

/// A copy of a node with other children.
fn with(old: &Node, left: Link, right: Link) -> Link {
    node(old.key.clone(), old.value.clone(), old.priority, left, right)
}

/// Parts a tree into the keys below `key` and the others; `key` itself goes left if `inclusive`.
fn split(link: &Link, key: &[u8], inclusive: bool) -> (Link, Link) {
    let Some(old) = link else { return (None, None) };
    if old.key < *key || (inclusive && old.key == *key) {
        let (low, high) = split(&old.right, key, inclusive);
        (with(old, old.left.clone(), low), high)
    } else {
        let (low, high) = split(&old.left, key, inclusive);
        (low, with(old, high, old.right.clone()))
    }
}

/// Makes one tree of two, where every key of `low` is below every key of `high`.
fn join(low: &Link, high: &Link) -> Link {
    match (low, high) {
        (None, only) | (only, None) => only.clone(),
        (Some(a), Some(b)) if a.priority >= b.priority => {
            with(a, a.left.clone(), join(&a.right, high))
        }
        (Some(_), Some(b)) => with(b, join(low, &b.left), b.right.clone()),
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
