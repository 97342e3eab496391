//! Checksums and sealed bytes.
//!
//! Everything that is stored or sent is sealed: a version number, a kind and a CRC-32C stand
//! before the body, so that a reader knows what it holds before it decodes it and refuses what
//! it does not know. Layout, little-endian:
//!
//! ```text
//!   0        4         5      6       8
//!   ├ crc32c ┼ version ┼ kind ┼ zero ─┼ body …
//! ```
//!
//! The checksum covers everything after itself. [`Framing`] puts sealed bodies on a stream.

use alloc::vec::Vec;

mod frame;

pub use frame::{FrameError, Framing, LENGTH};

/// Length of the seal before the body.
pub const SEAL_LEN: usize = 8;

/// CRC-32C (Castagnoli) of some bytes.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

/// Why sealed bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealError {
    /// Fewer bytes than a seal.
    Short,
    /// The checksum does not match.
    Checksum,
    /// Written by a newer version of the program.
    Newer {
        /// The version found.
        found: u8,
        /// The newest version known.
        known: u8,
    },
    /// Another kind of thing.
    Kind {
        /// The kind found.
        found: u8,
    },
}

impl core::fmt::Display for SealError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            SealError::Short => f.write_str("too short for a seal"),
            SealError::Checksum => f.write_str("checksum does not match"),
            SealError::Newer { found, known } => {
                write!(f, "format version {found} is newer than the newest known, {known}")
            }
            SealError::Kind { found } => write!(f, "unexpected kind {found}"),
        }
    }
}

impl core::error::Error for SealError {}

/// Puts a seal before a body.
#[must_use]
pub fn seal(version: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(SEAL_LEN + body.len());
    sealed.extend_from_slice(&[0, 0, 0, 0, version, kind, 0, 0]);
    sealed.extend_from_slice(body);
    let crc = crc32c(&sealed[4..]);
    sealed[..4].copy_from_slice(&crc.to_le_bytes());
    sealed
}

/// Checks a seal and returns the version and the body.
///
/// # Errors
/// Anything that is not a whole, undamaged body of this kind, at most `known` in version.
pub fn unseal(known: u8, kind: u8, sealed: &[u8]) -> Result<(u8, &[u8]), SealError> {
    let (head, body) = sealed.split_at_checked(SEAL_LEN).ok_or(SealError::Short)?;
    let crc = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
    if crc != crc32c(&sealed[4..]) {
        return Err(SealError::Checksum);
    }
    if head[4] > known {
        return Err(SealError::Newer { found: head[4], known });
    }
    if head[5] != kind {
        return Err(SealError::Kind { found: head[5] });
    }
    Ok((head[4], body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_castagnoli() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_seal_is_golden_and_tells_what_is_wrong() {
        let sealed = seal(1, 7, b"body");
        assert_eq!(sealed, [179, 253, 169, 182, 1, 7, 0, 0, b'b', b'o', b'd', b'y']);
        assert_eq!(unseal(1, 7, &sealed), Ok((1, &b"body"[..])));
        assert_eq!(unseal(0, 7, &sealed), Err(SealError::Newer { found: 1, known: 0 }));
        assert_eq!(unseal(1, 8, &sealed), Err(SealError::Kind { found: 7 }));
        assert_eq!(unseal(1, 7, &sealed[..7]), Err(SealError::Short));
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unseal(1, 7, &damaged), Err(SealError::Checksum), "bit {bit}");
        }
    }
}
