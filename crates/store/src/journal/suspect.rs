//! Which shards an unknown hole may have hit.
//!
//! Every record names the position of the record before it of the same shard. The first record
//! of a shard behind a hole therefore tells where the shard's last record before it was:
//!
//! ```text
//!   a1   b2   ?3   ?4   b5(back to 2)   a6(back to 4)      b was not hit, a lost at least 4
//! ```
//!
//! If the shards that were hit account for every position of the hole, no other shard was.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use kernel::ShardId;

use super::{
    header::FAR,
    record::{JOURNAL, Lsn, RecordKind},
    recovery::Damage,
    survey::{Found, Gap},
};

/// What is known about all unknown holes together.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    pub(super) damage: Vec<Damage>,
    /// The holes that hit or may have hit a shard.
    pub(super) holes: Vec<Gap>,
    /// Shards that may have been hit, as far as they have records.
    pub(super) shards: BTreeSet<ShardId>,
    /// Whether a hole may have hit a shard that has no record at all.
    pub(super) unnamed: bool,
}

/// Judges all holes; `kept` is in log order.
pub(super) fn suspects(kept: &[Found], gaps: &[Gap]) -> Suspects {
    let mut all = Suspects::default();
    let known: BTreeSet<ShardId> = kept.iter().map(|found| found.header.shard).collect();
    for gap in gaps {
        let behind = &kept[kept.partition_point(|found| found.header.lsn <= gap.last)..];
        let named = |position, shard| Damage {
            at: 0,
            segment: gap.segment,
            offset: gap.offset,
            first: Lsn(position),
            last: Lsn(position),
            shard: Some(shard),
            kind: None,
            span: None,
        };
        let mut hit = BTreeMap::new();
        let mut cleared = BTreeSet::new();
        for (shard, position) in last_before(behind) {
            if (gap.first..=gap.last).contains(&position) {
                hit.insert(position, shard);
            }
            if position < gap.first {
                cleared.insert(shard);
            }
        }
        let removed = behind.iter().filter(|found| found.header.kind == RecordKind::Remove);
        cleared.extend(removed.map(|found| found.header.shard));
        let complete = hit.len() as u64 == gap.last - gap.first + 1;
        let lost =
            hit.into_iter().filter(|(_, shard)| *shard != JOURNAL && !cleared.contains(shard));
        let lost: Vec<_> = lost.collect();
        if !lost.is_empty() || !complete {
            all.holes.push(*gap);
        }
        all.shards.extend(lost.iter().map(|(_, shard)| *shard));
        all.damage.extend(lost.into_iter().map(|(position, shard)| named(position, shard)));
        if !complete {
            let (first, last) = (Lsn(gap.first), Lsn(gap.last));
            all.damage.push(Damage { first, last, shard: None, ..named(0, JOURNAL) });
            all.shards.extend(known.difference(&cleared).filter(|shard| **shard != JOURNAL));
            all.unnamed = true;
        }
    }
    all
}

/// For every shard with a record behind a hole, the position of its record before that; 0 if it
/// had none, the greatest number if it is too far away to tell.
fn last_before(behind: &[Found]) -> BTreeMap<ShardId, u64> {
    let mut last = BTreeMap::new();
    for found in behind {
        let header = &found.header;
        last.entry(header.shard).or_insert(match header.back {
            0 => 0,
            FAR => u64::MAX,
            back => header.lsn.saturating_sub(u64::from(back)),
        });
    }
    last
}
