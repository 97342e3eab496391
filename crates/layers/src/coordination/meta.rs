//! The few numbers of a keyspace.

use alloc::{format, vec::Vec};

use bytes::Bytes;
use prost::Message;
use store::{engine::EngineError, view::Record};

use super::{keys, look::Look};

/// Where the keyspace stands.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Meta {
    /// The revision of the last change; an empty keyspace stands at 1.
    #[prost(int64, tag = "1")]
    pub revision: i64,
    /// The first revision that can be read; -1 before the first compaction.
    #[prost(sint64, tag = "2")]
    pub compacted: i64,
    /// Before this place, a revision and a place in it, nothing is left to sweep.
    #[prost(int64, tag = "3")]
    pub swept: i64,
    /// How many leases there are.
    #[prost(uint64, tag = "4")]
    pub leases: u64,
    /// Whether an import is under way.
    #[prost(bool, tag = "5")]
    pub importing: bool,
    /// The place in that revision; [`WHOLE`] once the compacted revision itself was gone through.
    #[prost(uint32, tag = "7")]
    pub swept_sub: u32,
    /// Whether auth is on.
    #[prost(bool, tag = "6")]
    pub auth: bool,
    /// The incarnation that the newest cut began; 0 if history was never cut here.
    #[prost(uint64, tag = "8")]
    pub incarnation: u64,
    /// The revision of that cut.
    #[prost(int64, tag = "9")]
    pub cut: i64,
}

/// A place behind all that a revision can have.
pub(super) const WHOLE: u32 = u32::MAX;

impl Meta {
    pub(super) fn load(look: &mut dyn Look) -> Result<Meta, EngineError> {
        match look.get(&keys::META)? {
            None => Ok(Meta { revision: 1, compacted: -1, ..Meta::default() }),
            Some(bytes) => decode(bytes),
        }
    }

    /// Whether all that was compacted is gone.
    pub(super) fn is_swept(&self) -> bool {
        (self.swept, self.swept_sub) >= (self.compacted, WHOLE)
    }
}

/// Reads what a program stored.
pub(super) fn decode<M: Message + Default>(bytes: Bytes) -> Result<M, EngineError> {
    M::decode(bytes)
        .map_err(|error| EngineError::Corrupt(format!("a coordination record: {error}")))
}

/// A message as a record of the view.
pub(super) struct Encoded<'m, M>(pub &'m M);

impl<M: Message> Record for Encoded<'_, M> {
    fn size(&self) -> usize {
        self.0.encoded_len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.0.encode_raw(out);
    }
}

pub(super) fn encode(message: &impl Message) -> Bytes {
    // Exact: bytes made of a vector with room to spare cost an allocation more.
    let mut out = Vec::with_capacity(message.encoded_len());
    message.encode_raw(&mut out);
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_is_golden() {
        let meta = Meta {
            revision: 300,
            compacted: -1,
            swept: 2,
            leases: 3,
            importing: true,
            auth: true,
            swept_sub: 9,
            incarnation: 2,
            cut: 7,
        };
        let bytes = encode(&meta);
        assert_eq!(
            bytes,
            &[8, 0xac, 2, 16, 1, 24, 2, 32, 3, 40, 1, 48, 1, 56, 9, 64, 2, 72, 7][..]
        );
        assert_eq!(decode::<Meta>(bytes), Ok(meta));
        assert!(decode::<Meta>(Bytes::from_static(b"\xff")).is_err());
    }
}
