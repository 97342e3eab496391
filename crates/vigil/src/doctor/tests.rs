//! Scenes: one trouble each, and a cluster that is well.

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::*;
use crate::{
    Event, Events, Vitals, time,
    vitals::{Failures, Hot, Latency, Peer, Replica},
};

const NOW: u64 = 1_900_000_000_000;

/// Three nodes, all well.
fn well() -> Scene {
    Scene { now_ms: NOW, nodes: (1..=3).map(node).collect() }
}

fn node(number: u64) -> Seen {
    let others = (1..=3).filter(|other| *other != number);
    let peer = |other| Peer {
        node: format!("n{other}"),
        connected: true,
        silence_ms: Some(200),
        rtt_us: Some(300),
        clock_ms: Some(0),
    };
    let replica = Replica {
        shard: 2,
        keyspace: "carts".into(),
        role: if number == 1 { "leader" } else { "follower" }.into(),
        leader: Some("n1".into()),
        commit: 100,
        applied: 100,
        ..Replica::default()
    };
    let mut vitals = Vitals {
        node: format!("n{number}"),
        starts_10m: 1,
        peers: others.map(peer).collect(),
        replicas: vec![replica],
        ..Vitals::default()
    };
    vitals.disk.sync = Latency { p50_us: Some(2_000), p99_us: Some(12_000) };
    vitals.disk.syncs = 400;
    Seen {
        node: format!("n{number}"),
        http: format!("h:{number}"),
        vitals: Some(vitals),
        events: Some(Events { node: format!("n{number}"), ..Events::default() }),
    }
}

fn vitals(scene: &mut Scene, number: usize) -> &mut Vitals {
    scene.nodes[number - 1].vitals.as_mut().unwrap()
}

fn happened(scene: &mut Scene, number: usize, ago_ms: u64, event: Event) {
    let event = Event { time: time::rfc3339(NOW - ago_ms), ..event };
    scene.nodes[number - 1].events.as_mut().unwrap().events.push(event);
}

fn deaf(scene: &mut Scene, by: usize, of: usize) {
    let peers = &mut vitals(scene, by).peers;
    let peer = peers.iter_mut().find(|peer| peer.node == format!("n{of}")).unwrap();
    peer.silence_ms = Some(9_000);
}

/// Cause and node of everything that is found.
fn found(scene: &Scene) -> Vec<(String, String)> {
    let findings = diagnose(scene).findings;
    for finding in &findings {
        assert!(CAUSES.contains(&finding.cause.as_str()), "{finding:?}");
        assert!(!finding.evidence.is_empty() && !finding.command.is_empty(), "{finding:?}");
    }
    let short = |finding: Finding| (finding.cause, finding.node.unwrap_or_default());
    findings.into_iter().map(short).collect()
}

fn only(scene: &Scene, cause: &str, node: &str) {
    assert_eq!(found(scene), [(cause.to_string(), node.to_string())]);
}

#[test]
fn nothing_is_wrong_with_a_well_cluster() {
    assert_eq!(found(&well()), []);
}

#[test]
fn a_dead_node_is_named_and_those_who_miss_it_are_not() {
    let mut scene = well();
    scene.nodes[1].vitals = None;
    deaf(&mut scene, 1, 2);
    deaf(&mut scene, 3, 2);
    only(&scene, "node-down", "n2");
}

#[test]
fn a_lost_majority_is_told_by_the_one_that_is_left() {
    let mut scene = well();
    for gone in [2, 3] {
        scene.nodes[gone - 1].vitals = None;
        deaf(&mut scene, 1, gone);
    }
    let replica = &mut vitals(&mut scene, 1).replicas[0];
    (replica.leader, replica.leaderless_ms) = (None, 5_000);
    let found = found(&scene);
    assert!(found.contains(&("quorum-lost".into(), "n2 n3".into())), "{found:?}");
    assert!(found.iter().all(|(_, node)| node != "n1"), "{found:?}");
}

#[test]
fn a_cut_is_laid_to_the_node_that_all_witnesses_share() {
    let (mut mute, mut deafened, mut both) = (well(), well(), well());
    for other in [1, 3] {
        deaf(&mut mute, other, 2);
        deaf(&mut deafened, 2, other);
        deaf(&mut both, 2, other);
        deaf(&mut both, other, 2);
    }
    only(&mute, "one-way-cut", "n2");
    only(&deafened, "one-way-cut", "n2");
    only(&both, "cut-off", "n2");
    let mut busy = well();
    for other in [1, 3] {
        let peers = &mut vitals(&mut busy, other).peers;
        peers.iter_mut().find(|peer| peer.node == "n2").unwrap().silence_ms = Some(2_500);
    }
    assert_eq!(found(&busy), [], "it may be busy, or its machine");
    let mut fresh = well();
    vitals(&mut fresh, 2).peers.iter_mut().for_each(|peer| peer.silence_ms = None);
    vitals(&mut fresh, 2).now = time::rfc3339(NOW);
    vitals(&mut fresh, 2).started = time::rfc3339(NOW - 3_000);
    assert_eq!(found(&fresh), [], "it has just started");
    vitals(&mut fresh, 2).started = time::rfc3339(NOW - 9_000);
    only(&fresh, "one-way-cut", "n2");
    let mut between = well();
    deaf(&mut between, 1, 2);
    assert_eq!(found(&between), [], "either could be to blame, and the third hears both");
}

#[test]
fn disks_are_compared_with_each_other() {
    let mut scene = well();
    vitals(&mut scene, 3).disk.sync = Latency { p50_us: Some(60_000), p99_us: Some(90_000) };
    only(&scene, "slow-disk", "n3");
    vitals(&mut scene, 3).disk.syncs = 9;
    assert_eq!(found(&scene), [], "a busy moment at the start");
    let mut all = well();
    for number in 1..=3 {
        vitals(&mut all, number).disk.sync.p50_us = Some(15_000);
    }
    assert_eq!(found(&all), [], "slow hardware is no sick node");
    let mut full = well();
    vitals(&mut full, 1).disk.full = true;
    only(&full, "disk-full", "n1");
}

#[test]
fn a_disk_that_failed_and_works_again_is_well() {
    let mut scene = well();
    let event = |id, kind| Event { id, ..Event::new(kind, Severity::Alarm, "it happened") };
    happened(&mut scene, 2, 9_000, event(7, "disk-failed"));
    only(&scene, "disk-failed", "n2");
    happened(&mut scene, 2, 5_000, event(8, "disk-recovered"));
    assert_eq!(found(&scene), []);
    happened(&mut scene, 2, 1_000, event(9, "journal-broken"));
    only(&scene, "disk-failed", "n2");
}

#[test]
fn what_happened_before_a_start_is_no_trouble_after_it() {
    let event = |kind, times: u64| Event {
        id: 1 + times,
        start: 1,
        shard: Some(2),
        ..Event::new(kind, Severity::Alarm, "it happened")
    };
    for (kind, word) in [
        ("disk-failed", ("error", "EIO")),
        ("journal-broken", ("error", "EIO")),
        ("snapshot-sent", ("peer", "n3")),
        ("link-refused", ("reason", "cluster")),
    ] {
        let mut scene = well();
        for times in 0..3 {
            happened(&mut scene, 2, 9_000, event(kind, times).with(word.0, word.1));
        }
        scene.nodes[1].events.as_mut().unwrap().start = 1;
        assert_eq!(found(&scene).len(), 1, "{kind}");
        scene.nodes[1].events.as_mut().unwrap().start = 2;
        assert_eq!(found(&scene), [], "{kind}");
    }
    let mut again = well();
    vitals(&mut again, 2).starts_10m = 5;
    happened(&mut again, 2, 9_000, event("node-started", 0));
    happened(&mut again, 2, 9_000, event("chaos", 1).with("fault", "full-disk"));
    again.nodes[1].events.as_mut().unwrap().start = 2;
    vitals(&mut again, 2).disk.full = true;
    let findings = diagnose(&again).findings;
    let of = |cause| findings.iter().find(|finding| finding.cause == cause).unwrap();
    assert!(of("restart-loop").evidence.contains(&"it happened".to_string()), "starts add up");
    assert_ne!(of("disk-full").command, "quorate chaos heal", "the fault ended with its process");
}

#[test]
fn what_was_done_on_purpose_is_ended_on_purpose() {
    let mut scene = well();
    vitals(&mut scene, 1).disk.full = true;
    let command = |scene: &Scene| diagnose(scene).findings[0].command.clone();
    assert!(command(&scene).contains("make room on the disk of n1"));
    let chaos = |fault| Event::new("chaos", Severity::Warning, "a fault").with("fault", fault);
    for (fault, heals) in [("skew", false), ("full-disk", true), ("heal", false)] {
        happened(&mut scene, 1, 5_000, chaos(fault));
        assert_eq!(command(&scene) == "quorate chaos heal", heals, "{fault}");
    }
    only(&scene, "disk-full", "n1");
}

#[test]
fn a_clock_is_off_by_what_the_others_say() {
    let mut scene = well();
    for other in [1, 3] {
        let peers = &mut vitals(&mut scene, other).peers;
        peers.iter_mut().find(|peer| peer.node == "n2").unwrap().clock_ms = Some(-4_000);
    }
    vitals(&mut scene, 2).peers.iter_mut().for_each(|peer| peer.clock_ms = Some(4_000));
    only(&scene, "clock", "n2");
}

#[test]
fn a_slow_way_is_laid_to_a_node_only_if_all_of_its_ways_are_slow() {
    let mut scene = well();
    for (by, of) in [(2, 1), (2, 3), (1, 2), (3, 2)] {
        let peers = &mut vitals(&mut scene, by).peers;
        peers.iter_mut().find(|p| p.node == format!("n{of}")).unwrap().rtt_us = Some(80_000);
    }
    only(&scene, "slow-link", "n2");
    let mut one = well();
    for (by, of) in [(2, 1), (1, 2)] {
        let peers = &mut vitals(&mut one, by).peers;
        peers.iter_mut().find(|p| p.node == format!("n{of}")).unwrap().rtt_us = Some(80_000);
    }
    only(&one, "slow-link", "");
}

#[test]
fn a_node_that_starts_again_and_again_is_found_up_or_down() {
    let mut scene = well();
    vitals(&mut scene, 1).starts_10m = 5;
    only(&scene, "restart-loop", "n1");
    let mut gone = well();
    gone.nodes[0].vitals = None;
    for times in 0..4 {
        let event = Event::new("peer-connected", Severity::Info, "connected to n1");
        happened(&mut gone, 2, times * 60_000, event.with("peer", "n1"));
    }
    deaf(&mut gone, 2, 1);
    deaf(&mut gone, 3, 1);
    only(&gone, "restart-loop", "n1");
}

#[test]
fn a_replica_that_stands_still_while_others_go_on() {
    let mut scene = well();
    let replica = &mut vitals(&mut scene, 3).replicas[0];
    (replica.applied, replica.stuck_ms) = (40, 8_000);
    only(&scene, "stuck-apply", "n3");
    vitals(&mut scene, 3).replicas[0].last = 40;
    assert_eq!(found(&scene), [], "it was sent nothing more");
    vitals(&mut scene, 3).replicas[0].last = 100;
    only(&scene, "stuck-apply", "n3");
    for number in [1, 2] {
        vitals(&mut scene, number).replicas[0].applied = 40;
    }
    assert_eq!(found(&scene), [], "nobody has it");
}

#[test]
fn snapshots_without_end_are_laid_to_who_does_not_catch_up() {
    let mut scene = well();
    for times in [2, 1, 0] {
        let event = Event::new("snapshot-sent", Severity::Info, "sent").shard(2);
        happened(&mut scene, 1, 5_000 + times * 60_000, event.with("peer", "n3"));
    }
    only(&scene, "snapshot-loop", "n3");
    scene.now_ms += 30_000;
    assert_eq!(found(&scene), [], "it has caught up, and needs no other");
    vitals(&mut scene, 3).replicas[0].stuck_ms = 9_000;
    only(&scene, "snapshot-loop", "n3");
    let mut old = well();
    for times in 0..3 {
        let event = Event::new("snapshot-sent", Severity::Info, "sent").shard(2);
        happened(&mut old, 1, 700_000 + times, event.with("peer", "n3"));
    }
    assert_eq!(found(&old), [], "that was long ago");
}

#[test]
fn a_stranger_is_named_by_its_address() {
    let mut scene = well();
    let event = Event::new("link-refused", Severity::Warning, "of another cluster");
    happened(&mut scene, 2, 100, event.with("reason", "cluster").with("address", "10.0.0.9"));
    only(&scene, "foreign-node", "");
    let finding = &diagnose(&scene).findings[0];
    assert!(finding.evidence[0].contains("10.0.0.9"));
    assert_eq!(finding.fault, "stranger");
}

#[test]
fn what_clients_do_is_told_apart_from_what_nodes_do() {
    let mut scene = well();
    let (keyspace, key) = ("carts".to_string(), "celebrity".to_string());
    vitals(&mut scene, 2).hot = vec![Hot { keyspace, key, permille: 700, sampled: 900 }];
    only(&scene, "hot-key", "n1");
    assert_eq!(diagnose(&scene).findings[0].fault, "clients", "n1 leads, and is well");
    let mut storm = well();
    let (code, keyspace) = ("deadline-exceeded".to_string(), "carts".to_string());
    vitals(&mut storm, 3).failures = vec![Failures { code, keyspace, count: 400 }];
    only(&storm, "deadline-storm", "n3");
    vitals(&mut storm, 1).disk.full = true;
    only(&storm, "disk-full", "n1");
}
