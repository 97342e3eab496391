//! What all nodes said, put together into one picture: pure.
//!
//! Each replica is shown as its own node tells it; what others heard of it is second best, and
//! marked. The leader of a shard is whoever says so itself in the greatest term: during a partition
//! two nodes may both say it, and the one in the older term is shown as a leader of the past.

mod heard;
mod node;
mod shard;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

pub use client::document::CATALOG;
use client::document::{Keyspace, Node as Member};

pub use heard::{Heard, Said, Word};
pub use node::{Node, State};
pub use shard::{Replica, Shard};

use crate::{
    facts::{Doctor, Event, Finding, Slo},
    stage::Scene,
};

/// The cluster at one moment, as pages show it.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// The node that shows it: `n1`.
    pub here: String,
    /// The cluster's id.
    pub cluster: String,
    /// The current incarnation.
    pub incarnation: u64,
    /// When, in milliseconds since 1970.
    pub now_ms: u64,
    /// Every member, by name.
    pub nodes: Vec<Node>,
    /// Every shard, in the order of their ids.
    pub shards: Vec<Shard>,
    /// All keyspaces, by name.
    pub keyspaces: Vec<Keyspace>,
    /// What happened at all nodes, newest first.
    pub events: Vec<Arc<Event>>,
    /// What is wrong and what helps, as each node that answers sees it.
    pub doctors: Vec<Doctor>,
    /// What was promised, as each node that answers sees it.
    pub slos: Vec<(String, Slo)>,
    /// Why nodes that answer do not tell what happened, by node.
    pub no_events: Vec<(String, String)>,
    /// Whether faults may be injected here.
    pub chaos: bool,
    /// What goes on outside of the nodes, where somebody can tell.
    pub scene: Option<Result<Scene, String>>,
}

impl Picture {
    /// Puts together what was heard. `here` is the node that shows it.
    #[must_use]
    pub fn of(here: &str, heard: &BTreeMap<String, Heard>, now_ms: u64) -> Picture {
        let members = members(heard);
        let nodes: Vec<Node> =
            members.into_iter().map(|member| Node::of(member, heard, now_ms)).collect();
        let newest = newest(here, heard);
        let mut events: Vec<Arc<Event>> =
            heard.values().flat_map(|heard| heard.events.iter().cloned()).collect();
        events.sort_by(|a, b| (&b.time, &b.node, b.id).cmp(&(&a.time, &a.node, a.id)));
        let spoken = heard.values().filter_map(|heard| heard.keyspaces.value());
        Picture {
            here: here.to_owned(),
            cluster: newest.map(|c| c.cluster.clone()).unwrap_or_default(),
            incarnation: newest.map_or(0, |c| c.incarnation),
            now_ms,
            shards: shard::all(heard, &nodes),
            nodes,
            keyspaces: spoken
                .max_by_key(|all| all.keyspaces.len())
                .map_or_else(Vec::new, |all| all.keyspaces.clone()),
            events,
            doctors: heard.values().filter_map(|heard| heard.doctor.now().cloned()).collect(),
            slos: of_each(heard, |heard| heard.slo.now().cloned()),
            no_events: of_each(heard, |heard| heard.no_events.clone()),
            chaos: false,
            scene: None,
        }
    }

    /// A node.
    #[must_use]
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// What is wrong, the worst first.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        let mut findings: Vec<&Finding> =
            self.doctors.iter().flat_map(|doctor| &doctor.findings).collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        findings.into_iter()
    }

    /// A shard.
    #[must_use]
    pub fn shard(&self, id: &str) -> Option<&Shard> {
        self.shards.iter().find(|shard| shard.id == id)
    }

    /// Where the other nodes are that answered lately.
    pub fn others(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.id != self.here && !node.http.is_empty())
    }

    /// The shard whose leader is meant by "the leader": that of the keyspace `default`.
    #[must_use]
    pub fn main_shard(&self) -> Option<&Shard> {
        let users = || self.shards.iter().filter(|shard| shard.keyspace != CATALOG);
        users().find(|shard| shard.keyspace == "default").or_else(|| users().next())
    }
}

/// Something of every node that has it.
fn of_each<T>(
    heard: &BTreeMap<String, Heard>,
    of: impl Fn(&Heard) -> Option<T>,
) -> Vec<(String, T)> {
    heard.iter().filter_map(|(node, heard)| Some((node.clone(), of(heard)?))).collect()
}

/// What the node here says, or else whoever answered last.
fn newest<'a>(
    here: &str,
    heard: &'a BTreeMap<String, Heard>,
) -> Option<&'a client::document::Cluster> {
    let own = heard.get(here).and_then(|heard| heard.cluster.value());
    own.or_else(|| heard.values().find_map(|heard| heard.cluster.value()))
}

/// Every member that anybody knows, by name.
fn members(heard: &BTreeMap<String, Heard>) -> Vec<&Member> {
    let mut members: BTreeMap<(usize, &str), &Member> = BTreeMap::new();
    for cluster in heard.values().filter_map(|heard| heard.cluster.value()) {
        for member in &cluster.nodes {
            let id = member.id.as_str();
            let known = members.entry((id.len(), id)).or_insert(member);
            // The node itself knows best.
            if cluster.node == member.id {
                *known = member;
            }
        }
    }
    members.into_values().collect()
}
