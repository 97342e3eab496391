//! Commands of the catalog.

use alloc::{collections::BTreeSet, format, string::String, string::ToString, vec::Vec};

use bytes::Bytes;
use contract::{Consistency, Contract, Objective, Program};
use kernel::{
    NodeId, ShardId,
    bug::{Bug, planted},
};
use prost::{Message, Oneof};
use store::{engine::EngineError, view::View};

use crate::{
    api::Member,
    failure::{Code, Failure},
};

use super::{GONE_MAX, check_name, gone, state};

/// A change of the catalog.
#[derive(Clone, PartialEq, Message)]
pub struct CatalogCommand {
    /// Which change.
    #[prost(oneof = "Change", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9")]
    pub change: Option<Change>,
}

/// The changes.
#[derive(Clone, PartialEq, Oneof)]
pub enum Change {
    /// Makes a keyspace with one shard.
    #[prost(message, tag = "1")]
    Create(Create),
    /// Removes a keyspace as it was done before it was remembered who held it: for logs of then.
    #[prost(string, tag = "2")]
    Drop(String),
    /// Adds a member or changes its addresses.
    #[prost(message, tag = "3")]
    AddMember(MemberWire),
    /// Forgets a member.
    #[prost(uint64, tag = "4")]
    RemoveMember(u64),
    /// Changes who should hold a shard.
    #[prost(message, tag = "5")]
    Move(Move),
    /// Goes on with one node and what it holds.
    #[prost(message, tag = "6")]
    Survive(Survive),
    /// The group of a shard has become what the catalog wants.
    #[prost(message, tag = "7")]
    Settled(Settled),
    /// Removes a keyspace.
    #[prost(string, tag = "8")]
    End(String),
    /// No majority of a shard's replicas is left that has not heard of its end.
    #[prost(uint64, tag = "9")]
    Heard(u64),
}

/// Makes a keyspace.
#[derive(Clone, PartialEq, Message)]
pub struct Create {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// What it promises.
    #[prost(message, optional, tag = "2")]
    pub contract: Option<ContractWire>,
}

/// Changes who should hold a shard.
#[derive(Clone, PartialEq, Message)]
pub struct Move {
    /// Which shard.
    #[prost(uint64, tag = "1")]
    pub shard: u64,
    /// Who gives a replica up; 0 for nobody.
    #[prost(uint64, tag = "2")]
    pub from: u64,
    /// Who gets one; 0 for nobody.
    #[prost(uint64, tag = "3")]
    pub to: u64,
}

/// A group has become what a placement says: who had to go votes no more.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Settled {
    /// Which shard.
    #[prost(uint64, tag = "1")]
    pub shard: u64,
    /// Which placement, by the catalog's index at which it was made.
    #[prost(uint64, tag = "2")]
    pub moved: u64,
}

/// Every other node is gone for good.
#[derive(Clone, PartialEq, Message)]
pub struct Survive {
    /// Who goes on.
    #[prost(uint64, tag = "1")]
    pub node: u64,
    /// What it holds.
    #[prost(uint64, repeated, tag = "2")]
    pub shards: Vec<u64>,
}

/// A contract as stored.
#[derive(Clone, PartialEq, Message)]
pub struct ContractWire {
    /// [`Program::name`].
    #[prost(string, tag = "1")]
    pub program: String,
    /// Copies of each shard.
    #[prost(uint32, tag = "2")]
    pub replicas: u32,
    /// The default level of reads.
    #[prost(string, tag = "3")]
    pub read: String,
    /// Seconds for which overwritten versions stay.
    #[prost(uint32, tag = "4")]
    pub history_s: u32,
    /// Seconds for which outcomes stay known.
    #[prost(uint32, tag = "5")]
    pub outcomes_s: u32,
    /// The most bytes; 0 for no bound.
    #[prost(uint64, tag = "6")]
    pub quota_bytes: u64,
    /// What is measured and paged for.
    #[prost(message, optional, tag = "7")]
    pub objective: Option<ObjectiveWire>,
}

/// An objective as stored.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct ObjectiveWire {
    /// Of a million requests, so many are to be answered.
    #[prost(uint32, tag = "1")]
    pub availability_ppm: u32,
    /// 99 of a hundred within so many microseconds; 0 for no such promise.
    #[prost(uint32, tag = "2")]
    pub latency_p99_us: u32,
    /// Over so many seconds.
    #[prost(uint32, tag = "3")]
    pub window_s: u32,
}

/// A member as stored.
#[derive(Clone, PartialEq, Message)]
pub struct MemberWire {
    /// Its id.
    #[prost(uint64, tag = "1")]
    pub node: u64,
    /// Where peers connect.
    #[prost(string, tag = "2")]
    pub peer: String,
    /// Where HTTP clients connect.
    #[prost(string, tag = "3")]
    pub http: String,
    /// Its labels, `name=value`.
    #[prost(string, repeated, tag = "4")]
    pub labels: Vec<String>,
    /// Where etcd's clients connect. Absent in records of before there was such a gateway.
    #[prost(string, tag = "5")]
    pub etcd: String,
}

/// The answer to a catalog command.
#[derive(Clone, PartialEq, Message)]
pub struct CatalogReply {
    /// [`Code::name`] of a refusal; empty for success.
    #[prost(string, tag = "1")]
    pub code: String,
    /// The reason of a refusal.
    #[prost(string, tag = "2")]
    pub text: String,
    /// Whether anything changed.
    #[prost(bool, tag = "3")]
    pub changed: bool,
}

impl From<&Contract> for ContractWire {
    fn from(contract: &Contract) -> ContractWire {
        ContractWire {
            program: contract.program.name().into(),
            replicas: contract.replicas,
            read: contract.read.to_string(),
            history_s: contract.history_s,
            outcomes_s: contract.outcomes_s,
            quota_bytes: contract.quota_bytes,
            objective: contract.objective.map(|objective| ObjectiveWire {
                availability_ppm: objective.availability_ppm,
                latency_p99_us: objective.latency_p99_us,
                window_s: objective.window_s,
            }),
        }
    }
}

impl ContractWire {
    /// The contract, if every word of it is known.
    #[must_use]
    pub fn contract(&self) -> Option<Contract> {
        Some(Contract {
            program: Program::parse(&self.program)?,
            replicas: self.replicas,
            read: Consistency::parse(&self.read).ok()?,
            history_s: self.history_s,
            outcomes_s: self.outcomes_s,
            quota_bytes: self.quota_bytes,
            objective: self.objective.map(|wire| Objective {
                availability_ppm: wire.availability_ppm,
                latency_p99_us: wire.latency_p99_us,
                window_s: wire.window_s,
            }),
        })
    }
}

impl From<&Member> for MemberWire {
    fn from(member: &Member) -> MemberWire {
        MemberWire {
            node: member.node.0,
            peer: member.peer.clone(),
            http: member.http.clone(),
            etcd: member.etcd.clone(),
            labels: member.labels.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        }
    }
}

impl From<&MemberWire> for Member {
    fn from(wire: &MemberWire) -> Member {
        let label = |label: &String| {
            label.split_once('=').map(|(name, value)| (name.to_string(), value.to_string()))
        };
        Member {
            node: NodeId(wire.node),
            peer: wire.peer.clone(),
            http: wire.http.clone(),
            etcd: wire.etcd.clone(),
            labels: wire.labels.iter().filter_map(label).collect(),
        }
    }
}

impl From<Change> for CatalogCommand {
    fn from(change: Change) -> CatalogCommand {
        CatalogCommand { change: Some(change) }
    }
}

impl CatalogReply {
    /// The refusal, if it was one.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        let code = (!self.code.is_empty()).then_some(&self.code)?;
        Some(Failure::new(Code::parse(code).unwrap_or(Code::Invalid), self.text.clone()))
    }
}

/// Applies a replicated command of the catalog.
///
/// # Errors
/// Only if the engine fails.
pub fn apply(command: &Bytes, view: &mut dyn View) -> Result<Bytes, EngineError> {
    let change = CatalogCommand::decode(command.clone()).ok().and_then(|command| command.change);
    let outcome = match change {
        Some(Change::Create(create)) => create_keyspace(&create, view)?,
        Some(Change::Drop(name)) => state::remove_keyspace(&name, false, view).map(Ok)?,
        Some(Change::End(name)) => end_keyspace(&name, view)?,
        Some(Change::Heard(shard)) => gone::remove(ShardId(shard), view).map(Ok)?,
        Some(Change::AddMember(member)) => add_member(&member, view)?,
        Some(Change::RemoveMember(node)) => remove_member(NodeId(node), view)?,
        Some(Change::Move(change)) => move_replica(&change, view)?,
        Some(Change::Survive(survive)) => go_on(&survive, view)?,
        Some(Change::Settled(settled)) => settle(settled, view)?,
        None => refuse(Code::Invalid, "not a catalog command"),
    };
    let reply = match outcome {
        Ok(changed) => CatalogReply { changed, ..CatalogReply::default() },
        Err(Failure { code, text, .. }) => {
            CatalogReply { code: code.name().into(), text, changed: false }
        }
    };
    Ok(reply.encode_to_vec().into())
}

/// Whether anything changed, or why not.
type Outcome = Result<bool, Failure>;

fn refuse(code: Code, text: impl Into<String>) -> Outcome {
    Err(Failure::new(code, text))
}

fn create_keyspace(create: &Create, view: &mut dyn View) -> Result<Outcome, EngineError> {
    let Some(wire) = &create.contract else { return Ok(refuse(Code::Invalid, "no contract")) };
    let Some(contract) = wire.contract() else {
        return Ok(refuse(Code::ContractRefused, "the contract has words that this version lacks"));
    };
    if !check_name(&create.name) {
        let text = "a name has 1 to 64 of a-z 0-9 - _ . and starts with a letter";
        return Ok(refuse(Code::KeyspaceName, text));
    }
    if let Some(existing) = state::read_keyspace(&create.name, view)? {
        return Ok(if existing.contract.as_ref() == Some(wire) {
            Ok(false)
        } else {
            let text = format!("keyspace '{}' exists with another contract", create.name);
            refuse(Code::KeyspaceExists, text)
        });
    }
    let members = state::read_members(view)?;
    if let Err(error) = contract.check(members.len()) {
        return Ok(refuse(Code::ContractRefused, error.text));
    }
    let founders = state::place(view, &members, contract.replicas as usize)?;
    state::write_keyspace(&create.name, wire, &founders, view)?;
    Ok(Ok(true))
}

fn end_keyspace(name: &str, view: &mut dyn View) -> Result<Outcome, EngineError> {
    if gone::count(view)? >= GONE_MAX {
        let text = "so many keyspaces were dropped that some nodes have not heard of yet: wait for \
                    these nodes, or remove them";
        return Ok(refuse(Code::Overloaded, text));
    }
    state::remove_keyspace(name, true, view).map(Ok)
}

fn add_member(member: &MemberWire, view: &mut dyn View) -> Result<Outcome, EngineError> {
    if member.node == 0 || member.peer.is_empty() {
        return Ok(refuse(Code::Node, "a member has an id and a peer address"));
    }
    state::write_member(member, view).map(Ok)
}

fn remove_member(node: NodeId, view: &mut dyn View) -> Result<Outcome, EngineError> {
    let placements = state::read_placements(view)?;
    let shards = |held: fn(&state::Placement) -> &[NodeId]| {
        let holds = placements.iter().filter(|(_, placement)| held(placement).contains(&node));
        holds.map(|(shard, _)| shard.to_string()).collect::<Vec<_>>().join(", ")
    };
    let (holds, leaves) = (shards(|p| &p.wanted), shards(|p| &p.leaving));
    if !holds.is_empty() {
        return Ok(refuse(Code::Node, format!("{node} still holds {holds}: move them first")));
    }
    if !leaves.is_empty() {
        let text =
            format!("{node} may still vote in {leaves}: wait until their groups have settled");
        return Ok(refuse(Code::Node, text));
    }
    state::remove_member(node, view).map(Ok)
}

/// A move leaves as many replicas as the contract asks for. A shard may be short of some, or have
/// too many, by an older catalog: then a move may bring it closer. Fewer would be another contract:
/// of two replicas, one that forgets takes the majority with it.
fn move_replica(change: &Move, view: &mut dyn View) -> Result<Outcome, EngineError> {
    let shard = ShardId(change.shard);
    let Some(mut placement) = state::read_placement(shard, view)? else {
        return Ok(refuse(Code::Shard, format!("no shard {shard}")));
    };
    let members: BTreeSet<NodeId> =
        state::read_members(view)?.iter().map(|member| NodeId(member.node)).collect();
    let (from, to) = (NodeId(change.from), NodeId(change.to));
    if to.is_some() && !members.contains(&to) {
        return Ok(refuse(Code::Node, format!("{to} is not a member: add it first")));
    }
    let holds: BTreeSet<NodeId> = placement.wanted.iter().copied().collect();
    let mut wanted = holds.clone();
    if from.is_some() {
        wanted.remove(&from);
    }
    if to.is_some() {
        wanted.insert(to);
    }
    let asked = replicas(&placement, view)?;
    let astray = |nodes: &BTreeSet<NodeId>| nodes.len().abs_diff(asked);
    let worse = wanted.len() != holds.len() && astray(&wanted) >= astray(&holds);
    if wanted.is_empty() || worse && !planted(Bug::MoveShrinks) {
        let count = wanted.len();
        let text = format!(
            "{shard} would have {count} replicas, and its contract asks for {asked}: \
             move one from a node that holds one to a node that holds none"
        );
        return Ok(refuse(Code::Shard, text));
    }
    let changed = wanted != holds;
    if changed {
        placement.moved = view.version().index;
        let leaving: BTreeSet<NodeId> = placement.leaving.drain(..).chain(holds).collect();
        placement.leaving = leaving.difference(&wanted).copied().collect();
    }
    placement.wanted = wanted.into_iter().collect();
    state::write_placement(shard, &placement, view)?;
    Ok(Ok(changed))
}

/// A leader says that its group is what a placement wants. Of an older placement that says nothing.
fn settle(settled: Settled, view: &mut dyn View) -> Result<Outcome, EngineError> {
    let shard = ShardId(settled.shard);
    let Some(mut placement) = state::read_placement(shard, view)? else { return Ok(Ok(false)) };
    if placement.moved != settled.moved || placement.leaving.is_empty() {
        return Ok(Ok(false));
    }
    placement.leaving.clear();
    state::write_placement(shard, &placement, view)?;
    Ok(Ok(true))
}

/// Members that are gone are forgotten, and what the survivor holds is placed there alone. What it
/// does not hold stays placed where it was: nobody can serve it, and dropping its keyspace is left to
/// somebody who knows that.
fn go_on(survive: &Survive, view: &mut dyn View) -> Result<Outcome, EngineError> {
    let node = NodeId(survive.node);
    for member in state::read_members(view)? {
        if member.node != survive.node {
            state::remove_member(NodeId(member.node), view)?;
        }
    }
    let index = view.version().index;
    for (shard, mut placement) in state::read_placements(view)? {
        if survive.shards.contains(&shard.0) {
            placement.wanted = [node].into();
            placement.leaving.clear();
            placement.moved = index;
            state::write_placement(shard, &placement, view)?;
        }
    }
    Ok(Ok(true))
}

/// How many replicas the contract of a shard's keyspace asks for.
fn replicas(placement: &state::Placement, view: &mut dyn View) -> Result<usize, EngineError> {
    let keyspace = state::read_keyspace(&placement.keyspace, view)?;
    let contract = keyspace.and_then(|keyspace| keyspace.contract);
    Ok(contract.map_or(placement.founders.len(), |contract| contract.replicas as usize))
}
