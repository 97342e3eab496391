//! Disks that refuse, fill up, lose files or bring those of others.

use std::{collections::BTreeSet, vec::Vec};

use kernel::disk::{Disk, DiskError};

use super::{
    super::{JournalError, Lsn, Record, Tail, segment},
    disk::TestDisk,
    *,
};

/// Synced appends that fill several segments; returns what they held.
fn long(journal: &mut Journal<TestDisk>) -> Vec<Record> {
    let records: Vec<Record> = (1..60).map(|i| append(1 + i % 3, i, i)).collect();
    for record in &records {
        journal.append(core::slice::from_ref(record)).unwrap();
        journal.sync().unwrap();
    }
    assert!(journal.stats().segments >= 4, "{:?}", journal.stats());
    records
}

#[test]
fn a_failed_sync_ends_the_journal_until_it_is_opened_again() {
    let mut journal = filled(&batches());
    journal.append(&[state(1, "lost")]).unwrap();
    journal.disk_mut().syncs_fail = true;
    assert!(matches!(journal.sync(), Err(JournalError::Disk(_))));
    journal.disk_mut().syncs_fail = false;
    assert_eq!(journal.sync(), Err(JournalError::Poisoned));
    assert_eq!(journal.append(&[state(1, "refused")]), Err(JournalError::Poisoned));
    assert_eq!(journal.mark_idle(), Err(JournalError::Poisoned));
    assert_eq!(journal.stats().durable_lsn, Lsn(6));
    assert!(journal.stats().poisoned);
    let mut disk = journal.into_disk();
    disk.crash();
    let (_, recovery) = open(disk);
    assert_eq!(recovery.records, batches().concat());
}

#[test]
fn a_failed_write_ends_it_too_and_leaves_no_trace() {
    let mut journal = filled(&batches());
    journal.disk_mut().writes_fail = true;
    assert!(matches!(journal.append(&[append(1, 5, 5)]), Err(JournalError::Disk(_))));
    journal.disk_mut().writes_fail = false;
    assert_eq!(journal.append(&[append(1, 5, 5)]), Err(JournalError::Poisoned));
    let (_, recovery) = open(journal.into_disk());
    assert_eq!(recovery.records, batches().concat());
}

#[test]
fn a_full_disk_refuses_and_goes_on_once_there_is_space() {
    let (mut journal, _) = open(TestDisk::new());
    // Four segments, of which one is the spare.
    journal.disk_mut().capacity = 4 * 2048;
    let mut last = 0;
    let full = loop {
        match journal.append(&[append(1, last + 1, last + 1)]) {
            Ok(_) => last += 1,
            Err(error) => break error,
        }
        journal.sync().unwrap();
    };
    assert_eq!(full, JournalError::Full);
    let before = journal.stats();
    assert_eq!((before.segments, before.spares), (4, 0));
    assert_eq!(journal.append(&[append(1, last + 1, last + 1)]), Err(JournalError::Full));
    assert_eq!(journal.tidy(), Err(JournalError::Full));
    assert_eq!(journal.stats(), before);
    // A small append fits nowhere either: the last block is for a marker.
    assert_eq!(journal.append(&[base(1, last)]), Err(JournalError::Full));

    // The operator gives the disk another segment: then the base frees all others.
    journal.disk_mut().capacity += 2048;
    journal.append(&[base(1, last)]).unwrap();
    journal.sync().unwrap();
    journal.append(&[append(1, last + 1, last + 1)]).unwrap();
    journal.sync().unwrap();
    assert_eq!((journal.stats().segments, journal.stats().spares), (1, 1));
    let (_, recovery) = open(journal.into_disk());
    assert_eq!(recovery.records, [base(1, last), append(1, last + 1, last + 1)]);
}

#[test]
fn a_journal_on_a_full_disk_frees_what_is_dead_through_its_reserved_block() {
    let (mut journal, _) = open(TestDisk::new());
    journal.disk_mut().capacity = 4 * 2048;
    // Everything but the newest state is dead, but no sync has told the disk so.
    let full = (0..).find_map(|i| journal.append(&[state(1, &std::format!("{i}"))]).err());
    assert_eq!(full, Some(JournalError::Full));
    let before = journal.stats().segments;
    assert_eq!(before, 4);
    journal.sync().unwrap();
    journal.append(&[state(1, "last")]).unwrap();
    assert!(journal.stats().segments < before);
    journal.sync().unwrap();
    let (_, recovery) = open(journal.into_disk());
    assert_eq!(recovery.records, [state(1, "last")]);
}

#[test]
fn opening_works_on_a_full_disk() {
    let (mut journal, _) = open(TestDisk::new());
    let records = long(&mut journal);
    journal.append(&[append(9, 1, 1)]).unwrap();
    let mut disk = journal.into_disk();
    disk.crash_after(68);
    disk.capacity = 1;
    let (_, recovery) = open(disk);
    assert_eq!(recovery.records, records);
    assert!(matches!(recovery.tail, Tail::Torn { .. }));
}

#[test]
fn a_missing_segment_is_damage_wherever_it_was() {
    let (mut journal, _) = open(TestDisk::new());
    let records = long(&mut journal);
    let disk = journal.into_disk();
    let names: Vec<_> = disk.contents().map(|(name, _)| name.clone()).collect();
    let segments: Vec<_> = names.iter().filter(|name| name.starts_with("segment")).collect();
    for name in &segments[..segments.len() - 1] {
        let mut disk = disk.clone();
        disk.remove(name).unwrap();
        let (_, recovery) = open(disk);
        assert!(recovery.records.len() < records.len());
        let lost: u64 = recovery.damage.iter().map(|d| d.last.0 - d.first.0 + 1).max().unwrap();
        assert_eq!(lost as usize, records.len() - recovery.records.len(), "{name}");
        assert_eq!(recovery.shards_damaged().len(), 3, "{name}");
    }
}

#[test]
fn a_freed_segment_is_not_missed() {
    let (mut journal, _) = open(TestDisk::new());
    long(&mut journal);
    let bases = [base(1, 58), base(2, 58), base(3, 59)];
    journal.append(&bases).unwrap();
    journal.sync().unwrap();
    journal.tidy().unwrap();
    assert_eq!((journal.stats().segments, journal.stats().spares), (1, 1));
    let (_, recovery) = open(journal.into_disk());
    assert_eq!(recovery.records, bases);
    assert_eq!(recovery.damage, []);
}

#[test]
fn unreadable_blocks_are_damage_even_at_the_end() {
    let (mut journal, _) = open(TestDisk::new());
    let records = long(&mut journal);
    let disk = journal.into_disk();
    let names: Vec<_> = disk.contents().map(|(name, _)| name.clone()).collect();
    for name in names.iter().filter(|name| name.starts_with("segment")) {
        for block in (0..2048).step_by(128) {
            let mut disk = disk.clone();
            let written = disk.contents().any(|(n, b)| n == name && b[block as usize] != 0);
            disk.refused.push((name.clone(), block, block + 1));
            let (mut journal, recovery) = open(disk);
            let lost: BTreeSet<_> =
                records.iter().filter(|r| !recovery.records.contains(r)).map(|r| r.shard).collect();
            assert!(lost.iter().all(|shard| recovery.is_suspect(*shard)), "{name} {block}");
            assert!(written || lost.is_empty(), "{name} {block}");
            // It goes on, and the damage is not forgotten when the block can be read again.
            journal.append(&[state(5, "on")]).unwrap();
            journal.sync().unwrap();
            let mut disk = journal.into_disk();
            let (_, again) = open(disk.clone());
            assert_eq!(again.records.last(), Some(&state(5, "on")), "{name} {block}");
            assert!(
                again.shards_damaged().is_superset(&recovery.shards_damaged()),
                "{name} {block}"
            );
            disk.refused.clear();
            let (_, again) = open(disk);
            assert_eq!(again.records.len(), records.len() + 1, "{name} {block}");
        }
    }
}

#[test]
fn a_refusal_that_may_pass_leaves_everything_as_it_is() {
    let (mut journal, _) = open(TestDisk::new());
    let records = long(&mut journal);
    let mut disk = journal.into_disk();
    let name = disk.contents().map(|(name, _)| name.clone()).next().unwrap();
    let before: Vec<_> = disk.contents().map(|(n, b)| (n.clone(), b.to_vec())).collect();
    disk.refused.push((name, 256, 257));
    let patient = Config { unreadable_is_lost: false, ..config() };
    let refused = Journal::open(disk.clone(), patient);
    assert!(matches!(refused, Err(JournalError::Disk(DiskError::Io(_)))));
    disk.refused.clear();
    let after: Vec<_> = disk.contents().map(|(n, b)| (n.clone(), b.to_vec())).collect();
    assert_eq!(before, after);
    let (_, recovery) = Journal::open(disk, patient).unwrap();
    assert_eq!(recovery.records, records);
    assert!(recovery.damage.is_empty());
}

#[test]
fn a_body_that_cannot_be_read_was_not_torn() {
    let mut long_one = append(1, 5, 5);
    long_one.body = std::vec![1; 500].into();
    let mut journal = filled(&batches());
    journal.append(core::slice::from_ref(&long_one)).unwrap();
    journal.sync().unwrap();
    let at = 2048 - 128;
    let written = |disk: &TestDisk, at: usize| disk.contents().any(|(_, b)| b[at] == 1);
    let block = (0..at).step_by(128).rev().find(|at| written(journal.disk(), *at)).unwrap() as u64;
    let mut disk = journal.into_disk();
    disk.refused.push((segment::segment_name(1), block, block + 1));
    let (_, recovery) = open(disk);
    assert_eq!(recovery.records, batches().concat());
    assert_eq!(recovery.tail, Tail::Clean);
    assert_eq!(recovery.damage.len(), 1);
    assert_eq!(recovery.damage[0].span, long_one.span);
}

#[test]
fn a_segment_without_its_header_still_gives_its_records() {
    let (mut journal, _) = open(TestDisk::new());
    let records = long(&mut journal);
    let disk = journal.into_disk();
    for number in 1..=4 {
        let mut disk = disk.clone();
        disk.flip(&segment::segment_name(number), 20, 1);
        let (mut journal, recovery) = open(disk);
        assert_eq!(recovery.records, records, "{number}");
        assert_eq!(recovery.damage, [], "{number}");
        journal.append(&[state(5, "on")]).unwrap();
        journal.sync().unwrap();
        let (_, again) = open(journal.into_disk());
        assert_eq!(again.records.len(), records.len() + 1, "{number}");
    }
}

#[test]
fn files_of_another_journal_and_of_a_later_format_are_not_taken_for_ours() {
    let disk = filled(&batches()).into_disk();
    let other = Config { id: 8, ..config() };
    let (_, recovery) = Journal::open(disk.clone(), other).unwrap();
    assert_eq!(recovery.records, []);

    let mut later = disk;
    let name = segment::segment_name(1);
    let mut header = later.contents().find(|(n, _)| **n == name).unwrap().1.clone();
    header[8] = 9;
    let crc = super::super::header::checksum(&header[4..64], 7);
    header[..4].copy_from_slice(&crc.to_le_bytes());
    later.plant(&name, &header);
    let refused = Journal::open(later, config()).err();
    assert_eq!(refused, Some(JournalError::Newer { found: 9, known: 2 }));
}

#[test]
fn small_records_move_forward_and_pressure_names_who_does_not() {
    let config = Config { bytes_limit: 4 * 2048, ..config() };
    let (mut journal, _) = Journal::open(TestDisk::new(), config).unwrap();
    journal.append(&[state(1, "idle"), base(1, 7), state(2, "idle too")]).unwrap();
    journal.sync().unwrap();
    let mut last = 0;
    for i in 1..200 {
        journal.append(&[append(3, i, i)]).unwrap();
        journal.append(&[base(3, i)]).unwrap();
        journal.sync().unwrap();
        assert!(journal.stats().segments <= 6, "{:?}", journal.stats());
        last = i;
    }
    assert_eq!(journal.pressure(), []);
    // Shard 4 keeps its first entry for ever.
    journal.append(&[append(4, 1, 1)]).unwrap();
    while journal.pressure().is_empty() {
        last += 1;
        journal.append(&[append(3, last, last), base(3, last)]).unwrap();
        journal.sync().unwrap();
        assert!(last < 400);
    }
    assert_eq!(journal.pressure(), [ShardId(4)]);
    let (mut journal, recovery) = Journal::open(journal.into_disk(), config).unwrap();
    for record in [state(1, "idle"), base(1, 7), state(2, "idle too"), append(4, 1, 1)] {
        assert!(recovery.records.contains(&record), "{record:?}");
    }
    assert_eq!(recovery.records.len(), 5);
    // It gives way, and the segments go.
    journal.append(&[base(4, 1)]).unwrap();
    journal.sync().unwrap();
    journal.tidy().unwrap();
    assert_eq!(journal.pressure(), []);
}

#[test]
fn a_disk_that_cannot_list_its_files_is_an_error() {
    struct Broken;
    impl Disk for Broken {
        fn list(&self) -> Result<Vec<(std::string::String, u64)>, DiskError> {
            Err(DiskError::Io("no directory".into()))
        }
        fn create(&mut self, _: &str, _: u64) -> Result<(), DiskError> {
            Err(DiskError::Missing)
        }
        fn read(&self, _: &str, _: u64, _: &mut [u8]) -> Result<(), DiskError> {
            Err(DiskError::Missing)
        }
        fn write(&mut self, _: &str, _: u64, _: &[u8]) -> Result<(), DiskError> {
            Err(DiskError::Missing)
        }
        fn sync(&mut self, _: &str) -> Result<(), DiskError> {
            Err(DiskError::Missing)
        }
        fn rename(&mut self, _: &str, _: &str) -> Result<(), DiskError> {
            Err(DiskError::Missing)
        }
        fn remove(&mut self, _: &str) -> Result<(), DiskError> {
            Err(DiskError::Missing)
        }
    }
    let refused = Journal::open(Broken, config()).err();
    assert_eq!(refused, Some(JournalError::Disk(DiskError::Io("no directory".into()))));
}
