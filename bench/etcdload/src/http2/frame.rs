//! Frames (RFC 9113, section 4.1): nine bytes in front, then what they announce.

use bytes::Buf as _;

/// What a client says first.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes in front of a frame.
pub const HEAD: usize = 9;
/// What both sides may send without having asked, in bytes of one frame.
pub const FRAME_BYTES: usize = 16_384;
/// How much may be under way to one that has said nothing of it, in bytes.
pub const WINDOW_BYTES: i64 = 65_535;

const SHORT: &str = "a frame that is too short";

/// Kinds of frames.
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Flags. `ACK` and `END_STREAM` are the same bit, of different kinds.
pub mod flag {
    pub const ACK: u8 = 1;
    pub const END_STREAM: u8 = 1;
    pub const END_HEADERS: u8 = 4;
    pub const PADDED: u8 = 8;
    pub const PRIORITY: u8 = 32;
}

/// Settings that are said or heeded.
pub mod setting {
    pub const HEADER_TABLE_SIZE: u16 = 1;
    pub const ENABLE_PUSH: u16 = 2;
    pub const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub const INITIAL_WINDOW_SIZE: u16 = 4;
}

/// A frame.
pub struct Frame<'a> {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Takes the next whole frame off what was read.
    pub fn next(input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, String> {
        let Some((head, rest)) = input.split_first_chunk::<HEAD>() else { return Ok(None) };
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        if length > FRAME_BYTES {
            return Err(format!("a frame of {length} bytes"));
        }
        let Some((body, rest)) = rest.split_at_checked(length) else { return Ok(None) };
        *input = rest;
        let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        Ok(Some(Frame { kind: head[3], flags: head[4], stream, body }))
    }

    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The body without its padding and, in front, its priority.
    pub fn content(&self) -> Result<&'a [u8], String> {
        let mut body = self.body;
        if self.has(flag::PADDED) {
            let (padding, rest) = body.split_first().ok_or(SHORT)?;
            let length = rest.len().checked_sub(usize::from(*padding)).ok_or(SHORT)?;
            body = &rest[..length];
        }
        match self.kind == kind::HEADERS && self.has(flag::PRIORITY) {
            true => body.get(5..).ok_or(SHORT.into()),
            false => Ok(body),
        }
    }

    /// The number at a place of the body.
    pub fn number(&self, place: usize) -> Result<u32, String> {
        let bytes = self.body.get(place..).and_then(|rest| rest.first_chunk::<4>());
        bytes.map(|bytes| u32::from_be_bytes(*bytes)).ok_or(SHORT.into())
    }

    /// The settings in the body.
    pub fn settings(&self) -> impl Iterator<Item = (u16, u32)> + '_ {
        self.body.chunks_exact(6).map(|mut pair| (pair.get_u16(), pair.get_u32()))
    }
}

/// Writes a frame.
pub fn put(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, body: &[u8]) {
    out.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(body);
}

/// A setting as it is written.
pub fn pair((name, value): (u16, u32)) -> [u8; 6] {
    let ([a, b], [c, d, e, f]) = (name.to_be_bytes(), value.to_be_bytes());
    [a, b, c, d, e, f]
}
