//! Shards that were dropped and may still be served by replicas that have not heard of it.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

use bytes::Bytes;
use kernel::{NodeId, ShardId};
use prost::Message;
use store::{
    engine::{EngineError, ScanRange},
    view::View,
};

use super::state::{Placement, ids, load, nodes, save};

/// Such shards, in shards. Beyond it nothing more is dropped.
pub const GONE_MAX: usize = 1_024;

/// A shard that was dropped, as stored under `g/ID`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct GoneWire {
    #[prost(string, tag = "1")]
    keyspace: String,
    #[prost(uint64, repeated, tag = "2")]
    holders: Vec<u64>,
    #[prost(uint64, tag = "3")]
    copies: u64,
    #[prost(uint64, tag = "4")]
    dropped: u64,
}

/// A shard that was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Its keyspace.
    pub keyspace: String,
    /// Who may have voted in its group.
    pub holders: Vec<NodeId>,
    /// How many voted in it.
    pub copies: usize,
    /// The catalog's index at which it was dropped.
    pub dropped: u64,
}

impl Gone {
    /// Whether replicas on these nodes could still decide something together.
    #[must_use]
    pub fn decides(&self, deaf: usize) -> bool {
        deaf > self.copies.saturating_sub(1) / 2
    }
}

impl From<GoneWire> for Gone {
    fn from(wire: GoneWire) -> Gone {
        Gone {
            keyspace: wire.keyspace,
            holders: nodes(&wire.holders),
            copies: usize::try_from(wire.copies).unwrap_or(usize::MAX),
            dropped: wire.dropped,
        }
    }
}

fn key(shard: ShardId) -> Bytes {
    format!("g/{:020}", shard.0).into_bytes().into()
}

/// How many there are.
pub(super) fn count(view: &mut dyn View) -> Result<usize, EngineError> {
    Ok(view.scan(ScanRange::prefix(Bytes::from_static(b"g/"))).count())
}

/// A shard with this placement is dropped.
pub(super) fn write(
    shard: ShardId,
    placement: &Placement,
    view: &mut dyn View,
) -> Result<(), EngineError> {
    let all = placement.wanted.iter().chain(&placement.leaving).copied();
    let holders: Vec<NodeId> = all.collect::<BTreeSet<_>>().into_iter().collect();
    let wire = GoneWire {
        keyspace: placement.keyspace.clone(),
        holders: ids(&holders),
        copies: placement.wanted.len() as u64,
        dropped: view.version().index,
    };
    save(&key(shard), &wire, view)
}

/// Nobody can serve it any more; whether that is news.
pub(super) fn remove(shard: ShardId, view: &mut dyn View) -> Result<bool, EngineError> {
    let known = load::<GoneWire>(&key(shard), view)?.is_some();
    if known {
        view.delete(&key(shard))?;
    }
    Ok(known)
}
