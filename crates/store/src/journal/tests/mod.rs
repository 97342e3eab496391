//! Proof of the journal as a whole, on a disk that loses, tears, rots and fills up.

mod basics;
mod crash;
mod disk;
mod faults;
mod fill;
mod fuzz;
mod rot;

use std::{vec, vec::Vec};

use bytes::Bytes;
use disk::TestDisk;
use kernel::ShardId;

use super::{Config, Journal, Record, RecordKind, Recovery, Span};

/// Small blocks and segments: a segment holds a few records.
pub(super) fn config() -> Config {
    Config {
        id: 7,
        segment_bytes: 2048,
        spare_segments: 1,
        record_bytes_max: 512,
        block_bytes: 128,
        bytes_limit: 1 << 20,
        unreadable_is_lost: true,
    }
}

pub(super) fn state(shard: u64, body: &str) -> Record {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Record { shard: ShardId(shard), kind: RecordKind::State, span: None, body }
}

pub(super) fn append(shard: u64, first: u64, last: u64) -> Record {
    let span = Some(Span { first, last, term: 1 });
    // The body tells which entries it holds, so that a mix-up shows.
    let body = Bytes::from(std::format!("{shard}:{first}..{last}"));
    Record { shard: ShardId(shard), kind: RecordKind::Append, span, body }
}

pub(super) fn base(shard: u64, last: u64) -> Record {
    let span = Some(Span { first: last, last, term: 1 });
    let body = Bytes::from_static(b"base");
    Record { shard: ShardId(shard), kind: RecordKind::Base, span, body }
}

pub(super) fn remove(shard: u64) -> Record {
    Record { shard: ShardId(shard), kind: RecordKind::Remove, span: None, body: Bytes::new() }
}

pub(super) fn open(disk: TestDisk) -> (Journal<TestDisk>, Recovery) {
    Journal::open(disk, config()).unwrap()
}

/// A journal with these appends, each synced.
pub(super) fn filled(batches: &[Vec<Record>]) -> Journal<TestDisk> {
    let (mut journal, _) = open(TestDisk::new());
    for batch in batches {
        journal.append(batch).unwrap();
        journal.sync().unwrap();
    }
    journal
}

/// Three appends of three shards.
pub(super) fn batches() -> Vec<Vec<Record>> {
    vec![
        vec![state(1, "vote"), append(1, 1, 3), append(2, 1, 1)],
        vec![append(1, 4, 4), state(3, "other")],
        vec![append(2, 2, 9)],
    ]
}
