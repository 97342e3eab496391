//! The cluster at a glance: what one node knows, and who does not answer.
//!
//! A node that was killed a moment ago is still in the last report that the others had of it. So
//! each is asked itself; one that does not answer is marked, and what is shown of it is in the
//! past.

use client::{
    Client, Options,
    document::{Cluster, Node, Replica, Shard},
};
use indicatif::HumanBytes;
use kernel::Duration;

use crate::{ambient, cli::Global, show};

/// A node that has not answered for so long does not answer.
const PATIENCE: Duration = Duration::from_secs(1);
const UNREACHABLE: &str = "unreachable";

/// Asks every node but the one that answered, all at once, and marks those that do not answer.
pub async fn ask(mut cluster: Cluster, global: &Global) -> Cluster {
    let timeout = PATIENCE.min(global.timeout);
    let options = Options { timeout, attempt_timeout: timeout, retry: false, ..Options::default() };
    let asked: Vec<_> = cluster
        .nodes
        .iter()
        .filter(|node| node.id != cluster.node)
        .map(|node| {
            let control = Client::new([node.http.as_str()], options.clone()).control();
            (node.id.clone(), ambient::spawn(async move { control.alive().await.is_ok() }))
        })
        .collect();
    for (id, answer) in asked {
        let there = answer.await.unwrap_or(false);
        for node in cluster.nodes.iter_mut().filter(|node| node.id == id && !there) {
            UNREACHABLE.clone_into(&mut node.health);
        }
    }
    cluster
}

/// Two tables.
pub fn text(cluster: &Cluster) -> String {
    let columns = ["node", "HTTP", "peers", "process", "labels", "health", "heard", "leads"];
    let mut nodes = show::table(&columns);
    for node in &cluster.nodes {
        let labels: Vec<_> = node.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let leads = |shard: &&Shard| shard.leader.as_deref() == Some(&node.id);
        let leads = cluster.shards.iter().filter(leads).count();
        nodes.add_row(vec![
            node.id.as_str().into(),
            node.http.as_str().into(),
            node.peer.as_str().into(),
            show::or_dash(node.pid).into(),
            labels.join(",").into(),
            show::state(&node.health),
            heard(node, cluster).into(),
            if gone(cluster, &node.id) { "-".into() } else { leads.into() },
        ]);
    }
    let mut shards =
        show::table(&["shard", "keyspace", "leader", "term", "commit", "size", "replicas"]);
    for shard in &cluster.shards {
        let leader = shard.leader.as_ref().map(|leader| match gone(cluster, leader) {
            true => format!("{leader} ({UNREACHABLE})"),
            false => leader.clone(),
        });
        let replicas: Vec<_> = shard.replicas.iter().map(|r| replica(cluster, r)).collect();
        shards.add_row([
            shard.id.clone(),
            shard.keyspace.clone(),
            show::or_dash(leader),
            shard.term.to_string(),
            shard.commit_index.to_string(),
            HumanBytes(shard.bytes).to_string(),
            replicas.join("\n"),
        ]);
    }
    format!(
        "cluster {} incarnation {}, as {} knows it\n{nodes}\n\n{shards}",
        cluster.cluster, cluster.incarnation, cluster.node
    )
}

/// Since when nothing was heard of a node, by the node that answered.
fn heard(node: &Node, cluster: &Cluster) -> String {
    match node.silent_ms {
        _ if node.id == cluster.node => "answers".into(),
        Some(millis) => format!("{}.{} s ago", millis / 1000, millis % 1000 / 100),
        None => "never".into(),
    }
}

fn replica(cluster: &Cluster, replica: &Replica) -> String {
    let was = if gone(cluster, &replica.node) { "was " } else { "" };
    format!("{} {was}{} {}", replica.node, replica.role, replica.applied_index)
}

fn gone(cluster: &Cluster, id: &str) -> bool {
    cluster.nodes.iter().any(|node| node.id == id && node.health == UNREACHABLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_the_dead_is_told_as_the_past() {
        let node = |id: &str, health: &str, silent_ms| Node {
            id: id.into(),
            health: health.into(),
            silent_ms,
            ..Node::default()
        };
        let replica = |node: &str, role: &str| Replica {
            node: node.into(),
            role: role.into(),
            applied_index: 7,
            ..Replica::default()
        };
        let shard = Shard {
            id: "s1".into(),
            leader: Some("n1".into()),
            replicas: vec![replica("n1", "leader"), replica("n2", "follower")],
            ..Shard::default()
        };
        let cluster = Cluster {
            node: "n2".into(),
            nodes: vec![node("n1", UNREACHABLE, Some(312)), node("n2", "healthy", Some(0))],
            shards: vec![shard],
            ..Cluster::default()
        };
        let text = text(&cluster);
        for part in ["n1 (unreachable)", "0.3 s ago", "n1 was leader 7", "n2 follower 7", "answers"]
        {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}
