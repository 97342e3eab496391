//! The open journal: its state, figures and pressure.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};

use kernel::{ShardId, disk::Disk};

use super::{
    config::{Config, JournalError, Stats},
    header::Header,
    healed::Healed,
    live::Live,
    record::{Lsn, RecordKind, Span},
    segment::segment_name,
    survey::Gap,
};

/// A segment in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Size of the file.
    pub(super) len: u64,
    /// Position of the first record.
    pub(super) first_lsn: u64,
}

/// Where the next append goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) segment: u64,
    /// A multiple of the block size.
    pub(super) offset: u64,
}

/// Where the body of a record lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Whose.
    pub shard: ShardId,
    /// Which entries of it are still needed.
    pub span: Span,
    /// The file.
    pub file: String,
    /// Where in it, in bytes.
    pub offset: u64,
    /// How many bytes.
    pub len: u64,
}

/// One log of records for all replicas of a node.
#[derive(Debug)]
pub struct Journal<D: Disk> {
    pub(super) disk: D,
    pub(super) config: Config,
    pub(super) live: Live,
    pub(super) segments: BTreeMap<u64, Segment>,
    /// Files that have a segment's name already, but no header yet.
    pub(super) ready: BTreeSet<u64>,
    pub(super) spares: BTreeSet<u64>,
    /// `None`: the next append begins a segment.
    pub(super) end: Option<End>,
    /// Segments with unsynced writes.
    pub(super) dirty: BTreeSet<u64>,
    pub(super) next_lsn: u64,
    pub(super) durable: u64,
    /// The last record that is not a marker.
    pub(super) last_data: u64,
    /// The greatest durable position that a record on the disk tells of.
    pub(super) witnessed: u64,
    /// What the last marker says is the first record needed; durable after the next sync.
    pub(super) floor_marked: u64,
    /// What a durable marker says.
    pub(super) floor: u64,
    /// Which unknown holes were healed.
    pub(super) healed: Healed,
    /// Unknown holes that keep their segments until they are healed.
    pub(super) holes: Vec<Gap>,
    /// The segment at the end when small records were last moved forward.
    pub(super) rolled_at: u64,
    pub(super) poisoned: bool,
}

impl<D: Disk> Journal<D> {
    /// Figures.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            segments: self.segments.len(),
            spares: self.spares.len(),
            bytes: self.bytes(),
            last_lsn: Lsn(self.next_lsn.saturating_sub(1)),
            durable_lsn: Lsn(self.durable),
            floor_lsn: Lsn(self.floor),
            poisoned: self.poisoned,
        }
    }

    /// Where the entries lie that are still needed, for those who inject faults.
    pub fn bodies(&self) -> impl Iterator<Item = Body> + '_ {
        let entries = |kind| matches!(kind, RecordKind::Append | RecordKind::Fill);
        let items = self.live.items().filter(move |(_, item)| entries(item.kind));
        items.filter_map(|(shard, item)| {
            let (file, offset) = (segment_name(item.segment), item.offset + Header::LEN as u64);
            Some(Body { shard, span: item.span?, file, offset, len: u64::from(item.body_len) })
        })
    }

    /// The disk under the journal.
    #[must_use]
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// The disk under the journal, to inject faults or to change its settings. Writing to the
    /// journal's files is damage.
    pub fn disk_mut(&mut self) -> &mut D {
        &mut self.disk
    }

    /// Gives the disk back. What was not synced may be lost.
    #[must_use]
    pub fn into_disk(self) -> D {
        self.disk
    }

    /// The shards whose entries or damage keep the oldest segments, while all segments together
    /// hold more than [`Config::bytes_limit`]. The database writes a base for them, or appends
    /// again what it still needs of them. Empty if there is no pressure.
    #[must_use]
    pub fn pressure(&self) -> Vec<ShardId> {
        let mut excess = self.bytes().saturating_sub(self.config.bytes_limit);
        let mut oldest = BTreeSet::new();
        for (number, segment) in &self.segments {
            if excess == 0 || self.is_end(*number) {
                break;
            }
            oldest.insert(*number);
            excess = excess.saturating_sub(segment.len);
        }
        if oldest.is_empty() {
            return Vec::new();
        }
        let pins = self
            .live
            .items()
            .filter(|(_, item)| oldest.contains(&item.segment) && !item.is_small());
        pins.map(|(shard, _)| shard).collect::<BTreeSet<_>>().into_iter().collect()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.segments.values().map(|segment| segment.len).sum()
    }

    pub(super) fn is_end(&self, segment: u64) -> bool {
        self.end.is_some_and(|end| end.segment == segment)
    }

    pub(super) fn alive(&self) -> Result<(), JournalError> {
        if self.poisoned { Err(JournalError::Poisoned) } else { Ok(()) }
    }
}
