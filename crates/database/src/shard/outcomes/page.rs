//! Pages of outcomes: how the table is stored.
//!
//! A page holds outcomes of neighbouring log indexes, oldest first, each with its length before
//! it. Its key is the index of its first outcome. Where a page ends follows from the log alone.

use alloc::vec::Vec;

use bytes::Bytes;
use kernel::Version;
use prost::{
    Message,
    encoding::{self, WireType},
};
use store::engine::EngineError;

use super::Found;

/// A page that holds this many outcomes takes no more …
const OUTCOMES_MAX: usize = 64;
/// … nor does one that holds this many bytes.
const BYTES_MAX: usize = 16 << 10;

/// An outcome as it is stored.
#[derive(Clone, PartialEq, Message)]
pub struct Wire {
    /// The request id.
    #[prost(bytes = "bytes", tag = "1")]
    pub id: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    version: Bytes,
    #[prost(fixed32, tag = "3")]
    fingerprint: u32,
    #[prost(bytes = "bytes", optional, tag = "4")]
    reply: Option<Bytes>,
}

impl Wire {
    /// What was stored.
    pub fn found(self) -> Result<Found, EngineError> {
        let version = Version::from_bytes(&self.version).ok_or_else(damaged)?;
        Ok(Found { version, fingerprint: self.fingerprint, reply: self.reply })
    }
}

/// What is known of a page without reading it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The log index of its first outcome, which is its key.
    pub first: u64,
    /// How many outcomes it holds.
    pub count: usize,
    /// How many bytes.
    pub bytes: usize,
    /// When its newest outcome was made, in milliseconds of log time.
    pub newest_ms: u64,
}

impl Page {
    /// Whether it takes no more outcomes.
    pub fn full(&self) -> bool {
        self.count >= OUTCOMES_MAX || self.bytes >= BYTES_MAX
    }

    /// The key of the page that begins at an index.
    pub fn key(first: u64) -> [u8; 8] {
        first.to_be_bytes()
    }

    /// Reads a page.
    pub fn parse(mut bytes: Bytes) -> Result<Vec<Wire>, EngineError> {
        let mut outcomes = Vec::new();
        while !bytes.is_empty() {
            let outcome = Wire::decode_length_delimited(&mut bytes).map_err(|_| damaged())?;
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }
}

/// Adds an outcome to a page: the bytes of a [`Wire`], and before them their length. Every command
/// comes here, so nothing is made only to be encoded.
pub fn add(page: &mut Vec<u8>, id: &Bytes, found: &Found) {
    let before = page.len();
    // What is empty is left out, as everywhere in this encoding.
    if !id.is_empty() {
        encoding::bytes::encode(1, id, page);
    }
    encoding::encode_key(2, WireType::LengthDelimited, page);
    encoding::encode_varint(Version::LEN as u64, page);
    page.extend_from_slice(&found.version.to_bytes());
    if found.fingerprint != 0 {
        encoding::fixed32::encode(3, &found.fingerprint, page);
    }
    if let Some(reply) = &found.reply {
        encoding::bytes::encode(4, reply, page);
    }
    let end = page.len();
    encoding::encode_varint((end - before) as u64, page);
    let len_len = page.len() - end;
    page[before..].rotate_right(len_len);
}

pub fn damaged() -> EngineError {
    EngineError::Corrupt("a page of outcomes".into())
}
