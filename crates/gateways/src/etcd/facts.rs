//! What a node knows about itself and its cluster: asked for now and then, not for each call.

use database::api::{Cluster, Role};
use kernel::{ClusterId, NodeId, ShardId};
use layers::coordination::ResponseHeader;

use super::wire::Member;

/// Nodes report four times a second if nothing else is said, in milliseconds.
const SILENT_MS_MAX: u64 = 1_000;

/// The state of the cluster, as etcd's clients see it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The cluster.
    pub cluster: u64,
    /// This node.
    pub member: u64,
    /// Every node.
    pub members: Vec<Member>,
    /// Nodes that have no room: their disk is full, or the keyspace is at its quota.
    pub full: Vec<u64>,
    /// Bytes of the keyspace's keys and what is stored under them, revisions of the past included.
    pub bytes: u64,
    /// The shard of the keyspace, once there is one.
    pub shard: Option<ShardId>,
    /// Who leads it, as far as this node hears; 0 if unknown.
    pub leader: u64,
    /// Its term.
    pub term: u64,
    /// Its greatest commit index.
    pub commit_index: u64,
    /// How far this node's replica has applied the log; 0 without a replica.
    pub applied_index: u64,
}

impl Facts {
    /// Reads what a node tells of its cluster, for the keyspace of this name.
    #[must_use]
    pub fn read(told: &Cluster, keyspace: &str) -> Facts {
        let shard = told.shards.iter().find(|shard| shard.keyspace == keyspace);
        let own = shard.and_then(|shard| shard.replicas.iter().find(|r| r.node == told.node));
        let votes = |node: NodeId| {
            let replica = shard.and_then(|shard| shard.replicas.iter().find(|r| r.node == node));
            replica.is_none_or(|replica| replica.role != Role::Learner)
        };
        let urls = |address: &str| match address {
            "" => Vec::new(),
            address => vec![format!("http://{address}")],
        };
        let member = |status: &database::api::NodeStatus| Member {
            id: status.member.node.0,
            name: status.member.node.to_string(),
            peer_urls: urls(&status.member.peer),
            client_urls: urls(&status.member.etcd),
            is_learner: !votes(status.member.node),
        };
        // What others have said of a leader counts while the leader itself is heard of, and does not
        // know better: a node that is cut off has nobody, even if it was the leader.
        let leads = |node: &NodeId| {
            let status = told.nodes.iter().find(|status| status.member.node == *node);
            match *node == told.node {
                true => own.is_some_and(|replica| replica.role == Role::Leader),
                false => status.and_then(|s| s.silent_ms).is_some_and(|ms| ms <= SILENT_MS_MAX),
            }
        };
        let leader = shard.map(|shard| shard.leader).filter(leads);
        let at_quota = shard.is_some_and(|s| s.quota_bytes > 0 && s.bytes >= s.quota_bytes);
        let full = told.nodes.iter().filter(|status| status.disk_full || at_quota);
        Facts {
            cluster: cluster_id(told.cluster),
            member: told.node.0,
            members: told.nodes.iter().map(member).collect(),
            full: full.map(|status| status.member.node.0).collect(),
            bytes: shard.map_or(0, |shard| shard.bytes),
            shard: shard.map(|shard| shard.shard),
            leader: leader.map_or(0, |leader| leader.0),
            term: shard.map_or(0, |shard| shard.term),
            commit_index: shard.map_or(0, |shard| shard.commit_index),
            applied_index: own.map_or(0, |own| own.applied_index),
        }
    }

    /// The header of a response.
    #[must_use]
    pub fn header(&self, revision: i64) -> ResponseHeader {
        ResponseHeader {
            cluster_id: self.cluster,
            member_id: self.member,
            revision,
            raft_term: self.term,
        }
    }
}

/// etcd's ids have 64 bits.
fn cluster_id(id: ClusterId) -> u64 {
    (id.0 >> 64) as u64 ^ id.0 as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use database::api;
    use kernel::Incarnation;

    #[test]
    fn what_a_cluster_tells_is_what_clients_see() {
        let node = |id: u64, etcd: &str| api::NodeStatus {
            member: api::Member {
                node: NodeId(id),
                peer: format!("h{id}:7170"),
                etcd: etcd.into(),
                ..api::Member::default()
            },
            pid: 0,
            silent_ms: Some(id * 100),
            disk_full: id == 2,
            pace: None,
        };
        let replica = |id| api::ReplicaStatus {
            node: NodeId(id),
            role: if id == 2 { Role::Learner } else { Role::Leader },
            applied_index: 40 + id,
            lag_ms: None,
            log: None,
            fetching: false,
        };
        let mut told = Cluster {
            cluster: ClusterId(5 << 64 | 3),
            incarnation: Incarnation(1),
            node: NodeId(2),
            nodes: vec![node(1, "h1:2379"), node(2, "")],
            shards: vec![api::ShardStatus {
                shard: ShardId(7),
                keyspace: "etcd".into(),
                leader: NodeId(1),
                term: 9,
                commit_index: 50,
                bytes: 70,
                quota_bytes: 0,
                leaving: Vec::new(),
                replicas: vec![replica(1), replica(2)],
            }],
        };
        let facts = Facts::read(&told, "etcd");
        assert_eq!((facts.cluster, facts.member, facts.leader, facts.term), (6, 2, 1, 9));
        assert_eq!((facts.commit_index, facts.applied_index), (50, 42));
        assert_eq!(facts.members[0].client_urls, ["http://h1:2379"]);
        assert_eq!(facts.members[1].client_urls, [""; 0]);
        assert!(facts.members[1].is_learner && !facts.members[0].is_learner);
        assert_eq!((&facts.full[..], facts.bytes), (&[2][..], 70));
        assert_eq!(Facts::read(&told, "other").shard, None);
        assert_eq!(facts.header(4).raft_term, 9);
        told.shards[0].quota_bytes = 70;
        assert_eq!(Facts::read(&told, "etcd").full, [1, 2]);
        told.nodes[0].silent_ms = Some(SILENT_MS_MAX + 1);
        assert_eq!(Facts::read(&told, "etcd").leader, 0, "nobody hears of it");
        told.shards[0].leader = NodeId(2);
        assert_eq!(Facts::read(&told, "etcd").leader, 0, "others have not heard that it ended");
        told.shards[0].replicas[1].role = Role::Leader;
        assert_eq!(Facts::read(&told, "etcd").leader, 2);
    }
}
