//! What stands under a key.
//!
//! Layout, numbers big-endian as in keys:
//!
//! ```text
//!   format u8 │ flags u8 │ version 24 │ [created 24] │ [deadline 8] │ writes LEB128 │ value …
//! ```

use alloc::{format, vec::Vec};

use bytes::Bytes;
use kernel::{Version, clock::hybrid::Timestamp};

use crate::{engine::EngineError, view::Record};

/// A value and its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The write that set the value.
    pub version: Version,
    /// The write that made the key, after it had not been there.
    pub created: Version,
    /// How many writes the key had since it was made; at least 1.
    pub writes: u64,
    /// When the value is due to expire.
    pub deadline: Option<Timestamp>,
    /// The value.
    pub value: Bytes,
}

const FORMAT: u8 = 1;
const HAS_CREATED: u8 = 1;
const HAS_DEADLINE: u8 = 2;

impl Stored {
    /// How long the stored form is, in bytes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.evidence_len() + self.value.len()
    }

    fn evidence_len(&self) -> usize {
        let created = if self.created != self.version { Version::LEN } else { 0 };
        let deadline = if self.deadline.is_some() { 8 } else { 0 };
        2 + Version::LEN + created + deadline + varint_len(self.writes)
    }

    /// The stored form. The place of creation is left out where it equals the version.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        self.encode_with(&self.value)
    }

    /// The stored form of another value with this evidence.
    pub(super) fn encode_with(&self, value: &dyn Record) -> Bytes {
        let created = self.created != self.version;
        // Exact: bytes made of a vector with room to spare cost an allocation more.
        let mut out = Vec::with_capacity(self.evidence_len() + value.size());
        let flags = if created { HAS_CREATED } else { 0 }
            | if self.deadline.is_some() { HAS_DEADLINE } else { 0 };
        out.extend_from_slice(&[FORMAT, flags]);
        out.extend_from_slice(&self.version.to_bytes());
        if created {
            out.extend_from_slice(&self.created.to_bytes());
        }
        if let Some(deadline) = self.deadline {
            out.extend_from_slice(&deadline.0.to_be_bytes());
        }
        let mut writes = self.writes;
        while writes >= 0x80 {
            out.push(writes as u8 | 0x80);
            writes >>= 7;
        }
        out.push(writes as u8);
        value.write(&mut out);
        Bytes::from(out)
    }

    /// Reads the stored form; the value shares its bytes.
    ///
    /// # Errors
    /// [`EngineError::Corrupt`] for anything that [`Stored::encode`] does not write.
    pub fn decode(bytes: &Bytes) -> Result<Stored, EngineError> {
        Self::parse(bytes).ok_or_else(|| {
            let head = &bytes[..bytes.len().min(8)];
            EngineError::Corrupt(format!("no stored value begins with {head:02x?}"))
        })
    }

    fn parse(bytes: &Bytes) -> Option<Stored> {
        let (&format, rest) = bytes.split_first()?;
        let (&flags, mut rest) = rest.split_first()?;
        if format != FORMAT || flags & !(HAS_CREATED | HAS_DEADLINE) != 0 {
            return None;
        }
        let mut take = |len| {
            let (taken, left) = rest.split_at_checked(len)?;
            rest = left;
            Some(taken)
        };
        let version = Version::from_bytes(take(Version::LEN)?)?;
        let created = match flags & HAS_CREATED {
            0 => version,
            _ => Version::from_bytes(take(Version::LEN)?)?,
        };
        let deadline = match flags & HAS_DEADLINE {
            0 => None,
            _ => Some(Timestamp(u64::from_be_bytes(take(8)?.try_into().ok()?))),
        };
        let writes = varint(&mut take)?;
        let value = bytes.slice(bytes.len() - rest.len()..);
        Some(Stored { version, created, writes, deadline, value })
    }
}

/// Bytes of a number in groups of seven bits.
fn varint_len(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

/// Reads an LEB128 number of at most 64 bits.
fn varint<'a>(take: &mut impl FnMut(usize) -> Option<&'a [u8]>) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *take(1)?.first()?;
        let bits = u64::from(byte & 0x7f);
        let shifted = bits << shift;
        if shifted >> shift != bits {
            return None;
        }
        number |= shifted;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use kernel::Incarnation;
    use proptest::prelude::*;

    use super::*;

    fn version(index: u64) -> Version {
        Version { incarnation: Incarnation(1), timestamp: Timestamp(2), index }
    }

    #[test]
    fn the_encoding_is_golden() {
        let head = [0u8, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
        let mut stored = Stored {
            version: version(3),
            created: version(3),
            writes: 1,
            deadline: None,
            value: Bytes::from_static(b"v"),
        };
        assert_eq!(stored.encode(), [&[1, 0], &head[..], &[3, 1, b'v']].concat());
        stored.created = version(2);
        stored.deadline = Some(Timestamp(5));
        stored.writes = 300;
        assert_eq!(
            stored.encode(),
            [&[1, 3], &head[..], &[3], &head[..], &[2, 0, 0, 0, 0, 0, 0, 0, 5, 0xac, 2, b'v']]
                .concat()
        );
    }

    proptest! {
        #[test]
        fn what_was_stored_comes_back(
            a: u64, b: u64, writes: u64, deadline: Option<u64>, value: Vec<u8>,
        ) {
            let stored = Stored {
                version: version(a),
                created: version(b),
                writes,
                deadline: deadline.map(Timestamp),
                value: Bytes::from(value),
            };
            let bytes = stored.encode();
            prop_assert_eq!(Stored::decode(&bytes), Ok(stored));
        }

        #[test]
        fn any_bytes_are_refused_or_mean_something(flags in 0u8..4, tail: Vec<u8>) {
            let bytes = Bytes::from([&[FORMAT, flags], &tail[..]].concat());
            if let Ok(stored) = Stored::decode(&bytes) {
                prop_assert_eq!(Stored::decode(&stored.encode()), Ok(stored));
            }
        }
    }
}
