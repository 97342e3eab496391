//! Snapshots between replicas: a consistent image of a shard, chunk by chunk.
//!
//! The receiver builds the image in a generation of its own, beside the state it replaces. One
//! small batch then moves the pointer to the new generation. The move counts only once it is
//! durable; a crash before that leaves the old generation in charge.

use bytes::Bytes;
use kernel::NodeId;
use raft::SnapshotMeta;
use store::{
    engine::{EngineError, Read},
    mvcc::{self, ImportError, Space},
};

/// A snapshot on its way out.
pub struct Export<S: Read> {
    meta: SnapshotMeta,
    image: S,
    space: Space,
    /// The piece sent last, to send it again; the next begins at its cursor.
    piece: Option<(u64, mvcc::Chunk)>,
    bytes: u64,
}

impl<S: Read> Export<S> {
    /// An image of the shard as it is now.
    pub fn new(meta: SnapshotMeta, image: S, space: Space) -> Export<S> {
        Export { meta, image, space, piece: None, bytes: 0 }
    }

    /// What the whole stands for.
    pub fn meta(&self) -> &SnapshotMeta {
        &self.meta
    }

    /// Bytes made so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes piece `seq`: the one after the last, or the last again. `None` for any other.
    ///
    /// # Errors
    /// If the image cannot be read.
    pub fn piece(
        &mut self,
        seq: u64,
        bytes_max: usize,
    ) -> Result<Option<(Bytes, bool)>, EngineError> {
        let again = self.piece.as_ref().filter(|(last, _)| *last == seq);
        if let Some((_, chunk)) = again {
            return Ok(Some((chunk.bytes.clone(), chunk.next.is_none())));
        }
        let cursor = match &self.piece {
            None if seq == 0 => None,
            Some((last, chunk)) if last + 1 == seq && chunk.next.is_some() => chunk.next.clone(),
            _ => return Ok(None),
        };
        let chunk = mvcc::export(&self.image, self.space, cursor.as_ref(), bytes_max)?;
        self.bytes += chunk.bytes.len() as u64;
        let answer = (chunk.bytes.clone(), chunk.next.is_none());
        self.piece = Some((seq, chunk));
        Ok(Some(answer))
    }
}

/// A snapshot on its way in.
#[derive(Clone, Debug)]
pub struct Import {
    /// Who sends it.
    pub from: NodeId,
    /// What the whole stands for.
    pub meta: SnapshotMeta,
    /// The generation that it becomes.
    pub space: Space,
    /// The piece that comes next.
    pub next: u64,
    /// Where that piece begins.
    pub cursor: Option<Bytes>,
    /// Bytes taken so far.
    pub bytes: u64,
}

impl Import {
    /// Takes the next piece: what to write to the engine.
    ///
    /// # Errors
    /// If it is damaged, or not the piece that comes next.
    pub fn piece(&mut self, seq: u64, data: &Bytes) -> Result<store::Batch, ImportError> {
        let import = mvcc::import(data, self.space)?;
        if seq != self.next || import.from != self.cursor {
            return Err(ImportError::Malformed);
        }
        self.next += 1;
        self.cursor = import.next;
        self.bytes += data.len() as u64;
        Ok(import.batch)
    }
}
