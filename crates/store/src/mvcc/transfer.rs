//! A space as a sequence of sealed chunks: how a snapshot travels.
//!
//! Keys travel without shard and generation; the receiver puts its own before them. A chunk says
//! where it begins and where it ends, so that a receiver notices one that is missing, doubled or
//! out of order. The body of a chunk, after the seal of `kernel::wire`, little-endian:
//!
//! ```text
//!   last u8 │ from: len u32, bytes │ pairs: (key len u32, value len u32, key, value) …
//! ```
//!
//! `from` is the key before the first pair, empty at the beginning.

use alloc::vec::Vec;
use core::{fmt, ops::Bound};

use bytes::Bytes;
use kernel::{
    ShardId,
    bug::{Bug, planted},
    wire::{SEAL_LEN, SealError, seal, unseal},
};

use super::space::{Space, Table};
use crate::engine::{Batch, EngineError, Read};

const FORMAT: u8 = 1;
/// The seal's kind of a chunk.
const KIND: u8 = 0x53;

/// A part of a space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// What [`import`] takes.
    pub bytes: Bytes,
    /// Where the next chunk begins; `None` after the last.
    pub next: Option<Bytes>,
}

/// Takes the pairs behind `cursor` (`None` is the beginning), until a chunk holds `max_bytes` or
/// more; it holds at least one pair unless none is left. The snapshot has to stay the same from
/// chunk to chunk.
///
/// # Errors
/// If the snapshot cannot be read.
pub fn export(
    snapshot: &impl Read,
    space: Space,
    cursor: Option<&Bytes>,
    max_bytes: usize,
) -> Result<Chunk, EngineError> {
    let prefix = space.prefix();
    let mut range = space.range();
    if let Some(cursor) = cursor {
        range.start = Bound::Excluded(Bytes::from([&prefix[..], cursor].concat()));
    }
    let from: &[u8] = cursor.map_or(&[], |cursor| cursor);
    let mut body = Vec::from([0]);
    put_len(&mut body, from.len());
    body.extend_from_slice(from);
    let mut next = None;
    let mut pairs = snapshot.scan(range).peekable();
    while let Some(pair) = pairs.next() {
        let (key, value) = pair?;
        let rest = key.slice(Space::PREFIX_LEN.min(key.len())..);
        if planted(Bug::SnapshotWithoutOutcomes) && is_outcome(&rest) {
            continue;
        }
        if planted(Bug::SnapshotWithoutRevision) && is_revision(&rest) {
            continue;
        }
        put_len(&mut body, rest.len());
        put_len(&mut body, value.len());
        body.extend_from_slice(&rest);
        body.extend_from_slice(&value);
        if body.len() + SEAL_LEN >= max_bytes && pairs.peek().is_some() {
            next = Some(rest);
            break;
        }
    }
    body[0] = u8::from(next.is_none());
    Ok(Chunk { bytes: Bytes::from(seal(FORMAT, KIND, &body)), next })
}

fn is_outcome(rest: &[u8]) -> bool {
    rest.first().is_some_and(|table| *table == Table::OutcomePage as u8)
}

/// Where the coordination program keeps its revision.
fn is_revision(rest: &[u8]) -> bool {
    rest == [Table::Current as u8, b'm']
}

/// Keys and values are far below 4 GiB; a longer one would be refused by its reader.
fn put_len(body: &mut Vec<u8>, len: usize) {
    body.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
}

/// What a chunk brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The pairs, under the receiver's space.
    pub batch: Batch,
    /// The cursor with which the chunk was exported.
    pub from: Option<Bytes>,
    /// The cursor of the chunk that has to follow; `None` after the last.
    pub next: Option<Bytes>,
}

/// Why a chunk was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportError {
    /// The seal is broken or not that of a chunk.
    Seal(SealError),
    /// The seal holds, but the pairs inside do not add up.
    Malformed,
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImportError::Seal(error) => write!(f, "snapshot chunk: {error}"),
            ImportError::Malformed => f.write_str("snapshot chunk: the pairs do not add up"),
        }
    }
}

impl core::error::Error for ImportError {}

/// Reads a chunk and puts its pairs under another space. Values share the chunk's bytes.
///
/// # Errors
/// If it is anything but a whole, undamaged chunk; nothing of it is used then.
pub fn import(bytes: &Bytes, space: Space) -> Result<Import, ImportError> {
    let (_, body) = unseal(FORMAT, KIND, bytes).map_err(ImportError::Seal)?;
    let mut rest = bytes.slice(bytes.len() - body.len()..);
    decode(&mut rest, space).ok_or(ImportError::Malformed)
}

fn decode(rest: &mut Bytes, space: Space) -> Option<Import> {
    let last = match take(rest, 1)?[..] {
        [0] => false,
        [1] => true,
        _ => return None,
    };
    let from = take_len(rest)?;
    let from = Some(take(rest, from)?).filter(|from| !from.is_empty());
    let mut batch = Batch::new();
    let mut end = from.clone();
    while !rest.is_empty() {
        let (key, value) = (take_len(rest)?, take_len(rest)?);
        let (key, value) = (take(rest, key)?, take(rest, value)?);
        if key.is_empty() || end.as_ref().is_some_and(|end| *end >= key) {
            return None;
        }
        batch.put(Bytes::from([&space.prefix()[..], &key].concat()), value);
        end = Some(key);
    }
    Some(Import { batch, from, next: end.filter(|_| !last) })
}

fn take(rest: &mut Bytes, len: usize) -> Option<Bytes> {
    (len <= rest.len()).then(|| rest.split_to(len))
}

fn take_len(rest: &mut Bytes) -> Option<usize> {
    let len: [u8; 4] = take(rest, 4)?[..].try_into().ok()?;
    usize::try_from(u32::from_le_bytes(len)).ok()
}

/// Removes everything of a shard, whatever generation it belongs to.
#[must_use]
pub fn drop_shard(shard: ShardId) -> Batch {
    let start = shard.0.to_be_bytes();
    // Longer than any prefix of the shard's keys, and before the next shard's.
    let end = [&start[..], &[u8::MAX; 5]].concat();
    let mut batch = Batch::new();
    batch.delete_range(Bytes::copy_from_slice(&start), Bytes::from(end));
    batch
}

/// Removes everything of a space.
#[must_use]
pub fn drop_generation(space: Space) -> Batch {
    let start = space.prefix();
    // No table has this number, and none will.
    let end = [&start[..], &[u8::MAX]].concat();
    let mut batch = Batch::new();
    batch.delete_range(Bytes::copy_from_slice(&start), Bytes::from(end));
    batch
}
