use store::engine::conformance::{self, Harness};

use super::*;

/// Small figures, so that tables are written and merged in a test.
const SMALL: LsmOptions = LsmOptions { cache: 1 << 20, recent: 4 << 10 };

struct Directories {
    parent: tempfile::TempDir,
    made: u32,
}

impl Harness for Directories {
    type Engine = LsmEngine;

    fn fresh(&mut self) -> LsmEngine {
        self.made += 1;
        LsmEngine::open(&self.parent.path().join(self.made.to_string()), SMALL).unwrap()
    }

    fn reopen(&mut self, engine: LsmEngine) -> LsmEngine {
        let path = engine.path.clone();
        drop(engine);
        LsmEngine::open(&path, SMALL).unwrap()
    }
}

#[test]
fn the_tree_does_what_every_engine_does() {
    conformance::all(&mut Directories { parent: tempfile::tempdir().unwrap(), made: 0 });
}

#[test]
fn many_tables_hold_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = LsmEngine::open(dir.path(), SMALL).unwrap();
    let key = |i: u32| Bytes::from(format!("{:08}", i.wrapping_mul(2_654_435_761)));
    for round in 0..4_u8 {
        for chunk in 0..100 {
            let mut batch = Batch::new();
            (0..100).for_each(|i| batch.put(key(chunk * 100 + i), vec![round; 200].into()));
            engine.write(batch).unwrap();
        }
    }
    engine.flush().run().unwrap();
    drop(engine);
    let engine = LsmEngine::open(dir.path(), SMALL).unwrap();
    for i in 0..10_000 {
        assert_eq!(engine.get(&key(i)).unwrap().as_deref(), Some(&[3; 200][..]));
    }
    assert_eq!(engine.scan(ScanRange::all()).count(), 10_000);
    assert!(engine.approximate_bytes() > 1 << 20);
}

/// As trees were made before they had a shape of their own.
#[test]
fn a_tree_of_another_shape_is_opened_and_written() {
    let dir = tempfile::tempdir().unwrap();
    {
        let database = Database::builder(dir.path()).open().unwrap();
        let keys = database.keyspace("map", KeyspaceCreateOptions::default).unwrap();
        let mut tables = keys.start_ingestion().unwrap();
        tables.write("key", "old").unwrap();
        tables.write("other", "old").unwrap();
        tables.finish().unwrap();
    }
    let mut engine = LsmEngine::open(dir.path(), SMALL).unwrap();
    put(&mut engine, "new");
    engine.flush().run().unwrap();
    drop(engine);
    let engine = LsmEngine::open(dir.path(), SMALL).unwrap();
    assert_eq!(engine.get(b"key").unwrap().as_deref(), Some(&b"new"[..]));
    assert_eq!(engine.get(b"other").unwrap().as_deref(), Some(&b"old"[..]));
}

#[test]
fn keys_that_do_not_fit_are_refused_not_fatal() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = LsmEngine::open(dir.path(), SMALL).unwrap();
    for len in [0, KEY_BYTES_MAX + 1] {
        let mut batch = Batch::new();
        batch.put(Bytes::from(vec![1; len]), Bytes::new());
        assert!(matches!(engine.write(batch), Err(EngineError::Io(_))));
        let mut batch = Batch::new();
        batch.delete(Bytes::from(vec![1; len]));
        assert_eq!(engine.write(batch), Ok(()), "there is no such key");
    }
}

fn put(engine: &mut LsmEngine, value: &'static str) {
    let mut batch = Batch::new();
    batch.put(Bytes::from_static(b"key"), Bytes::from_static(value.as_bytes()));
    engine.write(batch).unwrap();
}

#[test]
fn an_old_job_that_runs_late_brings_nothing_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = LsmEngine::open(dir.path(), SMALL).unwrap();
    put(&mut engine, "old");
    let early = engine.flush();
    put(&mut engine, "new");
    let late = engine.flush();
    late.run().unwrap();
    early.run().unwrap();
    assert_eq!(engine.get(b"key").unwrap().as_deref(), Some(&b"new"[..]));
    drop(engine);
    let engine = LsmEngine::open(dir.path(), SMALL).unwrap();
    assert_eq!(engine.get(b"key").unwrap().as_deref(), Some(&b"new"[..]));
}

#[test]
fn a_snapshot_keeps_what_the_tree_has_moved_on_from() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = LsmEngine::open(dir.path(), SMALL).unwrap();
    put(&mut engine, "old");
    let snapshot = engine.snapshot();
    put(&mut engine, "new");
    engine.flush().run().unwrap();
    put(&mut engine, "newest");
    engine.flush().run().unwrap();
    assert_eq!(snapshot.get(b"key").unwrap().as_deref(), Some(&b"old"[..]));
    let values: Vec<_> = snapshot.scan(ScanRange::all()).map(|pair| pair.unwrap().1).collect();
    assert_eq!(values, [&b"old"[..]]);
    assert_eq!(engine.snapshot().get(b"key").unwrap().as_deref(), Some(&b"newest"[..]));
}

/// Two tables in memory and one on disk: a key that is made above a removal hides what lies deeper
/// when it is removed again.
#[test]
fn a_key_that_came_and_went_brings_nothing_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = LsmEngine::open(dir.path(), SMALL).unwrap();
    let write = |engine: &mut LsmEngine, change: &dyn Fn(&mut Batch)| {
        let mut batch = Batch::new();
        change(&mut batch);
        engine.write(batch).unwrap();
    };
    let key = Bytes::from_static(b"key");
    let made = |batch: &mut Batch| batch.insert(key.clone(), key.clone());
    let gone = |batch: &mut Batch| batch.delete(key.clone());
    put(&mut engine, "old");
    engine.flush().run().unwrap();
    write(&mut engine, &gone);
    write(&mut engine, &made);
    write(&mut engine, &gone);
    assert_eq!(engine.get(&key).unwrap(), None, "removed, made and removed in one table");
    let snapshot = engine.snapshot();
    write(&mut engine, &made);
    write(&mut engine, &gone);
    assert_eq!(engine.get(&key).unwrap(), None, "made and removed above a table with the removal");
    assert_eq!(snapshot.get(&key).unwrap(), None);
    engine.flush().run().unwrap();
    drop(engine);
    assert_eq!(LsmEngine::open(dir.path(), SMALL).unwrap().get(&key).unwrap(), None);
}

#[test]
fn what_the_tree_has_leaves_the_memory() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = LsmEngine::open(dir.path(), SMALL).unwrap();
    put(&mut engine, "old");
    assert!(engine.front.bytes() > 0);
    engine.flush().run().unwrap();
    engine.flushed();
    assert_eq!(engine.front.bytes(), 0);
}

/// What a scan found in the tree is asked again: before a flush, while it is under way, after it.
#[test]
fn a_range_that_is_known_follows_what_is_flushed() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = LsmEngine::open(dir.path(), SMALL).unwrap();
    let held = |engine: &LsmEngine| -> Vec<Bytes> {
        engine.scan(ScanRange::all()).map(|pair| pair.unwrap().1).collect()
    };
    let none: [&[u8]; 0] = [];
    assert_eq!(held(&engine), none);
    for value in ["old", "new", "newest"] {
        put(&mut engine, value);
        assert_eq!(held(&engine), [value]);
        let job = engine.flush();
        assert_eq!(held(&engine), [value]);
        job.run().unwrap();
        assert_eq!(held(&engine), [value]);
        engine.flushed();
        assert_eq!(held(&engine), [value]);
    }
    let mut batch = Batch::new();
    batch.delete(Bytes::from_static(b"key"));
    engine.write(batch).unwrap();
    assert_eq!(held(&engine), none);
    engine.flush().run().unwrap();
    engine.flushed();
    assert_eq!(held(&engine), none);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let there = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &there),
            false => drop(std::fs::copy(entry.path(), there).unwrap()),
        }
    }
}

/// Makes one bit of a file another.
fn turn(file: &Path, at: usize, bit: u64) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes[at] ^= 1 << bit;
    std::fs::write(file, bytes).unwrap();
}

/// What is in the tree if one bit of a table is another.
fn with_rot(whole: &Path, table: &Path, rng: &mut kernel::Rng) -> Result<Vec<Bytes>, EngineError> {
    let dir = tempfile::tempdir().unwrap();
    copy(whole, dir.path());
    let file = dir.path().join(table.strip_prefix(whole).unwrap());
    let length = file.metadata().unwrap().len();
    turn(&file, rng.below(length) as usize, rng.below(8));
    let engine = LsmEngine::open(dir.path(), SMALL)?;
    engine.scan(ScanRange::all()).map(|pair| pair.map(|(_, value)| value)).collect()
}

/// Writes the same keys again, as a table of their own.
fn write_round(engine: &mut LsmEngine, round: u8) -> Result<(), EngineError> {
    let mut batch = Batch::new();
    (0..500_u32).for_each(|i| batch.put(i.to_be_bytes().to_vec().into(), vec![round; 50].into()));
    engine.write(batch)?;
    engine.flush().run()
}

/// Makes a tree in which all keys were written twice; its tables.
fn written_twice(dir: &Path) -> Vec<PathBuf> {
    let mut engine = LsmEngine::open(dir, SMALL).unwrap();
    (0..2).for_each(|round| write_round(&mut engine, round).unwrap());
    drop(engine);
    let all = std::fs::read_dir(dir.join("keyspaces/1/tables")).unwrap();
    all.map(|table| table.unwrap().path()).collect()
}

#[test]
fn an_engine_that_cannot_merge_its_tables_says_so() {
    let dir = tempfile::tempdir().unwrap();
    written_twice(dir.path()).iter().for_each(|table| turn(table, 100, 0));
    let mut engine = LsmEngine::open(dir.path(), SMALL).unwrap();
    // It merges in the background, once there are some tables.
    let failed = (0..1_000).find_map(|round| {
        std::thread::yield_now();
        write_round(&mut engine, (round % 251) as u8).err()
    });
    assert!(matches!(failed, Some(EngineError::Io(_))), "{failed:?}");
}

#[test]
fn a_bit_that_turned_in_a_table_is_found() {
    let whole = tempfile::tempdir().unwrap();
    let tables = written_twice(whole.path());
    assert!(!tables.is_empty());
    let (mut rng, mut found) = (kernel::Rng::new(7), 0);
    for _ in 0..20 {
        for table in &tables {
            match with_rot(whole.path(), table, &mut rng) {
                Err(EngineError::Corrupt(_)) => found += 1,
                Err(other) => panic!("{other}"),
                Ok(values) => {
                    assert_eq!(values, vec![vec![1; 50]; 500], "other values than written")
                }
            }
        }
    }
    assert!(found > 10, "{found}");
}
