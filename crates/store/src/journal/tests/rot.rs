//! Rot at every place: never silent loss, never wrong data.

use std::{collections::BTreeSet, vec::Vec};

use kernel::Rng;

use super::{
    super::{Record, Tail},
    disk::TestDisk,
    *,
};

/// Flips a bit of every byte of every segment and hands over what opening finds.
fn flip_everywhere(disk: &TestDisk, mut check: impl FnMut(Recovery, &str, TestDisk)) {
    let files: Vec<_> = disk.contents().map(|(name, bytes)| (name.clone(), bytes.len())).collect();
    for (name, len) in files.into_iter().filter(|(name, _)| name.starts_with("segment")) {
        for at in 0..len {
            let mut rotten = disk.clone();
            rotten.flip(&name, at, 1 << (at % 8));
            let context = std::format!("{name} byte {at}");
            let (journal, recovery) = open(rotten);
            check(recovery, &context, journal.into_disk());
        }
    }
}

/// A journal that was marked idle.
fn marked() -> TestDisk {
    let mut journal = filled(&batches());
    assert!(journal.mark_idle().unwrap());
    assert!(!journal.mark_idle().unwrap());
    journal.sync().unwrap();
    assert!(!journal.mark_idle().unwrap());
    let mut disk = journal.into_disk();
    disk.crash();
    disk
}

#[test]
fn rot_in_a_marked_journal_is_always_reported() {
    let all = batches().concat();
    let (mut harmless, mut known, mut unknown) = (0, 0, 0);
    flip_everywhere(&marked(), |recovery, context, disk| {
        assert!(recovery.records.iter().all(|record| all.contains(record)), "{context}");
        let lost: Vec<&Record> = all.iter().filter(|r| !recovery.records.contains(r)).collect();
        for record in &lost {
            assert!(recovery.is_suspect(record.shard), "{context}");
        }
        match (lost.len(), recovery.damage.first()) {
            (0, None) => harmless += 1,
            (1, Some(damage)) if damage.kind.is_some() => {
                assert_eq!(damage.shard, Some(lost[0].shard), "{context}");
                assert_eq!(damage.kind, Some(lost[0].kind), "{context}");
                assert_eq!(damage.span, lost[0].span, "{context}");
                assert_eq!(recovery.shards_damaged(), BTreeSet::from([lost[0].shard]), "{context}");
                known += 1;
            }
            (1, Some(damage)) => {
                assert_eq!(damage.first, damage.last, "{context}");
                unknown += 1;
            }
            // The marker alone has rotted away: nothing is lost, and nothing says so.
            other => panic!("{context}: {other:?}"),
        }
        // Damage stays damage when the journal is opened again.
        let (_, again) = open(disk);
        assert_eq!(again.records, recovery.records, "{context}");
        assert_eq!(again.shards_damaged(), recovery.shards_damaged(), "{context}");
    });
    assert!(harmless > 500 && known > 30 && unknown == 6 * 64, "{harmless} {known} {unknown}");
}

#[test]
fn rot_in_an_unmarked_journal_may_cut_the_last_append_and_no_more() {
    let all = batches().concat();
    let mut cut = 0;
    let disk = filled(&batches()).into_disk();
    flip_everywhere(&disk, |recovery, context, _| {
        assert!(recovery.records.iter().all(|record| all.contains(record)), "{context}");
        for record in all.iter().filter(|record| !recovery.records.contains(record)) {
            let torn = recovery.records == all[..5] && recovery.damage.is_empty();
            cut += u32::from(torn);
            assert!(torn || recovery.is_suspect(record.shard), "{context}");
        }
    });
    assert!(cut >= 64, "{cut}");
}

#[test]
fn a_torn_end_says_where() {
    let mut journal = filled(&batches());
    journal.append(&[append(1, 5, 5), append(1, 6, 6)]).unwrap();
    let mut disk = journal.into_disk();
    // The first header and a part of its body.
    disk.crash_after(68);
    let (_, recovery) = open(disk);
    assert_eq!(recovery.records, batches().concat());
    let Tail::Torn { segment, offset, bytes_cut } = recovery.tail else { panic!() };
    assert_eq!((segment, bytes_cut), (1, offset.next_multiple_of(128) - offset + 64 + 8));
}

#[test]
fn damage_is_healed_by_what_replaces_it() {
    let disk = marked();
    let healing: [&[Record]; 3] = [&[append(1, 1, 4)], &[state(1, "vote again")], &[remove(1)]];
    let mut healed = 0;
    flip_everywhere(&disk, |recovery, context, disk| {
        let Some(damage) = recovery.damage.first().filter(|d| d.kind.is_some()) else { return };
        if damage.shard != Some(kernel::ShardId(1)) || damage.first.0 > 2 {
            return;
        }
        for records in healing {
            let heals =
                records[0].kind == RecordKind::Remove || Some(records[0].kind) == damage.kind;
            let (mut journal, _) = open(disk.clone());
            journal.append(records).unwrap();
            journal.sync().unwrap();
            let (_, after) = open(journal.into_disk());
            assert_eq!(after.damage.is_empty(), heals, "{context}: {records:?}");
            healed += u32::from(heals);
        }
    });
    assert!(healed > 10, "{healed}");
}

#[test]
fn an_unknown_hole_is_reported_until_it_is_healed() {
    let mut disk = marked();
    // The header of the first record.
    disk.flip("segment-0000000000000001", 70, 1);
    let (journal, recovery) = open(disk);
    assert_eq!(recovery.damage.len(), 1);
    // The record behind names it: no other shard is a suspect.
    assert_eq!(recovery.shards_damaged(), BTreeSet::from([kernel::ShardId(1)]));
    assert!(!recovery.is_suspect(kernel::ShardId(77)));
    let (mut journal, again) = open(journal.into_disk());
    assert_eq!(again.damage, recovery.damage);
    journal.healed().unwrap();
    journal.sync().unwrap();
    let (_, healed) = open(journal.into_disk());
    assert_eq!(healed.damage, []);
}

/// A marker names the holes that were healed: it says nothing of an older record that rots later
/// (found by seed 32931292716044 of the simulation).
#[test]
fn what_rots_before_a_healed_hole_is_told() {
    let batches: Vec<_> = (1..=8).map(|index| std::vec![append(1, index, index)]).collect();
    let block = config().block_bytes as usize;
    let rot = |journal: Journal<TestDisk>, record: usize| {
        let mut disk = journal.into_disk();
        disk.flip("segment-0000000000000001", record * block + 8, 1);
        open(disk)
    };
    let heal = |journal: &mut Journal<TestDisk>| {
        journal.healed().unwrap();
        journal.sync().unwrap();
    };
    let told = |recovery: &Recovery| -> Vec<u64> {
        recovery.damage.iter().flat_map(|damage| damage.first.0..=damage.last.0).collect()
    };
    let (mut journal, recovery) = rot(filled(&batches), 6);
    assert_eq!(told(&recovery), [6]);
    heal(&mut journal);
    for (record, holes) in [(2, std::vec![2]), (5, std::vec![2, 5])] {
        let (again, recovery) = rot(journal, record);
        journal = again;
        assert_eq!(told(&recovery), holes, "the healed 6 not, although 5 beside it is");
    }
    heal(&mut journal);
    let (mut journal, recovery) = rot(journal, 8);
    assert_eq!(told(&recovery), [8]);
    // 2, 5 to 6, 8: a marker of 128 bytes names three, and one more is told again.
    heal(&mut journal);
    let (mut journal, recovery) = rot(journal, 4);
    assert_eq!(told(&recovery), [4], "it lies beside others, and makes no range more");
    heal(&mut journal);
    assert_eq!(told(&open(journal.into_disk()).1), []);
}

/// Of more holes than a marker can name, the others are told again.
#[test]
fn a_marker_names_so_many_holes() {
    let batches: Vec<_> = (1..=9).map(|index| std::vec![append(1, index, index)]).collect();
    let mut disk = filled(&batches).into_disk();
    for record in [2, 4, 6, 8] {
        disk.flip("segment-0000000000000001", record * config().block_bytes as usize + 8, 1);
    }
    let (mut journal, recovery) = open(disk);
    assert_eq!(recovery.damage.len(), 4);
    journal.healed().unwrap();
    journal.sync().unwrap();
    let (mut journal, again) = open(journal.into_disk());
    assert_eq!(again.damage, recovery.damage[3..]);
    // Dealt with, it keeps no segment, named or not.
    journal.healed().unwrap();
    for i in 10..60 {
        journal.append(&[append(1, i, i), base(1, i)]).unwrap();
        journal.sync().unwrap();
    }
    assert!(journal.stats().floor_lsn.0 > 9);
    assert_eq!(open(journal.into_disk()).1.damage, [], "those before the floor need no name");
}

/// Rot, healed, and rot again: what came later is told, wherever it lies.
#[test]
fn rot_after_rot_that_was_healed_loses_nothing_silently() {
    let mut lost_in_all = 0;
    for seed in 0..500 {
        let mut rng = Rng::new(seed);
        let (mut journal, _) = open(TestDisk::new());
        let mut all = std::collections::BTreeMap::new();
        let mut healed = BTreeSet::new();
        for round in 0..4 {
            for i in 0..rng.range(2, 12) {
                let (shard, index) = (rng.range(1, 5), round * 100 + i + 1);
                all.insert((shard, index), append(shard, index, index));
                journal.append(&[append(shard, index, index)]).unwrap();
                journal.sync().unwrap();
            }
            // More witnesses than the rot may take.
            for _ in 0..4 {
                journal.append(&[state(9, "witness")]).unwrap();
                journal.sync().unwrap();
            }
            let mut disk = journal.into_disk();
            disk.crash();
            let files: Vec<_> = disk.contents().map(|(n, b)| (n.clone(), b.len())).collect();
            let (name, len) = rng.pick(&files).cloned().unwrap();
            let from = 128 + rng.below(len as u64 - 128) as usize;
            for at in from..(from + rng.range(1, 200) as usize).min(len) {
                disk.flip(&name, at, rng.range(1, 255) as u8);
            }
            let (again, recovery) = open(disk);
            journal = again;
            let lost = all.iter().filter(|(_, record)| !recovery.records.contains(record));
            let lost: BTreeSet<_> = lost.map(|(key, _)| *key).collect();
            for (shard, index) in lost.difference(&healed) {
                lost_in_all += 1;
                assert!(recovery.is_suspect(ShardId(*shard)), "seed {seed}: {shard}/{index}");
            }
            healed = lost;
            journal.healed().unwrap();
            journal.sync().unwrap();
        }
    }
    assert!(lost_in_all > 500, "{lost_in_all}");
}

#[test]
fn a_hole_that_no_record_names_makes_every_shard_without_later_records_a_suspect() {
    let mut disk = marked();
    // The header of the last record: the only one of shard 2 after its first.
    let last = disk.contents().next().unwrap().1.chunks(128);
    let at = last.enumerate().filter(|(_, block)| block[4..6] == [0x51, 0x4a]).map(|(i, _)| i);
    let at = at.collect::<Vec<_>>();
    disk.flip("segment-0000000000000001", at[at.len() - 2] * 128 + 16, 1);
    let (mut journal, recovery) = open(disk);
    assert_eq!(recovery.shards_damaged().len(), 3);
    assert!(recovery.is_suspect(kernel::ShardId(77)));
    // New records do not clear anybody: they know no better.
    journal.append(&[state(1, "new"), state(77, "new")]).unwrap();
    journal.sync().unwrap();
    let (_, again) = open(journal.into_disk());
    assert!(again.is_suspect(kernel::ShardId(1)) && again.is_suspect(kernel::ShardId(77)));
}

/// Rot in a log of many segments, and a crash in the middle of an append: whatever was synced
/// comes back or its shard is a suspect.
#[test]
fn rot_and_a_crash_together_lose_nothing_silently() {
    let (mut damaged, mut lost_in_all) = (0, 0);
    for seed in 0..1000 {
        let mut rng = Rng::new(seed);
        let (mut journal, _) = open(TestDisk::new());
        let mut all: Vec<Record> = Vec::new();
        for i in 0..rng.range(10, 60) {
            let batch: Vec<Record> =
                (0..rng.range(1, 4)).map(|shard| append(shard, i + 1, i + 1)).collect();
            journal.append(&batch).unwrap();
            journal.sync().unwrap();
            all.extend(batch);
        }
        let synced = all.len();
        let rotten: Vec<_> = journal.disk().contents().map(|(n, b)| (n.clone(), b.len())).collect();
        let (name, len) = rng.pick(&rotten).cloned().unwrap();
        // Two witnesses after the rot.
        for i in 0..2 {
            journal.mark_idle().unwrap();
            journal.append(&[append(7, i + 1, i + 1)]).unwrap();
            all.push(append(7, i + 1, i + 1));
            journal.sync().unwrap();
        }
        journal.append(&[append(8, 1, 1), append(8, 2, 2), append(8, 3, 3)]).unwrap();
        all.extend([append(8, 1, 1), append(8, 2, 2), append(8, 3, 3)]);
        let mut disk = journal.into_disk();
        disk.crash_sectors(&mut rng, 128);
        let from = rng.below(len as u64) as usize;
        for at in from..(from + rng.range(1, 300) as usize).min(len) {
            disk.flip(&name, at, rng.range(1, 255) as u8);
        }
        let (_, recovery) = open(disk);
        assert!(recovery.records.iter().all(|record| all.contains(record)), "seed {seed}");
        let lost = all[..synced].iter().filter(|record| !recovery.records.contains(record));
        for record in lost {
            lost_in_all += 1;
            assert!(recovery.is_suspect(record.shard), "seed {seed}: {record:?}");
        }
        damaged += u32::from(!recovery.damage.is_empty());
    }
    assert!(damaged > 300 && lost_in_all > 1000, "{damaged} {lost_in_all}");
}

/// A sector that the disk put elsewhere in the same file is neither taken for the next record
/// nor does it hide those that follow its right place (found by seed 241 of the drill).
#[test]
fn a_record_in_a_wrong_place_of_its_segment_is_damage() {
    let batches: Vec<_> = (1..=6).map(|index| std::vec![append(1, index, index)]).collect();
    let mut disk = filled(&batches).into_disk();
    let (name, mut bytes) = disk.contents().next().map(|(n, b)| (n.clone(), b.clone())).unwrap();
    let block = config().block_bytes as usize;
    let record: Vec<u8> = bytes[3 * block..4 * block].to_vec();
    bytes[3 * block..4 * block].fill(0);
    bytes[12 * block..13 * block].copy_from_slice(&record);
    disk.plant(&name, &bytes);
    let (_, recovery) = open(disk);
    let last = recovery.records.iter().filter_map(|r| r.span).map(|span| span.last).max();
    assert_eq!(last, Some(6));
    assert!(!recovery.damage.is_empty());
}
