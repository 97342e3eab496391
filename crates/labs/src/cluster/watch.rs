//! What happens inside the cluster, looked at after every event: who leads, in which term, how far
//! it is committed.

use std::collections::{BTreeMap, BTreeSet};

use database::shard::Runs;
use drill::factory::Cluster;
use kernel::{Duration, Instant, NodeId, ShardId};
use raft::Role;
use sim::{World, report::timeline::Lane};

/// What a node is at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Is {
    /// Its role; none while it is down.
    pub role: Option<Role>,
    /// Its term.
    pub term: u64,
    /// What it knows to be committed.
    pub commit: u64,
    /// Whether it stands still.
    pub paused: bool,
}

/// A leader of a term, and when it was first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Won {
    /// When.
    pub at: Instant,
    /// Who.
    pub node: NodeId,
    /// In which term.
    pub term: u64,
}

/// All that was seen of one shard.
pub struct Watch {
    shard: ShardId,
    now: BTreeMap<NodeId, Is>,
    /// Every change: when, who, and what it is from then on.
    pub changes: Vec<(Instant, NodeId, Is)>,
    /// Who led which term.
    leaders: BTreeMap<u64, BTreeSet<NodeId>>,
    /// Elections, in order.
    pub won: Vec<Won>,
    /// Candidacies: node and term.
    pub stood: BTreeSet<(NodeId, u64)>,
    /// How long two nodes believed at the same time that they lead.
    pub both: Duration,
    looked: Instant,
    /// Nodes that stand still, and until when.
    pub paused: BTreeMap<NodeId, Instant>,
}

impl Watch {
    /// Of a shard.
    #[must_use]
    pub fn new(shard: ShardId) -> Watch {
        Watch {
            shard,
            now: BTreeMap::new(),
            changes: Vec::new(),
            leaders: BTreeMap::new(),
            won: Vec::new(),
            stood: BTreeSet::new(),
            both: Duration::ZERO,
            looked: Instant::ZERO,
            paused: BTreeMap::new(),
        }
    }

    /// Looks at every node.
    pub fn look(&mut self, world: &World<Cluster>) {
        let now = world.now();
        if self.believers() > 1 {
            self.both += now.since(self.looked);
        }
        self.looked = now;
        for node in world.ids() {
            let is = self.is(world, node);
            if self.now.get(&node) == Some(&is) {
                continue;
            }
            self.note(now, node, &is);
            self.changes.push((now, node, is.clone()));
            self.now.insert(node, is);
        }
    }

    fn is(&self, world: &World<Cluster>, node: NodeId) -> Is {
        let paused = self.paused.get(&node).is_some_and(|until| *until > world.now());
        let database = world.machine(node).and_then(|machine| machine.database());
        match database.and_then(|database| database.shards().get(&self.shard)) {
            Some(shard) => {
                let (term, commit) = (shard.raft.term(), shard.raft.commit());
                Is { role: Some(shard.raft.status().role), term, commit, paused }
            }
            None => Is { paused, ..Is::default() },
        }
    }

    fn note(&mut self, at: Instant, node: NodeId, is: &Is) {
        let term = is.term;
        if is.role == Some(Role::Candidate) {
            self.stood.insert((node, term));
        }
        if is.role == Some(Role::Leader) && self.leaders.entry(term).or_default().insert(node) {
            self.won.push(Won { at, node, term });
            // Nobody leads without having stood, if only between two looks.
            self.stood.insert((node, term));
        }
    }

    fn believers(&self) -> usize {
        self.now.values().filter(|is| is.role == Some(Role::Leader)).count()
    }

    /// The leader of the highest term; [`NodeId::NONE`] if nobody leads.
    #[must_use]
    pub fn leader(&self) -> NodeId {
        let leaders = self.now.iter().filter(|(_, is)| is.role == Some(Role::Leader) && !is.paused);
        leaders.max_by_key(|(_, is)| is.term).map_or(NodeId::NONE, |(node, _)| *node)
    }

    /// What a node is now.
    #[must_use]
    pub fn of(&self, node: NodeId) -> Is {
        self.now.get(&node).cloned().unwrap_or_default()
    }

    /// The greatest commit index of some nodes.
    #[must_use]
    pub fn commit(&self, nodes: &[NodeId]) -> u64 {
        nodes.iter().map(|node| self.of(*node).commit).max().unwrap_or(0)
    }

    /// The highest term of all.
    #[must_use]
    pub fn term(&self) -> u64 {
        self.now.values().map(|is| is.term).max().unwrap_or(0)
    }

    /// How many leaders the term with the most of them had: more than one breaks Raft.
    #[must_use]
    pub fn leaders_per_term(&self) -> usize {
        self.leaders.values().map(BTreeSet::len).max().unwrap_or(0)
    }

    /// Whether all nodes that run follow one leader, and know at least so much to be committed.
    #[must_use]
    pub fn agree(&self, commit: u64) -> bool {
        let mut running = self.now.values().filter(|is| is.role.is_some());
        let term = self.term();
        self.leader() != NodeId::NONE && running.all(|is| is.term == term && is.commit >= commit)
    }

    /// The lanes of a timeline between two moments.
    #[must_use]
    pub fn lanes(&self, nodes: u64, (from, to): (Instant, Instant)) -> Vec<Lane> {
        (1..=nodes).map(|node| self.lane(NodeId(node), (from, to))).collect()
    }

    fn lane(&self, node: NodeId, (from, to): (Instant, Instant)) -> Lane {
        let seconds = |at: Instant| at.since(from).as_nanos() as f64 / 1e9;
        let mut lane = Lane { name: node.to_string(), pieces: Vec::new() };
        let mut last: Option<(Instant, (&'static str, String))> = None;
        for (at, _, is) in self.changes.iter().filter(|(at, who, _)| *who == node && *at <= to) {
            let shown = shown(is);
            if last.as_ref().is_some_and(|(_, before)| *before == shown) {
                continue;
            }
            if let Some((since, (class, word))) = last.take().filter(|_| *at > from) {
                lane.pieces.push((seconds(since.max(from)), seconds(*at), class, word));
            }
            last = Some((*at, shown));
        }
        if let Some((since, (class, word))) = last {
            lane.pieces.push((seconds(since.max(from)), seconds(to), class, word));
        }
        lane
    }
}

fn shown(is: &Is) -> (&'static str, String) {
    let term = is.term;
    match is.role {
        _ if is.paused => ("paused", "paused".into()),
        None => ("down", String::new()),
        Some(Role::Leader) => ("leader", format!("leader, term {term}")),
        Some(Role::Candidate) => ("candidate", format!("candidate {term}")),
        Some(Role::PreCandidate) => ("candidate", format!("asks, {term}")),
        Some(Role::Follower) => ("plain", format!("term {term}")),
    }
}

/// The shard of a program's keyspace, once some node knows it.
#[must_use]
pub fn shard_of(world: &World<Cluster>, keyspace: &str) -> Option<ShardId> {
    let databases = world.ids().into_iter().filter_map(|node| world.machine(node)?.database());
    let mut shards = databases.flat_map(|database| database.shards());
    shards.find_map(|(id, shard)| match &shard.runs {
        Runs::Keyspace { name, .. } if name == keyspace => Some(*id),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(role: Role, term: u64) -> Is {
        Is { role: Some(role), term, commit: 1, paused: false }
    }

    fn watch(steps: &[(u64, u64, Role, u64)]) -> Watch {
        let mut watch = Watch::new(ShardId(2));
        for (at, node, role, term) in steps {
            let (at, node, is) = (Instant(*at), NodeId(*node), is(*role, *term));
            watch.note(at, node, &is);
            watch.changes.push((at, node, is.clone()));
            watch.now.insert(node, is);
        }
        watch
    }

    #[test]
    fn two_leaders_of_one_term_are_seen_and_of_two_terms_are_not_confused() {
        let old = [(1, 1, Role::Leader, 1), (5, 2, Role::Leader, 2)];
        let watch_old = watch(&old);
        assert_eq!((watch_old.leaders_per_term(), watch_old.believers()), (1, 2));
        assert_eq!((watch_old.leader(), watch_old.won.len()), (NodeId(2), 2));
        let split = watch(&[(1, 1, Role::Leader, 1), (5, 2, Role::Leader, 1)]);
        assert_eq!(split.leaders_per_term(), 2);
        assert!(!watch_old.agree(1) && !split.agree(2) && split.agree(1));
    }

    #[test]
    fn lanes_show_each_piece_once_and_only_inside_the_window() {
        let watch =
            watch(&[(0, 1, Role::Follower, 1), (10, 1, Role::Leader, 2), (20, 1, Role::Leader, 2)]);
        let lanes = watch.lanes(1, (Instant(5), Instant(30)));
        let pieces: Vec<_> =
            lanes[0].pieces.iter().map(|piece| (piece.2, (piece.1 * 1e9).round())).collect();
        assert_eq!(pieces, [("plain", 5.0), ("leader", 25.0)]);
    }
}
