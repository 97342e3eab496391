//! What nodes tell each other about themselves, and the picture of the cluster that this gives.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use kernel::{Instant, NodeId, ShardId};
use raft::{PeerState, Role as RaftRole};
use store::engine::Engine;

use crate::{
    Envelope,
    api::{Cluster, LogStatus, Member, NodeStatus, ReplicaStatus, Role, ShardStatus},
    catalog::{CATALOG, CATALOG_NAME},
    message::{Body, ReplicaReport, Report},
    shard::Shard,
};

use super::{Core, Shards, daytime::Bounds, gone, membership, ping::Pace};

/// A node as last heard of.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    at: Instant,
    report: Report,
    pace: Pace,
}

impl Peer {
    /// How far it knows the catalog and holds nothing that was dropped.
    pub fn shed(&self) -> u64 {
        self.report.shed
    }

    /// Whether this node leads the shard and has brought its group to this placement. A report may
    /// be older than another change of the group, by which this replica was taken in again: then
    /// the replica has been sent entries of the leader's term that lie behind the report.
    pub fn settled(&self, shard: &Shard, placement: u64) -> bool {
        let (last_term, last) = (shard.raft.last_term(), shard.raft.last_index());
        self.report.replicas.iter().any(|replica| {
            replica.shard == shard.id.0
                && replica.role == code(Role::Leader)
                && replica.settled == placement
                && (last_term < replica.term || last_term == replica.term && last <= replica.last)
        })
    }
}

fn code(role: Role) -> u32 {
    match role {
        Role::Unknown => 0,
        Role::Leader => 1,
        Role::Follower => 2,
        Role::Candidate => 3,
        Role::Learner => 4,
        Role::Recovering => 5,
    }
}

fn role(code: u32) -> Role {
    [Role::Leader, Role::Follower, Role::Candidate, Role::Learner, Role::Recovering]
        .into_iter()
        .find(|role| self::code(*role) == code)
        .unwrap_or(Role::Unknown)
}

fn role_of(shard: &Shard, node: NodeId) -> Role {
    match shard.raft.status().role {
        _ if !shard.sound => Role::Recovering,
        RaftRole::Leader => Role::Leader,
        RaftRole::Candidate | RaftRole::PreCandidate => Role::Candidate,
        RaftRole::Follower if shard.raft.membership().is_voter(node) => Role::Follower,
        RaftRole::Follower => Role::Learner,
    }
}

fn millis(duration: kernel::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// This node's report.
fn mine<E: Engine>(core: &Core<E>, shards: &Shards) -> Report {
    let replica = |shard: &Shard| {
        let role = role_of(shard, core.identity.node);
        let leads = role == Role::Leader;
        let placement = core.catalog.shards.get(&shard.id);
        let settled = placement.filter(|_| leads && membership::settled(core, shard));
        let fresh = if leads { Some(core.now.instant) } else { shard.fresh_at };
        ReplicaReport {
            shard: shard.id.0,
            role: code(role),
            term: shard.raft.term(),
            leader: shard.raft.leader().0,
            commit: shard.raft.commit(),
            applied: shard.applied.index,
            lag_plus_one: fresh.map_or(0, |at| millis(core.now.instant.since(at)) + 1),
            settled: settled.map_or(0, |placement| placement.moved),
            last: shard.raft.last_index(),
            bytes: shard.applied.bytes,
            first: shard.raft.status().first_index,
        }
    };
    Report {
        pid: core.identity.pid,
        disk_full: core.disk_full,
        replicas: shards.values().map(replica).collect(),
        catalog_applied: shards.get(&CATALOG).map_or(0, |shard| shard.applied.index),
        ping: None,
        shed: gone::shed(core, shards),
    }
}

/// Tells every other member how this node is.
pub fn send<E: Engine>(core: &mut Core<E>, shards: &Shards) {
    let report = mine(core, shards);
    for node in core.others() {
        let pace = core.peers.get(&node).map(|peer| &peer.pace);
        let ping = pace.map_or_else(|| Pace::default().ping(core.now), |pace| pace.ping(core.now));
        let body = Body::Report(Report { ping: Some(ping), ..report.clone() });
        core.send(node, Envelope::of(kernel::ShardId(0), body));
    }
}

/// Another node tells how it is.
pub fn received<E: Engine>(core: &mut Core<E>, from: NodeId, report: Report) {
    for replica in &report.replicas {
        let (shard, term) = (ShardId(replica.shard), replica.term);
        let known = core.leaders.get(&shard).map_or(0, |(term, _)| *term);
        if replica.leader != 0 && term >= known {
            core.leaders.insert(shard, (term, NodeId(replica.leader)));
        }
    }
    let mut pace = core.peers.remove(&from).map(|peer| peer.pace).unwrap_or_default();
    if let Some(ping) = &report.ping {
        pace.heard(core.now, ping);
    }
    core.counts = true;
    core.peers.insert(from, Peer { at: core.now.instant, report, pace });
    agree_on_daytime(core);
}

/// Another member's clock, or who is a member, may have changed.
pub fn agree_on_daytime<E: Engine>(core: &mut Core<E>) {
    let others = core.others();
    let others = others.iter().filter_map(|node| core.peers.get(node)?.pace.ahead());
    core.daytime = Bounds::of(others.collect());
}

/// Remembers that a replica holds all that its leader says is committed.
pub fn note_fresh<E: Engine>(core: &Core<E>, shard: &mut Shard) {
    let led = shard.raft.leader().is_some();
    if led && shard.applied.index >= shard.raft.commit() {
        shard.fresh_at = Some(core.now.instant);
    }
}

/// The cluster as this node knows it.
pub fn cluster<E: Engine>(core: &Core<E>, shards: &Shards) -> Cluster {
    let me = core.identity.node;
    let own = Peer { at: core.now.instant, report: mine(core, shards), pace: Pace::default() };
    let mut heard: BTreeMap<NodeId, &Peer> = core.peers.iter().map(|(n, p)| (*n, p)).collect();
    heard.insert(me, &own);
    let node = |member: Member| {
        let peer = heard.get(&member.node);
        NodeStatus {
            pid: peer.map_or(0, |peer| peer.report.pid),
            silent_ms: peer.map(|peer| millis(core.now.instant.since(peer.at))),
            disk_full: peer.is_some_and(|peer| peer.report.disk_full),
            pace: peer.and_then(|peer| peer.pace.best(core.now)),
            member,
        }
    };
    let mut ids: Vec<(ShardId, String, Vec<NodeId>)> = Vec::new();
    let members = core.members();
    let everyone = members.iter().map(|member| member.node).collect();
    ids.push((CATALOG, CATALOG_NAME.into(), everyone));
    for (id, placement) in &core.catalog.shards {
        ids.push((*id, placement.keyspace.clone(), placement.wanted.clone()));
    }
    let quota = |name: &String| core.catalog.keyspaces.get(name).map(|k| k.contract.quota_bytes);
    let shards = ids.into_iter().map(|(id, keyspace, nodes)| {
        let quota_bytes = quota(&keyspace).unwrap_or(0);
        let fetching = shards.get(&id).map_or_else(Vec::new, fetching);
        let leaving = core.catalog.shards.get(&id).map_or_else(Vec::new, |p| p.leaving.clone());
        let mut status =
            ShardStatus { quota_bytes, leaving, ..shard(id, keyspace, &nodes, &heard) };
        for replica in &mut status.replicas {
            replica.fetching = fetching.contains(&replica.node);
        }
        status
    });
    Cluster {
        cluster: core.identity.cluster,
        incarnation: core.identity.incarnation,
        node: me,
        shards: shards.collect(),
        nodes: members.into_iter().map(node).collect(),
    }
}

/// Whom this replica, as the leader, sends a snapshot.
fn fetching(shard: &Shard) -> Vec<NodeId> {
    let peers = shard.raft.status().peers.into_iter();
    peers.filter(|peer| peer.state == PeerState::Snapshot).map(|peer| peer.node).collect()
}

fn shard(
    id: ShardId,
    keyspace: String,
    nodes: &[NodeId],
    heard: &BTreeMap<NodeId, &Peer>,
) -> ShardStatus {
    let of = |node: &NodeId| {
        heard.get(node)?.report.replicas.iter().find(|replica| replica.shard == id.0)
    };
    let mut status = ShardStatus {
        shard: id,
        keyspace,
        leader: NodeId::NONE,
        term: 0,
        commit_index: 0,
        bytes: 0,
        quota_bytes: 0,
        replicas: Vec::new(),
        leaving: Vec::new(),
    };
    let mut applied = 0;
    for node in nodes {
        let Some(replica) = of(node) else {
            status.replicas.push(ReplicaStatus {
                node: *node,
                role: Role::Unknown,
                applied_index: 0,
                lag_ms: None,
                log: None,
                fetching: false,
            });
            continue;
        };
        if replica.term > status.term || (replica.term == status.term && !status.leader.is_some()) {
            (status.term, status.leader) = (replica.term, NodeId(replica.leader));
        }
        if replica.applied >= applied {
            (applied, status.bytes) = (replica.applied, replica.bytes);
        }
        status.commit_index = status.commit_index.max(replica.commit);
        status.replicas.push(ReplicaStatus {
            node: *node,
            role: role(replica.role),
            applied_index: replica.applied,
            lag_ms: replica.lag_plus_one.checked_sub(1),
            log: (replica.first > 0).then_some(LogStatus {
                term: replica.term,
                first: replica.first,
                commit: replica.commit,
                last: replica.last,
            }),
            fetching: false,
        });
    }
    status
}
