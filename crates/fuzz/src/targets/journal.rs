//! A journal on files of any content, and the records that are in it.

use std::collections::BTreeMap;

use bytes::Bytes;
use kernel::{
    Rng, ShardId,
    disk::{Disk, DiskError},
    wire::crc32c,
};
use prost::Message;
use sim::SimDisk;
use store::{
    Journal, JournalError, Record, RecordKind, Recovery, Span,
    journal::{self, Tail},
};

use super::raft;
use crate::{Fed, Memory, Target, draw, target::as_it_is};

/// Every opening reads whole segments.
const MEMORY: Memory = Memory { base: 1 << 20, per_byte: 256 };

pub const TARGETS: [Target; 3] = [
    Target { name: "journal", sample: files, mend: as_it_is, words: &[], feed, memory: MEMORY },
    // No disk makes these: the checksums depend on a secret. Nothing of them may cost more than
    // what they hold.
    Target {
        name: "journal-forged",
        sample: files,
        mend: forge,
        words: &[],
        feed: feed_forged,
        memory: MEMORY,
    },
    Target {
        name: "journal-record",
        sample: record,
        mend: as_it_is,
        words: &[],
        feed: feed_record,
        memory: Memory { base: 4 << 10, per_byte: 160 },
    },
];

const ID: u64 = 5;
const SEGMENT: u64 = 4 << 10;
const CONFIG: journal::Config = journal::Config {
    id: ID,
    segment_bytes: SEGMENT,
    spare_segments: 1,
    record_bytes_max: 512,
    block_bytes: 256,
    bytes_limit: 16 << 10,
    unreadable_is_lost: true,
};

/// The segments of a journal that has grown and forgotten, one after the other: the number of the
/// first, then their bytes.
fn files(rng: &mut Rng) -> Vec<u8> {
    grow(rng).unwrap_or_default()
}

fn grow(rng: &mut Rng) -> Result<Vec<u8>, JournalError> {
    let (mut journal, _) = Journal::open(SimDisk::new(0, Rng::new(1)), CONFIG)?;
    let mut first = 1;
    for _ in 0..rng.below(30) {
        let shard = ShardId(rng.range(1, 3));
        let (kind, span) = match rng.below(7) {
            0 => (RecordKind::State, None),
            1 => (RecordKind::Base, Some(Span { first, last: first, term: 1 })),
            2 => (RecordKind::Remove, None),
            3 => {
                let at = rng.range(1, first);
                (RecordKind::Fill, Some(Span { first: at, last: at + rng.below(3), term: 1 }))
            }
            _ => {
                let last = first + rng.below(3);
                let span = Span { first, last, term: 1 };
                first = last + 1;
                (RecordKind::Append, Some(span))
            }
        };
        let body = if kind == RecordKind::Remove { Bytes::new() } else { draw::bytes(rng, 200) };
        journal.append(&[Record { shard, kind, span, body }])?;
        if draw::coin(rng) {
            journal.sync()?;
        }
        if rng.below(5) == 0 {
            journal.mark_idle()?;
        }
    }
    journal.sync()?;
    let disk = journal.into_disk();
    let mut bytes = Vec::new();
    for (name, length) in disk.list()? {
        let Some(number) = name.strip_prefix("segment-") else { continue };
        if bytes.is_empty() {
            bytes.push(u64::from_str_radix(number, 16).unwrap_or(0) as u8);
        }
        let mut content = vec![0; usize::try_from(length).unwrap_or(0)];
        disk.read(&name, 0, &mut content)?;
        bytes.extend(content);
    }
    Ok(bytes)
}

/// Headers carry checksums over the journal's id and their place: they are made right wherever a
/// header's magic stands.
fn forge(bytes: &mut [u8]) {
    let Some((_, segments)) = bytes.split_first_mut() else { return };
    for segment in segments.chunks_mut(SEGMENT as usize) {
        for at in (0..segment.len().saturating_sub(63)).step_by(8) {
            let body = segment[at + 64..].to_vec();
            let header = &mut segment[at..at + 64];
            let place = match header[4..8] {
                [b'Q', b'S', b'E', b'G'] => 0,
                [b'Q', b'J', ..] => {
                    let length = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
                    if let Some(body) = body.get(..length as usize) {
                        header[12..16].copy_from_slice(&crc32c(body).to_le_bytes());
                    }
                    at as u64
                }
                _ => continue,
            };
            let crc = checksum(&header[4..], place);
            header[..4].copy_from_slice(&crc.to_le_bytes());
        }
    }
}

/// As the journal sums a header at an offset of its file, with this journal's id.
fn checksum(bytes: &[u8], offset: u64) -> u32 {
    crc32c(bytes) ^ crc32c(&(ID ^ offset.rotate_left(32)).to_le_bytes())
}

fn open(disk: SimDisk) -> Result<Option<(Journal<SimDisk>, Recovery)>, String> {
    match Journal::open(disk, CONFIG) {
        Ok(opened) => Ok(Some(opened)),
        Err(JournalError::Newer { .. }) => Ok(None),
        Err(error) => Err(format!("a healthy disk, and the journal does not open: {error}")),
    }
}

/// Opening ends, and so does opening what it left; whatever was forged.
fn feed_forged(bytes: &[u8]) -> Fed {
    let Some((first, segments)) = bytes.split_first() else { return Ok(false) };
    let disk = lay(*first, segments).map_err(|error| error.to_string())?;
    let Ok((journal, found)) = Journal::open(disk, CONFIG) else { return Ok(false) };
    let _ = Journal::open(journal.into_disk(), CONFIG);
    Ok(!found.records.is_empty())
}

/// Opening ends with what is there or a later format; what it found is found again, and what is
/// appended then is found as well.
fn feed(bytes: &[u8]) -> Fed {
    let Some((first, segments)) = bytes.split_first() else { return Ok(false) };
    let disk = lay(*first, segments).map_err(|error| error.to_string())?;
    let Some((mut journal, found)) = open(disk)? else { return Ok(false) };
    let on = Record {
        shard: ShardId(99),
        kind: RecordKind::State,
        span: None,
        body: Bytes::from_static(b"on"),
    };
    let appended = journal.append(std::slice::from_ref(&on)).and_then(|_| journal.sync());
    appended.map_err(|error| format!("opened, and does not take a record: {error}"))?;
    let Some((_, again)) = open(journal.into_disk())? else {
        return Err("opened once, and of a later format the second time".into());
    };
    let mut expected = found.records.clone();
    expected.retain(|record| record.shard != ShardId(99));
    expected.push(on);
    if by_shard(&again.records) != by_shard(&expected) || again.tail != Tail::Clean {
        return Err(format!("found {expected:?}, and then {:?}, {:?}", again.records, again.tail));
    }
    // A shard whose only records were cut with the torn end is unknown to the second opening, and
    // suspect for that reason.
    if !found.shards_damaged().iter().all(|shard| again.is_suspect(*shard)) {
        return Err(format!("damage is forgotten: {:?}, then {:?}", found.damage, again.damage));
    }
    Ok(!found.records.is_empty())
}

/// The records of each shard in order, fills apart: nobody sees an order between shards, and a fill,
/// which counts by the index and term of what it fills, moves once the place of that is not known.
fn by_shard(records: &[Record]) -> BTreeMap<(ShardId, bool), Vec<&Record>> {
    let mut shards: BTreeMap<(ShardId, bool), Vec<&Record>> = BTreeMap::new();
    for record in records {
        let fill = record.kind == RecordKind::Fill;
        shards.entry((record.shard, fill)).or_default().push(record);
    }
    let spans = |record: &&Record| record.span.map(|span| (span.first, span.last, span.term));
    let fills = shards.iter_mut().filter(|((_, fill), _)| *fill);
    fills.for_each(|(_, records)| records.sort_by_key(spans));
    shards
}

fn lay(first: u8, segments: &[u8]) -> Result<SimDisk, DiskError> {
    let mut disk = SimDisk::new(0, Rng::new(2));
    for (number, content) in (u64::from(first)..).zip(segments.chunks(SEGMENT as usize)) {
        let name = format!("segment-{number:016x}");
        disk.create(&name, content.len() as u64)?;
        disk.write(&name, 0, content)?;
        disk.sync(&name)?;
    }
    Ok(disk)
}

/// The state of a replica, as the database keeps it.
#[derive(Clone, PartialEq, Message)]
struct State {
    #[prost(bytes = "bytes", tag = "1")]
    hard: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    standing: Bytes,
}

/// The body of a record, after a byte that says which kind.
fn record(rng: &mut Rng) -> Vec<u8> {
    let body = match rng.below(2) {
        0 => {
            let (hard, standing) = (raft::record(rng).encode(), raft::record(rng).encode());
            State { hard, standing }.encode_to_vec()
        }
        _ => raft::record(rng).encode().to_vec(),
    };
    [&[rng.below(6) as u8 + 1], &body[..]].concat()
}

fn feed_record(bytes: &[u8]) -> Fed {
    let Some((kind, body)) = bytes.split_first() else { return Ok(false) };
    let kind = match kind {
        1 => RecordKind::State,
        2 => RecordKind::Append,
        3 => RecordKind::Base,
        4 => RecordKind::Remove,
        5 => RecordKind::Fill,
        _ => RecordKind::Marker,
    };
    let span = Some(Span { first: 1, last: 3, term: 1 });
    let record = Record { shard: ShardId(2), kind, span, body: Bytes::copy_from_slice(body) };
    let found = database::record::from_journal(&record);
    let mut start = ::raft::Start::joining();
    let accepted = !found.is_empty();
    found.into_iter().for_each(|record| start.replay(record));
    Ok(accepted)
}
