use alloc::{collections::BTreeMap, format};

use kernel::{Rng, ShardId, clock::hybrid::Timestamp};
use proptest::prelude::*;
use store::{
    engine::{Engine, MemEngine},
    mvcc::drop_generation,
};

use super::*;

const SPACE: Space = Space { shard: ShardId(7), generation: 1 };
const LOOSE: Bounds =
    Bounds { count_max: 1_000_000, bytes_max: limit::Bytes::mib(64), window_ms: 1_000_000 };

fn id(n: u64) -> Bytes {
    format!("request-{n}").into()
}

fn found(index: u64, reply_len: usize) -> Found {
    let timestamp = Timestamp::new(index * 10, 0);
    let version = Version { index, timestamp, ..Version::default() };
    let reply =
        (!index.is_multiple_of(5)).then(|| Bytes::from(alloc::vec![index as u8; reply_len]));
    Found { version, fingerprint: index as u32, reply }
}

/// Keeps one outcome per index, in batches of the given sizes; gives the digest.
fn fill(engine: &mut MemEngine, table: &mut Outcomes, cuts: &[u64], bounds: &Bounds) -> u64 {
    let (mut index, mut digest) = (1, 0);
    for cut in cuts {
        let mut pending = Pending::new(engine, SPACE, false, digest);
        for _ in 0..*cut {
            table.keep(&mut pending, &id(index), &found(index, 30), bounds);
            index += 1;
        }
        table.write(&mut pending);
        digest = pending.digest();
        let batch = pending.into_batch();
        engine.write(batch).unwrap();
    }
    digest
}

fn known(engine: &MemEngine, table: &Outcomes, upto: u64) -> Vec<u64> {
    let pending = Pending::new(engine, SPACE, false, 0);
    let knows = |n: &u64| match table.find(&pending, &id(*n)).unwrap() {
        Some(outcome) => {
            assert_eq!(outcome, found(*n, 30));
            true
        }
        None => false,
    };
    (1..=upto).filter(knows).collect()
}

#[test]
fn what_is_kept_is_found_and_nothing_else() {
    let (mut engine, mut table) = (MemEngine::new(), Outcomes::new(3));
    fill(&mut engine, &mut table, &[1, 2, 200, 61], &LOOSE);
    assert_eq!(known(&engine, &table, 300), (1..=264).collect::<Vec<_>>());
    assert_eq!(table.size().0, 264);
}

#[test]
fn a_table_read_back_is_the_table_that_was_written() {
    let (mut engine, mut table) = (MemEngine::new(), Outcomes::new(3));
    fill(&mut engine, &mut table, &[70, 5], &LOOSE);
    assert_eq!(Outcomes::load(&engine, &SPACE, 3).unwrap(), table);
    let other = Outcomes::load(&engine, &SPACE, 4).unwrap();
    assert_eq!(known(&engine, &other, 80), (1..=75).collect::<Vec<_>>());
    engine.write(drop_generation(SPACE)).unwrap();
    assert_eq!(Outcomes::load(&engine, &SPACE, 3).unwrap(), Outcomes::new(3));
}

#[test]
fn how_commands_were_batched_leaves_no_trace() {
    let bounds = Bounds { count_max: 150, ..LOOSE };
    let run = |cuts: &[u64]| {
        let (mut engine, mut table) = (MemEngine::new(), Outcomes::new(3));
        let digest = fill(&mut engine, &mut table, cuts, &bounds);
        let pairs: Vec<_> = engine.scan(SPACE.range()).map(|pair| pair.unwrap()).collect();
        (digest, pairs, table.size())
    };
    assert_eq!(run(&[400]), run(&[1, 63, 1, 64, 100, 171]));
    assert_ne!(run(&[400]).0, run(&[399]).0);
}

#[test]
fn the_bounds_hold_and_the_newest_stay() {
    for bounds in [
        Bounds { count_max: 200, ..LOOSE },
        Bounds { bytes_max: limit::Bytes(200 * 77), ..LOOSE },
        Bounds { window_ms: 2_000, ..LOOSE },
    ] {
        let (mut engine, mut table) = (MemEngine::new(), Outcomes::new(3));
        fill(&mut engine, &mut table, &[100; 10], &bounds);
        let kept = known(&engine, &table, 1000);
        assert!((100..=330).contains(&kept.len()), "{} {bounds:?}", kept.len());
        assert_eq!(kept, (1001 - kept.len() as u64..=1000).collect::<Vec<_>>(), "{bounds:?}");
        let (count, bytes) = table.size();
        assert!(count <= bounds.count_max && bytes <= bounds.bytes_max.0);
        assert_eq!(Outcomes::load(&engine, &SPACE, 3).unwrap(), table, "forgotten for good");
    }
}

#[test]
fn an_outcome_is_added_as_its_message_is_encoded() {
    for (index, reply_len) in [(1, 0), (2, 30), (5, 0), (7, 300), (1 << 32, 1)] {
        // A log from elsewhere may name no id.
        for id in [id(index), Bytes::new()] {
            let (mut page, found) = (Vec::new(), found(index, reply_len));
            page::add(&mut page, &id, &found);
            let wire = Page::parse(page.clone().into()).unwrap().remove(0);
            assert_eq!(wire.encode_length_delimited_to_vec(), page);
            assert_eq!((wire.id.clone(), wire.found().unwrap()), (id, found));
        }
    }
}

#[test]
fn large_replies_end_a_page_early() {
    let (engine, mut table) = (MemEngine::new(), Outcomes::new(3));
    let mut pending = Pending::new(&engine, SPACE, false, 0);
    for index in 1..=8 {
        table.keep(&mut pending, &id(index), &found(index, 10_000), &LOOSE);
    }
    assert!(table.pages.len() >= 3, "{:?}", table.pages);
}

#[test]
fn ids_with_one_hash_are_told_apart() {
    let (mut engine, mut table) = (MemEngine::new(), Outcomes::new(3));
    fill(&mut engine, &mut table, &[200], &LOOSE);
    // As if every id had the hash of request 1.
    let hash = table.hash(&id(1));
    let pages: Vec<u64> = table.pages.iter().map(|page| page.first).collect();
    pages.into_iter().for_each(|first| table.hints.insert(hash, first));
    assert_eq!(known(&engine, &table, 1), [1]);
}

proptest! {
    #[test]
    fn it_is_a_bounded_map(seed: u64, count_max in 1u64..300) {
        let bounds = Bounds { count_max, ..LOOSE };
        let mut rng = Rng::new(seed);
        let (mut engine, mut table) = (MemEngine::new(), Outcomes::new(seed));
        let mut model = BTreeMap::new();
        for index in 1..400 {
            let mut pending = Pending::new(&engine, SPACE, false, 0);
            let (id, found) = (id(rng.below(500)), found(index, rng.below(50) as usize));
            if table.find(&pending, &id).unwrap().is_none() {
                table.keep(&mut pending, &id, &found, &bounds);
                model.insert(id, found);
            }
            table.write(&mut pending);
            let batch = pending.into_batch();
            engine.write(batch).unwrap();
        }
        let pending = Pending::new(&engine, SPACE, false, 0);
        for (id, found) in &model {
            let kept = table.find(&pending, id).unwrap();
            prop_assert!(kept.is_none() || kept.as_ref() == Some(found));
        }
        prop_assert!(table.size().0 <= count_max.max(64));
    }

    #[test]
    fn pages_of_any_bytes_are_refused_or_read(bytes: Vec<u8>) {
        for wire in Page::parse(bytes.into()).unwrap_or_default() {
            let _ = wire.found();
        }
    }
}
