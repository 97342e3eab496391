//! One look around: queues, load, peers and replicas, and for how long nothing has moved.

use std::collections::BTreeMap;

use database::api::{Cluster, ShardStatus};
use kernel::{Instant, NodeId, ShardId};
use vigil::vitals::{Load, Peer, Queue, Replica};

use super::Watched;
use crate::{
    handle::Handle,
    metrics::resident_memory,
    objectives::burning,
    vitals::{Cpu, Look},
};

/// Every so many looks the files are measured, which takes longer than all the rest.
const FILES: u64 = 10;
/// After so many looks a node has heard of whoever is there.
const SETTLED: u64 = 4;

/// What must be remembered from look to look.
#[derive(Debug, Default)]
pub struct Looker {
    cpu: Cpu,
    looks: u64,
    data_bytes: u64,
    shards: BTreeMap<ShardId, Progress>,
}

/// Since when something has not moved.
#[derive(Clone, Copy, Debug)]
struct Progress {
    applied: u64,
    moved: Instant,
    led: Instant,
}

impl Looker {
    /// Looks.
    pub async fn look(&mut self, watched: &Watched, cluster: &Cluster) -> Look {
        let handle = &watched.handle;
        let now = handle.clock().instant();
        if self.looks.is_multiple_of(FILES) {
            let handle = handle.clone();
            let measured = tokio::task::spawn_blocking(move || handle.disk_bytes()).await;
            self.data_bytes = measured.unwrap_or(self.data_bytes);
        }
        self.looks += 1;
        let own = cluster.nodes.iter().find(|node| node.member.node == cluster.node);
        Look {
            queues: queues(watched),
            load: self.load(handle, now),
            disk_full: own.is_some_and(|node| node.disk_full),
            peers: peers(handle, cluster),
            replicas: self.replicas(cluster, now),
            burning: burning(&handle.objectives()),
        }
    }

    /// Whether the node has had time to hear of the others.
    pub fn settled(&self) -> bool {
        self.looks > SETTLED
    }

    fn load(&mut self, handle: &Handle, now: Instant) -> Load {
        Load {
            cpu_percent: self.cpu.look(now),
            rss_bytes: resident_memory(),
            disk_free_bytes: handle.disk_free(),
            data_bytes: self.data_bytes,
        }
    }

    fn replicas(&mut self, cluster: &Cluster, now: Instant) -> Vec<Replica> {
        let here = |shard: &&ShardStatus| shard.replicas.iter().any(|r| r.node == cluster.node);
        let mine: Vec<&ShardStatus> = cluster.shards.iter().filter(here).collect();
        self.shards.retain(|id, _| mine.iter().any(|shard| shard.shard == *id));
        mine.into_iter().filter_map(|shard| self.replica(shard, cluster.node, now)).collect()
    }

    fn replica(&mut self, shard: &ShardStatus, me: NodeId, now: Instant) -> Option<Replica> {
        let own = shard.replicas.iter().find(|replica| replica.node == me)?;
        let applied = own.applied_index;
        let fresh = Progress { applied, moved: now, led: now };
        let progress = self.shards.entry(shard.shard).or_insert(fresh);
        let leader = shard.leader.is_some().then(|| shard.leader.to_string());
        if applied != progress.applied || applied >= shard.commit_index {
            (progress.applied, progress.moved) = (applied, now);
        }
        if leader.is_some() {
            progress.led = now;
        }
        let ms = |since| u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX);
        Some(Replica {
            shard: shard.shard.0,
            keyspace: shard.keyspace.clone(),
            role: own.role.name().to_owned(),
            leader,
            term: shard.term,
            commit: shard.commit_index,
            applied,
            last: own.log.map_or(0, |log| log.last),
            stuck_ms: ms(progress.moved),
            leaderless_ms: ms(progress.led),
        })
    }
}

fn queues(watched: &Watched) -> Vec<Queue> {
    let (depth, limit) = watched.handle.inbox();
    let queue = |name: &str, depth, limit, unit: &str| Queue {
        name: name.to_owned(),
        depth,
        limit,
        unit: unit.to_owned(),
    };
    let mut queues = vec![
        queue("inbox", depth, limit, "bytes"),
        queue("journal", watched.jobs.len() as u64, 0, "jobs"),
    ];
    for link in watched.transport.links() {
        let (depth, limit) = (link.queued() as u64, watched.peer_queue);
        queues.push(queue(&format!("peer {}", link.peer()), depth, limit, "bytes"));
    }
    queues
}

fn peers(handle: &Handle, cluster: &Cluster) -> Vec<Peer> {
    let others = cluster.nodes.iter().filter(|node| node.member.node != cluster.node);
    let peer = |node: &database::api::NodeStatus| {
        let id = node.member.node;
        let connected = handle.figures().connected.get_or_create(&[("peer", id.0)]).get() == 1;
        Peer {
            node: id.to_string(),
            connected,
            silence_ms: node.silent_ms,
            rtt_us: node.pace.map(|pace| pace.0),
            clock_ms: node.pace.map(|pace| pace.1),
        }
    };
    others.map(peer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use database::api::{ReplicaStatus, Role};
    use kernel::Duration;

    fn shard(leader: u64, applied: u64) -> ShardStatus {
        let own = ReplicaStatus {
            node: NodeId(1),
            role: Role::Follower,
            applied_index: applied,
            lag_ms: None,
            log: None,
            fetching: false,
        };
        ShardStatus {
            shard: ShardId(4),
            keyspace: "carts".into(),
            leader: NodeId(leader),
            term: 1,
            commit_index: 10,
            bytes: 0,
            quota_bytes: 0,
            leaving: Vec::new(),
            replicas: vec![own],
        }
    }

    #[test]
    fn what_does_not_move_is_timed() {
        let mut looker = Looker::default();
        let at = |s| Instant::ZERO + Duration::from_secs(s);
        let mut look = |leader, applied, s| {
            let replica = looker.replica(&shard(leader, applied), NodeId(1), at(s)).unwrap();
            (replica.stuck_ms, replica.leaderless_ms)
        };
        assert_eq!(look(2, 7, 1), (0, 0));
        assert_eq!(look(2, 7, 5), (4_000, 0));
        assert_eq!(look(0, 8, 6), (0, 1_000), "it moved, and lost its leader");
        assert_eq!(look(0, 8, 9), (3_000, 4_000));
        assert_eq!(look(3, 10, 10), (0, 0), "nothing is left to apply");
        assert_eq!(look(3, 10, 20), (0, 0));
    }
}
