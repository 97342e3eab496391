//! What the log is made of.

use bytes::Bytes;

use crate::membership::Membership;

/// What an entry is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ::prost::Enumeration)]
#[repr(i32)]
pub enum EntryKind {
    /// A command of the host; opaque here.
    Command = 0,
    /// Nothing: a leader's first entry, and the fence of a recovery.
    Empty = 1,
    /// An encoded [`Membership`]; in force from the moment that it is in the log.
    Membership = 2,
}

/// One entry of the log.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Entry {
    /// Position, from 1.
    #[prost(uint64, tag = "1")]
    pub index: u64,
    /// Term of the leader that made it.
    #[prost(uint64, tag = "2")]
    pub term: u64,
    /// An [`EntryKind`]; read it with [`Entry::kind`].
    #[prost(enumeration = "EntryKind", tag = "3")]
    pub kind: i32,
    /// The command or the encoded membership; shared, but for short ones that came from another node.
    #[prost(bytes = "bytes", tag = "4")]
    pub data: Bytes,
}

impl Entry {
    /// What an entry costs beside its data, in bytes: a round figure for the accounting.
    pub const OVERHEAD: u64 = 32;
    /// Data up to this length, in bytes, costs less to copy than what it would hold.
    const COPIED_MAX: usize = 128;

    /// A command.
    #[must_use]
    pub fn command(index: u64, term: u64, data: Bytes) -> Entry {
        Entry { index, term, kind: EntryKind::Command as i32, data }
    }

    /// An empty entry.
    #[must_use]
    pub fn empty(index: u64, term: u64) -> Entry {
        Entry { index, term, kind: EntryKind::Empty as i32, data: Bytes::new() }
    }

    /// A change of the membership.
    #[must_use]
    pub fn membership(index: u64, term: u64, membership: &Membership) -> Entry {
        let data = prost::Message::encode_to_vec(membership).into();
        Entry { index, term, kind: EntryKind::Membership as i32, data }
    }

    /// The same, holding nothing else: short data came in a frame with much that is of no use
    /// later, and would hold it as long as the log holds the entry.
    pub(crate) fn apart(mut self) -> Entry {
        if self.data.len() <= Self::COPIED_MAX {
            self.data = Bytes::copy_from_slice(&self.data);
        }
        self
    }

    /// What it counts against limits, in bytes.
    #[must_use]
    pub fn cost(&self) -> u64 {
        Self::OVERHEAD + self.data.len() as u64
    }

    /// The membership inside; `None` for other kinds and for bytes that are not one.
    #[must_use]
    pub fn as_membership(&self) -> Option<Membership> {
        let is_membership = self.kind == EntryKind::Membership as i32;
        is_membership.then(|| prost::Message::decode(self.data.clone()).ok()).flatten()
    }
}

/// A point of the log below which a snapshot stands in for the entries.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SnapshotMeta {
    /// Index of the last entry that the snapshot holds.
    #[prost(uint64, tag = "1")]
    pub index: u64,
    /// Term of that entry.
    #[prost(uint64, tag = "2")]
    pub term: u64,
    /// The membership in force at that entry.
    #[prost(message, required, tag = "3")]
    pub membership: Membership,
}
