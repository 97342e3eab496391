//! Files of the journal: their names and the header of a segment.
//!
//! ```text
//!    0 checksum u32      of the bytes from 4 on and the journal's id
//!    4 magic u32
//!    8 version u8, 3 zeros │ block size u32
//!   16 number u64
//!   24 first log position u64
//!   32 floor u64         nothing before it was needed when the segment was begun
//!   40 durable u64       the log was durable up to here when the segment was begun
//!   48 zeros to 64
//! ```
//!
//! Version 2 may hold records of the kind `Fill`. Nothing is appended to a segment of an older
//! version.
//!
//! A spare keeps the bytes of the segment that it was. They cannot be mistaken for the records of
//! the segment that it becomes, because headers and records carry the segment's number.

use alloc::{format, string::String};

use super::header::{NUMBER_MAX, checksum, u32_at, u64_at};

const SEGMENT: &str = "segment-";
const SPARE: &str = "spare-";

/// The file of a segment in use.
pub(super) fn segment_name(number: u64) -> String {
    format!("{SEGMENT}{number:016x}")
}

/// The file of a spare.
pub(super) fn spare_name(number: u64) -> String {
    format!("{SPARE}{number:016x}")
}

/// What a file of the journal's directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Segment(u64),
    Spare(u64),
}

/// Reads a file's name; `None` if it is not the journal's.
pub(super) fn parse_name(name: &str) -> Option<Named> {
    let number = |digits: &str| {
        let lower = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let number = u64::from_str_radix(digits, 16).ok();
        number.filter(|number| lower && digits.len() == 16 && *number <= NUMBER_MAX)
    };
    match (name.strip_prefix(SEGMENT), name.strip_prefix(SPARE)) {
        (Some(digits), _) => number(digits).map(Named::Segment),
        (_, Some(digits)) => number(digits).map(Named::Spare),
        _ => None,
    }
}

const MAGIC: u32 = 0x4745_5351;
const VERSION: u8 = 2;

/// What stands at the beginning of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) version: u8,
    pub(super) block_bytes: u32,
    pub(super) number: u64,
    pub(super) first_lsn: u64,
    pub(super) floor: u64,
    pub(super) durable: u64,
}

/// What the bytes at the beginning of a segment are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ParsedSegment {
    /// A sound header.
    Header(SegmentHeader),
    /// Sound, but of a later format.
    Newer(u8),
    /// Anything else: torn, rotten, never written, or of the file's past.
    Garbage,
}

impl SegmentHeader {
    pub(super) const LEN: usize = 64;
    pub(super) const VERSION: u8 = VERSION;

    pub(super) fn encode(&self, id: u64) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(4, &MAGIC.to_le_bytes());
        put(8, &[self.version]);
        put(12, &self.block_bytes.to_le_bytes());
        put(16, &self.number.to_le_bytes());
        put(24, &self.first_lsn.to_le_bytes());
        put(32, &self.floor.to_le_bytes());
        put(40, &self.durable.to_le_bytes());
        let crc = checksum(&out[4..], id);
        out[..4].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads the header of the segment with this number.
    pub(super) fn parse(bytes: &[u8], id: u64, number: u64) -> ParsedSegment {
        let Some(bytes) = bytes.first_chunk::<{ Self::LEN }>() else {
            return ParsedSegment::Garbage;
        };
        if u32_at(bytes, 4) != MAGIC || u32_at(bytes, 0) != checksum(&bytes[4..], id) {
            return ParsedSegment::Garbage;
        }
        if bytes[8] > VERSION {
            return ParsedSegment::Newer(bytes[8]);
        }
        let header = SegmentHeader {
            version: bytes[8],
            block_bytes: u32_at(bytes, 12),
            number: u64_at(bytes, 16),
            first_lsn: u64_at(bytes, 24),
            floor: u64_at(bytes, 32),
            durable: u64_at(bytes, 40),
        };
        let largest = header.first_lsn.max(header.floor).max(header.durable);
        let sound = header.number == number && header.block_bytes != 0 && largest <= NUMBER_MAX;
        if sound { ParsedSegment::Header(header) } else { ParsedSegment::Garbage }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_others_are_left_alone() {
        assert_eq!(segment_name(255), "segment-00000000000000ff");
        assert_eq!(parse_name(&segment_name(255)), Some(Named::Segment(255)));
        assert_eq!(parse_name(&spare_name(NUMBER_MAX)), Some(Named::Spare(NUMBER_MAX)));
        assert_eq!(parse_name(&spare_name(NUMBER_MAX + 1)), None);
        for name in ["segment-ff", "segment-00000000000000FF", "segment-+0000000000000ff", "LOCK"] {
            assert_eq!(parse_name(name), None, "{name}");
        }
    }

    #[test]
    fn the_header_is_golden_and_bound_to_journal_and_number() {
        let header = SegmentHeader {
            version: 1,
            block_bytes: 4096,
            number: 2,
            first_lsn: 3,
            floor: 4,
            durable: 5,
        };
        #[rustfmt::skip]
        let mut golden = [
            105, 208, 21, 146,
            b'Q', b'S', b'E', b'G',
            1, 0, 0, 0, 0, 16, 0, 0,
            2, 0, 0, 0, 0, 0, 0, 0,
            3, 0, 0, 0, 0, 0, 0, 0,
            4, 0, 0, 0, 0, 0, 0, 0,
            5, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(header.encode(1), golden);
        assert_eq!(SegmentHeader::parse(&golden, 1, 2), ParsedSegment::Header(header));
        let header = SegmentHeader { version: 2, ..header };
        golden[..4].copy_from_slice(&[144, 192, 38, 53]);
        golden[8] = 2;
        assert_eq!(header.encode(1), golden);
        assert_eq!(SegmentHeader::parse(&golden, 1, 2), ParsedSegment::Header(header));
        assert_eq!(SegmentHeader::parse(&golden, 2, 2), ParsedSegment::Garbage);
        assert_eq!(SegmentHeader::parse(&golden, 1, 3), ParsedSegment::Garbage);
        for bit in 0..golden.len() * 8 {
            let mut damaged = golden;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::parse(&damaged, 1, 2), ParsedSegment::Garbage, "bit {bit}");
        }
    }
}
