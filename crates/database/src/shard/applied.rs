//! How far a replica has applied its log, stored in the same batch as what it applied.

use bytes::Bytes;
use kernel::{Incarnation, ShardId, Version, clock::hybrid::Timestamp};
use prost::Message;
use raft::{Membership, SnapshotMeta};
use store::{
    engine::{EngineError, Read},
    mvcc::{Reader, Space, Table},
};

/// The position and what grows with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied {
    /// The index of the last entry applied.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// The greatest timestamp applied.
    pub timestamp: Timestamp,
    /// The rolling digest of all changes.
    pub digest: u64,
    /// The membership as of the index.
    pub membership: Membership,
    /// The incarnation that the last cut of history began; 0 if there was none.
    pub incarnation: Incarnation,
    /// Bytes of the current keys and what is stored under them.
    pub bytes: u64,
}

// Tags 6 to 8 described the outcome table of format 1.
#[derive(Clone, PartialEq, Message)]
struct Wire {
    #[prost(uint64, tag = "1")]
    index: u64,
    #[prost(uint64, tag = "2")]
    term: u64,
    #[prost(fixed64, tag = "3")]
    timestamp: u64,
    #[prost(fixed64, tag = "4")]
    digest: u64,
    #[prost(message, optional, tag = "5")]
    membership: Option<Membership>,
    #[prost(uint64, tag = "9")]
    incarnation: u64,
    // Absent in what was written before bytes were counted.
    #[prost(uint64, optional, tag = "10")]
    bytes: Option<u64>,
}

const KEY: &[u8] = b"applied";

impl Applied {
    /// Where it is stored.
    #[must_use]
    pub fn key(space: &Space) -> Bytes {
        space.key(Table::Meta, KEY)
    }

    /// Reads it; a replica that has applied nothing stands at 0.
    ///
    /// # Errors
    /// If the engine fails or the bytes make no sense.
    pub fn load<R: Read>(engine: &R, space: &Space) -> Result<Applied, EngineError> {
        let Some(bytes) = engine.get(&Applied::key(space))? else { return Ok(Applied::default()) };
        let wire = Wire::decode(bytes)
            .map_err(|_| EngineError::Corrupt("the applied position of a shard".into()))?;
        let bytes = match wire.bytes {
            Some(bytes) => bytes,
            None => Reader::latest(engine, *space).weigh()?,
        };
        Ok(Applied {
            index: wire.index,
            term: wire.term,
            timestamp: Timestamp(wire.timestamp),
            digest: wire.digest,
            membership: wire.membership.unwrap_or_default(),
            incarnation: Incarnation(wire.incarnation),
            bytes,
        })
    }

    /// What is stored.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let wire = Wire {
            index: self.index,
            term: self.term,
            timestamp: self.timestamp.0,
            digest: self.digest,
            membership: Some(self.membership.clone()),
            incarnation: self.incarnation.0,
            bytes: Some(self.bytes),
        };
        wire.encode_to_vec().into()
    }

    /// The version of the newest write, in a shard that was made in the incarnation `born`. Which
    /// incarnation an entry belongs to is read off the log, not off the node that applies it: a
    /// replica that applies old entries late gives them the versions that they always had.
    #[must_use]
    pub fn version(&self, born: Incarnation) -> Version {
        let incarnation = self.incarnation.max(born);
        Version { incarnation, timestamp: self.timestamp, index: self.index }
    }

    /// What a snapshot of this state is called.
    #[must_use]
    pub fn meta(&self) -> SnapshotMeta {
        SnapshotMeta { index: self.index, term: self.term, membership: self.membership.clone() }
    }
}

/// Where the current generation of a shard is stored: outside all shards, under shard 0.
#[must_use]
pub fn generation_key(shard: ShardId) -> Bytes {
    let mut key = [0; 17];
    key[8] = b'g';
    key[9..].copy_from_slice(&shard.0.to_be_bytes());
    Bytes::copy_from_slice(&key)
}

/// The current generation of a shard; a shard that never installed a snapshot is at 0.
///
/// # Errors
/// If the engine fails.
pub fn load_generation<R: Read>(engine: &R, shard: ShardId) -> Result<u32, EngineError> {
    let bytes = engine.get(&generation_key(shard))?;
    Ok(bytes.and_then(|bytes| bytes.first_chunk().copied()).map_or(0, u32::from_be_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_golden_with_a_cut_and_without() {
        let before = Applied { index: 7, term: 2, ..Applied::default() };
        let after = Applied { incarnation: Incarnation(3), ..before.clone() };
        assert_eq!(&before.encode()[..], [8, 7, 16, 2, 42, 0, 80, 0]);
        let heavy = Applied { bytes: 300, ..after };
        assert_eq!(&heavy.encode()[..], [8, 7, 16, 2, 42, 0, 72, 3, 80, 0xac, 2]);
    }

    #[test]
    fn what_was_written_before_bytes_were_counted_is_weighed() {
        use store::{Batch, MemEngine, engine::Engine as _};
        let (mut engine, space) = (MemEngine::new(), Space::new(ShardId(2), 0));
        let mut batch = Batch::new();
        batch.put(Applied::key(&space), Bytes::from_static(&[8, 7, 16, 2, 42, 0]));
        batch.put(space.key(Table::Current, b"key"), Bytes::from_static(b"stored"));
        engine.write(batch).unwrap();
        let applied = Applied::load(&engine, &space).unwrap();
        assert_eq!((applied.index, applied.bytes), (7, 9));
    }

    #[test]
    fn a_version_is_of_the_last_cut_or_of_when_its_shard_was_made() {
        let cut = |at| Applied { incarnation: Incarnation(at), ..Applied::default() };
        let of = |at, born| cut(at).version(Incarnation(born)).incarnation.0;
        assert_eq!([of(0, 1), of(2, 1), of(0, 2), of(3, 2)], [1, 2, 2, 3]);
    }
}
