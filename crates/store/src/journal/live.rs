//! Which records are still needed, and which segments they pin.
//!
//! Of a shard with base 4 and four appends:
//!
//! ```text
//!   1 2 3 4 5 6                  superseded from 6 on: 5 is live, so the record is
//!             6 7 8              superseded from 7 on: 6 is live
//!               7 8 9            live
//!     2 3 4                      older than the others: dead, below the base
//! ```
//!
//! A fill takes the place of what damaged records held of its entries:
//!
//! ```text
//!   1 2 3 ░ ░ ░ ░ 8 9            4 to 7 are lost
//!           5 6                  filled: what is left of the damaged record is 4, and 7
//! ```
//!
//! A record that only cuts is as live as what it cuts: segments go from the oldest on, so what it
//! cut is gone before it.

use alloc::{
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

use bytes::Bytes;
use kernel::ShardId;

use super::{
    header::Header,
    record::{JOURNAL, Record, RecordKind, Span},
};

/// Instead of a position: it is not known which.
pub(super) const UNSURE: u64 = u64::MAX;

/// A record in its place.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) lsn: u64,
    /// Where it stands among the others: its position, or that of what it fills.
    pub(super) place: u64,
    pub(super) kind: RecordKind,
    /// Of an append: less what later appends replaced.
    pub(super) span: Option<Span>,
    pub(super) segment: u64,
    /// Where the record's header begins.
    pub(super) offset: u64,
    pub(super) body_len: u32,
    pub(super) body_crc: u32,
    /// Whether the body can be read.
    pub(super) intact: bool,
    /// Kept for states and bases, which may have to move forward; empty for appends.
    pub(super) body: Bytes,
}

impl Item {
    pub(super) fn new(header: &Header, segment: u64, offset: u64, intact: bool) -> Item {
        let Header { lsn, kind, span, body_len, body_crc, .. } = *header;
        let body = Bytes::new();
        Item { lsn, place: lsn, kind, span, segment, offset, body_len, body_crc, intact, body }
    }

    /// Whether the record can be moved forward by appending it again.
    pub(super) fn is_small(&self) -> bool {
        self.intact && matches!(self.kind, RecordKind::State | RecordKind::Base)
    }
}

#[derive(Debug, Default)]
struct Shard {
    last_lsn: u64,
    state: Option<Item>,
    base: Option<Item>,
    /// In log order, which is also the order of their spans; spans do not overlap.
    appends: VecDeque<Item>,
}

impl Shard {
    fn items(&self) -> impl Iterator<Item = &Item> {
        self.state.iter().chain(&self.base).chain(&self.appends)
    }
}

/// How many live records a segment holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pins {
    pub(super) small: usize,
    /// Appends and damaged records.
    pub(super) large: usize,
}

/// The live records of all shards.
#[derive(Debug, Default)]
pub(super) struct Live {
    shards: BTreeMap<ShardId, Shard>,
    pins: BTreeMap<u64, Pins>,
    /// Position of the last record of a shard without live ones: 0 or [`UNSURE`].
    pub(super) last_lsn_of_others: u64,
}

impl Live {
    /// Position of the shard's last record, dead or alive; 0 if it had none, or [`UNSURE`].
    pub(super) fn last_lsn(&self, shard: ShardId) -> u64 {
        self.shards.get(&shard).map_or(self.last_lsn_of_others, |shard| shard.last_lsn)
    }

    /// Says that an unknown hole may have taken the shard's last record.
    pub(super) fn set_unsure(&mut self, shard: ShardId) {
        if let Some(shard) = self.shards.get_mut(&shard) {
            shard.last_lsn = UNSURE;
        }
    }

    pub(super) fn pins(&self, segment: u64) -> Pins {
        self.pins.get(&segment).copied().unwrap_or_default()
    }

    /// Every live record, shard by shard.
    pub(super) fn items(&self) -> impl Iterator<Item = (ShardId, &Item)> {
        self.shards.iter().flat_map(|(id, shard)| shard.items().map(|item| (*id, item)))
    }

    /// Gives a state or base its body.
    pub(super) fn set_body(&mut self, shard: ShardId, lsn: u64, body: Bytes) {
        let Some(shard) = self.shards.get_mut(&shard) else { return };
        let small = shard.state.iter_mut().chain(&mut shard.base);
        small.filter(|item| item.lsn == lsn).for_each(|item| item.body = body.clone());
    }

    /// The small records of a segment, as they would be appended again.
    pub(super) fn small_records(&self, segment: u64) -> Vec<Record> {
        let small = self.items().filter(|(_, item)| item.segment == segment && item.is_small());
        let record = |(shard, item): (ShardId, &Item)| Record {
            shard,
            kind: item.kind,
            span: item.span,
            body: item.body.clone(),
        };
        small.map(record).collect()
    }

    /// Takes note of a record behind all others.
    pub(super) fn apply(&mut self, id: ShardId, item: Item) {
        let mut dead = Vec::new();
        if item.kind == RecordKind::Remove {
            if let Some(shard) = self.shards.remove(&id) {
                dead.extend(shard.items().cloned());
            }
        } else {
            let shard = self.shards.entry(id).or_default();
            shard.last_lsn = item.lsn;
            let mut alive = Vec::new();
            if id != JOURNAL {
                shard.apply(item, &mut dead, &mut alive);
            }
            for (segment, small) in alive {
                let pins = self.pins.entry(segment).or_default();
                *if small { &mut pins.small } else { &mut pins.large } += 1;
            }
        }
        for item in dead {
            self.unpin(&item);
        }
    }

    fn unpin(&mut self, item: &Item) {
        if let Some(pins) = self.pins.get_mut(&item.segment) {
            let count = if item.is_small() { &mut pins.small } else { &mut pins.large };
            *count = count.saturating_sub(1);
            if *pins == Pins::default() {
                self.pins.remove(&item.segment);
            }
        }
    }
}

impl Shard {
    /// Takes note of a record. What it replaces goes to `dead`; of what lives on its account, the
    /// segment and whether it is small go to `alive`.
    fn apply(&mut self, item: Item, dead: &mut Vec<Item>, alive: &mut Vec<(u64, bool)>) {
        let pinned = (item.segment, item.is_small());
        match (item.kind, item.span) {
            (RecordKind::State, _) => dead.extend(self.state.replace(item)),
            (RecordKind::Base, Some(span)) => {
                while self.appends.front().is_some_and(|old| ends_by(old, span.last)) {
                    dead.extend(self.appends.pop_front());
                }
                dead.extend(self.base.replace(item));
            }
            (RecordKind::Append, Some(span)) => {
                self.cut(span.first, dead);
                let base = self.base.as_ref().and_then(|base| base.span);
                if base.is_some_and(|base| span.last <= base.last) {
                    return;
                }
                self.appends.push_back(item);
            }
            (RecordKind::Fill, Some(span)) => return self.fill(item, span, dead, alive),
            _ => return,
        }
        alive.push(pinned);
    }

    /// Puts a fill in its place. What can be read is only replaced by as much that can be read.
    fn fill(&mut self, item: Item, span: Span, dead: &mut Vec<Item>, alive: &mut Vec<(u64, bool)>) {
        let meets = |old: &Span| old.first <= span.last && span.first <= old.last;
        let within = |old: &Span| span.first <= old.first && old.last <= span.last;
        let stays = |old: &Item| {
            let replaced = |old: &Span| !meets(old) || (item.intact && within(old));
            old.intact && old.span.is_some_and(|old| !replaced(&old))
        };
        let base = self.base.as_ref().and_then(|base| base.span);
        if base.is_some_and(|base| span.last <= base.last) || self.appends.iter().any(stays) {
            return;
        }
        let (from, to) = (
            self.appends.partition_point(|old| old.span.is_none_or(|old| old.last < span.first)),
            self.appends.partition_point(|old| old.span.is_none_or(|old| old.first <= span.last)),
        );
        let behind = self.appends.split_off(to.max(from));
        let filled = self.appends.split_off(from);
        let place = filled.front().or(behind.front()).map_or(item.lsn, |old| old.place);
        let rest = |old: &Item, first, last| {
            let part = old.span.map(|old| Span { first, last, ..old }).filter(|s| first <= s.last);
            part.map(|part| Item { span: Some(part), ..old.clone() })
        };
        let left = filled.front().and_then(|old| {
            let first = old.span?.first;
            (first < span.first).then(|| rest(old, first, span.first - 1))?
        });
        let right = filled.back().and_then(|old| rest(old, span.last + 1, old.span?.last));
        let new = left.into_iter().chain([Item { place, ..item }]).chain(right);
        for item in new {
            alive.push((item.segment, item.is_small()));
            self.appends.push_back(item);
        }
        self.appends.extend(behind);
        dead.extend(filled);
    }

    /// Forgets the entries from `first` on.
    fn cut(&mut self, first: u64, dead: &mut Vec<Item>) {
        let begins = |old: &Item| old.span.is_none_or(|span| span.first >= first);
        while self.appends.back().is_some_and(begins) {
            dead.extend(self.appends.pop_back());
        }
        if let Some(span) = self.appends.back_mut().and_then(|old| old.span.as_mut()) {
            span.last = span.last.min(first.saturating_sub(1));
        }
    }
}

fn ends_by(item: &Item, last: u64) -> bool {
    item.span.is_none_or(|span| span.last <= last)
}
