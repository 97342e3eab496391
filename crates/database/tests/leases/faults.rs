//! Faults that a host injects into the process of one node.

use std::collections::BTreeSet;

use database::{Answer, Request, Settings, api::Faults};
use kernel::{NodeId, limit};
use layers::coordination::{Act, PutRequest};

use super::stage::{Stage, settings};

fn write(stage: &mut Stage, times: usize) {
    let leader = stage.leader();
    for n in 0..times {
        let (key, value) = (format!("k{n}").into(), vec![7; 1000].into());
        stage.act(leader, Act::Put(PutRequest { key, value, ..PutRequest::default() }));
    }
    stage.run(1_000);
}

fn follower(stage: &Stage) -> usize {
    (stage.leader() + 1) % 3
}

fn inject(stage: &mut Stage, node: usize, faults: Faults) {
    assert_eq!(stage.wait(node, Request::Faults(faults)), Answer::Ok);
}

/// The end of a node's own log of the keyspace, by what it says itself.
fn log_end(stage: &mut Stage, node: usize) -> u64 {
    let Answer::Cluster(cluster) = stage.wait(node, Request::Cluster) else { panic!("no cluster") };
    let shard = cluster.shards.iter().find(|shard| shard.keyspace == "etcd").unwrap();
    let own = shard.replicas.iter().find(|replica| replica.node == NodeId(node as u64 + 1));
    own.and_then(|own| own.log).unwrap().last
}

#[test]
fn a_replica_that_is_held_up_acknowledges_and_applies_nothing_until_it_may() {
    let mut stage = Stage::new(settings());
    let (leader, held) = (stage.leader(), follower(&stage));
    write(&mut stage, 3);
    let stuck = BTreeSet::from(["etcd".to_owned()]);
    inject(&mut stage, held, Faults { stuck, ..Faults::default() });
    let before = stage.changed[&held];
    write(&mut stage, 9);
    assert_eq!(stage.changed[&held], before);
    assert!(stage.changed[&leader] >= before + 9);
    assert!(log_end(&mut stage, held) >= before + 9, "it holds what it does not apply");
    inject(&mut stage, held, Faults::default());
    stage.run(100);
    assert_eq!(stage.changed[&held], stage.changed[&leader]);
}

#[test]
fn a_node_that_hands_over_waits_for_nobody_where_it_is_alone() {
    for replicas in [1, 3] {
        let mut stage = Stage::with(replicas, settings());
        let leader = stage.leader();
        let asked = stage.put(leader, Request::HandOver);
        stage.run(500);
        assert_eq!(stage.answer(asked), Some(Answer::Ok), "{replicas} replicas");
        assert_eq!(stage.leader() == leader, replicas == 1);
    }
}

#[test]
fn a_replica_is_held_up_only_while_its_log_is_bounded() {
    let mut stage = Stage::new(Settings { log_bytes_max: limit::Bytes::kib(4), ..settings() });
    let held = follower(&stage);
    let stuck = BTreeSet::from(["etcd".to_owned()]);
    inject(&mut stage, held, Faults { stuck, ..Faults::default() });
    let before = stage.changed[&held];
    write(&mut stage, 60);
    assert!(stage.changed[&held] > before, "what waits is more than a few logs");
}

#[test]
fn snapshots_that_are_lost_are_sent_again_until_one_is_not() {
    let small = limit::Bytes::kib(4);
    let mut stage = Stage::new(Settings { log_bytes_max: small, flush_bytes: small, ..settings() });
    let (leader, loses) = (stage.leader(), follower(&stage));
    inject(&mut stage, loses, Faults { lost_snapshots: true, ..Faults::default() });
    let before = stage.changed[&loses];
    stage.cut(loses, true);
    write(&mut stage, 60);
    stage.cut(loses, false);
    stage.run(20_000);
    assert_eq!(stage.changed[&loses], before, "the log no longer holds what it needs");
    inject(&mut stage, loses, Faults::default());
    stage.run(5_000);
    assert_eq!(stage.changed[&loses], stage.changed[&leader]);
}
