//! Records and their headers.
//!
//! A header is 64 bytes, little-endian:
//!
//! ```text
//!    0 checksum u32      of the bytes from 4 on and the journal's id
//!    4 magic u16 │ version u8 │ kind u8 (bit 7: last of its append; bit 6: has a span)
//!    8 body length u32 │ body checksum u32
//!   16 log position u64
//!   24 segment u32       its low bits: a record of a recycled file's past has another
//!   28 lag u32           log position minus the durable one at the time of writing
//!   32 shard u64
//!   40 back u32          log position minus that of the shard's record before; 0 is none
//!   44 entries u32       span.last + 1 - span.first
//!   48 span.first u64
//!   56 span.term u64
//! ```
//!
//! The body follows, padded with zeros to eight bytes.

use core::fmt;

use bytes::Bytes;
use kernel::ShardId;

/// The position of a record in the log; grows by one per record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lsn(pub u64);

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0)
    }
}

/// What a record means to the journal. The numbers are stored: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum RecordKind {
    /// Small; the latest wins. Term and vote. Has no span.
    State = 1,
    /// Entries of the log: replaces every entry from `span.first` on. An empty span
    /// (`last + 1 == first`) only cuts.
    Append = 2,
    /// A snapshot or a compaction point: entries up to `span.last` are no longer needed.
    /// `first == last`.
    Base = 3,
    /// The replica is gone: everything of the shard is forgotten. Has no span and no body.
    Remove = 4,
    /// The journal's own; never appended and never recovered by others.
    Marker = 5,
}

/// Entries of a shard's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// Index of the first entry.
    pub first: u64,
    /// Index of the last entry; `first - 1` if there is none.
    pub last: u64,
    /// Term of the last entry.
    pub term: u64,
}

/// Something that a replica wants to find again after a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose.
    pub shard: ShardId,
    /// What.
    pub kind: RecordKind,
    /// Which entries, where the kind has some.
    pub span: Option<Span>,
    /// Opaque bytes; the journal gives them back as they are.
    pub body: Bytes,
}
