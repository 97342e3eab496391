//! How the catalog is stored, and the cache of it that routes requests.

use alloc::{collections::BTreeMap, format, string::String, vec, vec::Vec};

use bytes::Bytes;
use kernel::{
    Incarnation, KeyspaceId, NodeId, ShardId,
    bug::{Bug, planted},
};
use prost::Message;
use store::{
    engine::{EngineError, Read, ScanRange},
    mvcc::Reader,
    view::View,
};

use crate::api::{Keyspace, Member};

use super::{
    CATALOG, CATALOG_VOTERS_MAX, ContractWire, MemberWire,
    gone::{self, Gone, GoneWire},
};

/// A keyspace as stored under `k/NAME`.
#[derive(Clone, PartialEq, Message)]
pub struct KeyspaceWire {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(message, optional, tag = "2")]
    pub(super) contract: Option<ContractWire>,
    #[prost(uint64, repeated, tag = "3")]
    shards: Vec<u64>,
}

/// A shard as stored under `s/ID`.
#[derive(Clone, PartialEq, Message)]
struct PlacementWire {
    #[prost(string, tag = "1")]
    keyspace: String,
    #[prost(uint64, repeated, tag = "2")]
    founders: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    wanted: Vec<u64>,
    #[prost(uint64, tag = "4")]
    created: u64,
    #[prost(uint64, tag = "5")]
    moved: u64,
    /// How often history had been cut when the shard was made.
    #[prost(uint64, tag = "6")]
    cuts: u64,
    /// Absent in records of before it was kept: then nobody is known to be on the way out.
    #[prost(uint64, repeated, tag = "7")]
    leaving: Vec<u64>,
}

/// Who holds a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Its keyspace.
    pub keyspace: String,
    /// Who held it first; they start with a Raft group of exactly these voters.
    pub founders: Vec<NodeId>,
    /// Who should hold it.
    pub wanted: Vec<NodeId>,
    /// Who gave a replica up and may still vote: the group has not been seen without them.
    pub leaving: Vec<NodeId>,
    /// The catalog's index at which the shard was made.
    pub created: u64,
    /// The catalog's index at which it was last said who should hold it: names this placement.
    pub moved: u64,
    /// The incarnation in which the shard was made.
    pub born: Incarnation,
}

pub(super) fn nodes(ids: &[u64]) -> Vec<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

pub(super) fn ids(nodes: &[NodeId]) -> Vec<u64> {
    nodes.iter().map(|node| node.0).collect()
}

fn keyspace_key(name: &str) -> Bytes {
    format!("k/{name}").into_bytes().into()
}

fn shard_key(shard: ShardId) -> Bytes {
    format!("s/{:020}", shard.0).into_bytes().into()
}

fn member_key(node: NodeId) -> Bytes {
    format!("m/{:020}", node.0).into_bytes().into()
}

const NEXT_KEY: Bytes = Bytes::from_static(b"n");

pub(super) fn load<M: Message + Default>(
    key: &Bytes,
    view: &mut dyn View,
) -> Result<Option<M>, EngineError> {
    Ok(view.get(key)?.and_then(|stored| M::decode(stored.value).ok()))
}

pub(super) fn save(
    key: &Bytes,
    message: &impl Message,
    view: &mut dyn View,
) -> Result<(), EngineError> {
    view.put(key, &Bytes::from(message.encode_to_vec()), None)
}

fn load_all<M: Message + Default>(
    prefix: &'static [u8],
    view: &mut dyn View,
) -> Result<Vec<(Bytes, M)>, EngineError> {
    let found = view.scan(ScanRange::prefix(prefix.into())).map(|pair| {
        let (key, stored) = pair?;
        Ok(M::decode(stored.value).ok().map(|message| (key, message)))
    });
    found.filter_map(Result::transpose).collect()
}

fn number(key: &[u8]) -> Option<u64> {
    core::str::from_utf8(key.get(2..)?).ok()?.parse().ok()
}

pub(super) fn read_keyspace(
    name: &str,
    view: &mut dyn View,
) -> Result<Option<KeyspaceWire>, EngineError> {
    load(&keyspace_key(name), view)
}

pub(super) fn read_members(view: &mut dyn View) -> Result<Vec<MemberWire>, EngineError> {
    Ok(load_all::<MemberWire>(b"m/", view)?.into_iter().map(|(_, member)| member).collect())
}

pub(super) fn write_member(member: &MemberWire, view: &mut dyn View) -> Result<bool, EngineError> {
    let key = member_key(NodeId(member.node));
    let changed = load::<MemberWire>(&key, view)?.as_ref() != Some(member);
    if changed {
        save(&key, member, view)?;
    }
    Ok(changed)
}

pub(super) fn remove_member(node: NodeId, view: &mut dyn View) -> Result<bool, EngineError> {
    view.delete(&member_key(node))
}

pub(super) fn read_placement(
    shard: ShardId,
    view: &mut dyn View,
) -> Result<Option<Placement>, EngineError> {
    Ok(load::<PlacementWire>(&shard_key(shard), view)?.map(Placement::from))
}

pub(super) fn read_placements(
    view: &mut dyn View,
) -> Result<Vec<(ShardId, Placement)>, EngineError> {
    let all = load_all::<PlacementWire>(b"s/", view)?;
    Ok(all
        .into_iter()
        .filter_map(|(key, wire)| Some((ShardId(number(&key)?), wire.into())))
        .collect())
}

pub(super) fn write_placement(
    shard: ShardId,
    placement: &Placement,
    view: &mut dyn View,
) -> Result<(), EngineError> {
    let wire = PlacementWire {
        keyspace: placement.keyspace.clone(),
        founders: ids(&placement.founders),
        wanted: ids(&placement.wanted),
        leaving: ids(&placement.leaving),
        created: placement.created,
        moved: placement.moved,
        cuts: placement.born.0.saturating_sub(1),
    };
    save(&shard_key(shard), &wire, view)
}

/// Chooses the members that hold the fewest replicas; ties go to the smaller id.
pub(super) fn place(
    view: &mut dyn View,
    members: &[MemberWire],
    replicas: usize,
) -> Result<Vec<NodeId>, EngineError> {
    let mut load: BTreeMap<NodeId, usize> =
        members.iter().map(|member| (NodeId(member.node), 0)).collect();
    for (_, placement) in read_placements(view)? {
        for node in placement.wanted {
            load.entry(node).and_modify(|count| *count += 1);
        }
    }
    let mut order: Vec<(usize, NodeId)> = load.into_iter().map(|(node, n)| (n, node)).collect();
    order.sort_unstable();
    let mut chosen: Vec<NodeId> = order.into_iter().take(replicas).map(|(_, node)| node).collect();
    chosen.sort_unstable();
    Ok(chosen)
}

#[derive(Clone, PartialEq, Message)]
struct Next {
    #[prost(uint64, tag = "1")]
    keyspace: u64,
    #[prost(uint64, tag = "2")]
    shard: u64,
}

pub(super) fn write_keyspace(
    name: &str,
    contract: &ContractWire,
    founders: &[NodeId],
    view: &mut dyn View,
) -> Result<(), EngineError> {
    let mut next: Next =
        load(&NEXT_KEY, view)?.unwrap_or(Next { keyspace: 1, shard: CATALOG.0 + 1 });
    let (keyspace, shard) = (next.keyspace, ShardId(next.shard));
    next = Next { keyspace: keyspace + 1, shard: shard.0 + 1 };
    save(&NEXT_KEY, &next, view)?;
    let wire =
        KeyspaceWire { id: keyspace, contract: Some(contract.clone()), shards: vec![shard.0] };
    save(&keyspace_key(name), &wire, view)?;
    let founders = founders.to_vec();
    let created = view.version().index;
    let placement = Placement {
        keyspace: name.into(),
        wanted: founders.clone(),
        founders,
        leaving: Vec::new(),
        created,
        moved: created,
        born: view.version().incarnation,
    };
    write_placement(shard, &placement, view)
}

/// Removes a keyspace, and remembers who held its shards if that is wanted.
pub(super) fn remove_keyspace(
    name: &str,
    remembered: bool,
    view: &mut dyn View,
) -> Result<bool, EngineError> {
    let Some(keyspace) = read_keyspace(name, view)? else { return Ok(false) };
    for shard in keyspace.shards.into_iter().map(ShardId) {
        if let Some(placement) = read_placement(shard, view)?.filter(|_| remembered) {
            gone::write(shard, &placement, view)?;
        }
        view.delete(&shard_key(shard))?;
    }
    view.delete(&keyspace_key(name))?;
    Ok(true)
}

impl From<PlacementWire> for Placement {
    fn from(wire: PlacementWire) -> Placement {
        Placement {
            keyspace: wire.keyspace,
            founders: nodes(&wire.founders),
            wanted: nodes(&wire.wanted),
            leaving: nodes(&wire.leaving),
            created: wire.created,
            moved: wire.moved,
            born: Incarnation(wire.cuts.saturating_add(1)),
        }
    }
}

/// The catalog as this node has applied it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    /// By name.
    pub keyspaces: BTreeMap<String, Keyspace>,
    /// By id; the catalog's own shard is not listed.
    pub shards: BTreeMap<ShardId, Placement>,
    /// Shards that were dropped and may still be served, by id.
    pub gone: BTreeMap<ShardId, Gone>,
    /// By id.
    pub members: BTreeMap<NodeId, Member>,
    /// Shards from here on have not been made yet, as far as this copy knows.
    pub next_shard: u64,
}

impl Catalog {
    /// Reads the whole catalog from the engine.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn load<R: Read>(reader: &Reader<'_, R>) -> Result<Catalog, EngineError> {
        let mut catalog = Catalog::default();
        for (key, stored) in reader.scan(&ScanRange::all(), usize::MAX)? {
            catalog.take(&key, stored.value);
        }
        Ok(catalog)
    }

    fn take(&mut self, key: &[u8], value: Bytes) {
        if key == NEXT_KEY {
            self.next_shard = Next::decode(value).map_or(0, |next| next.shard);
            return;
        }
        match key.get(..2) {
            Some(b"k/") => {
                let name = String::from_utf8_lossy(&key[2..]).into_owned();
                let Ok(wire) = KeyspaceWire::decode(value) else { return };
                let Some(contract) = wire.contract.and_then(|wire| wire.contract()) else { return };
                let shards = wire.shards.into_iter().map(ShardId).collect();
                let id = KeyspaceId(wire.id);
                self.keyspaces.insert(name.clone(), Keyspace { id, name, contract, shards });
            }
            Some(b"s/") => {
                let (Some(id), Ok(wire)) = (number(key), PlacementWire::decode(value)) else {
                    return;
                };
                self.shards.insert(ShardId(id), wire.into());
            }
            Some(b"g/") => {
                let (Some(id), Ok(wire)) = (number(key), GoneWire::decode(value)) else { return };
                self.gone.insert(ShardId(id), wire.into());
            }
            Some(b"m/") => {
                let Ok(wire) = MemberWire::decode(value) else { return };
                self.members.insert(NodeId(wire.node), Member::from(&wire));
            }
            _ => {}
        }
    }

    /// Whether a shard was made and is not there any more: ids are never used again. One that this
    /// copy does not know yet was not.
    #[must_use]
    pub fn dropped(&self, shard: ShardId) -> bool {
        let made = shard.0 < self.next_shard || planted(Bug::UnknownDropped);
        shard != CATALOG && made && !self.shards.contains_key(&shard)
    }

    /// Whether the founders are still being entered: no keyspace was made yet.
    #[must_use]
    pub fn bootstrapping(&self) -> bool {
        self.keyspaces.is_empty()
    }

    /// Who should vote in the catalog's own group: the members with the smallest ids.
    #[must_use]
    pub fn catalog_voters(&self) -> Vec<NodeId> {
        self.members.keys().copied().take(CATALOG_VOTERS_MAX).collect()
    }
}
