//! Power fails at every place.

use std::{vec, vec::Vec};

use kernel::Rng;

use super::{
    super::{Journal, Lsn, Record, Tail},
    disk::{SECTOR, TestDisk},
    *,
};

/// What a journal should give back after these records: nothing here supersedes anything.
fn check(recovery: &Recovery, all: &[Record], synced: usize, context: &str) -> usize {
    let found = &recovery.records;
    assert!(found.len() >= synced, "{context}: lost {} of {synced}", synced - found.len());
    assert_eq!(found[..], all[..found.len()], "{context}");
    assert_eq!(recovery.damage, [], "{context}");
    found.len()
}

/// Goes on after a crash: what is appended now comes back, and nothing that was cut.
fn check_onward(mut journal: Journal<TestDisk>, mut before: Vec<Record>, context: &str) {
    let lsn = journal.stats().last_lsn.0;
    let more = [append(9, 1, 1), append(9, 2, 2)];
    assert!(journal.append(&more).unwrap() >= Lsn(lsn + 2), "{context}");
    journal.sync().unwrap();
    let mut disk = journal.into_disk();
    disk.crash();
    let (_, recovery) = open(disk);
    before.extend(more);
    assert_eq!(recovery.records, before, "{context}");
    assert_eq!((recovery.tail, recovery.damage), (Tail::Clean, vec![]), "{context}");
}

#[test]
fn a_prefix_of_any_length_of_the_unsynced_bytes() {
    let synced = batches();
    let unsynced = [append(4, 1, 1), append(4, 2, 2), append(5, 1, 1), append(4, 3, 300)];
    let all = [synced.concat(), unsynced.to_vec()].concat();
    let mut journal = filled(&synced);
    for record in &unsynced {
        journal.append(core::slice::from_ref(record)).unwrap();
    }
    let disk = journal.into_disk();
    let mut lengths = Vec::new();
    for bytes in 0..=disk.pending() {
        let context = std::format!("{bytes} bytes");
        let mut disk = disk.clone();
        disk.crash_after(bytes);
        let (journal, recovery) = open(disk);
        lengths.push(check(&recovery, &all, synced.concat().len(), &context));
        check_onward(journal, recovery.records, &context);
    }
    assert_eq!(lengths.first(), Some(&6));
    assert_eq!(lengths.last(), Some(&10));
    assert!(lengths.is_sorted());
}

#[test]
fn any_sectors_of_a_write_across_segments() {
    let synced = batches();
    let unsynced: Vec<Vec<Record>> =
        (0..12).map(|i| (1..5).map(|j| append(10 + i, j, j)).collect()).collect();
    let all = [synced.concat(), unsynced.concat()].concat();
    let mut journal = filled(&synced);
    for batch in &unsynced {
        journal.append(batch).unwrap();
    }
    let disk = journal.into_disk();
    let mut torn = 0;
    for seed in 0..2000 {
        let context = std::format!("seed {seed}");
        let mut disk = disk.clone();
        disk.crash_sectors(&mut Rng::new(seed), if seed % 2 == 0 { SECTOR } else { 64 });
        let (journal, recovery) = open(disk);
        check(&recovery, &all, synced.concat().len(), &context);
        torn += u32::from(recovery.tail != Tail::Clean);
        check_onward(journal, recovery.records, &context);
    }
    assert!(torn > 500, "{torn}");
}

#[test]
fn power_fails_again_and_again_under_way() {
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let mut disk = TestDisk::new();
        let mut all: Vec<Record> = Vec::new();
        let (mut synced, mut next) = (0, 1);
        for round in 0..12 {
            let context = std::format!("seed {seed}, round {round}");
            let (mut journal, recovery) = open(disk);
            let kept = check(&recovery, &all, synced, &context);
            all.truncate(kept);
            // What was recovered is durable from now on.
            synced = kept;
            for _ in 0..rng.below(6) {
                let batch: Vec<Record> =
                    (0..rng.range(1, 6)).map(|i| append(1, next + i, next + i)).collect();
                next += batch.len() as u64;
                journal.append(&batch).unwrap();
                all.extend(batch);
                if rng.chance(0.4) {
                    journal.sync().unwrap();
                    synced = all.len();
                }
                if rng.chance(0.2) {
                    journal.mark_idle().unwrap();
                }
            }
            disk = journal.into_disk();
            disk.crash_sectors(&mut rng, SECTOR);
        }
    }
}

#[test]
fn a_journal_that_forgets_survives_crashes_too() {
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let mut disk = TestDisk::new();
        // Of one shard: the last entry synced, the last appended.
        let (mut synced, mut last) = (0, 0);
        let mut base_possible = vec![0];
        for round in 0..12 {
            let context = std::format!("seed {seed}, round {round}");
            let (mut journal, recovery) = open(disk);
            assert_eq!(recovery.damage, [], "{context}");
            let bases = recovery.records.iter().filter(|r| r.kind == RecordKind::Base);
            let base_found = bases.filter_map(|r| r.span).map(|s| s.last).max().unwrap_or(0);
            assert!(base_possible.contains(&base_found), "{context}");
            let entries = recovery.records.iter().filter(|r| r.kind == RecordKind::Append);
            let mut expected = base_found + 1;
            for span in entries.filter_map(|r| r.span) {
                assert_eq!(span.first, expected, "{context}");
                expected = span.last + 1;
            }
            assert!(expected > synced && expected <= last + 1, "{context}");
            last = expected - 1;
            let mut first = base_found + 1;
            synced = last;
            base_possible = vec![base_found];
            for _ in 0..rng.below(30) {
                if rng.chance(0.2) && last >= first {
                    first = rng.range(first, last) + 1;
                    journal.append(&[base(1, first - 1)]).unwrap();
                    base_possible.push(first - 1);
                } else {
                    journal.append(&[append(1, last + 1, last + 1), state(2, "x")]).unwrap();
                    last += 1;
                }
                if rng.chance(0.5) {
                    journal.sync().unwrap();
                    synced = last;
                    base_possible = vec![base_possible.last().copied().unwrap()];
                }
            }
            assert!(journal.stats().segments < 12, "{context}: {:?}", journal.stats());
            disk = journal.into_disk();
            disk.crash_sectors(&mut rng, SECTOR);
        }
    }
}
