//! `quorate cluster refill`: replicas for shards that are short of some.

use client::{
    Control,
    document::{Cluster, Move, Shard},
};

use kernel::Duration;

use super::{MOVE, POLL, holds};
use crate::{ambient, exit::Failure};

/// A shard that nobody leads for so long is not waited for.
const ELECTION: Duration = Duration::from_secs(10);

/// Gives every shard as many replicas as its contract asks for, one after another, on nodes that are
/// healthy. Tells how many were made, and which shards were left alone because nobody leads them.
pub async fn refill(control: &Control) -> Result<(usize, Vec<String>), Failure> {
    let (mut made, mut dead) = (0, Vec::new());
    for keyspace in control.keyspaces().await?.keyspaces {
        let asked = keyspace.contract.get("replicas").and_then(serde_json::Value::as_u64);
        for id in &keyspace.shards {
            if !led(control, id).await? {
                dead.push(format!("{id} ({})", keyspace.name));
                continue;
            }
            while let Some(to) = lacking(&control.cluster().await?, id, asked.unwrap_or(0))? {
                control.move_replica(id, &Move { from: None, to: Some(to.clone()) }).await?;
                votes(control, id, &to).await?;
                made += 1;
            }
        }
    }
    Ok((made, dead))
}

/// Whether somebody leads a shard, or comes to lead it soon.
async fn led(control: &Control, id: &str) -> Result<bool, Failure> {
    let deadline = ambient::now() + ELECTION;
    while ambient::now() < deadline {
        let cluster = control.cluster().await?;
        if cluster.shards.iter().any(|shard| shard.id == id && shard.leader.is_some()) {
            return Ok(true);
        }
        ambient::sleep(POLL).await;
    }
    Ok(false)
}

/// The next node to get a replica of a shard; none if it has as many as asked.
fn lacking(cluster: &Cluster, id: &str, asked: u64) -> Result<Option<String>, Failure> {
    let found = cluster.shards.iter().find(|shard| shard.id == id);
    let Some(shard) = found.filter(|shard| (shard.replicas.len() as u64) < asked) else {
        return Ok(None);
    };
    let load = |node: &str| cluster.shards.iter().filter(|shard| holds(shard, node)).count();
    let free = cluster.nodes.iter().filter(|n| n.health == "healthy" && !holds(shard, &n.id));
    let emptiest = free.min_by_key(|node| load(&node.id)).map(|node| node.id.clone());
    emptiest.map(Some).ok_or_else(|| {
        let (held, keyspace) = (shard.replicas.len(), &shard.keyspace);
        Failure::unavailable(format!(
            "{id} ({keyspace}) has {held} of {asked} replicas and no healthy node is free to take \
             another: add one first"
        ))
    })
}

/// Waits until a new replica counts.
async fn votes(control: &Control, id: &str, node: &str) -> Result<(), Failure> {
    let counts = |shard: &Shard| {
        let mut replicas = shard.replicas.iter();
        replicas.any(|r| r.node == node && matches!(r.role.as_str(), "follower" | "leader"))
    };
    let deadline = ambient::now() + MOVE;
    while ambient::now() < deadline {
        let cluster = control.cluster().await?;
        if cluster.shards.iter().any(|shard| shard.id == id && counts(shard)) {
            return Ok(());
        }
        ambient::sleep(POLL).await;
    }
    Err(Failure::unavailable(format!("{node} did not get a replica of {id} in time")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::document::{Node, Replica};

    #[test]
    fn the_emptiest_healthy_node_is_next() {
        let node = |id: &str, health: &str| Node {
            id: id.into(),
            health: health.into(),
            ..Node::default()
        };
        let shard = |id: &str, nodes: &[&str]| Shard {
            id: id.into(),
            replicas: nodes
                .iter()
                .map(|n| Replica { node: (*n).into(), ..Replica::default() })
                .collect(),
            ..Shard::default()
        };
        let cluster = Cluster {
            nodes: vec![
                node("n1", "healthy"),
                node("n2", "silent"),
                node("n3", "healthy"),
                node("n4", "healthy"),
            ],
            shards: vec![shard("s2", &["n1"]), shard("s3", &["n1", "n3"])],
            ..Cluster::default()
        };
        assert_eq!(lacking(&cluster, "s2", 3).unwrap().as_deref(), Some("n4"));
        assert_eq!(lacking(&cluster, "s2", 1).unwrap(), None);
        assert!(lacking(&cluster, "s4", 3).unwrap().is_none(), "not known here");
        let full = Cluster { nodes: vec![node("n1", "healthy")], ..cluster };
        assert!(lacking(&full, "s2", 3).unwrap_err().to_string().contains("1 of 3"));
    }
}
