//! Dotted version vectors (Preguiça, Baquero, Almeida, Fonte and Gonçalves, 2010 and 2012).
//!
//! When servers stamp writes for clients, a plain version vector with an entry per server is not
//! enough. Two clients that saw nothing write through server *s*: the stamps are `{s:1}` and
//! `{s:2}`, the second seems to have seen the first, and a concurrent write is lost. An entry per
//! client would be right and would grow without bound.
//!
//! A dotted version vector names the write itself (its *dot*) apart from what it has seen (its
//! *past*): `(s,1) after {}` and `(s,2) after {}`. The dot need not touch the past, and the gap
//! is just what tells that the first was not seen.

use core::{cmp::Ordering, fmt};

use super::vector::VersionVector;
use crate::id::NodeId;

/// The name of one write: the `counter`-th that a replica accepted, counted from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dot {
    /// Which replica accepted it.
    pub node: NodeId,
    /// Its number there.
    pub counter: u64,
}

impl fmt::Display for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.node, self.counter)
    }
}

impl VersionVector {
    /// Whether a write has been seen.
    #[must_use]
    pub fn contains(&self, dot: Dot) -> bool {
        dot.counter <= self.get(dot.node)
    }
}

/// The stamp of one write: its dot and its past.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DottedVersion {
    dot: Dot,
    past: VersionVector,
}

impl DottedVersion {
    /// The stamp of a write whose author had seen `past`, accepted by `node`, which has accepted
    /// `accepted` writes before.
    #[must_use]
    pub fn new(node: NodeId, accepted: u64, past: VersionVector) -> DottedVersion {
        let counter = accepted.max(past.get(node)).saturating_add(1);
        DottedVersion { dot: Dot { node, counter }, past }
    }

    /// The name of the write.
    #[must_use]
    pub fn dot(&self) -> Dot {
        self.dot
    }

    /// What its author had seen.
    #[must_use]
    pub fn past(&self) -> &VersionVector {
        &self.past
    }
}

impl PartialOrd for DottedVersion {
    /// Two lookups, however many replicas there are. `None` means concurrent.
    fn partial_cmp(&self, other: &DottedVersion) -> Option<Ordering> {
        match (other.past.contains(self.dot), self.past.contains(other.dot)) {
            _ if self.dot == other.dot => Some(Ordering::Equal),
            (true, _) => Some(Ordering::Less),
            (_, true) => Some(Ordering::Greater),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    const S: NodeId = NodeId(1);

    #[test]
    fn a_version_vector_loses_the_write_that_a_dot_keeps() {
        let mut server = VersionVector::new();
        server.increment(S);
        let first = server.clone();
        server.increment(S);
        assert!(first < server, "plain vectors: the second write seems to have seen the first");

        let first = DottedVersion::new(S, 0, VersionVector::new());
        let second = DottedVersion::new(S, 1, VersionVector::new());
        assert_eq!(first.partial_cmp(&second), None, "dots: they are concurrent");
    }

    #[test]
    fn who_has_seen_a_write_is_after_it() {
        let first = DottedVersion::new(S, 0, VersionVector::new());
        let mut seen = VersionVector::new();
        seen.observe(S, first.dot().counter);
        let second = DottedVersion::new(NodeId(2), 0, seen);
        assert_eq!(first.partial_cmp(&second), Some(Ordering::Less));
        assert_eq!(second.partial_cmp(&first), Some(Ordering::Greater));
        assert_eq!(first.partial_cmp(&first.clone()), Some(Ordering::Equal));
        assert_eq!((first.dot().to_string(), second.past().get(S)), ("n1:1".into(), 1));
    }

    #[test]
    fn a_server_that_forgot_does_not_use_a_dot_twice() {
        let seen: VersionVector = [(S, 7)].into_iter().collect();
        assert_eq!(DottedVersion::new(S, 0, seen).dot().counter, 8);
    }
}
