//! What an engine holds: values, chunks of snapshots, pages of outcomes, positions.

use bytes::Bytes;
use database::shard::{Applied, Outcomes};
use kernel::{Incarnation, Rng, ShardId, clock::hybrid::Timestamp};
use prost::Message;
use raft::Membership;
use store::{Batch, Engine, MemEngine, Reader, Space, Stored, Table, mvcc};

use super::{message, sealed};
use crate::{
    Fed, Memory, Target, draw,
    target::{as_it_is, same},
};

const MEMORY: Memory = Memory { base: 16 << 10, per_byte: 64 };

pub const TARGETS: [Target; 4] = [
    Target {
        name: "stored",
        sample: |rng| stored(rng).encode().to_vec(),
        mend: as_it_is,
        words: &[],
        feed: feed_stored,
        memory: MEMORY,
    },
    Target {
        name: "chunk",
        sample: chunk,
        mend: sealed::mend,
        words: &[],
        feed: feed_chunk,
        // A pair is nine bytes and more, and becomes two keys with their places in a batch.
        memory: MEMORY,
    },
    Target {
        name: "outcomes",
        sample: outcomes,
        mend: as_it_is,
        words: &[],
        feed: feed_outcomes,
        memory: Memory { base: 16 << 10, per_byte: 160 },
    },
    Target {
        name: "applied",
        sample: applied,
        mend: as_it_is,
        words: &[],
        feed: feed_applied,
        memory: MEMORY,
    },
];

fn space() -> Space {
    Space::new(ShardId(2), 0)
}

fn stored(rng: &mut Rng) -> Stored {
    let version = draw::version(rng);
    Stored {
        version,
        created: if draw::coin(rng) { version } else { draw::version(rng) },
        writes: draw::number(rng, 300),
        deadline: draw::coin(rng).then(|| Timestamp(draw::number(rng, 1 << 40))),
        value: draw::bytes(rng, 64),
    }
}

/// The value decodes to what it encodes, and a reader who finds it under a key says the same.
fn feed_stored(bytes: &[u8]) -> Fed {
    let bytes = Bytes::copy_from_slice(bytes);
    let mut engine = MemEngine::new();
    for table in [Table::Current, Table::History, Table::HistoryQueue, Table::Expiry] {
        let mut batch = Batch::new();
        batch.put(space().key(table, b"key"), bytes.clone());
        engine.write(batch).map_err(|error| error.to_string())?;
    }
    let reader = Reader::latest(&engine, space());
    let (found, _) = (reader.get(b"key"), reader.versions(b"key", None, 10));
    let _ = (
        reader.next_deadline(Timestamp::default()),
        mvcc::collect(&engine, space(), &mut Batch::new(), Timestamp(1 << 50), None, 10),
    );
    match Stored::decode(&bytes) {
        Ok(stored) => {
            same("stored", &Ok(Some(stored.clone())), &found)?;
            same("stored", &Ok(stored.clone()), &Stored::decode(&stored.encode()))?;
            Ok(true)
        }
        Err(_) if found.is_err() => Ok(false),
        Err(_) => Err("the reader takes what does not decode".into()),
    }
}

/// A chunk of a snapshot.
pub fn chunk(rng: &mut Rng) -> Vec<u8> {
    let mut engine = MemEngine::new();
    let mut batch = Batch::new();
    for _ in 0..rng.below(8) {
        batch.put(space().key(Table::Current, &draw::key(rng)), stored(rng).encode());
        batch.put(space().key(Table::History, &draw::noise(rng, 8)), draw::bytes(rng, 8));
    }
    // A tree in memory takes every batch.
    let _ = engine.write(batch);
    let cursor = draw::coin(rng).then(|| Bytes::from_static(&[1]));
    let chunk = mvcc::export(&engine, space(), cursor.as_ref(), rng.range(16, 256) as usize);
    chunk.map(|chunk| chunk.bytes.to_vec()).unwrap_or_default()
}

fn feed_chunk(bytes: &[u8]) -> Fed {
    let bytes = Bytes::copy_from_slice(bytes);
    let to = Space::new(ShardId(3), 4);
    let Ok(import) = mvcc::import(&bytes, to) else { return Ok(false) };
    let mut engine = MemEngine::new();
    engine.write(import.batch.clone()).map_err(|error| error.to_string())?;
    let again = mvcc::export(&engine, to, None, usize::MAX).map_err(|error| error.to_string())?;
    let again = mvcc::import(&again.bytes, to).map_err(|error| error.to_string())?;
    same("pairs", &import.batch, &again.batch)?;
    let _ = Outcomes::load(&engine, &to, 1);
    Ok(true)
}

/// An outcome as a page holds it.
#[derive(Clone, PartialEq, Message)]
struct Outcome {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    version: Bytes,
    #[prost(fixed32, tag = "3")]
    fingerprint: u32,
    #[prost(bytes = "bytes", optional, tag = "4")]
    reply: Option<Bytes>,
}

fn outcomes(rng: &mut Rng) -> Vec<u8> {
    let outcome = |rng: &mut Rng| Outcome {
        id: draw::key(rng),
        version: Bytes::copy_from_slice(&draw::version(rng).to_bytes()),
        fingerprint: rng.bits() as u32,
        reply: draw::coin(rng).then(|| draw::bytes(rng, 32)),
    };
    let page = draw::many(rng, 6, outcome);
    page.iter().flat_map(Message::encode_length_delimited_to_vec).collect()
}

fn feed_outcomes(bytes: &[u8]) -> Fed {
    let mut engine = MemEngine::new();
    let mut batch = Batch::new();
    batch.put(space().key(Table::OutcomePage, &7u64.to_be_bytes()), Bytes::copy_from_slice(bytes));
    engine.write(batch).map_err(|error| error.to_string())?;
    let Ok(outcomes) = Outcomes::load(&engine, &space(), 1) else { return Ok(false) };
    let pending = mvcc::Pending::new(&engine, space(), false, 0);
    let _ = outcomes.find(&pending, &Bytes::from_static(b"key-1"));
    same("outcomes", &Ok(outcomes), &Outcomes::load(&engine, &space(), 1))?;
    Ok(true)
}

fn applied(rng: &mut Rng) -> Vec<u8> {
    let membership = if draw::coin(rng) { message::membership(rng) } else { Membership::default() };
    let timestamp = Timestamp(draw::number(rng, 1 << 40));
    let (index, term) = (draw::number(rng, 100), draw::number(rng, 5));
    let incarnation = Incarnation(draw::number(rng, 3));
    let bytes = rng.bits() >> rng.below(64);
    Applied { index, term, timestamp, digest: rng.bits(), membership, incarnation, bytes }
        .encode()
        .to_vec()
}

fn feed_applied(bytes: &[u8]) -> Fed {
    let mut engine = MemEngine::new();
    let mut put = |bytes| {
        let mut batch = Batch::new();
        batch.put(Applied::key(&space()), bytes);
        engine.write(batch).map_err(|error| error.to_string())?;
        Ok::<_, String>(Applied::load(&engine, &space()))
    };
    let Ok(applied) = put(Bytes::copy_from_slice(bytes))? else { return Ok(false) };
    same("applied", &Ok(applied.clone()), &put(applied.encode())?)?;
    Ok(true)
}
