//! Power fails at every place.

use std::{cell::RefCell, rc::Rc, vec, vec::Vec};

use kernel::Rng;

use super::{
    super::{Journal, JournalError, Lsn, Record, Tail},
    disk::{SECTOR, SharedDisk, TestDisk},
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
fn what_opening_found_after_the_process_died_survives_a_power_failure() {
    let mut journal = filled(&batches());
    let unsynced: Vec<Record> = (1..40).map(|i| append(4, i, i)).collect();
    journal.append(&unsynced).unwrap();
    // The process dies; the machine still holds what it wrote.
    let (journal, recovery) = open(journal.into_disk());
    let all = [batches().concat(), unsynced].concat();
    assert_eq!(recovery.records, all);
    let mut disk = journal.into_disk();
    disk.crash();
    assert_eq!(open(disk).1.records, all);
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

/// One shard that writes entries and bases, and what may be found of it.
struct Forgetful {
    journal: Journal<TestDisk>,
    synced: u64,
    last: u64,
    /// The base synced, and those after it.
    bases: Vec<u64>,
}

impl Forgetful {
    fn open(disk: TestDisk, synced: u64, last: u64, bases: &[u64], context: &str) -> Forgetful {
        let (journal, recovery) = open(disk);
        assert_eq!(recovery.damage, [], "{context}");
        let spans = |kind| {
            let of_kind = recovery.records.iter().filter(move |record| record.kind == kind);
            of_kind.filter_map(|record| record.span)
        };
        let base = spans(RecordKind::Base).map(|span| span.last).max().unwrap_or(0);
        assert!(bases.contains(&base), "{context}");
        let mut next = base + 1;
        for span in spans(RecordKind::Append) {
            assert_eq!(span.first, next, "{context}");
            next = span.last + 1;
        }
        assert!(next > synced && next <= last + 1, "{context}");
        Forgetful { journal, synced: next - 1, last: next - 1, bases: vec![base] }
    }

    /// Goes on until the disk fails.
    fn run(&mut self, rng: &mut Rng, steps: u64) -> Result<(), JournalError> {
        for _ in 0..steps {
            let base_now = self.bases.last().copied().unwrap();
            if rng.chance(0.2) && self.last > base_now {
                let base_next = rng.range(base_now + 1, self.last);
                self.bases.push(base_next);
                self.journal.append(&[base(1, base_next)])?;
            } else {
                self.last += 1;
                self.journal.append(&[append(1, self.last, self.last), state(2, "x")])?;
            }
            if rng.chance(0.5) {
                self.journal.sync()?;
                self.synced = self.last;
                self.bases.drain(..self.bases.len() - 1);
            }
            match rng.below(10) {
                0 => drop(self.journal.mark_idle()?),
                1 => self.journal.tidy()?,
                _ => {}
            }
            assert!(self.journal.stats().segments < 12, "{:?}", self.journal.stats());
        }
        Ok(())
    }
}

/// Opens a journal, perhaps in vain, and crashes.
fn open_and_crash(disk: TestDisk, rng: &mut Rng) -> TestDisk {
    let shared = SharedDisk(Rc::new(RefCell::new(disk)));
    drop(Journal::open(shared.clone(), config()));
    let mut disk = shared.0.take();
    disk.crash_sectors(rng, SECTOR);
    disk.changes_left = None;
    disk
}

#[test]
fn opening_that_is_cut_short_changes_nothing_that_the_next_opening_finds() {
    let (mut torn, mut damaged) = (0, 0);
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        let (mut journal, _) = open(TestDisk::new());
        for i in 1..rng.range(4, 40) {
            journal.append(&[append(1, i, i), append(2, i, i)]).unwrap();
            journal.sync().unwrap();
        }
        for i in 1..5 {
            journal.append(&[append(3, i, i), append(4, i, i)]).unwrap();
        }
        let mut disk = journal.into_disk();
        disk.crash_sectors(&mut rng, 128);
        let files: Vec<_> = disk.contents().map(|(name, b)| (name.clone(), b.len())).collect();
        let (name, len) = rng.pick(&files).cloned().unwrap();
        disk.flip(&name, rng.below(len as u64) as usize, 1);
        let (_, expected) = open(disk.clone());
        torn += u32::from(expected.tail != Tail::Clean);
        damaged += u32::from(!expected.damage.is_empty());
        for changes in 0..12 {
            let mut disk = disk.clone();
            disk.changes_left = Some(changes);
            let (_, found) = open(open_and_crash(disk, &mut rng));
            let context = std::format!("seed {seed}, {changes} changes");
            assert_eq!(found.records, expected.records, "{context}");
            assert_eq!(found.shards_damaged(), expected.shards_damaged(), "{context}");
        }
    }
    assert!(torn > 200 && damaged > 20, "{torn} {damaged}");
}

#[test]
fn a_journal_that_forgets_survives_crashes_between_any_two_changes_of_the_disk() {
    let mut died = 0;
    for seed in 0..600 {
        let mut rng = Rng::new(seed);
        let mut disk = TestDisk::new();
        let (mut synced, mut last, mut bases) = (0, 0, vec![0]);
        for round in 0..10 {
            let context = std::format!("seed {seed}, round {round}");
            // Opening may be cut short too.
            disk.changes_left = Some(rng.below(8));
            disk = open_and_crash(disk, &mut rng);
            let mut shard = Forgetful::open(disk, synced, last, &bases, &context);
            shard.journal.disk_mut().changes_left = Some(rng.below(120));
            died += u32::from(shard.run(&mut rng, 30).is_err());
            (synced, last, bases) = (shard.synced, shard.last, shard.bases);
            disk = shard.journal.into_disk();
            disk.changes_left = None;
            disk.crash_sectors(&mut rng, SECTOR);
        }
    }
    assert!(died > 1000, "{died}");
}
