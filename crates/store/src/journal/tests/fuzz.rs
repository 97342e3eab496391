//! Any bytes in any files: opening ends, without a panic, and what it reports stays so.

use std::{collections::BTreeMap, vec, vec::Vec};

use kernel::{Rng, wire::crc32c};

use super::{
    super::{
        header::{Header, NUMBER_MAX, place},
        segment::{SegmentHeader, segment_name},
    },
    disk::TestDisk,
    *,
};

/// A journal that has grown, forgotten and torn, and its whole history of records.
fn grown(rng: &mut Rng) -> TestDisk {
    let (mut journal, _) = open(TestDisk::new());
    let mut next: BTreeMap<u64, u64> = BTreeMap::new();
    for _ in 0..rng.range(1, 60) {
        let shard = rng.range(1, 3);
        let first = next.get(&shard).copied().unwrap_or(1);
        let record = match rng.below(8) {
            0 => base(shard, first.saturating_sub(rng.range(1, 5))),
            1 => state(shard, "state"),
            2 => append(shard, first.saturating_sub(1).max(1), first),
            3 => remove(shard),
            _ => append(shard, first, first + rng.below(3)),
        };
        let last = record.span.map_or(first, |span| span.last.max(first - 1) + 1);
        next.insert(shard, if record.kind == RecordKind::Remove { 1 } else { last });
        journal.append(&[record]).unwrap();
        if rng.chance(0.6) {
            journal.sync().unwrap();
        }
        if rng.chance(0.2) {
            journal.mark_idle().unwrap();
        }
    }
    journal.into_disk()
}

/// Opens twice: the second opening finds what the first one found, and nothing torn.
fn open_twice(disk: TestDisk, context: &str) {
    let (mut journal, first) = open(disk);
    journal.append(&[state(99, "on")]).unwrap();
    journal.sync().unwrap();
    let mut disk = journal.into_disk();
    disk.crash();
    let (_, second) = open(disk);
    let mut expected = first.records.clone();
    expected.retain(|record| record.shard != ShardId(99));
    expected.push(state(99, "on"));
    assert_eq!(second.records, expected, "{context}");
    assert!(second.shards_damaged().is_superset(&first.shards_damaged()), "{context}");
    assert_eq!(second.tail, super::super::Tail::Clean, "{context}");
}

#[test]
fn rot_of_any_size_after_any_crash() {
    for seed in 0..1500 {
        let mut rng = Rng::new(seed);
        let mut disk = grown(&mut rng);
        disk.crash_sectors(&mut rng, 128);
        for _ in 0..rng.below(4) {
            let files: Vec<_> = disk.contents().map(|(n, b)| (n.clone(), b.clone())).collect();
            let Some((name, mut bytes)) = rng.pick(&files).cloned() else { continue };
            let from = rng.below(bytes.len() as u64) as usize;
            let to = (from + rng.range(1, 300) as usize).min(bytes.len());
            match rng.below(4) {
                _ if bytes.len() < 2048 => bytes.clear(),
                0 => bytes[from..to].fill(0),
                1 => bytes[from..to].iter_mut().for_each(|byte| *byte = rng.bits() as u8),
                2 => {
                    // A misdirected write: blocks of one place at another.
                    let (from, to) = (from / 128 * 128, rng.below(16) as usize * 128);
                    bytes.copy_within(from..from + 128, to);
                }
                _ => bytes.truncate(from),
            }
            disk.plant(&name, &bytes);
        }
        open_twice(disk, &std::format!("seed {seed}"));
    }
}

#[test]
fn files_of_random_bytes() {
    for seed in 0..500 {
        let mut rng = Rng::new(seed);
        let mut disk = TestDisk::new();
        for number in 0..rng.below(4) {
            let mut bytes = vec![0; rng.below(3000) as usize];
            bytes.iter_mut().for_each(|byte| *byte = rng.bits() as u8);
            disk.plant(&segment_name(number), &bytes);
        }
        disk.plant("segment-ffffffffffffffff", &[]);
        open_twice(disk, &std::format!("seed {seed}"));
    }
}

/// A number that is likely to be at some edge.
fn edgy(rng: &mut Rng) -> u64 {
    let near = [0, 1, 5, 1 << 32, NUMBER_MAX, u64::MAX];
    let near = near[rng.below(near.len() as u64) as usize];
    near.wrapping_add(rng.below(5)).wrapping_sub(2)
}

#[test]
fn sealed_headers_that_say_anything() {
    for seed in 0..3000 {
        let mut rng = Rng::new(seed);
        let mut disk = TestDisk::new();
        for number in 1..rng.range(1, 3) + 1 {
            let header = SegmentHeader {
                version: SegmentHeader::VERSION,
                block_bytes: [1, 64, 128, u32::MAX][rng.below(4) as usize],
                number,
                first_lsn: edgy(&mut rng),
                floor: edgy(&mut rng),
                durable: edgy(&mut rng),
            };
            let mut bytes = header.encode(config().id).to_vec();
            for _ in 0..rng.below(6) {
                let first = edgy(&mut rng);
                let last = if rng.chance(0.5) { first } else { edgy(&mut rng) };
                use RecordKind::{Append, Base, Marker, Remove, State};
                // A marker's holes, or something of another length.
                let mut body = vec![rng.below(3) as u8];
                for _ in 0..rng.below(4) {
                    body.extend(edgy(&mut rng).to_le_bytes());
                }
                body.truncate(if rng.chance(0.5) { 0 } else { usize::MAX });
                let header = Header {
                    lsn: edgy(&mut rng),
                    segment: number as u32,
                    kind: [State, Append, Base, Remove, Marker][rng.below(5) as usize],
                    last_of_append: rng.chance(0.5),
                    shard: ShardId(edgy(&mut rng)),
                    span: rng.chance(0.7).then_some(Span { first, last, term: edgy(&mut rng) }),
                    body_len: if rng.chance(0.8) {
                        body.len() as u32
                    } else {
                        edgy(&mut rng) as u32
                    },
                    body_crc: crc32c(&body) ^ u32::from(rng.chance(0.2)),
                    lag: edgy(&mut rng) as u32,
                    back: edgy(&mut rng) as u32,
                };
                let salt = place(config().id, bytes.len() as u64);
                bytes.extend(header.encode(salt));
                bytes.extend(body);
                bytes.resize(bytes.len().next_multiple_of(8) + 64 * rng.below(3) as usize, 0);
            }
            bytes.resize(2048, 0);
            disk.plant(&segment_name(number), &bytes);
        }
        // Forged records may contradict each other: only the absence of panics is promised.
        let (mut journal, _) = open(disk);
        let _ = journal.append(&[state(4, "on")]).and_then(|_| journal.sync());
        let _ = (journal.pressure(), journal.stats(), journal.healed(), journal.tidy());
        open(journal.into_disk());
    }
}
