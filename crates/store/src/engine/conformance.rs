//! What every engine must do.
//!
//! An engine's own tests implement [`Harness`] and call [`all`]. A failure panics with what was
//! expected; the random part prints its seed.
#![allow(clippy::unwrap_used, clippy::panic)]

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::ops::Bound;

use bytes::Bytes;
use kernel::Rng;

use super::{Batch, Engine, FlushJob, Read, ScanRange};

/// How the suite gets at an engine.
pub trait Harness {
    /// The engine under test.
    type Engine: Engine;

    /// A new, empty engine, which shares nothing with others.
    fn fresh(&mut self) -> Self::Engine;

    /// Closes the engine without a flush, as a crash would, and opens it again.
    fn reopen(&mut self, engine: Self::Engine) -> Self::Engine;
}

/// The whole suite.
pub fn all<H: Harness>(harness: &mut H) {
    points(harness);
    ranges(harness);
    range_deletes(harness);
    batch_order(harness);
    snapshots(harness);
    flushes(harness);
    for seed in 0..20 {
        model(harness, seed, 150);
    }
}

fn key(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn put(engine: &mut impl Engine, pairs: &[(&str, &str)]) {
    let mut batch = Batch::new();
    pairs.iter().for_each(|(k, v)| batch.put(key(k), key(v)));
    engine.write(batch).unwrap();
}

fn keys(read: &impl Read, range: ScanRange) -> String {
    let keys = read.scan(range).map(|pair| pair.unwrap().0);
    keys.map(|key| String::from_utf8(key.to_vec()).unwrap()).collect::<Vec<_>>().join(" ")
}

fn contents(read: &impl Read) -> BTreeMap<Bytes, Bytes> {
    read.scan(ScanRange::all()).map(|pair| pair.unwrap()).collect()
}

/// Single keys: set, replaced, removed, absent, empty values, keys of any bytes.
pub fn points(harness: &mut impl Harness) {
    let mut engine = harness.fresh();
    assert_eq!(engine.get(b"a").unwrap(), None);
    put(&mut engine, &[("a", "1"), ("b", "")]);
    assert_eq!(engine.get(b"a").unwrap(), Some(key("1")));
    assert_eq!(engine.get(b"b").unwrap(), Some(Bytes::new()), "an empty value is a value");
    assert_eq!(engine.get(b"ab").unwrap(), None, "a prefix is another key");
    put(&mut engine, &[("a", "2")]);
    assert_eq!(engine.get(b"a").unwrap(), Some(key("2")));
    let mut batch = Batch::new();
    batch.delete(key("a"));
    batch.delete(key("never"));
    let odd = Bytes::from_static(&[0, 255, 0]);
    batch.put(odd.clone(), Bytes::from(vec![7; 100_000]));
    engine.write(batch).unwrap();
    assert_eq!(engine.get(b"a").unwrap(), None);
    assert_eq!(engine.get(&odd).unwrap().map(|value| value.len()), Some(100_000));
    assert!(engine.approximate_bytes() > 0);
}

/// Every kind of bound, both directions, empty and inverted ranges, the order of bytes.
pub fn ranges(harness: &mut impl Harness) {
    use Bound::{Excluded, Included, Unbounded};
    let mut engine = harness.fresh();
    assert_eq!(keys(&engine, ScanRange::all()), "");
    put(&mut engine, &[("b", ""), ("a", ""), ("c", ""), ("bb", ""), ("d", "")]);
    let cases = [
        (Unbounded, Unbounded, "a b bb c d"),
        (Included("b"), Included("c"), "b bb c"),
        (Excluded("b"), Excluded("c"), "bb"),
        (Included("b"), Excluded("c"), "b bb"),
        (Excluded("b"), Included("c"), "bb c"),
        (Unbounded, Excluded("b"), "a"),
        (Excluded("c"), Unbounded, "d"),
        (Included("aa"), Included("bz"), "b bb"),
        (Included("b"), Included("b"), "b"),
        (Included("b"), Excluded("b"), ""),
        (Excluded("b"), Excluded("b"), ""),
        (Included("c"), Included("b"), ""),
        (Excluded("d"), Unbounded, ""),
    ];
    for (start, end, expected) in cases {
        let range = ScanRange { start: start.map(key), end: end.map(key), reverse: false };
        let context = format!("{range:?}");
        assert_eq!(keys(&engine, range.clone()), expected, "{context}");
        let mut backwards: Vec<&str> = expected.split(' ').collect();
        backwards.reverse();
        assert_eq!(keys(&engine, range.reversed()), backwards.join(" "), "{context} reversed");
    }
    assert_eq!(keys(&engine, ScanRange::prefix(key("b"))), "b bb");
    let mut scan = engine.scan(ScanRange::all());
    assert_eq!(scan.next().unwrap().unwrap().0, key("a"), "a scan may be left early");
}

/// Removing ranges: bounds, nothing to remove, and keys that come back.
pub fn range_deletes(harness: &mut impl Harness) {
    let mut engine = harness.fresh();
    put(&mut engine, &[("a", ""), ("b", ""), ("bb", ""), ("c", ""), ("d", "")]);
    let remove = |engine: &mut _, start: &str, end: &str| {
        let mut batch = Batch::new();
        batch.delete_range(key(start), key(end));
        Engine::write(engine, batch).unwrap();
    };
    remove(&mut engine, "c", "b");
    remove(&mut engine, "c", "c");
    remove(&mut engine, "x", "z");
    assert_eq!(keys(&engine, ScanRange::all()), "a b bb c d");
    remove(&mut engine, "b", "c");
    assert_eq!(keys(&engine, ScanRange::all()), "a c d");
    assert_eq!(engine.get(b"bb").unwrap(), None);
    put(&mut engine, &[("bb", "again")]);
    assert_eq!(keys(&engine, ScanRange::all()), "a bb c d");
    remove(&mut engine, "", "c");
    assert_eq!(keys(&engine, ScanRange::all()), "c d");
}

/// Of the changes in one batch the later one wins.
pub fn batch_order(harness: &mut impl Harness) {
    let mut engine = harness.fresh();
    put(&mut engine, &[("kept", "old"), ("b", "old")]);
    let mut batch = Batch::new();
    batch.put(key("a"), key("1"));
    batch.put(key("a"), key("2"));
    batch.put(key("gone"), key("1"));
    batch.delete(key("gone"));
    batch.delete(key("kept"));
    batch.put(key("kept"), key("new"));
    batch.put(key("c"), key("before the range is removed"));
    batch.delete_range(key("b"), key("d"));
    batch.put(key("d"), key("1"));
    batch.put(key("b"), key("after"));
    engine.write(batch).unwrap();
    assert_eq!(keys(&engine, ScanRange::all()), "a b d kept");
    assert_eq!(engine.get(b"a").unwrap(), Some(key("2")));
    assert_eq!(engine.get(b"b").unwrap(), Some(key("after")));
    assert_eq!(engine.get(b"kept").unwrap(), Some(key("new")));
    engine.write(Batch::new()).unwrap();
    assert_eq!(keys(&engine, ScanRange::all()), "a b d kept");
}

/// A snapshot stays as it is, in points and in ranges, also when the engine flushes.
pub fn snapshots(harness: &mut impl Harness) {
    let mut engine = harness.fresh();
    let empty = engine.snapshot();
    put(&mut engine, &[("a", "1"), ("b", "1"), ("c", "1")]);
    let full = engine.snapshot();
    let mut batch = Batch::new();
    batch.put(key("a"), key("2"));
    batch.delete(key("b"));
    batch.delete_range(key("c"), key("d"));
    batch.put(key("e"), key("2"));
    engine.write(batch).unwrap();
    engine.flush().run().unwrap();
    assert_eq!(keys(&empty, ScanRange::all()), "");
    assert_eq!(empty.get(b"a").unwrap(), None);
    assert_eq!(keys(&full, ScanRange::all()), "a b c");
    assert_eq!(keys(&full, ScanRange::all().reversed()), "c b a");
    assert_eq!(full.get(b"a").unwrap(), Some(key("1")));
    assert_eq!(full.get(b"e").unwrap(), None);
    assert_eq!(keys(&engine, ScanRange::all()), "a e");
    drop((empty, full));
    assert_eq!(keys(&engine.snapshot(), ScanRange::all()), "a e");
}

/// What was written before a flush job was taken survives once the job has run, also if it runs
/// late or an earlier one never does.
pub fn flushes<H: Harness>(harness: &mut H) {
    let mut engine = harness.fresh();
    put(&mut engine, &[("a", "1")]);
    let never = engine.flush();
    put(&mut engine, &[("b", "1")]);
    let late = engine.flush();
    put(&mut engine, &[("a", "2"), ("c", "2")]);
    late.run().unwrap();
    let mut engine = harness.reopen(engine);
    drop(never);
    let found = contents(&engine);
    let without = [("a", "1"), ("b", "1")].map(|(k, v)| (key(k), key(v)));
    let with = [("a", "2"), ("b", "1"), ("c", "2")].map(|(k, v)| (key(k), key(v)));
    assert!(found == BTreeMap::from(without) || found == BTreeMap::from(with), "{found:?}");
    put(&mut engine, &[("d", "3")]);
    engine.flush().run().unwrap();
    let engine = harness.reopen(engine);
    assert_eq!(engine.get(b"d").unwrap(), Some(key("3")));
}

/// Random batches, scans, snapshots, flushes and crashes against a sorted map. After a crash the
/// engine holds a state that it had between two batches, not before the last flush.
pub fn model<H: Harness>(harness: &mut H, seed: u64, steps: usize) {
    let mut rng = Rng::new(seed);
    let mut engine = harness.fresh();
    let mut states: Vec<BTreeMap<Bytes, Bytes>> = vec![BTreeMap::new()];
    let mut snapshots = Vec::new();
    for step in 0..steps {
        let context = format!("seed {seed}, step {step}");
        let mut now = states.last().unwrap().clone();
        match rng.below(20) {
            0 => {
                engine.flush().run().unwrap();
                states = vec![now];
            }
            1 => {
                engine = harness.reopen(engine);
                let found = contents(&engine);
                assert!(states.contains(&found), "{context}: {found:?} was never so");
                states = vec![found];
                snapshots.clear();
            }
            2 => snapshots.push((engine.snapshot(), now)),
            3 => drop(snapshots.pop()),
            4..=9 => {
                let range = random_range(&mut rng);
                compare(&engine, &now, &range, &context);
                for (snapshot, then) in &snapshots {
                    compare(snapshot, then, &range, &context);
                }
            }
            _ => {
                engine.write(random_batch(&mut rng, &mut now)).unwrap();
                states.push(now);
            }
        }
    }
}

fn random_key(rng: &mut Rng) -> Bytes {
    let len = rng.range(1, 3);
    (0..len).map(|_| [0, 1, b'a', 255][rng.below(4) as usize]).collect()
}

fn random_batch(rng: &mut Rng, model: &mut BTreeMap<Bytes, Bytes>) -> Batch {
    let mut batch = Batch::new();
    for _ in 0..rng.range(1, 5) {
        let key = random_key(rng);
        match rng.below(6) {
            0 => {
                model.remove(&key);
                batch.delete(key);
            }
            1 => {
                let end = random_key(rng);
                model.retain(|k, _| !(*k >= key && *k < end));
                batch.delete_range(key, end);
            }
            _ => {
                let value = Bytes::from(rng.below(1000).to_string());
                match model.insert(key.clone(), value.clone()) {
                    None if rng.chance(0.5) => batch.insert(key, value),
                    _ => batch.put(key, value),
                }
            }
        }
    }
    batch
}

fn random_range(rng: &mut Rng) -> ScanRange {
    let mut bound = || match rng.below(3) {
        0 => Bound::Unbounded,
        1 => Bound::Included(random_key(rng)),
        _ => Bound::Excluded(random_key(rng)),
    };
    let (start, end) = (bound(), bound());
    ScanRange { start, end, reverse: rng.chance(0.5) }
}

fn compare(read: &impl Read, model: &BTreeMap<Bytes, Bytes>, range: &ScanRange, context: &str) {
    let inside = model.iter().filter(|(key, _)| range.contains(key));
    let mut expected: Vec<_> = inside.map(|(k, v)| (k.clone(), v.clone())).collect();
    if range.reverse {
        expected.reverse();
    }
    let found: Vec<_> = read.scan(range.clone()).map(|pair| pair.unwrap()).collect();
    assert_eq!(found, expected, "{context}: {range:?}");
    for (key, value) in expected {
        assert_eq!(read.get(&key).unwrap(), Some(value), "{context}: {key:?}");
    }
}
