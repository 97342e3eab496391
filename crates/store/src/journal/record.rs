//! What is appended, and what it means.

use core::fmt;

use bytes::Bytes;
use kernel::ShardId;

use super::config::JournalError;

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
    /// Entries that were lost, again: takes the place of what damaged appends held of them, and
    /// touches nothing else. Since segments of version 2.
    Fill = 6,
}

impl RecordKind {
    pub(super) fn from_number(number: u8) -> Option<RecordKind> {
        use RecordKind::{Append, Base, Fill, Marker, Remove, State};
        [State, Append, Base, Remove, Marker, Fill].into_iter().find(|kind| *kind as u8 == number)
    }
}

/// The shard under whose number markers stand.
pub(super) const JOURNAL: ShardId = ShardId(u64::MAX);

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
    /// Whose. The greatest number is reserved.
    pub shard: ShardId,
    /// What.
    pub kind: RecordKind,
    /// Which entries, where the kind has some.
    pub span: Option<Span>,
    /// Opaque bytes; the journal gives them back as they are.
    pub body: Bytes,
}

impl Record {
    /// Whether kind, span and body go together.
    pub(super) fn check(&self, record_bytes_max: u32) -> Result<(), JournalError> {
        if self.shard == JOURNAL {
            return Err(JournalError::Invalid("the shard's number is reserved"));
        }
        let span = match (self.kind, self.span) {
            (RecordKind::Append, Some(span)) => {
                let len = span.last.checked_add(1).and_then(|end| end.checked_sub(span.first));
                len.is_some_and(|len| u32::try_from(len).is_ok())
            }
            (RecordKind::Fill, Some(span)) => {
                let len = span.last.checked_sub(span.first);
                len.is_some_and(|len| len < u64::from(u32::MAX)) && span.last < u64::MAX
            }
            (RecordKind::Base, Some(span)) => span.first == span.last,
            (RecordKind::State | RecordKind::Remove, None) => true,
            _ => false,
        };
        if !span {
            return Err(JournalError::Invalid("the span does not fit the kind of record"));
        }
        if self.kind == RecordKind::Remove && !self.body.is_empty() {
            return Err(JournalError::Invalid("a removal has no body"));
        }
        if self.body.len() as u64 > u64::from(record_bytes_max) {
            return Err(JournalError::Invalid("the body is longer than record_bytes_max"));
        }
        Ok(())
    }
}
