//! Nodes and shards, and whether this node can serve.

use client::document;
use database::{
    Answer, Failure,
    api::{Cluster, NodeStatus, ReplicaStatus, ShardStatus},
};

use super::super::{Problem, Response};
use super::json;

/// A node not heard of for longer than this is shown as silent, in milliseconds: several periods
/// of status reports.
const SILENT_MS: u64 = 2_000;

/// The keyspace of the shard that holds the catalog.
const CATALOG: &str = "_catalog";

pub fn render(cluster: &Cluster) -> Response {
    let document = document::Cluster {
        cluster: cluster.cluster.to_string(),
        incarnation: cluster.incarnation.0,
        node: cluster.node.to_string(),
        nodes: cluster.nodes.iter().map(node).collect(),
        shards: cluster.shards.iter().map(shard).collect(),
    };
    json(200, &document)
}

/// A node can serve once it knows the catalog and every shard that it knows has a leader.
pub fn ready(answer: Answer) -> Result<Response, Problem> {
    let cluster = match answer {
        Answer::Cluster(cluster) => cluster,
        Answer::Failed(failure) => return Err(failure.into()),
        _ => return Err(not_ready("the database does not answer".into())),
    };
    if !cluster.shards.iter().any(|shard| shard.keyspace == CATALOG) {
        return Err(not_ready("the catalog is not known yet".into()));
    }
    let leaderless = |shard: &&ShardStatus| !shard.leader.is_some();
    match cluster.shards.iter().find(leaderless) {
        Some(shard) => {
            Err(not_ready(format!("no leader is known for {} ({})", shard.shard, shard.keyspace)))
        }
        None => Ok(json(200, &serde_json::json!({ "ready": true }))),
    }
}

fn not_ready(reason: String) -> Problem {
    Failure::new(database::Code::Unavailable, reason).into()
}

fn node(status: &NodeStatus) -> document::Node {
    let health = match status.silent_ms {
        None => "unknown",
        Some(silent) if silent > SILENT_MS => "silent",
        Some(_) if status.disk_full => "disk-full",
        Some(_) => "healthy",
    };
    document::Node {
        id: status.member.node.to_string(),
        http: status.member.http.clone(),
        peer: status.member.peer.clone(),
        pid: (status.pid != 0).then_some(status.pid),
        labels: status.member.labels.iter().cloned().collect(),
        state: "member".into(),
        health: health.into(),
        silent_ms: status.silent_ms,
    }
}

fn shard(status: &ShardStatus) -> document::Shard {
    document::Shard {
        id: status.shard.to_string(),
        keyspace: status.keyspace.clone(),
        leader: status.leader.is_some().then(|| status.leader.to_string()),
        term: status.term,
        commit_index: status.commit_index,
        bytes: status.bytes,
        replicas: status.replicas.iter().map(replica).collect(),
        leaving: status.leaving.iter().map(ToString::to_string).collect(),
    }
}

fn replica(status: &ReplicaStatus) -> document::Replica {
    document::Replica {
        node: status.node.to_string(),
        role: status.role.name().into(),
        applied_index: status.applied_index,
        lag_ms: status.lag_ms,
        log: status.log.map(|log| document::ReplicaLog {
            term: log.term,
            first_index: log.first,
            commit_index: log.commit,
            last_index: log.last,
        }),
        fetching: status.fetching,
    }
}
