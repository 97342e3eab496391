//! Proof of versions and views against a model that keeps every state of the past.

mod model;
mod transfer;

use std::{collections::BTreeMap, vec::Vec};

use bytes::Bytes;
use kernel::{Incarnation, Rng, ShardId, Version, clock::hybrid::Timestamp};

use super::{Pending, Reader, Space, Stored, Table};
use crate::{
    engine::{Batch, Engine, MemEngine, Read, ScanRange},
    view::View,
};

pub(super) const SPACE: Space = Space { shard: ShardId(5), generation: 1 };

pub(super) fn version(index: u64) -> Version {
    Version { incarnation: Incarnation(1), timestamp: Timestamp(index / 3 + 10), index }
}

pub(super) fn key(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// Keys that prefix each other and hold the bytes that keys are escaped with.
pub(super) fn random_key(rng: &mut Rng) -> Bytes {
    (0..rng.below(4)).map(|_| [0, 1, 255, b'a'][rng.below(4) as usize]).collect()
}

/// One command on an engine, as one batch.
pub(super) fn command(
    engine: &mut MemEngine,
    index: u64,
    run: impl FnOnce(&mut dyn View),
) -> Batch {
    let mut pending = Pending::new(engine, SPACE, true, 0);
    run(&mut pending.view(version(index)));
    let batch = pending.into_batch();
    engine.write(batch.clone()).unwrap();
    batch
}

pub(super) fn latest(engine: &impl Read) -> BTreeMap<Bytes, Stored> {
    let all = Reader::latest(engine, SPACE).scan(&ScanRange::all(), usize::MAX).unwrap();
    all.into_iter().collect()
}

pub(super) fn table(engine: &impl Read, table: Table) -> Vec<Bytes> {
    let all = Reader::latest(engine, SPACE).scan_raw(table, &ScanRange::all(), usize::MAX);
    all.unwrap().into_iter().map(|(key, _)| key).collect()
}

#[test]
fn an_insert_is_a_put_of_what_is_not_there() {
    let (mut put, mut inserted) = (MemEngine::new(), MemEngine::new());
    let value = Bytes::from_static(b"v");
    let one = command(&mut put, 1, |view| view.put(b"k", &value, None).unwrap());
    let other = command(&mut inserted, 1, |view| view.insert(b"k", &value).unwrap());
    assert_eq!(one, other);
    command(&mut inserted, 2, |view| {
        assert!(view.get(b"other").unwrap().is_none());
        view.insert(b"other", &value).unwrap();
        assert_eq!(view.get(b"other").unwrap().unwrap().value, value, "seen at once");
    });
}
