//! Settings, figures and errors of the journal.

use core::fmt;

use kernel::disk::DiskError;

use super::{header::record_len, record::Lsn, segment::SegmentHeader};

/// Settings of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Distinguishes this journal: records of another are not taken for its own. A random number
    /// that is drawn once and known to the node alone; whoever knows it and chooses values that
    /// are stored could forge records for a disk that later loses others.
    pub id: u64,
    /// Size of a segment's file, in bytes; a multiple of `block_bytes`.
    pub segment_bytes: u64,
    /// Files kept ready for the next segments. They are also the reserve when the disk is full:
    /// that [`super::Journal::tidy`] cannot make one is the early warning.
    pub spare_segments: usize,
    /// Longest body of a record, in bytes.
    pub record_bytes_max: u32,
    /// What the disk may destroy as one while it writes, in bytes; a multiple of 64,
    /// at least 128. Every append
    /// fills whole blocks.
    pub block_bytes: u32,
    /// All segments together should not hold more than this, in bytes. Not a hard limit: above
    /// it the journal moves small live records forward, and [`super::Journal::pressure`] names
    /// the shards that keep it from shrinking.
    pub bytes_limit: u64,
    /// Whether what the disk refuses to read when the journal is opened counts as lost; if not,
    /// the journal does not open. A refusal may pass, and what is given up as lost costs the
    /// replicas their memory: so a host tries again a few times first.
    pub unreadable_is_lost: bool,
}

impl Default for Config {
    /// 32 MiB segments, one spare, 8 MiB records, 4 KiB blocks, 512 MiB in all.
    fn default() -> Config {
        Config {
            id: 0,
            segment_bytes: 32 << 20,
            spare_segments: 1,
            record_bytes_max: 8 << 20,
            block_bytes: 4 << 10,
            bytes_limit: 512 << 20,
            unreadable_is_lost: true,
        }
    }
}

impl Config {
    pub(super) fn check(&self) -> Result<(), JournalError> {
        let block = u64::from(self.block_bytes);
        let usable = self.segment_bytes.saturating_sub(block);
        let largest = SegmentHeader::LEN as u64 + record_len(self.record_bytes_max);
        if block < 128 || block % 64 != 0 || !self.segment_bytes.is_multiple_of(block) {
            return Err(JournalError::Invalid(
                "blocks are multiples of 64 from 128 on, segments of blocks",
            ));
        }
        if largest.next_multiple_of(block) > usable {
            return Err(JournalError::Invalid("a segment cannot hold the longest record"));
        }
        Ok(())
    }
}

/// Figures of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Segments in use.
    pub segments: usize,
    /// Files ready to become segments.
    pub spares: usize,
    /// Size of all segments in use, in bytes.
    pub bytes: u64,
    /// The last record appended.
    pub last_lsn: Lsn,
    /// The last record that is durable.
    pub durable_lsn: Lsn,
    /// Nothing before this record is needed any more.
    pub floor_lsn: Lsn,
    /// Whether a failed write or sync has ended this journal's life.
    pub poisoned: bool,
}

/// Why a journal refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalError {
    /// No space for another segment. Nothing was appended; [`super::Journal::sync`] may give
    /// space back, after which the same append may be tried again.
    Full,
    /// An earlier write or sync failed, so what the disk holds is unknown. Only opening the
    /// journal again tells.
    Poisoned,
    /// The record or the setting is not one that a journal can hold. Nothing was done.
    Invalid(&'static str),
    /// The files were written by a newer version of the program. Nothing was changed.
    Newer {
        /// The version found.
        found: u8,
        /// The newest version known.
        known: u8,
    },
    /// The disk failed. After a write or a sync the journal is poisoned.
    Disk(DiskError),
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JournalError::Full => f.write_str("no space for another journal segment"),
            JournalError::Poisoned => {
                f.write_str("the journal failed before and has to be opened again")
            }
            JournalError::Invalid(why) => write!(f, "not for the journal: {why}"),
            JournalError::Newer { found, known } => {
                write!(f, "journal format {found} is newer than the newest known, {known}")
            }
            JournalError::Disk(error) => write!(f, "journal: {error}"),
        }
    }
}

impl core::error::Error for JournalError {}

/// `Full` stays what it is: it may be tried again.
impl From<DiskError> for JournalError {
    fn from(error: DiskError) -> JournalError {
        match error {
            DiskError::Full => JournalError::Full,
            other => JournalError::Disk(other),
        }
    }
}
