//! A shard in the picture: who leads it, and how far each replica is.

use std::collections::BTreeMap;

use client::document;

use super::{Heard, Node};

/// A shard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shard {
    /// Its id: `s2`.
    pub id: String,
    /// Its keyspace.
    pub keyspace: String,
    /// Who leads it, by its own word; `None` if nobody says so.
    pub leader: Option<String>,
    /// The newest term known.
    pub term: u64,
    /// The commit index of its leader, or else the greatest that is known.
    pub commit: u64,
    /// Bytes of its current keys and what is stored under them.
    pub bytes: u64,
    /// Its replicas, by node.
    pub replicas: Vec<Replica>,
}

/// A replica.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replica {
    /// Where.
    pub node: String,
    /// What it does: `leader`.
    pub role: String,
    /// Whether this is its own word and fresh; otherwise what was last heard of it.
    pub certain: bool,
    /// Whether it says that it leads, in a term that is over.
    pub past: bool,
    /// How far it has applied the log.
    pub applied: u64,
    /// How long ago it was known to be up to date.
    pub lag_ms: Option<u64>,
    /// Its log, if it told.
    pub log: Option<document::ReplicaLog>,
    /// Whether it is being sent a snapshot.
    pub fetching: bool,
}

impl Replica {
    /// Entries that are committed somewhere and not applied here.
    #[must_use]
    pub fn behind(&self, shard: &Shard) -> u64 {
        shard.commit.saturating_sub(self.applied)
    }
}

/// Every shard, as all nodes know it together.
pub fn all(heard: &BTreeMap<String, Heard>, nodes: &[Node]) -> Vec<Shard> {
    let mut shards: BTreeMap<(usize, &str), Shard> = BTreeMap::new();
    let clusters = || heard.values().filter_map(|heard| heard.cluster.value());
    for told in clusters().flat_map(|cluster| &cluster.shards) {
        let shard = shards.entry((told.id.len(), &told.id)).or_insert_with(|| Shard {
            id: told.id.clone(),
            keyspace: told.keyspace.clone(),
            ..Shard::default()
        });
        shard.term = shard.term.max(told.term);
        shard.bytes = shard.bytes.max(told.bytes);
        shard.commit = shard.commit.max(told.commit_index);
        for replica in &told.replicas {
            if !shard.replicas.iter().any(|known| known.node == replica.node) {
                let node = replica.node.clone();
                shard.replicas.push(Replica { node, ..Replica::default() });
            }
        }
    }
    let mut shards: Vec<Shard> = shards.into_values().collect();
    for shard in &mut shards {
        shard.replicas.sort_by(|a, b| (a.node.len(), &a.node).cmp(&(b.node.len(), &b.node)));
        fill(shard, heard, nodes);
    }
    shards
}

fn fill(shard: &mut Shard, heard: &BTreeMap<String, Heard>, nodes: &[Node]) {
    for replica in &mut shard.replicas {
        let fresh = nodes.iter().any(|node| node.id == replica.node && node.state.answers());
        let told = told(&shard.id, &replica.node, heard, fresh);
        let Some(told) = told else { continue };
        let fetching = replica.fetching || told.fetching;
        *replica = Replica {
            node: replica.node.clone(),
            role: told.role.clone(),
            certain: fresh,
            past: false,
            applied: told.applied_index,
            lag_ms: told.lag_ms,
            log: told.log.clone(),
            fetching,
        };
    }
    let in_term = |replica: &Replica| replica.log.as_ref().map_or(shard.term, |log| log.term);
    let leads = |replica: &&Replica| replica.role == "leader" && replica.certain;
    let leader = shard.replicas.iter().filter(leads).max_by_key(|replica| in_term(replica));
    // A leader of an older term that has not heard yet: somebody is campaigning, or leads already.
    let leader = leader.filter(|leader| in_term(leader) == shard.term);
    // All nodes are asked at once and answer a little apart: the leader's own word is the measure.
    let committed = leader.and_then(|leader| Some(leader.log.as_ref()?.commit_index));
    shard.commit = committed.unwrap_or(shard.commit);
    shard.leader = leader.map(|leader| leader.node.clone());
    for replica in &mut shard.replicas {
        replica.past = replica.role == "leader" && shard.leader.as_ref() != Some(&replica.node);
    }
    let of_leader = shard.leader.as_ref().and_then(|leader| heard.get(leader)?.cluster.value());
    let sent = of_leader.and_then(|cluster| cluster.shards.iter().find(|told| told.id == shard.id));
    for told in sent.into_iter().flat_map(|told| &told.replicas).filter(|told| told.fetching) {
        shard.replicas.iter_mut().filter(|r| r.node == told.node).for_each(|r| r.fetching = true);
    }
}

/// What the node itself says of its replica; if it does not answer, what others heard last.
fn told<'a>(
    shard: &str,
    node: &str,
    heard: &'a BTreeMap<String, Heard>,
    fresh: bool,
) -> Option<&'a document::Replica> {
    let find = |cluster: &'a document::Cluster| {
        let shard = cluster.shards.iter().find(|told| told.id == shard)?;
        shard.replicas.iter().find(|replica| replica.node == node)
    };
    let own = heard.get(node).and_then(|heard| find(heard.cluster.value()?));
    if fresh && own.is_some() {
        return own;
    }
    let others = heard.iter().filter(|(name, _)| *name != node);
    let others = others.filter_map(|(_, heard)| find(heard.cluster.value()?));
    let furthest = others.chain(own).max_by_key(|replica| replica.applied_index);
    furthest.filter(|replica| replica.role != "unknown").or(own)
}
