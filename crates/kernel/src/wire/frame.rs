//! Frames: sealed bodies on a stream, each behind its length.
//!
//! ```text
//!   ├ length u32 ┼ seal ┼ body ┤├ length u32 ┼ …
//! ```
//!
//! The length, little-endian, counts seal and body. TCP's checksum misses damage that real
//! networks make; the seal's does not.

use alloc::vec::Vec;
use core::fmt;

use bytes::{Buf, Bytes, BytesMut};
use prost::Message;

use super::{SEAL_LEN, SealError, crc32c, unseal};

/// Bytes of the length before a frame.
pub const LENGTH: usize = 4;

/// Why a stream is no stream of frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// A length beyond the limit of the stream.
    TooLong(usize),
    /// A bad seal.
    Seal(SealError),
    /// The body is not what its kind says.
    Body,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::TooLong(length) => write!(f, "a frame of {length} bytes is too long"),
            FrameError::Seal(error) => write!(f, "bad frame: {error}"),
            FrameError::Body => f.write_str("bad frame: the body does not decode"),
        }
    }
}

impl core::error::Error for FrameError {}

/// What the frames of a stream are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// The newest version of the format.
    pub version: u8,
    /// The longest frame, in bytes, without its length.
    pub bytes_max: usize,
}

impl Framing {
    /// Appends a body as a frame.
    pub fn put(self, kind: u8, body: &impl Message, into: &mut Vec<u8>) {
        let start = into.len();
        let length = SEAL_LEN + body.encoded_len();
        into.reserve(LENGTH + length);
        into.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        into.extend_from_slice(&[0, 0, 0, 0, self.version, kind, 0, 0]);
        body.encode_raw(into);
        let crc = crc32c(&into[start + LENGTH + 4..]);
        into[start + LENGTH..start + LENGTH + 4].copy_from_slice(&crc.to_le_bytes());
    }

    /// How many bytes the frame at the head of a stream has, with its length; `None` until that
    /// can be known.
    ///
    /// # Errors
    /// If it is too long.
    pub fn announced(self, buffer: &[u8]) -> Result<Option<usize>, FrameError> {
        let Some(length) = buffer.first_chunk::<LENGTH>() else { return Ok(None) };
        let length = u32::from_le_bytes(*length) as usize;
        if length > self.bytes_max {
            return Err(FrameError::TooLong(length));
        }
        Ok(Some(LENGTH + length))
    }

    /// Takes the next frame of this kind off a stream; `None` until it is whole.
    ///
    /// # Errors
    /// If the stream does not hold such a frame; nothing after it can be trusted.
    pub fn take<M: Message + Default>(
        self,
        kind: u8,
        buffer: &mut BytesMut,
    ) -> Result<Option<M>, FrameError> {
        let Some(length) = self.announced(buffer)? else { return Ok(None) };
        if buffer.len() < length {
            return Ok(None);
        }
        buffer.advance(LENGTH);
        let frame: Bytes = buffer.split_to(length - LENGTH).freeze();
        unseal(self.version, kind, &frame).map_err(FrameError::Seal)?;
        M::decode(frame.slice(SEAL_LEN..)).map(Some).map_err(|_| FrameError::Body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMING: Framing = Framing { version: 1, bytes_max: 64 };

    #[derive(Clone, PartialEq, Message)]
    struct Word {
        #[prost(bytes = "vec", tag = "1")]
        bytes: Vec<u8>,
    }

    fn word(length: usize) -> Word {
        Word { bytes: alloc::vec![7; length] }
    }

    #[test]
    fn frames_survive_any_cut_of_the_stream() {
        let mut stream = Vec::new();
        FRAMING.put(b'W', &word(3), &mut stream);
        FRAMING.put(b'W', &word(0), &mut stream);
        for cut in 0..stream.len() {
            let mut buffer = BytesMut::from(&stream[..cut]);
            let early = FRAMING.take::<Word>(b'W', &mut buffer).unwrap();
            buffer.extend_from_slice(&stream[cut..]);
            let first = early.or_else(|| FRAMING.take(b'W', &mut buffer).unwrap());
            assert_eq!(first, Some(word(3)));
            // Where the cut lies in the second frame, it came whole only now.
            assert_eq!(FRAMING.take(b'W', &mut buffer), Ok(Some(word(0))));
            assert_eq!(FRAMING.take::<Word>(b'W', &mut buffer), Ok(None));
        }
    }

    #[test]
    fn damage_strangers_and_lengths_are_noticed() {
        let mut stream = Vec::new();
        FRAMING.put(b'W', &word(3), &mut stream);
        for at in LENGTH..stream.len() {
            let mut buffer = BytesMut::from(&stream[..]);
            buffer[at] ^= 1;
            assert!(FRAMING.take::<Word>(b'W', &mut buffer).is_err(), "byte {at}");
        }
        let kind = FRAMING.take::<Word>(b'X', &mut BytesMut::from(&stream[..]));
        assert_eq!(kind, Err(FrameError::Seal(SealError::Kind { found: b'W' })));
        let mut long = Vec::new();
        FRAMING.put(b'W', &word(64), &mut long);
        let long = FRAMING.take::<Word>(b'W', &mut BytesMut::from(&long[..LENGTH]));
        assert_eq!(long, Err(FrameError::TooLong(74)));
        let mut garbage = BytesMut::from(&b"GET / HTTP/1.1\r\n\r\n"[..]);
        assert!(matches!(FRAMING.take::<Word>(b'W', &mut garbage), Err(FrameError::TooLong(_))));
    }
}
