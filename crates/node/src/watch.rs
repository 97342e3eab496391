//! What is looked at once per second, because nothing happens when it changes: silence, lag and
//! queues.

mod look;

use std::{collections::BTreeSet, sync::Arc};

use database::{Answer, Request, api::Cluster};
use kernel::Duration;
use tokio::time::sleep;

use self::look::Looker;
use crate::{
    handle::Handle,
    journal::Job,
    mailbox::Mailbox,
    metrics::{Metrics, Replica},
    transport::Transport,
};

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(1);

/// What is looked at.
#[derive(Debug)]
pub struct Watched {
    /// The node.
    pub handle: Handle,
    /// Its links.
    pub transport: Arc<Transport>,
    /// What waits for its journal.
    pub jobs: Arc<Mailbox<Job>>,
    /// Bytes that may wait for one peer.
    pub peer_queue: u64,
}

/// Looks for ever.
pub async fn health(watched: Watched) {
    let Watched { handle, transport, jobs, .. } = &watched;
    let metrics = Arc::clone(handle.figures());
    let (mut known, mut looker) = (BTreeSet::new(), Looker::default());
    loop {
        metrics.journal_queue.set(signed(jobs.len() as u64));
        for link in transport.links() {
            let queue = metrics.peer_queue.get_or_create(&[("peer", link.peer().0)]);
            queue.set(signed(link.queued() as u64));
        }
        if let Answer::Cluster(cluster) = handle.ask(Request::Cluster).await {
            record(&metrics, &cluster, &mut known);
            let names = cluster.shards.iter().map(|shard| (shard.shard.0, shard.keyspace.clone()));
            let senses = handle.senses();
            senses.flight.learn(names.collect());
            learn_keyspaces(handle).await;
            senses.budgets.tell(&metrics);
            let look = looker.look(&watched, &cluster).await;
            senses.pulse.look(look, looker.settled(), &metrics, &senses.flight);
        }
        sleep(PERIOD).await;
    }
}

/// Which keyspaces there are, and which have an objective, by the catalog as this node knows it.
async fn learn_keyspaces(handle: &Handle) {
    if let Answer::Keyspaces(all) = handle.ask(Request::Keyspaces).await {
        handle.senses().keyspaces.learn(all.iter().map(|one| one.name.as_str()));
        let named = all.into_iter().filter_map(|one| Some((one.name, one.contract.objective?)));
        handle.senses().budgets.learn(named.collect());
    }
}

/// Enters what this node knows of the others. Replicas that are gone lose their figures.
fn record(metrics: &Metrics, cluster: &Cluster, known: &mut BTreeSet<Replica>) {
    for node in &cluster.nodes {
        if node.member.node == cluster.node {
            metrics.disk_full.set(i64::from(node.disk_full));
        } else if let Some(silent) = node.silent_ms {
            let silence = metrics.silence.get_or_create(&[("peer", node.member.node.0)]);
            silence.set(Duration::from_millis(silent).as_secs_f64());
            if let Some((rtt_us, clock_ms)) = node.pace {
                let peer = [("peer", node.member.node.0)];
                metrics.rtt.get_or_create(&peer).set(Duration::from_micros(rtt_us).as_secs_f64());
                metrics.clock.get_or_create(&peer).set(clock_ms as f64 / 1000.0);
            }
        }
    }
    let mut seen = BTreeSet::new();
    for shard in &cluster.shards {
        for replica in &shard.replicas {
            let labels = [("shard", shard.shard.0), ("node", replica.node.0)];
            let lag = shard.commit_index.saturating_sub(replica.applied_index);
            metrics.lag.get_or_create(&labels).set(signed(lag));
            seen.insert(labels);
        }
    }
    for gone in known.difference(&seen) {
        metrics.lag.remove(gone);
    }
    *known = seen;
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Sample;
    use database::api::{Member, NodeStatus, ReplicaStatus, Role, ShardStatus};
    use kernel::{ClusterId, Incarnation, NodeId, ShardId};

    fn node(node: u64, silent_ms: Option<u64>) -> NodeStatus {
        let member = Member { node: NodeId(node), ..Member::default() };
        NodeStatus { member, pid: 1, silent_ms, disk_full: node == 1, pace: Some((1_500, -250)) }
    }

    fn cluster(applied: &[(u64, u64)]) -> Cluster {
        let replica = |(node, applied_index): &(u64, u64)| ReplicaStatus {
            node: NodeId(*node),
            role: Role::Follower,
            applied_index: *applied_index,
            lag_ms: None,
            log: None,
            fetching: false,
        };
        let shard = ShardStatus {
            shard: ShardId(4),
            keyspace: "carts".into(),
            leader: NodeId(1),
            term: 1,
            commit_index: 10,
            bytes: 70,
            quota_bytes: 0,
            leaving: Vec::new(),
            replicas: applied.iter().map(replica).collect(),
        };
        Cluster {
            cluster: ClusterId(7),
            incarnation: Incarnation(1),
            node: NodeId(1),
            nodes: vec![node(1, Some(0)), node(2, Some(1_500)), node(3, None)],
            shards: vec![shard],
        }
    }

    #[test]
    fn silence_and_lag_are_figures_until_the_replica_is_gone() {
        let (metrics, mut known) = (Metrics::default(), BTreeSet::new());
        record(&metrics, &cluster(&[(1, 10), (2, 3)]), &mut known);
        let text = metrics.text(Sample::default());
        for line in [
            "quorate_peer_silence_seconds{peer=\"2\"} 1.5",
            "quorate_replica_lag_entries{shard=\"4\",node=\"2\"} 7",
            "quorate_disk_full 1",
            "quorate_peer_round_trip_seconds{peer=\"2\"} 0.0015",
            "quorate_peer_clock_offset_seconds{peer=\"2\"} -0.25",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
        assert!(!text.contains("peer=\"3\""), "nothing is known of it");
        record(&metrics, &cluster(&[(1, 10)]), &mut known);
        assert!(!metrics.text(Sample::default()).contains("node=\"2\""));
    }
}
