//! Every planted bug of this crate is caught: a check that holds fails as soon as it is planted.
//!
//! One test, because a bug is planted for the whole process.

extern crate alloc;

#[allow(dead_code)]
#[path = "../src/journal/tests/disk.rs"]
mod disk;

use std::{collections::BTreeSet, ops::Bound};

use bytes::Bytes;
use disk::TestDisk;
use kernel::{
    Incarnation, ShardId, Version,
    bug::{Bug, plant},
    clock::hybrid::Timestamp,
};
use store::{
    Engine, Journal, MemEngine, Pending, Read, Reader, Record, RecordKind, ScanRange, Space, Span,
    Table, View,
    journal::{Config, Recovery},
    mvcc,
};

fn config() -> Config {
    let (segment_bytes, block_bytes, record_bytes_max) = (2048, 128, 512);
    Config { segment_bytes, block_bytes, record_bytes_max, ..Config::default() }
}

fn entry(index: u64) -> Record {
    let span = Some(Span { first: index, last: index, term: 1 });
    let body = Bytes::from(format!("entry {index}"));
    Record { shard: ShardId(1), kind: RecordKind::Append, span, body }
}

/// Three synced appends of one entry each, and an unsynced one.
fn journal() -> TestDisk {
    let (mut journal, _) = Journal::open(TestDisk::new(), config()).unwrap();
    for index in 1..=3 {
        journal.append(&[entry(index)]).unwrap();
        journal.sync().unwrap();
    }
    journal.append(&[entry(4)]).unwrap();
    journal.into_disk()
}

fn open(disk: TestDisk) -> Recovery {
    Journal::open(disk, config()).unwrap().1
}

/// The torn end is cut.
fn tears_are_cut() -> bool {
    let mut disk = journal();
    disk.crash_after(66);
    open(disk).records == [entry(1), entry(2), entry(3)]
}

fn rotten_second_entry() -> Recovery {
    let mut disk = journal();
    disk.crash();
    disk.flip("segment-0000000000000001", 256 + 64 + 2, 1);
    open(disk)
}

/// What was synced is there or reported.
fn damage_is_reported() -> bool {
    let recovery = rotten_second_entry();
    (1..=3).all(|i| recovery.records.contains(&entry(i)) || recovery.is_suspect(ShardId(1)))
}

/// What the disk may have dropped is never called durable.
fn nothing_is_durable_after_a_failed_sync() -> bool {
    let (mut journal, _) = Journal::open(journal(), config()).unwrap();
    journal.append(&[entry(5)]).unwrap();
    journal.disk_mut().syncs_fail = true;
    let failed = journal.sync().is_err();
    journal.disk_mut().syncs_fail = false;
    failed && journal.sync().is_err()
}

/// An old hole is told although a later one is healed.
fn each_hole_is_told() -> bool {
    let mut disk = journal();
    disk.crash();
    // The header of the second entry, of which the third tells; later that of the first.
    disk.flip("segment-0000000000000001", 256 + 8, 1);
    let (mut journal, _) = Journal::open(disk, config()).unwrap();
    journal.healed().unwrap();
    journal.sync().unwrap();
    let mut disk = journal.into_disk();
    disk.flip("segment-0000000000000001", 64 + 8, 1);
    open(disk).is_suspect(ShardId(1))
}

/// Nothing comes back changed.
fn nothing_comes_back_changed() -> bool {
    let written: Vec<Record> = (1..=4).map(entry).collect();
    rotten_second_entry().records.iter().all(|record| written.contains(record))
}

fn version(index: u64) -> Version {
    Version { incarnation: Incarnation(1), timestamp: Timestamp(index), index }
}

const SPACE: Space = Space { shard: ShardId(1), generation: 1 };

fn command(engine: &mut MemEngine, index: u64, run: impl FnOnce(&mut dyn View)) {
    let mut pending = Pending::new(engine, SPACE, true, 0);
    run(&mut pending.view(version(index)));
    pending.put_raw(Table::OutcomePage, &index.to_be_bytes(), Bytes::new());
    let batch = pending.into_batch();
    engine.write(batch).unwrap();
}

fn engine() -> MemEngine {
    let mut engine = MemEngine::new();
    command(&mut engine, 1, |view| {
        view.put(b"kept", &Bytes::new(), None).unwrap();
        view.put(b"gone", &Bytes::new(), None).unwrap();
    });
    engine
}

/// A scan in the batch of a delete, and one at the delete's version, do not show the key.
fn scans_see_deletes() -> bool {
    let mut engine = engine();
    let mut within = Vec::new();
    command(&mut engine, 2, |view| {
        view.delete(b"gone").unwrap();
        within = view.scan(ScanRange::all()).collect::<Result<_, _>>().unwrap();
    });
    let at = Reader::at(&engine, SPACE, version(2)).scan(&ScanRange::all(), 9).unwrap();
    let only_kept = |pairs: &[(Bytes, _)]| pairs.len() == 1 && pairs[0].0 == "kept";
    only_kept(&within) && only_kept(&at)
}

/// A space arrives as it was.
fn snapshots_are_whole() -> bool {
    let engine = engine();
    let target = Space { generation: 2, ..SPACE };
    let chunk = mvcc::export(&engine.snapshot(), SPACE, None, usize::MAX).unwrap();
    let mut there = MemEngine::new();
    there.write(mvcc::import(&chunk.bytes, target).unwrap().batch).unwrap();
    let rest = |engine: &MemEngine, space: Space| -> BTreeSet<Bytes> {
        let range = ScanRange { start: Bound::Unbounded, ..space.range() };
        engine.scan(range).map(|pair| pair.unwrap().0.slice(Space::PREFIX_LEN..)).collect()
    };
    rest(&engine, SPACE) == rest(&there, target)
}

#[test]
fn every_planted_bug_is_caught() {
    let cases: [(Bug, fn() -> bool); 7] = [
        (Bug::TornTailAccepted, tears_are_cut),
        (Bug::DamageAsTornTail, damage_is_reported),
        (Bug::HealedUpTo, each_hole_is_told),
        (Bug::SyncFailureForgotten, nothing_is_durable_after_a_failed_sync),
        (Bug::ChecksumIgnored, nothing_comes_back_changed),
        (Bug::ScanMissesDelete, scans_see_deletes),
        (Bug::SnapshotWithoutOutcomes, snapshots_are_whole),
    ];
    for (bug, check) in cases {
        plant(None);
        assert!(check(), "{bug:?} is not planted");
        plant(Some(bug));
        assert!(!check(), "{bug:?} is planted");
    }
}
