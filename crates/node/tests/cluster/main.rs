//! Real nodes on this machine's loopback: real sockets, files, threads and clocks.
//!
//! Nothing here sleeps and hopes: every wait has a condition and a deadline.

mod bench;
mod collector;
mod leases;
mod otlp;

use std::time::Duration;

use bench::{Bench, until};
use database::api::Trace;
use kernel::NodeId;
use node::Fault;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_survive_the_death_of_any_node() {
    let mut bench = Bench::start(3).await;
    bench.create_keyspace().await;
    for i in 0..60 {
        bench.put(i % 3, i, i).await;
    }
    for victim in 0..3 {
        bench.kill(victim).await;
        let other = (victim + 1) % 3;
        for i in 0..10 {
            bench.put(other, 100 * (victim + 1) + i, i).await;
        }
        bench.restart(victim).await;
        for i in 0..10 {
            bench.expect(victim, 100 * (victim + 1) + i, i).await;
        }
    }
    for i in 0..60 {
        bench.expect(i % 3, i, i).await;
    }
    bench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_all_die() {
    let mut bench = Bench::start(3).await;
    bench.create_keyspace().await;
    for i in 0..30 {
        bench.put(i % 3, i, i).await;
    }
    for victim in 0..3 {
        bench.kill(victim).await;
    }
    for victim in 0..3 {
        bench.restart(victim).await;
    }
    for i in 0..30 {
        bench.expect(i % 3, i, i).await;
    }
    bench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clean_stop_hands_leadership_over() {
    let mut bench = Bench::start(3).await;
    bench.create_keyspace().await;
    bench.put(0, 1, 1).await;
    let leader = bench.leader(0).await;
    bench.stop(leader).await;
    let other = (leader + 1) % 3;
    let new = bench.leader(other).await;
    assert_ne!(new, leader);
    bench.expect(other, 1, 1).await;
    bench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_cut_off_is_replaced_and_comes_back() {
    let mut bench = Bench::start(3).await;
    bench.create_keyspace().await;
    bench.put(0, 1, 1).await;
    let leader = bench.leader(0).await;
    let others: Vec<usize> = (0..3).filter(|i| *i != leader).collect();
    let peers = others.iter().map(|i| NodeId(*i as u64 + 1)).collect();
    let chaos = bench.handle(leader).chaos().expect("chaos is allowed").clone();
    chaos.inject(Fault::Cut { peers, outgoing: true, incoming: true });
    bench.put(others[0], 2, 2).await;
    assert_ne!(bench.leader(others[0]).await, leader);
    chaos.inject(Fault::Heal);
    bench.expect(leader, 2, 2).await;
    bench.shutdown().await;
}

/// Three nodes with twenty keys.
async fn with_keys() -> Bench {
    let bench = Bench::start(3).await;
    bench.create_keyspace().await;
    for i in 0..20 {
        bench.put(i % 3, i, i).await;
    }
    bench
}

/// The third node is needed now: it votes only if it recovered what it had lost.
async fn the_third_is_needed(mut bench: Bench) {
    bench.kill(1).await;
    for i in 0..20 {
        bench.expect(0, i, i).await;
    }
    bench.put(0, 50, 50).await;
    bench.expect(2, 50, 50).await;
    bench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_a_wiped_disk_comes_back() {
    let mut bench = with_keys().await;
    bench.kill(2).await;
    bench.wipe(2);
    bench.restart(2).await;
    bench.recovered(2).await;
    the_third_is_needed(bench).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_a_damaged_engine_comes_back() {
    let mut bench = with_keys().await;
    // Opening makes tables of what the engine held.
    bench.stop(2).await;
    bench.restart(2).await;
    bench.recovered(2).await;
    bench.stop(2).await;
    assert!(bench.rot(2) > 0, "there are tables");
    bench.supervise(2).await;
    bench.recovered(2).await;
    assert!(bench.has_quarantine(2), "what was damaged is kept");
    the_third_is_needed(bench).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_tell_what_happened() {
    let mut bench = Bench::start(1).await;
    bench.create_keyspace().await;
    bench.put(0, 1, 1).await;
    let handle = bench.handle(0);
    until("the figures", Duration::from_secs(20), || {
        let text = handle.metrics();
        [
            "quorate_raft_leader_changes_total",
            "quorate_journal_sync_seconds_count",
            "op=\"write\"",
            "stage=\"local\"",
        ]
        .iter()
        .all(|name| text.contains(name))
    })
    .await;
    bench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_names_the_node_that_served() {
    let mut bench = Bench::start(3).await;
    bench.create_keyspace().await;
    bench.put(0, 1, 1).await;
    let leader = bench.leader(0).await;
    let (served, other) = (NodeId(leader as u64 + 1), (leader + 1) % 3);
    let written = bench.put_as(other, 1, 2, Some("asked-elsewhere"), Trace::default()).await;
    assert_eq!(written.receipt.replica, served, "the leader applied it");
    assert_eq!(bench.expect(other, 1, 2).await.receipt.replica, served, "the leader was read");
    let fate = bench.fate(other, "asked-elsewhere").await;
    assert_eq!(fate.receipt, written.receipt, "the lost answer's evidence");
    assert_eq!(fate.receipt.acks, 2);
    bench.shutdown().await;
}
