//! Forced recovery: what one node has to write so that it goes on alone.
//!
//! ```text
//!   every shard with a sound replica here      the catalog besides
//!   … entries │ membership {me}, cut i2        survive: me, and what I hold
//! ```
//!
//! Everything is in the logs, behind what they hold already, and is applied when the node starts:
//! the group is this node ([`raft::Start::seize`]), history is cut (the cut stands in the log, so
//! that a replica that applies it later finds it at the same place), and the catalog forgets who is
//! gone. Nothing is decided here about the rest of the process; it only plans, and its host writes.

use alloc::{string::String, vec, vec::Vec};

use bytes::Bytes;
use kernel::{Incarnation, NodeId, ShardId, clock::hybrid::Timestamp};
use prost::Message;
use raft::{Membership, Standing, Start};
use store::{
    engine::{Engine, EngineError, FlushJob},
    journal::{self, Recovery},
    mvcc::Space,
};

use crate::{
    Failure,
    catalog::{CATALOG, CATALOG_NAME, Catalog, CatalogCommand, Change, Survive},
    command::{Command, Do},
    failure::Code,
    record,
    shard::{Applied, load_generation},
};

use super::open;

/// What a forced recovery would do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Shards that go on, the catalog first.
    pub kept: Vec<Kept>,
    /// Shards that do not.
    pub left: Vec<Left>,
    /// Members that the catalog here knows and will forget.
    pub gone: Vec<NodeId>,
    /// To be appended to the journal, in this order and all of them.
    pub records: Vec<journal::Record>,
    /// By the logs, this node is the whole group of everything that it holds, the catalog included,
    /// and so the only member: there is nothing to force.
    pub alone: bool,
}

/// A shard that goes on with the replica of this node.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Which.
    pub shard: ShardId,
    /// Its keyspace, if the catalog here knows it.
    pub keyspace: Option<String>,
    /// The last entry that is here: it counts as committed, and what came after it is lost.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// Up to here the engine holds what was committed for certain.
    pub applied: u64,
}

/// A shard that stays without a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Left {
    /// Which.
    pub shard: ShardId,
    /// Its keyspace, if the catalog here knows it.
    pub keyspace: Option<String>,
    /// Why.
    pub why: Why,
}

/// Why a shard cannot go on with what is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no replica here.
    Absent,
    /// The replica is without memory: it may lack anything that it had once acknowledged.
    Forgetful,
    /// The journal has lost the data of so many entries.
    Damaged(usize),
    /// The replica had left the group: it may be older than anything that was acknowledged.
    Outside,
}

/// Plans how `node` goes on alone in the incarnation `next`, from what its journal and its engine
/// hold. `wiped` says that its directory once began without memory.
///
/// The engine is made durable: a log that begins where the engine stands must not begin behind it.
///
/// # Errors
/// If the engine cannot be read.
pub fn recover<E: Engine>(
    node: NodeId,
    wiped: bool,
    journal: &Recovery,
    engine: &mut E,
    next: Incarnation,
) -> Result<Plan, Failure> {
    plan(node, wiped, journal, engine, next)
        .map_err(|error| Failure::new(Code::Storage, alloc::format!("{error}")))
}

fn plan<E: Engine>(
    node: NodeId,
    wiped: bool,
    journal: &Recovery,
    engine: &mut E,
    next: Incarnation,
) -> Result<Plan, EngineError> {
    engine.flush().run()?;
    let catalog = open::load_catalog(engine)?;
    let logs = open::logs(journal);
    let mut plan = Plan { alone: true, ..Plan::default() };
    let mut sound: Vec<(ShardId, Start, Timestamp)> = Vec::new();
    for (id, log) in &logs {
        let space = Space::new(*id, load_generation(engine, *id)?);
        let applied = Applied::load(engine, &space)?;
        let mut start = open::remembered(wiped, open::forgets(journal, *id), log);
        open::stand_on(&mut start, &applied);
        let end = start.end();
        let keyspace = name(&catalog, *id);
        if let Some(why) = unfit(&start, node) {
            plan.left.push(Left { shard: *id, keyspace, why });
            continue;
        }
        plan.alone &= end.membership == Membership::new([node], []);
        let (index, term, applied_to) = (end.index, end.term, applied.index);
        plan.kept.push(Kept { shard: *id, keyspace, index, term, applied: applied_to });
        let timestamp = newest(&start).max(applied.timestamp);
        sound.push((*id, start, timestamp));
    }
    let absent = catalog.shards.keys().chain([&CATALOG]).filter(|id| !logs.contains_key(id));
    plan.left.extend(absent.map(|id| Left {
        shard: *id,
        keyspace: name(&catalog, *id),
        why: Why::Absent,
    }));
    plan.gone = catalog.members.keys().copied().filter(|member| *member != node).collect();
    let held: Vec<u64> = plan.kept.iter().map(|kept| kept.shard.0).collect();
    for (id, start, timestamp) in sound {
        let mut commands = vec![Command::own(timestamp, Do::Sever(next.0))];
        if id == CATALOG {
            let change = Change::Survive(Survive { node: node.0, shards: held.clone() });
            let body = CatalogCommand::from(change).encode_to_vec().into();
            commands.push(Command::own(timestamp, Do::Program(body)));
        }
        let commands = commands.iter().map(|command| Bytes::from(command.encode_to_vec()));
        let hard = (start.term, start.vote);
        let records = start.seize(node, commands.collect());
        plan.records.extend(records.iter().map(|r| record::of(id, hard, start.standing, r)));
    }
    Ok(plan)
}

fn name(catalog: &Catalog, id: ShardId) -> Option<String> {
    match id {
        CATALOG => Some(CATALOG_NAME.into()),
        id => Some(catalog.shards.get(&id)?.keyspace.clone()),
    }
}

/// Why a replica cannot be its group.
fn unfit(start: &Start, node: NodeId) -> Option<Why> {
    if start.standing == Standing::Amnesiac {
        return Some(Why::Forgetful);
    }
    if !start.lost.is_empty() {
        return Some(Why::Damaged(start.lost.len()));
    }
    (!start.end().membership.contains(node)).then_some(Why::Outside)
}

/// The greatest timestamp in the log.
fn newest(start: &Start) -> Timestamp {
    let commands = start.entries.iter().filter_map(|e| Command::decode(e.data.clone()).ok());
    let commands = commands.filter(|command| command.act.is_some());
    commands.map(|command| Timestamp(command.timestamp)).max().unwrap_or_default()
}

#[cfg(test)]
mod tests;
