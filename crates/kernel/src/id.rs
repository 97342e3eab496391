//! Who and where: the names that cross crates, wires and disks.

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::fmt;

use crate::clock::hybrid::Timestamp;

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

number_id!(
    /// One running process of the binary. Zero is nobody.
    NodeId, "n"
);
number_id!(
    /// The unit of replication, movement and leadership.
    ShardId, "s"
);
number_id!(
    /// A named set of keys under one contract.
    KeyspaceId, "k"
);
number_id!(
    /// Grows when history is cut (restore, forced recovery); inside every version and token.
    Incarnation, "i"
);

impl NodeId {
    /// "Nobody": no vote given, no leader known.
    pub const NONE: NodeId = NodeId(0);

    /// Whether this names a node at all.
    #[must_use]
    pub fn is_some(self) -> bool {
        self != Self::NONE
    }

    /// Reads `n7` or `7`.
    #[must_use]
    pub fn parse(text: &str) -> Option<NodeId> {
        text.strip_prefix('n').unwrap_or(text).parse().ok().filter(|n| *n != 0).map(NodeId)
    }
}

/// Names a cluster; nodes of different clusters refuse each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClusterId(pub u128);

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl ClusterId {
    /// Reads the 32 hexadecimal digits that `Display` writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<ClusterId> {
        (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok().map(ClusterId)).flatten()
    }
}

/// The position of a write: incarnation, hybrid timestamp, shard log index.
///
/// Versions of one shard are totally ordered, and the order is the order of the log: a leader
/// never stamps an entry with a smaller timestamp than the entry before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version {
    /// Which history.
    pub incarnation: Incarnation,
    /// When, by the leader's hybrid clock.
    pub timestamp: Timestamp,
    /// Where in the shard's log.
    pub index: u64,
}

impl Version {
    /// Length of [`Version::to_bytes`].
    pub const LEN: usize = 24;

    /// Big-endian, so that bytes sort as versions do.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..8].copy_from_slice(&self.incarnation.0.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.timestamp.0.to_be_bytes());
        bytes[16..].copy_from_slice(&self.index.to_be_bytes());
        bytes
    }

    /// The inverse of [`Version::to_bytes`]; `None` for any other length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Version> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_be_bytes(word)
        };
        Some(Version {
            incarnation: Incarnation(word(0)),
            timestamp: Timestamp(word(8)),
            index: word(16),
        })
    }

    /// Reads what `Display` writes: `incarnation-timestamp-index`, the last two in hexadecimal.
    #[must_use]
    pub fn parse(text: &str) -> Option<Version> {
        let mut parts = text.split('-');
        let incarnation = Incarnation(parts.next()?.parse().ok()?);
        let timestamp = Timestamp(u64::from_str_radix(parts.next()?, 16).ok()?);
        let index = u64::from_str_radix(parts.next()?, 16).ok()?;
        parts.next().is_none().then_some(Version { incarnation, timestamp, index })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:x}-{:x}", self.incarnation.0, self.timestamp.0, self.index)
    }
}

/// A client's name for one mutation: repeated requests with the same id take effect once.
///
/// 1 to [`RequestId::LEN_MAX`] visible ASCII characters, chosen by the client.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(Vec<u8>);

impl RequestId {
    /// The longest id, in bytes.
    pub const LEN_MAX: usize = 64;

    /// Checks length and alphabet.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<RequestId> {
        let fits = (1..=Self::LEN_MAX).contains(&bytes.len());
        (fits && bytes.iter().all(u8::is_ascii_graphic)).then(|| RequestId(bytes.to_owned()))
    }

    /// An id from 128 random bits, as 32 hexadecimal digits.
    #[must_use]
    pub fn from_random(bits: u128) -> RequestId {
        let digit = |i: u32| b"0123456789abcdef"[((bits >> (124 - 4 * i)) & 15) as usize];
        RequestId((0..32).map(digit).collect())
    }

    /// The id as the client wrote it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The id as text; it is always ASCII.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&RequestId> for String {
    fn from(id: &RequestId) -> String {
        id.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn versions_sort_as_bytes_and_survive_text() {
        let at =
            |i, t, n| Version { incarnation: Incarnation(i), timestamp: Timestamp(t), index: n };
        let sorted = [at(1, 5, 9), at(1, 6, 2), at(1, 6, 300), at(2, 0, 1)];
        for pair in sorted.windows(2) {
            assert!(pair[0] < pair[1]);
            assert!(pair[0].to_bytes() < pair[1].to_bytes());
        }
        for version in sorted {
            assert_eq!(Version::from_bytes(&version.to_bytes()), Some(version));
            assert_eq!(Version::parse(&version.to_string()), Some(version));
        }
        assert_eq!(sorted[2].to_string(), "1-6-12c");
    }

    #[test]
    fn request_ids_are_short_visible_ascii() {
        assert!(RequestId::new(b"order-17").is_some());
        assert!(RequestId::new(b"").is_none());
        assert!(RequestId::new(b"two words").is_none());
        assert!(RequestId::new(&[b'x'; RequestId::LEN_MAX + 1]).is_none());
        let id = RequestId::from_random(0xab << 120);
        assert_eq!(id.as_str(), "ab000000000000000000000000000000");
    }
}
