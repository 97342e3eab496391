//! What nodes know, for the report of a run: roles on the lanes, and a table at the cursor.

use database::shard::Shard;
use kernel::{NodeId, ShardId};
use raft::Role;
use sim::{World, audit::State};

use crate::factory::Cluster;

/// Writes down what every node knows now, as far as it is new; nothing if nothing is recorded.
pub fn all(world: &mut World<Cluster>) {
    if world.log().is_none() {
        return;
    }
    for node in world.ids() {
        one(world, node);
    }
}

/// The same of one shard alone, without its name.
pub fn shard(world: &mut World<Cluster>, id: ShardId) {
    if world.log().is_none() {
        return;
    }
    for node in world.ids() {
        let database = world.machine(node).and_then(|machine| machine.database());
        let Some(shard) = database.and_then(|database| database.shards().get(&id)) else {
            continue;
        };
        let state = State { of: String::new(), ..state(id, shard) };
        let role = format!("{} t{}", state.facts[0].1, shard.raft.term());
        world.role(node, || role);
        world.state(node, || state);
    }
}

fn one(world: &mut World<Cluster>, node: NodeId) {
    let Some(database) = world.machine(node).and_then(|machine| machine.database()) else { return };
    let states: Vec<State> =
        database.shards().iter().map(|(id, shard)| state(*id, shard)).collect();
    let role = role(database.shards().iter());
    world.role(node, || role);
    for state in states {
        world.state(node, || state);
    }
}

/// What a node is, over all its shards: what it leads, else what it stands for.
fn role<'a>(shards: impl Iterator<Item = (&'a ShardId, &'a Shard)> + Clone) -> String {
    let named = |role: Role, verb: &str| {
        let of = shards.clone().filter(|(_, shard)| shard.raft.status().role == role);
        let names: Vec<String> =
            of.map(|(id, shard)| format!("{id} t{}", shard.raft.term())).collect();
        (!names.is_empty()).then(|| format!("{verb} {}", names.join(", ")))
    };
    named(Role::Leader, "leader")
        .or_else(|| named(Role::Candidate, "candidate"))
        .or_else(|| named(Role::PreCandidate, "pre-candidate"))
        .unwrap_or_else(|| "follower".to_owned())
}

fn state(id: ShardId, shard: &Shard) -> State {
    let status = shard.raft.status();
    let role = match status.role {
        Role::Leader => "leader",
        Role::Candidate => "candidate",
        Role::PreCandidate => "pre-candidate",
        Role::Follower => "follower",
    };
    let facts = vec![
        ("role", role.to_owned()),
        ("term", status.term.to_string()),
        ("last", status.last_index.to_string()),
        ("commit", shard.raft.commit().to_string()),
        ("applied", shard.applied.index.to_string()),
    ];
    State { of: id.to_string(), facts }
}
