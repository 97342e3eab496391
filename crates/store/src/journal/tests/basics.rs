//! What was appended comes back; what is dead goes.

use std::{vec, vec::Vec};

use super::{
    super::{Config, Journal, JournalError, Lsn, Record, Tail},
    disk::TestDisk,
    *,
};

#[test]
fn an_empty_directory_is_an_empty_journal() {
    let (journal, recovery) = open(TestDisk::new());
    assert_eq!(recovery.records, []);
    assert_eq!(recovery.tail, Tail::Clean);
    assert_eq!(recovery.damage, []);
    assert_eq!(journal.stats().segments, 0);
}

#[test]
fn what_was_synced_comes_back_in_order() {
    let journal = filled(&batches());
    assert_eq!(journal.stats().last_lsn, Lsn(6));
    assert_eq!(journal.stats().durable_lsn, Lsn(6));
    let mut disk = journal.into_disk();
    disk.crash();
    let (journal, recovery) = open(disk);
    assert_eq!(recovery.records, batches().concat());
    assert_eq!((recovery.tail, recovery.damage), (Tail::Clean, vec![]));
    assert_eq!(journal.stats().durable_lsn, Lsn(6));
}

#[test]
fn only_what_is_live_comes_back() {
    let mut cut = append(1, 1, 9);
    let journal = filled(&[
        vec![state(1, "old"), append(1, 1, 9), append(2, 1, 5), state(3, "x"), append(3, 1, 1)],
        vec![state(1, "new"), append(1, 4, 6), base(2, 5), remove(3)],
        vec![append(4, 1, 2), append(4, 3, 4), append(4, 2, 1), base(5, 9)],
    ]);
    let (_, recovery) = open(journal.into_disk());
    cut.span.as_mut().unwrap().last = 3;
    let mut cut4 = append(4, 1, 2);
    cut4.span.as_mut().unwrap().last = 1;
    let expected =
        [cut, state(1, "new"), append(1, 4, 6), base(2, 5), cut4, append(4, 2, 1), base(5, 9)];
    assert_eq!(recovery.records, expected);
}

#[test]
fn many_segments_come_back_and_dead_ones_are_used_again() {
    let (mut journal, _) = open(TestDisk::new());
    let mut expected: Vec<Record> = Vec::new();
    for i in 1..200 {
        journal.append(&[append(1, i, i), state(2, &std::format!("{i}"))]).unwrap();
        journal.sync().unwrap();
        if i % 20 == 0 {
            journal.append(&[base(1, i - 5)]).unwrap();
            journal.sync().unwrap();
            assert!(journal.stats().segments < 6, "{:?}", journal.stats());
        }
    }
    expected.extend((176..181).map(|i| append(1, i, i)));
    expected.push(base(1, 175));
    expected.extend((181..200).map(|i| append(1, i, i)));
    expected.push(state(2, "199"));
    let mut disk = journal.into_disk();
    disk.crash();
    let (_, recovery) = open(disk);
    assert_eq!(recovery.records, expected);
    assert_eq!(recovery.damage, []);
}

#[test]
fn an_append_may_span_segments() {
    let records: Vec<Record> = (1..100).map(|i| append(1, i, i)).collect();
    let journal = filled(core::slice::from_ref(&records));
    assert!(journal.stats().segments > 3);
    let (_, recovery) = open(journal.into_disk());
    assert_eq!(recovery.records, records);
}

#[test]
fn what_a_journal_cannot_hold_is_refused() {
    let (mut journal, _) = open(TestDisk::new());
    let mut bad = [append(1, 1, 1), append(1, 3, 1), base(1, 2), state(1, ""), remove(1)];
    bad[0].span = None;
    bad[2].span.as_mut().unwrap().first = 1;
    bad[3].body = vec![0; 513].into();
    bad[4].body = vec![0].into();
    for record in bad {
        let refused = journal.append(&[state(1, "good"), record.clone()]);
        assert!(matches!(refused, Err(JournalError::Invalid(_))), "{record:?}");
    }
    assert_eq!(journal.stats().last_lsn, Lsn(0));
    for (segment_bytes, block_bytes) in [(2048, 100), (2000, 128), (640, 128), (2048, 0)] {
        let config = Config { segment_bytes, block_bytes, ..config() };
        let refused = Journal::open(TestDisk::new(), config).err();
        assert!(matches!(refused, Some(JournalError::Invalid(_))), "{config:?}");
    }
}
