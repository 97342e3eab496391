//! Snapshots travel whole, or not at all.

use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

use super::{
    super::{ImportError, drop_generation, drop_shard, export, import},
    *,
};

fn filled() -> MemEngine {
    let mut rng = Rng::new(2);
    let mut engine = MemEngine::new();
    for index in 0..40 {
        command(&mut engine, index, |view| {
            let deadline = rng.chance(0.5).then(|| Timestamp(rng.below(99)));
            view.put(&random_key(&mut rng), &Bytes::from(std::vec![7; 40]), deadline).unwrap();
            view.delete(&random_key(&mut rng)).unwrap();
        });
    }
    let mut pending = Pending::new(&engine, SPACE, true, 0);
    pending.put_raw(Table::Meta, b"m", key("meta"));
    pending.put_raw(Table::OutcomePage, b"o", key("outcomes"));
    let batch = pending.into_batch();
    engine.write(batch).unwrap();
    // Neighbours that must not travel.
    let mut batch = Batch::new();
    for space in [Space { generation: 0, ..SPACE }, Space { generation: 2, ..SPACE }] {
        batch.put(space.key(Table::Current, b"other"), key("other"));
    }
    engine.write(batch).unwrap();
    engine
}

fn relative(engine: &MemEngine, space: Space) -> Vec<(Bytes, Bytes)> {
    let pairs = engine.scan(space.range()).map(|pair| pair.unwrap());
    pairs.map(|(key, value)| (key.slice(Space::PREFIX_LEN..), value)).collect()
}

#[test]
fn a_space_arrives_whole_under_another_generation() {
    let engine = filled();
    let target = Space { shard: ShardId(9), generation: 7 };
    for max_bytes in [0, 100, 1000, usize::MAX] {
        let snapshot = engine.snapshot();
        let mut there = MemEngine::new();
        let (mut cursor, mut chunks) = (None, 0);
        loop {
            let chunk = export(&snapshot, SPACE, cursor.as_ref(), max_bytes).unwrap();
            let import = import(&chunk.bytes, target).unwrap();
            assert_eq!((&import.from, &import.next), (&cursor, &chunk.next));
            assert!(!import.batch.is_empty());
            there.write(import.batch).unwrap();
            chunks += 1;
            cursor = chunk.next;
            if cursor.is_none() {
                break;
            }
        }
        let all = relative(&engine, SPACE);
        assert_eq!(relative(&there, target), all);
        match max_bytes {
            0 => assert_eq!(chunks, all.len()),
            usize::MAX => assert_eq!(chunks, 1),
            _ => assert!(chunks > 1 && chunks < all.len()),
        }
    }
}

#[test]
fn an_empty_space_is_one_empty_chunk() {
    let chunk = export(&MemEngine::new(), SPACE, None, 100).unwrap();
    assert_eq!(chunk.next, None);
    let import = import(&chunk.bytes, SPACE).unwrap();
    assert!(import.batch.is_empty() && import.from.is_none() && import.next.is_none());
}

#[test]
fn a_chunk_is_golden() {
    let mut engine = MemEngine::new();
    let mut batch = Batch::new();
    batch.put(SPACE.key(Table::Meta, b"k"), key("v"));
    engine.write(batch).unwrap();
    let chunk = export(&engine, SPACE, None, 100).unwrap();
    #[rustfmt::skip]
    let golden = [
        0, 0, 0, 0, 1, 0x53, 0, 0,
        1, 0, 0, 0, 0,
        2, 0, 0, 0, 1, 0, 0, 0, 0, b'k', b'v',
    ];
    assert_eq!(chunk.bytes[4..], golden[4..]);
}

#[test]
fn any_flipped_bit_is_refused() {
    let engine = filled();
    let chunk = export(&engine, SPACE, None, 300).unwrap();
    for bit in 0..chunk.bytes.len() * 8 {
        let mut damaged = chunk.bytes.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let refused = import(&Bytes::from(damaged), SPACE);
        assert!(matches!(refused, Err(ImportError::Seal(_))), "bit {bit}");
    }
}

#[test]
fn a_dropped_generation_leaves_its_neighbours() {
    let mut engine = filled();
    engine.write(drop_generation(SPACE)).unwrap();
    assert_eq!(engine.scan(SPACE.range()).count(), 0);
    assert_eq!(engine.scan(ScanRange::all()).count(), 2);
}

#[test]
fn a_dropped_shard_leaves_no_generation_and_its_neighbours() {
    let mut engine = MemEngine::new();
    let spaces = [(6, u32::MAX), (7, 0), (7, 3), (7, u32::MAX), (8, 0)];
    let spaces = spaces.map(|(shard, generation)| Space::new(ShardId(shard), generation));
    let mut batch = Batch::new();
    for table in [Table::Meta, Table::OutcomePage] {
        spaces.iter().for_each(|space| batch.put(space.key(table, b"\xff"), Bytes::new()));
    }
    engine.write(batch).unwrap();
    engine.write(drop_shard(ShardId(7))).unwrap();
    let held = spaces.map(|space| engine.scan(space.range()).count());
    assert_eq!(held, [2, 0, 0, 0, 2]);
}

proptest! {
    #[test]
    fn sealed_garbage_is_refused_or_makes_sense(body: Vec<u8>) {
        let sealed = Bytes::from(kernel::wire::seal(1, 0x53, &body));
        if let Ok(import) = import(&sealed, SPACE) {
            let mut engine = MemEngine::new();
            let pairs = import.batch.len();
            engine.write(import.batch).unwrap();
            prop_assert_eq!(engine.scan(SPACE.range()).count(), pairs);
        }
    }

    #[test]
    fn pairs_that_do_not_add_up_are_refused(cut in 1usize..200) {
        let whole = export(&filled(), SPACE, None, 200).unwrap();
        let (_, body) = kernel::wire::unseal(1, 0x53, &whole.bytes).unwrap();
        let len = body.len().saturating_sub(cut);
        let cut = Bytes::from(kernel::wire::seal(1, 0x53, &body[..len]));
        if let Ok(import) = import(&cut, SPACE) {
            let all = super::super::import(&whole.bytes, SPACE).unwrap();
            prop_assert!(import.batch.len() < all.batch.len());
            prop_assert_eq!(import.batch.ops(), &all.batch.ops()[..import.batch.len()]);
        }
    }
}
