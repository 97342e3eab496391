//! What opening a journal finds.

use alloc::{collections::BTreeSet, vec::Vec};

use kernel::ShardId;

use super::record::{Lsn, Record, RecordKind, Span};

/// What a journal held when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Everything live; of each shard in the order in which it was appended, but that a fill stands
    /// in the place of what it fills. Of an append or a fill, `span.last` is the last entry that no
    /// later append replaced: entries of the body behind it are void. The body still begins with
    /// the entry `span.first`.
    pub records: Vec<Record>,
    /// How the log ended.
    pub tail: Tail,
    /// What was durable once and is gone. Empty on a healthy disk.
    pub damage: Vec<Damage>,
    /// Shards with records here that an unknown hole may have hit.
    pub suspects: BTreeSet<ShardId>,
    /// Shards with records here.
    pub shards: BTreeSet<ShardId>,
}

/// How the log ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// With a whole record.
    Clean,
    /// With records that were never known to be durable and are not whole: they were cut.
    Torn {
        /// Number of the segment where the log ends now.
        segment: u64,
        /// Where in its file, in bytes.
        offset: u64,
        /// How many bytes of recognisable records were cut from this segment.
        bytes_cut: u64,
    },
}

/// Records that were durable and cannot be read.
///
/// Damage is reported at every opening until it is healed: a known hole by later records of the
/// shard that fill it or replace what was in it, an unknown hole by [`super::Journal::healed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Of what was lost, if its kind is known: how many of [`Recovery::records`] stood before it.
    pub at: usize,
    /// Number of the segment.
    pub segment: u64,
    /// Where the damage begins in its file, in bytes.
    pub offset: u64,
    /// First record that is gone.
    pub first: Lsn,
    /// Last record that is gone.
    pub last: Lsn,
    /// Whose they were, or may have been; `None` may be any shard, also one without any record.
    pub shard: Option<ShardId>,
    /// What the record was; `None` if its header is gone too.
    pub kind: Option<RecordKind>,
    /// Which entries are gone that no later record replaced; `None` with an unknown kind.
    pub span: Option<Span>,
}

impl Recovery {
    /// Every shard that lost something or may have, as far as shards can be named.
    #[must_use]
    pub fn shards_damaged(&self) -> BTreeSet<ShardId> {
        let named = self.damage.iter().filter_map(|damage| damage.shard);
        named.chain(self.suspects.iter().copied()).collect()
    }

    /// Whether this shard lost something or may have. Of a shard without any record here that is
    /// unknown as soon as some damage has no shard.
    #[must_use]
    pub fn is_suspect(&self, shard: ShardId) -> bool {
        let unknown = !self.shards.contains(&shard);
        self.suspects.contains(&shard)
            || self.damage.iter().any(|damage| damage.shard.map_or(unknown, |hit| hit == shard))
    }
}
