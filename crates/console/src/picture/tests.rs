//! Nodes that disagree, lie dead, or never answered.

use client::document::{Cluster, Node as Member, Replica, ReplicaLog, Shard as Told};

use super::*;
use crate::facts::Events;

fn replica(node: &str, role: &str, term: u64, applied: u64) -> Replica {
    let log = ReplicaLog { term, first_index: 1, commit_index: applied, last_index: applied + 1 };
    let (node, role) = (node.into(), role.into());
    Replica { node, role, applied_index: applied, log: Some(log), ..Replica::default() }
}

/// What a node says about three members and one shard.
fn says(node: &str, term: u64, replicas: Vec<Replica>) -> Heard {
    let member = |id: &str| Member {
        id: id.into(),
        http: format!("{id}:1"),
        silent_ms: Some(0),
        ..Member::default()
    };
    let commit_index = replicas.iter().map(|replica| replica.applied_index).max().unwrap_or(0);
    let (id, keyspace) = ("s2".into(), "default".into());
    let shard = Told { id, keyspace, term, commit_index, replicas, ..Told::default() };
    let cluster = Cluster {
        cluster: "c".into(),
        node: node.into(),
        nodes: ["n1", "n2", "n10"].map(member).into(),
        shards: vec![shard],
        ..Cluster::default()
    };
    let mut heard = Heard::default();
    heard.cluster.note(Ok(cluster), 10_000);
    heard
}

#[test]
fn during_a_partition_the_leader_of_the_newest_term_leads() {
    let of_old = vec![
        replica("n1", "leader", 3, 7),
        replica("n2", "follower", 3, 7),
        replica("n10", "follower", 3, 7),
    ];
    let of_new = vec![
        replica("n1", "leader", 3, 7),
        replica("n2", "leader", 4, 9),
        replica("n10", "follower", 4, 8),
    ];
    let heard = BTreeMap::from([
        ("n1".to_owned(), says("n1", 3, of_old)),
        ("n2".to_owned(), says("n2", 4, of_new.clone())),
        ("n10".to_owned(), says("n10", 4, of_new)),
    ]);
    let picture = Picture::of("n1", &heard, 10_100);
    let names: Vec<&str> = picture.nodes.iter().map(|node| node.id.as_str()).collect();
    assert_eq!(names, ["n1", "n2", "n10"], "in the order of their numbers");
    let shard = picture.shard("s2").unwrap();
    assert_eq!((shard.leader.as_deref(), shard.term, shard.commit), (Some("n2"), 4, 9));
    assert!(shard.replicas[0].past && shard.replicas[0].certain && !shard.replicas[1].past);
    assert_eq!(shard.replicas[2].behind(shard), 1);
}

#[test]
fn a_dead_leader_leads_no_more_and_its_replica_is_hearsay() {
    let all = vec![replica("n1", "leader", 3, 7), replica("n2", "follower", 3, 6)];
    let mut heard = BTreeMap::from([
        ("n1".to_owned(), says("n1", 3, all.clone())),
        ("n2".to_owned(), says("n2", 3, all)),
    ]);
    heard.get_mut("n1").unwrap().cluster.note(Err("connection refused".into()), 0);
    let picture = Picture::of("n2", &heard, 10_100);
    let dead = picture.node("n1").unwrap();
    assert_eq!((dead.state, dead.detail.as_str()), (State::Unreachable, "connection refused"));
    let shard = picture.shard("s2").unwrap();
    assert_eq!(shard.leader, None);
    assert!(!shard.replicas[0].certain && shard.replicas[0].past);
    assert_eq!(picture.node("n10").unwrap().state, State::Unknown);
}

#[test]
fn a_paused_node_is_out_of_date_before_its_answer_fails() {
    let heard = BTreeMap::from([("n1".to_owned(), says("n1", 1, vec![]))]);
    let picture = Picture::of("n1", &heard, 10_000 + node::FRESH_MS + 600);
    let paused = picture.node("n1").unwrap();
    assert_eq!((paused.state, paused.detail.as_str()), (State::Gone, "no answer for 2 s"));
}

#[test]
fn events_are_merged_newest_first_and_a_restart_begins_again() {
    let event = |id, time: &str| Event { id, time: time.into(), ..Event::default() };
    let mut one = Heard::default();
    let events = vec![event(1, "2026-01-01T00:00:01Z"), event(2, "2026-01-01T00:00:03Z")];
    one.note_events(Ok(Events { node: "n1".into(), events, next: 2 }));
    let mut two = Heard::default();
    let events = vec![event(1, "2026-01-01T00:00:02Z")];
    two.note_events(Ok(Events { node: "n2".into(), events, next: 1 }));
    assert_eq!(one.next_event, 2);
    one.note_events(Ok(Events { node: "n1".into(), events: vec![], next: 1 }));
    assert_eq!(one.next_event, 0, "its numbers begin again");
    let heard = BTreeMap::from([("n1".to_owned(), one), ("n2".to_owned(), two)]);
    let picture = Picture::of("n1", &heard, 0);
    let order: Vec<_> = picture.events.iter().map(|e| (e.node.as_str(), e.id)).collect();
    assert_eq!(order, [("n1", 2), ("n2", 1), ("n1", 1)]);
}
