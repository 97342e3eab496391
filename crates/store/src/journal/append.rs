//! Appending: placing records, making room, writing, and only then taking note.

use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Range;

use bytes::Bytes;
use kernel::{
    ShardId,
    disk::{Disk, DiskError},
    wire::crc32c,
};

use super::{
    config::JournalError,
    header::{FAR, Header, distance, place, record_len},
    live::{Item, UNSURE},
    log::{End, Journal, Segment},
    record::{JOURNAL, Lsn, Record, RecordKind},
    segment::{SegmentHeader, segment_name, spare_name},
};

/// The part of an append that goes to one segment.
#[derive(Debug)]
struct Part {
    segment: u64,
    /// Where the write begins; zero if it begins the segment.
    offset: u64,
    /// Which of the records.
    records: Range<usize>,
    /// Where the records end, before padding.
    end: u64,
}

impl<D: Disk> Journal<D> {
    /// Appends records behind all others and returns the position of the last one. One write per
    /// segment touched; durable only after [`Journal::sync`].
    ///
    /// # Errors
    /// [`JournalError::Full`] and [`JournalError::Invalid`]: nothing was appended, and the
    /// journal goes on. Anything else: it is not known what was written, and the journal has to
    /// be opened again.
    pub fn append(&mut self, records: &[Record]) -> Result<Lsn, JournalError> {
        self.alive()?;
        for record in records {
            record.check(self.config.record_bytes_max)?;
        }
        self.give_back();
        // The last block of a segment is for markers: a journal whose disk is full can still say
        // which segments it does not need.
        self.write(records, u64::from(self.config.block_bytes))
    }

    /// Writes records, leaving `reserve` bytes free in every segment.
    pub(super) fn write(&mut self, records: &[Record], reserve: u64) -> Result<Lsn, JournalError> {
        let parts = self.place(records, reserve);
        for part in parts.iter().filter(|part| part.offset == 0) {
            self.make_ready(part.segment)?;
        }
        let headers = self.headers(records, &parts);
        for (i, part) in parts.iter().enumerate() {
            let bytes = self.encode(part, &headers, records);
            match self.disk.write(&segment_name(part.segment), part.offset, &bytes) {
                Ok(()) => {}
                Err(DiskError::Full) if i == 0 => return Err(JournalError::Full),
                Err(error) => {
                    self.poisoned = true;
                    return Err(JournalError::Disk(error));
                }
            }
        }
        for part in &parts {
            self.take_note(part, &headers, records);
        }
        Ok(Lsn(self.next_lsn.saturating_sub(1)))
    }

    /// Finds a place for every record.
    fn place(&self, records: &[Record], reserve: u64) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        let newest = self.segments.last_key_value().map_or(0, |(number, _)| *number);
        for (i, record) in records.iter().enumerate() {
            let len = record_len(record.body.len() as u32);
            let open = match (parts.last(), self.end) {
                (Some(part), _) => Some((part.segment, part.end)),
                (None, Some(end)) => Some((end.segment, end.offset)),
                (None, None) => None,
            };
            let fits = |(segment, end): &(u64, u64)| {
                let size = self.segments.get(segment).map_or(self.config.segment_bytes, |s| s.len);
                end + len <= size.saturating_sub(reserve)
            };
            match (open.filter(fits), parts.last_mut()) {
                (Some(_), Some(part)) => {
                    part.records.end = i + 1;
                    part.end += len;
                }
                (Some((segment, offset)), None) => {
                    parts.push(Part { segment, offset, records: i..i + 1, end: offset + len });
                }
                (None, last) => {
                    let segment = last.map_or(newest, |part| part.segment.max(newest)) + 1;
                    let end = SegmentHeader::LEN as u64 + len;
                    parts.push(Part { segment, offset: 0, records: i..i + 1, end });
                }
            }
        }
        parts
    }

    /// Sees to it that a segment's file exists.
    fn make_ready(&mut self, segment: u64) -> Result<(), JournalError> {
        if self.ready.contains(&segment) {
            return Ok(());
        }
        let name = segment_name(segment);
        match self.spares.first().copied() {
            Some(spare) => {
                self.disk.rename(&spare_name(spare), &name)?;
                self.spares.remove(&spare);
            }
            None => self.disk.create(&name, self.config.segment_bytes)?,
        }
        self.ready.insert(segment);
        Ok(())
    }

    fn headers(&self, records: &[Record], parts: &[Part]) -> Vec<Header> {
        let mut last: BTreeMap<ShardId, u64> = BTreeMap::new();
        let mut headers = Vec::with_capacity(records.len());
        for part in parts {
            for i in part.records.clone() {
                let record = &records[i];
                let lsn = self.next_lsn + i as u64;
                let before = last.insert(record.shard, lsn);
                let back = match before.unwrap_or_else(|| self.live.last_lsn(record.shard)) {
                    0 => 0,
                    UNSURE => FAR,
                    before => distance(lsn, before),
                };
                headers.push(Header {
                    lsn,
                    segment: part.segment as u32,
                    kind: record.kind,
                    last_of_append: i + 1 == part.records.end,
                    shard: record.shard,
                    span: record.span,
                    body_len: record.body.len() as u32,
                    body_crc: crc32c(&record.body),
                    lag: distance(lsn, self.durable),
                    back,
                });
                if record.kind == RecordKind::Remove {
                    last.insert(record.shard, self.live.last_lsn_of_others);
                }
            }
        }
        headers
    }

    fn encode(&self, part: &Part, headers: &[Header], records: &[Record]) -> Vec<u8> {
        let len = self.padded(part.end) - part.offset;
        let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
        if part.offset == 0 {
            let first = headers.get(part.records.start).map_or(self.next_lsn, |header| header.lsn);
            let header = SegmentHeader {
                version: SegmentHeader::VERSION,
                block_bytes: self.config.block_bytes,
                number: part.segment,
                first_lsn: first,
                floor: self.floor,
                durable: self.durable,
            };
            bytes.extend_from_slice(&header.encode(self.config.id));
        }
        for i in part.records.clone() {
            let offset = part.offset + bytes.len() as u64;
            bytes.extend_from_slice(&headers[i].encode(place(self.config.id, offset)));
            bytes.extend_from_slice(&records[i].body);
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        }
        bytes.resize(usize::try_from(len).unwrap_or(bytes.len()), 0);
        bytes
    }

    /// Takes note of a part that was written.
    fn take_note(&mut self, part: &Part, headers: &[Header], records: &[Record]) {
        if part.offset == 0 {
            self.ready.remove(&part.segment);
            let first_lsn = headers.get(part.records.start).map_or(self.next_lsn, |h| h.lsn);
            let segment = Segment { len: self.config.segment_bytes, first_lsn };
            self.segments.insert(part.segment, segment);
        }
        let mut offset = part.offset.max(SegmentHeader::LEN as u64);
        for i in part.records.clone() {
            let (header, record) = (&headers[i], &records[i]);
            let item = Item::new(header, part.segment, offset, true);
            // A copy: the body may be a slice of something large.
            let body =
                if item.is_small() { Bytes::copy_from_slice(&record.body) } else { Bytes::new() };
            self.live.apply(record.shard, Item { body, ..item });
            if record.shard != JOURNAL {
                self.last_data = header.lsn;
            }
            self.witnessed = self.witnessed.max(header.proof());
            self.next_lsn = header.lsn + 1;
            offset += header.record_len();
        }
        self.dirty.insert(part.segment);
        self.end = Some(End { segment: part.segment, offset: self.padded(part.end) });
    }

    pub(super) fn padded(&self, offset: u64) -> u64 {
        offset.next_multiple_of(u64::from(self.config.block_bytes))
    }
}
