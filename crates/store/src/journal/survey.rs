//! Reading what the disk holds, without judging it.
//!
//! The walk goes from header to header. Where the expected record is not, it looks for the next
//! sound header anywhere behind (records lie on multiples of eight bytes) and notes the gap:
//!
//! ```text
//!   41   42   ????????????   45   46   …       found 41 42 45 46, gap 43..44
//! ```
//!
//! Of several candidates the one with the smallest log position counts, wherever it lies: a
//! misdirected write that brings a much later record must not hide those between.
//!
//! What the disk refuses to read was not torn: a torn write can be read. It counts as durable.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use kernel::{
    bug::{Bug, planted},
    disk::{Disk, DiskError},
    wire::crc32c,
};

use super::{
    config::{Config, JournalError},
    header::{Header, place},
    healed::Healed,
    record::RecordKind,
    segment::{ParsedSegment, SegmentHeader, segment_name},
};

/// A record with a sound header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) header: Header,
    pub(super) segment: u64,
    pub(super) offset: u64,
    /// Whether the body is sound too.
    pub(super) intact: bool,
    /// The disk refused to read some of the body.
    pub(super) refused: bool,
}

impl Found {
    pub(super) fn end(&self) -> u64 {
        self.offset.saturating_add(self.header.record_len())
    }
}

/// Records of which not even a header was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) segment: u64,
    pub(super) offset: u64,
    /// The disk refused to read here.
    pub(super) refused: bool,
}

/// A segment's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) number: u64,
    pub(super) len: u64,
    pub(super) header: Option<SegmentHeader>,
}

/// Everything that was found, in log order.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) files: Vec<File>,
    pub(super) found: Vec<Found>,
    pub(super) gaps: Vec<Gap>,
    /// By position, which holes intact markers say were healed.
    pub(super) healed: Vec<(u64, Healed)>,
    /// The position behind everything, at least 1.
    pub(super) next: u64,
}

/// A segment's bytes, and where the disk refused to read them.
struct Segment {
    number: u64,
    bytes: Vec<u8>,
    refused: Vec<Range<u64>>,
}

/// Where the walk of a segment ended.
struct End {
    segment: u64,
    offset: u64,
    refused: bool,
}

/// Reads all segments; `files` are their numbers and lengths in order.
pub(super) fn survey<D: Disk>(
    disk: &D,
    config: &Config,
    files: &[(u64, u64)],
) -> Result<Survey, JournalError> {
    let mut survey = Survey::default();
    let mut end: Option<End> = None;
    for (number, len) in files {
        let segment = read(disk, config, *number, *len)?;
        let header = match SegmentHeader::parse(&segment.bytes, config.id, *number) {
            ParsedSegment::Header(header) => Some(header),
            ParsedSegment::Garbage => None,
            ParsedSegment::Newer(found) => {
                return Err(JournalError::Newer { found, known: SegmentHeader::VERSION });
            }
        };
        survey.files.push(File { number: *number, len: *len, header });
        if let Some(header) = header {
            let place = end.as_ref().map_or((*number, 0), |end| (end.segment, end.offset));
            survey.expect(header.first_lsn, place, false);
        }
        let walked = survey.walk(config, &segment, header);
        if walked.offset > SegmentHeader::LEN as u64 || header.is_some() || walked.refused {
            end = Some(walked);
        }
    }
    let place = end.as_ref().map_or((0, 0), |end| (end.segment, end.offset));
    // A header may know of records behind all that were found.
    let proof = survey.proof();
    survey.next = survey.next.max(1);
    survey.expect(proof + 1, place, false);
    if let Some(End { segment, offset, .. }) = end.filter(|end| end.refused) {
        // How many records are out of reach nobody knows: assume more than any disk holds, so
        // that no position is used twice.
        let first = survey.next;
        let last = first.saturating_add(1 << 40);
        survey.gaps.push(Gap { first, last, segment, offset, refused: true });
        survey.next = last + 1;
    }
    Ok(survey)
}

impl Survey {
    /// The greatest position that any sound header, or the disk's refusal, says was durable.
    pub(super) fn proof(&self) -> u64 {
        let headers = self.files.iter().filter_map(|file| file.header);
        let records = self.found.iter().map(|found| found.header.proof());
        let gaps = self.gaps.iter().filter(|gap| gap.refused).map(|gap| gap.last);
        let bodies = self.found.iter().filter(|found| found.refused).map(|found| found.header.lsn);
        let claims = headers.map(|header| header.durable).chain(records);
        claims.chain(gaps).chain(bodies).max().unwrap_or(0)
    }

    /// Goes on at `lsn`, noting a gap if that is not the next position.
    fn expect(&mut self, lsn: u64, (segment, offset): (u64, u64), refused: bool) {
        if self.next != 0 && lsn > self.next {
            let (first, last) = (self.next, lsn - 1);
            self.gaps.push(Gap { first, last, segment, offset, refused });
        }
        self.next = self.next.max(lsn);
    }

    fn walk(&mut self, config: &Config, segment: &Segment, header: Option<SegmentHeader>) -> End {
        let block = u64::from(header.map_or(config.block_bytes, |header| header.block_bytes));
        let number = segment.number;
        let mut offset = SegmentHeader::LEN as u64;
        let mut candidates: Option<Vec<(u64, Header)>> = None;
        loop {
            let here = segment.header_at(offset, config.id);
            let next = match here.filter(|header| header.lsn == self.next) {
                Some(header) => Some((offset, header)),
                None => {
                    let candidates =
                        candidates.get_or_insert_with(|| segment.candidates(offset, config.id));
                    let behind = candidates.iter().filter(|(at, header)| {
                        *at >= offset && header.lsn >= self.next && header.lsn != 0
                    });
                    behind.min_by_key(|(at, header)| (header.lsn, *at)).copied()
                }
            };
            let Some((at, header)) = next else {
                let refused = segment.refuses(offset, offset + 1);
                return End { segment: number, offset, refused };
            };
            self.expect(header.lsn, (number, offset), segment.refuses(offset, at));
            let body = segment.body(at, &header).filter(|body| is_sound(body, &header));
            if let (RecordKind::Marker, Some(span), Some(body)) = (header.kind, header.span, body) {
                self.healed.push((header.lsn, Healed::decode(span.term, body)));
            }
            let intact = body.is_some();
            let refused = !intact && segment.refuses(at, at.saturating_add(header.record_len()));
            let found = Found { header, segment: number, offset: at, intact, refused };
            self.found.push(found);
            self.next += 1;
            let end = found.end();
            offset = if header.last_of_append { end.next_multiple_of(block) } else { end };
        }
    }
}

impl Segment {
    fn header_at(&self, offset: u64, id: u64) -> Option<Header> {
        let bytes = usize::try_from(offset).ok().and_then(|at| self.bytes.get(at..))?;
        Header::parse(bytes, place(id, offset))
            .filter(|header| header.segment == self.number as u32)
    }

    /// Every sound header of this segment from `offset` on, wherever it lies.
    fn candidates(&self, offset: u64, id: u64) -> Vec<(u64, Header)> {
        let places = (offset.next_multiple_of(8)..self.bytes.len() as u64).step_by(8);
        places.filter_map(|at| self.header_at(at, id).map(|header| (at, header))).collect()
    }

    /// Where a record's body should be; `None` if the file is too short.
    fn body(&self, offset: u64, header: &Header) -> Option<&[u8]> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).saturating_add(Header::LEN);
        let end = start.saturating_add(usize::try_from(header.body_len).unwrap_or(usize::MAX));
        self.bytes.get(start..end)
    }

    /// Whether the disk refused to read any byte of a range.
    fn refuses(&self, from: u64, to: u64) -> bool {
        self.refused.iter().any(|refused| refused.start < to && from < refused.end)
    }
}

fn is_sound(body: &[u8], header: &Header) -> bool {
    planted(Bug::ChecksumIgnored) || crc32c(body) == header.body_crc
}

/// Reads a segment at once or, if the disk refuses, block by block; refused blocks become zeros.
fn read<D: Disk>(
    disk: &D,
    config: &Config,
    number: u64,
    len: u64,
) -> Result<Segment, JournalError> {
    let name = segment_name(number);
    let size = usize::try_from(len).map_err(|_| JournalError::Invalid("a segment is too large"))?;
    let mut bytes = vec![0; size];
    let mut refused = Vec::new();
    if let Err(error) = disk.read(&name, 0, &mut bytes) {
        if !config.unreadable_is_lost {
            return Err(JournalError::Disk(error));
        }
        let block = usize::try_from(config.block_bytes).unwrap_or(usize::MAX);
        for (i, chunk) in bytes.chunks_mut(block).enumerate() {
            let offset = i as u64 * u64::from(config.block_bytes);
            match disk.read(&name, offset, chunk) {
                Ok(()) => {}
                Err(DiskError::Full) => return Err(JournalError::Full),
                Err(DiskError::Missing | DiskError::Io(_)) => {
                    chunk.fill(0);
                    refused.push(offset..offset + chunk.len() as u64);
                }
            }
        }
    }
    Ok(Segment { number, bytes, refused })
}
