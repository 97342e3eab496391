//! The SHA-256 behind a file that `etcdctl snapshot save` wrote.
//!
//! Pages fill whole sectors of 512 bytes, so 32 bytes more are the digest of all that stands before
//! them. A file that was copied from a member's data directory has none.

use sha2::{Digest as _, Sha256};

use super::{Error, source::Source};

/// The digest of some bytes.
pub type Digest = [u8; 32];

/// Bytes of a digest.
pub const LENGTH: u64 = 32;
const SECTOR: u64 = 512;
/// Bytes that are read at a time.
const PIECE: u64 = 1 << 20;

/// How much of a file is pages, and the digest behind them if there is one.
pub fn split<S: Source>(source: &S) -> Result<(u64, Option<Digest>), Error> {
    let length = source.length()?;
    if length % SECTOR != LENGTH {
        return Ok((length, None));
    }
    let mut digest = Digest::default();
    source.read(length - LENGTH, &mut digest)?;
    Ok((length - LENGTH, Some(digest)))
}

/// The digest of the first `length` bytes. Tells how many were read.
pub fn of<S: Source>(
    source: &S,
    length: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<Digest, Error> {
    let (mut hash, mut at) = (Sha256::new(), 0);
    let mut piece = vec![0; PIECE.min(length) as usize];
    while at < length {
        piece.truncate(usize::try_from(length - at).unwrap_or(usize::MAX));
        source.read(at, &mut piece)?;
        hash.update(&piece);
        at += piece.len() as u64;
        progress(at);
    }
    Ok(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_standard() {
        let digest = of(&&b"abc"[..], 3, &mut |_| {}).unwrap();
        assert_eq!(digest[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(split(&&[7; 512 + 32][..]).unwrap(), (512, Some([7; 32])));
        assert_eq!(split(&&[7; 512][..]).unwrap(), (512, None));
    }
}
