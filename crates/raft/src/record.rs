//! What a replica writes to the journal.
//!
//! ```text
//!   ┌ version ┬ body: a prost message with one of ───────────────────────────┐
//!   │    1    │ HardState  Append  Snapshot  Compacted  Standing             │
//!   │    2    │ Fill                                                         │
//!   └─────────┴──────────────────────────────────────────────────────────────┘
//! ```
//!
//! The checksum is the journal's affair. Replaying all records of a replica in order onto
//! [`crate::Start::joining`] or [`crate::Start::fresh`] gives back what was durable.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kernel::NodeId;
use prost::Message as _;

use crate::{
    entry::{Entry, SnapshotMeta},
    start::Standing,
};

/// One record of the journal.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// The term, and who got the vote in it.
    HardState {
        /// Current term.
        term: u64,
        /// [`NodeId::NONE`] if the vote is not given.
        vote: NodeId,
    },
    /// Entries of one term; everything from the first one's index on is replaced.
    Append {
        /// Consecutive, not empty.
        entries: Vec<Entry>,
    },
    /// Entries of one term that the journal had lost, back in their place; nothing else changes.
    Fill {
        /// Consecutive, not empty.
        entries: Vec<Entry>,
    },
    /// The log now starts after `meta.index`; what follows is kept only if the entry at
    /// `meta.index` has `meta.term`.
    Snapshot {
        /// What the engine holds.
        meta: Box<SnapshotMeta>,
    },
    /// The log up to `meta.index` is no longer needed.
    Compacted {
        /// The new start of the log.
        meta: Box<SnapshotMeta>,
    },
    /// Whether the replica's memory can be trusted.
    Standing {
        /// From here on.
        standing: Standing,
    },
}

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// No bytes at all.
    Empty,
    /// Written by a newer version of the program.
    Version {
        /// The version found.
        found: u8,
    },
    /// Not a record of this version.
    Malformed,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Empty => f.write_str("a raft record without bytes"),
            DecodeError::Version { found } => {
                write!(f, "raft record version {found} is newer than the newest known, {VERSION}")
            }
            DecodeError::Malformed => f.write_str("a malformed raft record"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// The newest version known; each record is written in the oldest that can express it.
const VERSION: u8 = 2;

#[derive(Clone, PartialEq, ::prost::Message)]
struct Envelope {
    #[prost(oneof = "Body", tags = "1, 2, 3, 4, 5, 6")]
    body: Option<Body>,
}

#[derive(Clone, PartialEq, ::prost::Oneof)]
enum Body {
    #[prost(message, tag = "1")]
    HardState(HardState),
    #[prost(message, tag = "2")]
    Append(Entries),
    #[prost(message, tag = "3")]
    Snapshot(SnapshotMeta),
    #[prost(message, tag = "4")]
    Compacted(SnapshotMeta),
    #[prost(bool, tag = "5")]
    Sound(bool),
    #[prost(message, tag = "6")]
    Fill(Entries),
}

#[derive(Clone, PartialEq, ::prost::Message)]
struct HardState {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    vote: u64,
}

#[derive(Clone, PartialEq, ::prost::Message)]
struct Entries {
    #[prost(message, repeated, tag = "1")]
    entries: Vec<Entry>,
}

impl Record {
    /// The bytes for the journal.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let body = match self {
            Record::HardState { term, vote } => {
                Body::HardState(HardState { term: *term, vote: vote.0 })
            }
            Record::Append { entries } => Body::Append(Entries { entries: entries.clone() }),
            Record::Fill { entries } => Body::Fill(Entries { entries: entries.clone() }),
            Record::Snapshot { meta } => Body::Snapshot(*meta.clone()),
            Record::Compacted { meta } => Body::Compacted(*meta.clone()),
            Record::Standing { standing } => Body::Sound(*standing == Standing::Sound),
        };
        let envelope = Envelope { body: Some(body) };
        let mut bytes = BytesMut::with_capacity(1 + envelope.encoded_len());
        bytes.put_u8(if matches!(self, Record::Fill { .. }) { 2 } else { 1 });
        envelope.encode_raw(&mut bytes);
        bytes.freeze()
    }

    /// The inverse of [`Record::encode`]. Decoding from [`Bytes`] shares the entries' data.
    ///
    /// # Errors
    /// If the bytes are not a record of a known version.
    pub fn decode(mut bytes: impl Buf) -> Result<Record, DecodeError> {
        if !bytes.has_remaining() {
            return Err(DecodeError::Empty);
        }
        let found = bytes.get_u8();
        if found == 0 || found > VERSION {
            return Err(DecodeError::Version { found });
        }
        let envelope = Envelope::decode(bytes).map_err(|_| DecodeError::Malformed)?;
        match envelope.body.ok_or(DecodeError::Malformed)? {
            Body::HardState(HardState { term, vote }) => {
                Ok(Record::HardState { term, vote: NodeId(vote) })
            }
            Body::Append(Entries { entries }) => match entries.first() {
                Some(_) => Ok(Record::Append { entries }),
                None => Err(DecodeError::Malformed),
            },
            Body::Fill(Entries { entries }) => match entries.first() {
                Some(_) => Ok(Record::Fill { entries }),
                None => Err(DecodeError::Malformed),
            },
            Body::Snapshot(meta) => Ok(Record::Snapshot { meta: Box::new(meta) }),
            Body::Compacted(meta) => Ok(Record::Compacted { meta: Box::new(meta) }),
            Body::Sound(true) => Ok(Record::Standing { standing: Standing::Sound }),
            Body::Sound(false) => Ok(Record::Standing { standing: Standing::Amnesiac }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::Membership;
    use alloc::vec;

    fn meta() -> SnapshotMeta {
        let membership = Membership::new([NodeId(1), NodeId(2)], [NodeId(3)]);
        SnapshotMeta { index: 9, term: 2, membership }
    }

    /// Written once and never changed: a newer program must read what an older one wrote.
    fn golden() -> [(Record, &'static [u8]); 6] {
        let entry = Entry::command(7, 3, Bytes::from_static(b"x"));
        [
            (Record::HardState { term: 5, vote: NodeId(2) }, &[1, 10, 4, 8, 5, 16, 2]),
            (
                Record::Append { entries: vec![entry.clone()] },
                &[1, 18, 9, 10, 7, 8, 7, 16, 3, 34, 1, b'x'],
            ),
            (Record::Fill { entries: vec![entry] }, &[2, 50, 9, 10, 7, 8, 7, 16, 3, 34, 1, b'x']),
            (
                Record::Snapshot { meta: meta().into() },
                &[1, 26, 13, 8, 9, 16, 2, 26, 7, 10, 2, 1, 2, 26, 1, 3],
            ),
            (
                Record::Compacted { meta: meta().into() },
                &[1, 34, 13, 8, 9, 16, 2, 26, 7, 10, 2, 1, 2, 26, 1, 3],
            ),
            (Record::Standing { standing: Standing::Amnesiac }, &[1, 40, 0]),
        ]
    }

    #[test]
    fn encodings_are_golden() {
        for (record, bytes) in golden() {
            assert_eq!(record.encode(), bytes, "{record:?}");
            assert_eq!(Record::decode(bytes), Ok(record));
        }
    }

    #[test]
    fn what_is_not_a_record_is_refused_with_the_reason() {
        assert_eq!(Record::decode(&[][..]), Err(DecodeError::Empty));
        assert_eq!(Record::decode(&[3, 40, 1][..]), Err(DecodeError::Version { found: 3 }));
        for bytes in [&[1][..], &[1, 18, 0], &[1, 10, 4, 8], &[1, 255, 255]] {
            assert_eq!(Record::decode(bytes), Err(DecodeError::Malformed), "{bytes:?}");
        }
    }
}
