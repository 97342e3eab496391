//! The header of a record: 64 bytes, little-endian.
//!
//! ```text
//!    0 checksum u32      of the bytes from 4 on, the journal's id and the offset in the file
//!    4 magic u16 │ version u8 │ kind u8 (bit 7: last of its append; bit 6: has a span)
//!    8 body length u32 │ body checksum u32
//!   16 log position u64
//!   24 segment u32       its low bits: a record of a recycled file's past has another
//!   28 lag u32           log position minus the durable one at the time of writing
//!   32 shard u64
//!   40 back u32          log position minus that of the shard's record before; 0 is none
//!   44 entries u32       span.last + 1 - span.first
//!   48 span.first u64
//!   56 span.term u64
//! ```
//!
//! The body follows, padded with zeros to eight bytes.

use kernel::{ShardId, wire::crc32c};

use super::record::{RecordKind, Span};

const MAGIC: u16 = 0x4a51;
const VERSION: u8 = 1;
const LAST_OF_APPEND: u8 = 0x80;
const HAS_SPAN: u8 = 0x40;

/// No position and no segment's number is greater: sums with them do not overflow.
pub(super) const NUMBER_MAX: u64 = 1 << 62;

/// A distance that does not fit.
pub(super) const FAR: u32 = u32::MAX;

/// From a later position back to an earlier one.
pub(super) fn distance(later: u64, earlier: u64) -> u32 {
    u32::try_from(later.saturating_sub(earlier)).unwrap_or(FAR)
}

/// What stands before a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) lsn: u64,
    /// Low bits of the segment's number.
    pub(super) segment: u32,
    pub(super) kind: RecordKind,
    pub(super) last_of_append: bool,
    pub(super) shard: ShardId,
    pub(super) span: Option<Span>,
    pub(super) body_len: u32,
    pub(super) body_crc: u32,
    /// The position less this was durable when the record was written; [`FAR`] says nothing.
    pub(super) lag: u32,
    /// The position less this is that of the record before it of the same shard; 0 if there is
    /// none, [`FAR`] if it is too far away.
    pub(super) back: u32,
}

impl Header {
    pub(super) const LEN: usize = 64;

    /// Bytes that the record takes in its segment.
    pub(super) fn record_len(&self) -> u64 {
        record_len(self.body_len)
    }

    /// The greatest position that this record proves to have been durable; 0 proves nothing.
    pub(super) fn proof(&self) -> u64 {
        if self.lag == FAR { 0 } else { self.lsn.saturating_sub(u64::from(self.lag)) }
    }

    pub(super) fn encode(&self, id: u64) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        let span = self.span.unwrap_or(Span { first: 0, last: 0, term: 0 });
        // Checked when the record was appended: the number of entries fits.
        let entries = span.last.wrapping_add(1).wrapping_sub(span.first) as u32;
        let flags = if self.last_of_append { LAST_OF_APPEND } else { 0 }
            | if self.span.is_some() { HAS_SPAN } else { 0 };
        put(4, &MAGIC.to_le_bytes());
        put(6, &[VERSION, self.kind as u8 | flags]);
        put(8, &self.body_len.to_le_bytes());
        put(12, &self.body_crc.to_le_bytes());
        put(16, &self.lsn.to_le_bytes());
        put(24, &self.segment.to_le_bytes());
        put(28, &self.lag.to_le_bytes());
        put(32, &self.shard.0.to_le_bytes());
        put(40, &self.back.to_le_bytes());
        put(44, &entries.to_le_bytes());
        put(48, &span.first.to_le_bytes());
        put(56, &span.term.to_le_bytes());
        let crc = checksum(&out[4..], id);
        out[..4].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads the header at the start of `bytes`. One of a later format is garbage too: formats
    /// change with segments, whose headers tell.
    pub(super) fn parse(bytes: &[u8], id: u64) -> Option<Header> {
        let bytes = bytes.first_chunk::<{ Self::LEN }>()?;
        let ours = bytes[4..7] == [MAGIC.to_le_bytes()[0], MAGIC.to_le_bytes()[1], VERSION];
        if !ours || u32_at(bytes, 0) != checksum(&bytes[4..], id) {
            return None;
        }
        let lsn = u64_at(bytes, 16);
        if lsn > NUMBER_MAX {
            return None;
        }
        let kind = RecordKind::from_number(bytes[7] & !(LAST_OF_APPEND | HAS_SPAN))?;
        let first = u64_at(bytes, 48);
        let last = first.checked_add(u64::from(u32_at(bytes, 44)))?.checked_sub(1);
        let span = last.map(|last| Span { first, last, term: u64_at(bytes, 56) });
        let has_span = bytes[7] & HAS_SPAN != 0;
        if has_span && span.is_none() {
            return None;
        }
        Some(Header {
            lsn,
            segment: u32_at(bytes, 24),
            kind,
            last_of_append: bytes[7] & LAST_OF_APPEND != 0,
            shard: ShardId(u64_at(bytes, 32)),
            span: span.filter(|_| has_span),
            body_len: u32_at(bytes, 8),
            body_crc: u32_at(bytes, 12),
            lag: u32_at(bytes, 28),
            back: u32_at(bytes, 40),
        })
    }
}

/// Bytes that a record with a body of this length takes.
pub(super) fn record_len(body_len: u32) -> u64 {
    Header::LEN as u64 + u64::from(body_len).next_multiple_of(8)
}

/// The id is hashed but not stored: a header of another journal is garbage in this one.
pub(super) fn checksum(bytes: &[u8], id: u64) -> u32 {
    crc32c(bytes) ^ crc32c(&id.to_le_bytes())
}

/// What the checksum of a header at this offset of its file is salted with: a header that a disk
/// put elsewhere is garbage there.
pub(super) fn place(id: u64, offset: u64) -> u64 {
    id ^ offset.rotate_left(32)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|b| b.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|b| b.first_chunk()).map_or(0, |b| u64::from_le_bytes(*b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header() -> Header {
        Header {
            lsn: 0x0102,
            segment: 3,
            kind: RecordKind::Append,
            last_of_append: true,
            shard: ShardId(4),
            span: Some(Span { first: 5, last: 6, term: 7 }),
            body_len: 8,
            body_crc: 9,
            lag: 10,
            back: 11,
        }
    }

    #[test]
    fn the_encoding_is_golden() {
        #[rustfmt::skip]
        let golden = [
            234, 98, 50, 173,
            0x51, 0x4a, 1, 0xc2,
            8, 0, 0, 0, 9, 0, 0, 0,
            2, 1, 0, 0, 0, 0, 0, 0,
            3, 0, 0, 0, 10, 0, 0, 0,
            4, 0, 0, 0, 0, 0, 0, 0,
            11, 0, 0, 0, 2, 0, 0, 0,
            5, 0, 0, 0, 0, 0, 0, 0,
            7, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(header().encode(1), golden);
        assert_eq!(Header::parse(&golden, 1), Some(header()));
    }

    #[test]
    fn another_journal_and_any_flipped_bit_are_garbage() {
        let bytes = header().encode(1);
        assert_eq!(Header::parse(&bytes, 2), None);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::parse(&damaged, 1), None, "bit {bit}");
        }
    }

    #[test]
    fn a_distance_that_does_not_fit_proves_nothing() {
        let header = Header { lsn: 1 << 40, lag: distance(1 << 40, 5), ..header() };
        assert_eq!(header.proof(), 0);
    }

    proptest! {
        #[test]
        fn sealed_garbage_is_refused_or_comes_back(mut bytes: [u8; 32], more: [u8; 32]) {
            bytes[4..7].copy_from_slice(&[0x51, 0x4a, VERSION]);
            let mut bytes = [bytes, more].concat();
            let crc = checksum(&bytes[4..], 0);
            bytes[..4].copy_from_slice(&crc.to_le_bytes());
            if let Some(header) = Header::parse(&bytes, 0) {
                let again = Header::parse(&header.encode(0), 0);
                prop_assert_eq!(again, Some(header));
            }
        }
    }
}
