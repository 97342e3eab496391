//! Which replicas this node holds, and who votes in the groups that it leads.
//!
//! The catalog says who should hold a shard. A node that should and does not makes a replica; the
//! shard's leader then brings the group to that membership, learners first; a node that should
//! not any more drops its replica once the leader reports that the group has settled.

use alloc::{collections::BTreeSet, format, vec::Vec};

use kernel::{Event, NodeId, RequestId, ShardId, Token};
use raft::{Change, Config, Membership, Raft, Start};
use store::{
    engine::Engine,
    mvcc::{Reader, Space, drop_shard},
};

use crate::{
    Note,
    catalog::{self, CATALOG, Catalog, Placement, Settled},
    shard::{Applied, Outcomes, Runs, Shard, generation_key},
};

use super::{Core, Shards, control, flush, gone, pump, report, snapshots};

/// The catalog changed: reads the copy that routes requests again.
pub fn reload_catalog<E: Engine>(core: &mut Core<E>, shard: &Shard) {
    match Catalog::load(&Reader::latest(&core.engine, shard.space)) {
        Ok(catalog) if catalog != core.catalog => {
            if catalog.gone != core.catalog.gone {
                core.tells = true;
                core.again.extend(core.calls.lingering());
            }
            core.catalog = catalog;
            core.reshape = true;
            core.announce_members();
            report::agree_on_daytime(core);
        }
        Ok(_) => {}
        Err(error) => core.engine_failed(&error),
    }
}

/// Makes and drops replicas as the catalog says.
pub fn reshape<E: Engine>(core: &mut Core<E>, shards: &mut Shards) {
    core.reshape = false;
    let me = core.identity.node;
    let placed: Vec<(ShardId, bool)> = core
        .catalog
        .shards
        .iter()
        .map(|(id, placement)| (*id, placement.wanted.contains(&me)))
        .collect();
    for (id, wanted) in &placed {
        match shards.get_mut(id) {
            // A replica that the journal knew before the catalog did.
            Some(shard) if shard.runs == Runs::Unknown => {
                shard.runs = runs(core, *id).unwrap_or(Runs::Unknown);
                core.touched.insert(*id);
                core.changed.insert(*id);
            }
            Some(_) => {}
            None if *wanted && !core.leaving.contains_key(id) => create(core, shards, *id),
            None => {}
        }
    }
    let gone: Vec<ShardId> =
        shards.keys().copied().filter(|id| core.catalog.dropped(*id)).collect();
    for id in gone {
        remove(core, shards, id);
    }
    // What never came to be here is not to be founded after a crash either.
    let never: Vec<ShardId> =
        gone::unwritten(core).filter(|id| !core.leaving.contains_key(id)).collect();
    for id in never {
        leave(core, id);
    }
    // Calls that wait for a name or a replica may go on now.
    for (id, _) in placed {
        core.again.extend(core.calls.stranded(id, true, false));
    }
}

/// What a shard runs, by the catalog.
pub fn runs<E: Engine>(core: &Core<E>, id: ShardId) -> Option<Runs> {
    if id == CATALOG {
        return Some(Runs::Catalog);
    }
    let placement = core.catalog.shards.get(&id)?;
    let (name, born) = (placement.keyspace.clone(), placement.born);
    let contract = core.catalog.keyspaces.get(&name)?.contract;
    Some(Runs::Keyspace { name, contract, born })
}

/// Raft's settings for a shard of this node.
pub fn config<E: Engine>(core: &Core<E>) -> Config {
    let settings = &core.settings;
    Config {
        election_timeout: settings.election_timeout,
        heartbeat: settings.heartbeat,
        pre_vote: settings.pre_vote,
        check_quorum: settings.check_quorum,
        record_bytes_max: settings.record_bytes_max,
        uncommitted_bytes_max: settings.uncommitted_bytes_max,
        lease: settings.lease,
        drift_ppm: settings.drift_ppm,
        ..Config::new(core.identity.node)
    }
}

/// A replica on this node.
pub fn new_shard<E: Engine>(
    core: &Core<E>,
    id: ShardId,
    runs: Runs,
    start: Start,
    space: Space,
    applied: Applied,
    outcomes: Outcomes,
) -> Shard {
    let salt = format!("shard {id}");
    let hard = (start.term, start.vote);
    let sound = start.standing == raft::Standing::Sound;
    let flushed = applied.index;
    let raft = Raft::new(config(core), start, core.rng.fork(&salt));
    let sound_from = if core.wiped || !sound { raft.last_index() } else { 0 };
    Shard {
        id,
        runs,
        raft,
        space,
        applied,
        outcomes,
        committed: Vec::new(),
        proposed: Default::default(),
        traced: Default::default(),
        awaiting: BTreeSet::new(),
        tokens: Vec::new(),
        hard,
        sound,
        sound_from,
        flushed,
        digests: Default::default(),
        digest_proposed: 0,
        import: None,
        installing: None,
        clock: None,
        expiry: Default::default(),
        forgotten: Default::default(),
        told: Default::default(),
        marks: Default::default(),
        fresh_at: None,
    }
}

/// How a replica without any record in the journal starts: as a founder if it can be sure that it
/// never was one before, else as somebody who has forgotten.
pub fn first_start<E: Engine>(core: &Core<E>, id: ShardId, memory_whole: bool) -> Start {
    // Once replicas have moved, a founder may be one that has left and comes back: what it had
    // promised is forgotten. Others may have left as well, and would found the shard anew.
    let first = |p: &&Placement| p.moved == p.created && !core.left.contains(&id);
    let placement = core.catalog.shards.get(&id).filter(|p| memory_whole && first(p));
    match placement {
        Some(placement) if placement.founders.contains(&core.identity.node) => {
            Start::fresh(Membership::new(placement.founders.clone(), []))
        }
        _ => Start::joining(),
    }
}

fn create<E: Engine>(core: &mut Core<E>, shards: &mut Shards, id: ShardId) {
    let Some(runs) = runs(core, id) else { return };
    // A shard that was made after the catalog here recovered was made after anything that the
    // node may have forgotten.
    let created = core.catalog.shards.get(&id).map_or(0, |placement| placement.created);
    let new = |catalog: &Shard| catalog.sound && created > catalog.sound_from;
    let whole = shards.get(&CATALOG).is_some_and(new);
    let start = first_start(core, id, whole);
    let space = Space::new(id, 0);
    if let Err(error) = forget_state(core, id) {
        return core.engine_failed(&error);
    }
    core.left.remove(&id);
    let outcomes = Outcomes::new(core.salt());
    let mut shard = new_shard(core, id, runs, start, space, Applied::default(), outcomes);
    pump::feed(core, &mut shard, Event::Start);
    shards.insert(id, shard);
    core.notes.push(Note::ReplicaAdded { shard: id });
}

/// Takes everything that a replica holds out of the engine: its state, the one before, and a
/// snapshot that was on its way in. Done before a replica is made as well: a power cut can undo what
/// was not flushed, and then the state of one that was dropped lies there again.
pub fn forget_state<E: Engine>(core: &mut Core<E>, id: ShardId) -> Result<(), store::EngineError> {
    let mut batch = drop_shard(id);
    batch.delete(generation_key(id));
    core.engine.write(batch)
}

/// Drops a replica: the journal first, then the engine. The other way round a crash in between could
/// leave a log that goes on from a state which is gone.
fn remove<E: Engine>(core: &mut Core<E>, shards: &mut Shards, id: ShardId) {
    let Some(shard) = shards.remove(&id) else { return };
    leave(core, id);
    for (inner, outer) in shard.tokens {
        if let Some(list) = core.carried.get_mut(&outer) {
            list.retain(|(shard, token)| (*shard, *token) != (id, inner));
        }
    }
    for proposed in shard.proposed.values() {
        core.again.push_back(proposed.call);
    }
    core.again.extend(shard.awaiting.iter().map(|(_, call)| *call));
    for timer in 0..4 {
        core.timers.push((super::shard_timer(id, kernel::TimerId(timer)), None));
    }
    snapshots::forget(core, id);
    flush::forget(core, id);
    core.touched.remove(&id);
    if let Some(keyspace) = shard.runs.coordinates() {
        core.outputs.push(super::Output::Changed {
            keyspace: keyspace.into(),
            applied: 0,
            told: None,
        });
    }
    core.notes.push(Note::ReplicaRemoved { shard: id });
}

/// Writes down that a replica is dropped.
fn leave<E: Engine>(core: &mut Core<E>, id: ShardId) {
    let token = core.batch_token();
    core.records.push(pump::removed(id));
    core.leaving.insert(id, Some(token));
}

/// It is durable which replicas were dropped under this token: what they held goes as well, and
/// others may take their place.
pub fn left<E: Engine>(core: &mut Core<E>, token: Token) {
    let durable = |(id, under): (&ShardId, &Option<Token>)| (*under == Some(token)).then_some(*id);
    let gone: Vec<ShardId> = core.leaving.iter().filter_map(durable).collect();
    for id in gone {
        core.leaving.remove(&id);
        core.left.insert(id);
        (core.reshape, core.tells) = (true, true);
        if let Err(error) = forget_state(core, id) {
            return core.engine_failed(&error);
        }
    }
}

/// It could not be written which replicas were dropped: that is tried again later.
pub fn not_left<E: Engine>(core: &mut Core<E>, token: Token) {
    core.leaving
        .values_mut()
        .filter(|under| **under == Some(token))
        .for_each(|under| *under = None);
}

/// Who should hold a shard: voters, and learners beside them.
fn wanted<E: Engine>(core: &Core<E>, id: ShardId) -> Option<(Vec<NodeId>, Vec<NodeId>)> {
    if id != CATALOG {
        return Some((core.catalog.shards.get(&id)?.wanted.clone(), Vec::new()));
    }
    if core.catalog.members.is_empty() || core.founding() {
        return None;
    }
    let voters = core.catalog.catalog_voters();
    let learners =
        core.catalog.members.keys().copied().filter(|node| !voters.contains(node)).collect();
    Some((voters, learners))
}

/// Whether the group that this node leads is what the catalog wants.
pub fn settled<E: Engine>(core: &Core<E>, shard: &Shard) -> bool {
    let Some((mut voters, mut learners)) = wanted(core, shard.id) else { return false };
    voters.sort_unstable();
    learners.sort_unstable();
    shard.applied.membership == Membership::new(voters, learners)
}

/// Takes the next step towards the membership that the catalog wants.
pub fn steer<E: Engine>(core: &mut Core<E>, shard: &mut Shard) {
    let Some((voters, learners)) = wanted(core, shard.id) else { return };
    let current = shard.raft.membership().clone();
    if current.is_joint() || settled(core, shard) {
        return;
    }
    let nodes = current.nodes();
    let missing: Vec<NodeId> =
        voters.iter().chain(&learners).copied().filter(|node| !nodes.contains(node)).collect();
    let change = if missing.is_empty() {
        Change { voters, learners }
    } else {
        let mut learners: Vec<NodeId> = current.learners.iter().copied().map(NodeId).collect();
        learners.extend(missing);
        Change { voters: current.voters().collect(), learners }
    };
    // A refusal means "not yet": a learner is catching up, or a change is under way.
    if shard.raft.change(core.now, change).is_ok() {
        core.touched.insert(shard.id);
    }
}

/// Tells the catalog that those who had to go vote no more, until it knows.
pub fn tell_settled<E: Engine>(core: &mut Core<E>, shard: &Shard) {
    let placement = core.catalog.shards.get(&shard.id).filter(|p| !p.leaving.is_empty());
    let Some(moved) = placement.map(|p| p.moved).filter(|_| settled(core, shard)) else { return };
    // The same words each time: repeats are harmless.
    if let Some(id) = RequestId::new(format!("settled-{}-{moved}", shard.id).as_bytes()) {
        control::own(core, id, catalog::Change::Settled(Settled { shard: shard.id.0, moved }));
    }
}

/// Drops replicas that the catalog does not want here and whose group has gone on without them, and
/// writes down what could not be written before.
pub fn drop_unwanted<E: Engine>(core: &mut Core<E>, shards: &mut Shards) {
    let me = core.identity.node;
    let unwanted: Vec<ShardId> = core
        .catalog
        .shards
        .iter()
        .filter(|(id, placement)| {
            let settled =
                |shard| core.peers.values().any(|peer| peer.settled(shard, placement.moved));
            !placement.wanted.contains(&me) && shards.get(id).is_some_and(settled)
        })
        .map(|(id, _)| *id)
        .collect();
    for id in unwanted {
        remove(core, shards, id);
    }
    let unwritten = core.leaving.iter().filter(|(_, under)| under.is_none());
    for id in unwritten.map(|(id, _)| *id).collect::<Vec<ShardId>>() {
        leave(core, id);
    }
}
