//! Fills: what was lost comes back record by record, and nothing else changes.

use std::vec::Vec;

use kernel::Rng;

use super::{
    super::{Damage, Record, RecordKind, Span, segment::SegmentHeader},
    disk::TestDisk,
    *,
};

const NAME: &str = "segment-0000000000000001";

fn fill(shard: u64, first: u64, last: u64) -> Record {
    Record { kind: RecordKind::Fill, ..append(shard, first, last) }
}

/// Appends, each in a block of its own, with a witness; the bodies of some have rotted.
fn rotten(spans: &[(u64, u64)], lost: &[usize]) -> TestDisk {
    let batches: Vec<_> =
        spans.iter().map(|(first, last)| vec![append(1, *first, *last)]).collect();
    let mut journal = filled(&batches);
    journal.mark_idle().unwrap();
    journal.sync().unwrap();
    let mut disk = journal.into_disk();
    for at in lost {
        // The first shares its append with the segment's header, and takes two blocks.
        let record = if *at == 0 { 64 } else { 128 * (at + 1) };
        disk.flip(NAME, record + 64, 1);
    }
    disk
}

/// First and last entry of every record in its place, and whether it is there.
fn shape(recovery: &Recovery) -> Vec<(u64, u64, bool)> {
    let span = |span: Option<Span>| span.map_or((0, 0), |span| (span.first, span.last));
    let mut shape = Vec::new();
    for at in 0..=recovery.records.len() {
        let lost = recovery.damage.iter().filter(|damage| damage.at == at);
        shape.extend(lost.map(|damage| (span(damage.span).0, span(damage.span).1, false)));
        let record = recovery.records.get(at);
        shape.extend(record.map(|record| (span(record.span).0, span(record.span).1, true)));
    }
    shape
}

fn written(disk: TestDisk, records: &[Record]) -> (Recovery, TestDisk) {
    let (mut journal, _) = open(disk);
    journal.append(records).unwrap();
    journal.sync().unwrap();
    let (journal, recovery) = open(journal.into_disk());
    (recovery, journal.into_disk())
}

#[test]
fn the_first_block_holds_the_first_record() {
    let (_, recovery) = open(rotten(&[(1, 3), (4, 4)], &[1]));
    assert_eq!(shape(&recovery), [(1, 3, true), (4, 4, false)]);
    let Damage { kind, span, .. } = recovery.damage[0];
    assert_eq!((kind, span), (Some(RecordKind::Append), append(1, 4, 4).span));
}

#[test]
fn a_fill_takes_the_place_of_what_was_lost_and_touches_nothing_else() {
    let disk = rotten(&[(1, 3), (4, 7), (8, 9)], &[1]);
    let (recovery, disk) = written(disk, &[fill(1, 5, 6)]);
    let whole = (1, 3, true);
    assert_eq!(shape(&recovery), [whole, (4, 4, false), (5, 6, true), (7, 7, false), (8, 9, true)]);
    let (recovery, disk) = written(disk, &[fill(1, 7, 7), fill(1, 4, 4)]);
    let parts = [(4, 4, true), (5, 6, true), (7, 7, true), (8, 9, true)];
    assert_eq!(shape(&recovery), [&[whole], &parts[..]].concat());
    assert_eq!(recovery.damage, []);
    // Once more, and more of it.
    let (recovery, _) = written(disk, &[fill(1, 4, 7)]);
    assert_eq!(shape(&recovery), [whole, (4, 7, true), (8, 9, true)]);
}

#[test]
fn one_fill_may_heal_several_records() {
    let (recovery, _) = written(rotten(&[(1, 2), (3, 4), (5, 6)], &[0, 1]), &[fill(1, 1, 4)]);
    assert_eq!(shape(&recovery), [(1, 4, true), (5, 6, true)]);
}

#[test]
fn a_fill_of_what_is_not_lost_is_void() {
    let disk = rotten(&[(1, 3), (4, 7)], &[]);
    let (recovery, _) = written(disk, &[fill(1, 2, 2), fill(1, 3, 5)]);
    assert_eq!(shape(&recovery), [(1, 3, true), (4, 7, true)]);
}

#[test]
fn what_replaces_entries_replaces_fills_too_and_a_base_lets_them_go() {
    let disk = rotten(&[(1, 3), (4, 7), (8, 9)], &[1]);
    let (recovery, disk) = written(disk, &[fill(1, 4, 7), append(1, 6, 6)]);
    assert_eq!(shape(&recovery), [(1, 3, true), (4, 5, true), (6, 6, true)]);
    let (recovery, _) = written(disk, &[base(1, 5)]);
    assert_eq!(shape(&recovery), [(6, 6, true), (5, 5, true)], "the base is the newest record");
}

/// The segment of what it filled may go as soon as the fill is durable.
#[test]
fn a_fill_that_outlives_what_it_filled_keeps_its_place() {
    let records = [append(1, 1, 2), append(1, 5, 6), fill(1, 3, 4)];
    let (recovery, disk) = written(TestDisk::new(), &records);
    assert_eq!(shape(&recovery), [(1, 2, true), (3, 4, true), (5, 6, true)]);
    let (recovery, _) = written(disk, &[append(1, 7, 7)]);
    assert_eq!(shape(&recovery), [(1, 2, true), (3, 4, true), (5, 6, true), (7, 7, true)]);
}

/// Whatever is lost, filled, replaced and torn: what the journal says is what a plain model says.
#[test]
fn fills_and_crashes_lose_nothing_that_the_damage_had_left() {
    for seed in 0..500 {
        let mut rng = Rng::new(seed);
        let last = rng.range(4, 12);
        let spans: Vec<_> = (1..=last).map(|index| (index, index)).collect();
        let lost: Vec<usize> = (0..last as usize - 1).filter(|_| rng.chance(0.4)).collect();
        let mut disk = rotten(&spans, &lost);
        let mut whole: Vec<bool> = (0..last as usize).map(|at| !lost.contains(&at)).collect();
        for _ in 0..rng.range(1, 6) {
            let (mut journal, _) = open(disk);
            let holes: Vec<u64> = (1..=last).filter(|i| !whole[*i as usize - 1]).collect();
            let some: Vec<u64> = holes.into_iter().filter(|_| rng.chance(0.5)).collect();
            let fills: Vec<Record> = some.iter().map(|index| fill(1, *index, *index)).collect();
            if !fills.is_empty() {
                journal.append(&fills).unwrap();
            }
            let synced = rng.chance(0.5);
            if synced {
                journal.sync().unwrap();
                some.iter().for_each(|index| whole[*index as usize - 1] = true);
            }
            disk = journal.into_disk();
            disk.crash_sectors(&mut rng, 128);
            let (journal, recovery) = open(disk);
            let found = shape(&recovery);
            assert_eq!(found.len() as u64, last, "seed {seed}: {found:?}");
            for (at, (first, _, here)) in found.iter().enumerate() {
                assert_eq!(*first, at as u64 + 1, "seed {seed}: {found:?}");
                assert!(*here || !whole[at], "seed {seed}: {first} is lost again");
                whole[at] = *here;
            }
            disk = journal.into_disk();
        }
    }
}

#[test]
fn a_segment_of_the_first_version_is_read_and_not_appended_to() {
    let mut disk = rotten(&[(1, 3), (4, 5)], &[0]);
    let (name, mut bytes) = disk.contents().next().map(|(n, b)| (n.clone(), b.clone())).unwrap();
    let header = SegmentHeader {
        version: 1,
        block_bytes: 128,
        number: 1,
        first_lsn: 1,
        floor: 1,
        durable: 0,
    };
    bytes[..64].copy_from_slice(&header.encode(config().id));
    disk.plant(&name, &bytes);
    let (journal, recovery) = open(disk);
    assert_eq!(shape(&recovery), [(1, 3, false), (4, 5, true)]);
    let segments = journal.stats().segments;
    let (recovery, disk) = written(journal.into_disk(), &[fill(1, 1, 3)]);
    assert_eq!(shape(&recovery), [(1, 3, true), (4, 5, true)]);
    assert!(open(disk).0.stats().segments >= segments);
    let first = |disk: &TestDisk| disk.contents().next().map(|(_, bytes)| bytes.clone());
    let (_, again) = written(rotten(&[(1, 3)], &[]), &[append(1, 4, 4)]);
    assert_ne!(first(&again).map(|b| b[8]), Some(1), "new segments are of the new version");
}
