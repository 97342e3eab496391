//! What a client may rely on, and what no fault may change.

use database::Settings;
use layers::coordination::*;

use super::stage::*;

fn stage() -> Stage {
    Stage::new(settings())
}

/// Runs until a lease has ended; how long that took.
fn until_ended(stage: &mut Stage, id: i64, at_most_ms: u64) -> u64 {
    let begun = stage.now_ms;
    while stage.leases().contains(&id) {
        assert!(stage.now_ms - begun < at_most_ms, "lease {id} lives on");
        stage.run(50);
    }
    stage.now_ms - begun
}

pub fn a_lease_ends_after_its_time_and_takes_its_keys_with_it() {
    let mut stage = stage();
    stage.grant(7, 3);
    let put = PutRequest { key: "k".into(), lease: 7, ..PutRequest::default() };
    stage.act(1, Act::Put(put));
    let took = until_ended(&mut stage, 7, 4_000);
    assert!(took >= 2_900, "{took} ms");
    let range = RangeRequest { key: "k".into(), ..RangeRequest::default() };
    match stage.ask(2, Ask::Range(range)) {
        Some(Answer::Range(response)) => assert_eq!(response.count, 0),
        other => panic!("{other:?}"),
    }
    assert_eq!(stage.keep_alive(0, 7).map(|kept| kept.ttl), Some(0));
    assert_eq!(stage.left(0, 7), -1);
}

pub fn a_lease_that_is_kept_alive_lives_and_shows_what_is_left() {
    let mut stage = stage();
    stage.grant(7, 5);
    let granted = stage.keep_alive(0, 7).unwrap().renewal;
    for node in [0, 1, 2, 0, 1, 2] {
        stage.run(2_000);
        assert_eq!(stage.left(node, 7), 2, "less than three seconds");
        let kept = stage.keep_alive(node, 7).unwrap();
        assert_eq!((kept.ttl, kept.renewal), (5, granted), "the log knows nothing of it");
        assert_eq!(stage.left(node, 7), 4);
    }
    until_ended(&mut stage, 7, 6_000);
}

pub fn a_new_leader_gives_a_lease_the_time_that_it_had_at_its_last_renewal() {
    let mut stage = stage();
    stage.grant(7, 4);
    for round in 0..6 {
        stage.run(2_500);
        assert_eq!(stage.keep_alive(round % 3, 7).unwrap().ttl, 4);
        stage.run(1_000);
        let next = (stage.leader() + 1) % 3;
        stage.transfer(next);
        assert_eq!(stage.leases(), [7]);
    }
    let took = until_ended(&mut stage, 7, 5_000);
    assert!(took >= 3_000, "{took} ms");
}

/// Leadership goes there and back, and the lease is kept alive there alone.
pub fn a_leader_that_comes_back_remembers_nothing() {
    let mut stage = stage();
    let first = stage.leader();
    stage.grant(7, 4);
    stage.transfer((first + 1) % 3);
    for _ in 0..3 {
        stage.run(2_500);
        stage.keep_alive(first, 7).unwrap();
    }
    stage.transfer(first);
    stage.run(1_500);
    assert_eq!(stage.leases(), [7]);
}

pub fn a_cluster_that_stood_still_ends_no_lease_for_that() {
    for (replicas, timers_first) in [(1, false), (1, true), (3, false), (3, true)] {
        let mut stage = Stage::with(replicas, settings());
        stage.timers_first = timers_first;
        stage.grant(7, 3);
        stage.run(1_000);
        (0..3).for_each(|node| stage.stop(node, true));
        // A client's keep-alive waits in a node's inbox meanwhile.
        let leader = stage.leader();
        let request = query(Ask::LeaseKeepAlive(LeaseRenewRequest { ids: vec![7] }));
        let ticket = stage.put(leader, request);
        stage.run(5_000);
        (0..3).for_each(|node| stage.stop(node, false));
        stage.run(1_500);
        assert_eq!(kept_of(stage.answer(ticket)).map(|kept| kept.ttl), Some(3));
        assert_eq!(stage.leases(), [7]);
        until_ended(&mut stage, 7, 9_000);
    }
}

/// Pulses that no election notices: three of four parts of the time nothing is handled.
pub fn a_cluster_that_is_starved_ends_no_lease_that_is_kept_alive() {
    let mut stage = stage();
    stage.grant(7, 3);
    for _ in 0..20 {
        (0..3).for_each(|node| stage.stop(node, true));
        stage.run(1_500);
        (0..3).for_each(|node| stage.stop(node, false));
        stage.run(500);
        assert_eq!(stage.leases(), [7]);
        assert_eq!(stage.keep_alive(0, 7).map(|kept| kept.ttl), Some(3));
    }
}

/// A leader is stopped, another takes over and ends the lease: the first knows nothing of that.
pub fn a_stopped_leader_keeps_nothing_alive() {
    let mut stage = stage();
    stage.grant(7, 2);
    let old = stage.leader();
    stage.stop(old, true);
    stage.run(4_000);
    let request = query(Ask::LeaseKeepAlive(LeaseRenewRequest { ids: vec![7] }));
    let ticket = stage.put(old, request);
    stage.stop(old, false);
    stage.run(5_000);
    assert_ne!(stage.leader(), old);
    let kept = kept_of(stage.answer(ticket));
    assert!(kept.is_none_or(|kept| kept.ttl == 0), "it had ended long before");
}

pub fn a_leader_that_is_cut_off_keeps_and_ends_nothing() {
    let mut stage = stage();
    stage.grant(7, 2);
    let old = stage.leader();
    stage.cut(old, true);
    stage.run(255); // Until it can no longer be sure by its own clock.
    let request = query(Ask::LeaseKeepAlive(LeaseRenewRequest { ids: vec![7] }));
    let ticket = stage.put(old, request);
    let other = (old + 1) % 3;
    for _ in 0..8 {
        stage.run(800);
        assert_eq!(stage.keep_alive(other, 7).map(|kept| kept.ttl), Some(2));
    }
    assert_eq!(kept_of(stage.answer(ticket)), None);
    stage.cut(old, false);
    stage.run(300);
    assert_eq!(stage.keep_alive(old, 7).map(|kept| kept.ttl), Some(2));
}

pub fn nobody_leads_and_no_time_passes() {
    let mut stage = stage();
    stage.grant(7, 2);
    let leader = stage.leader();
    (0..3).filter(|node| *node != leader).for_each(|node| stage.stop(node, true));
    stage.run(20_000);
    (0..3).for_each(|node| stage.stop(node, false));
    stage.run(500);
    assert_eq!(stage.leases(), [7]);
    until_ended(&mut stage, 7, 6_000);
}

pub fn a_restart_of_all_gives_a_lease_that_was_just_renewed_its_whole_time() {
    let mut stage = stage();
    stage.grant(7, 5);
    stage.run(2_000);
    (0..3).for_each(|node| stage.restart(node));
    stage.run(4_500);
    assert_eq!(stage.leases(), [7]);
    until_ended(&mut stage, 7, 4_000);
}

/// A chain of leaders, none of which lives as long as the lease.
pub fn what_was_noted_shortens_a_lease_at_the_next_leader() {
    let mut stage = stage();
    stage.grant(7, 16);
    let begun = stage.now_ms;
    for _ in 0..4 {
        stage.run(7_000);
        stage.transfer((stage.leader() + 1) % 3);
    }
    until_ended(&mut stage, 7, 1_000);
    assert!(stage.now_ms - begun >= 16_000);
}

/// The same with a lease that is far shorter than the time after which long ones are noted.
pub fn what_was_noted_of_a_short_lease_shortens_it_too() {
    let mut stage = Stage::new(Settings::default());
    stage.grant(7, 4);
    let begun = stage.now_ms;
    stage.run(3_000);
    stage.transfer((stage.leader() + 1) % 3);
    until_ended(&mut stage, 7, 3_500);
    assert!(stage.now_ms - begun >= 4_000);
}

pub fn a_keep_alive_behind_a_checkpoint_goes_through_the_log() {
    let mut stage = stage();
    stage.grant(7, 20);
    let granted = stage.keep_alive(0, 7).unwrap().renewal;
    stage.run(12_000);
    let renewed = stage.keep_alive(0, 7).unwrap().renewal;
    assert!(renewed > granted);
    stage.transfer((stage.leader() + 1) % 3);
    assert!(stage.left(0, 7) >= 18, "the next leader gives it its whole time");
    assert_eq!(stage.keep_alive(0, 7).unwrap().renewal, renewed, "once is enough");
}

/// The end of a lease is proposed and waits for a majority when a keep-alive comes: at one of these
/// moments at least.
pub fn a_lease_whose_end_is_proposed_is_not_kept_alive() {
    let mut ending = 0;
    for after in (2_000..2_600).step_by(25) {
        let mut stage = stage();
        stage.grant(7, 2);
        stage.run(after);
        let leader = stage.leader();
        let others = [(leader + 1) % 3, (leader + 2) % 3];
        let there = stage.leases() == [7];
        others.iter().for_each(|node| stage.stop(*node, true));
        stage.run(200);
        let request = query(Ask::LeaseKeepAlive(LeaseRenewRequest { ids: vec![7] }));
        let ticket = stage.put(leader, request);
        stage.run(10);
        let early = kept_of(stage.answer(ticket)).map(|kept| kept.ttl);
        others.iter().for_each(|node| stage.stop(*node, false));
        stage.run(600);
        let late = kept_of(stage.answer(ticket)).map(|kept| kept.ttl);
        match early.or(late) {
            Some(2) => assert_eq!(stage.leases(), [7], "after {after} ms"),
            Some(0) if there => {
                ending += 1;
                assert_eq!(early, None, "its end may yet be lost");
            }
            _ => {}
        }
    }
    assert!(ending > 0, "no moment was the right one");
}

pub fn an_expiry_that_a_renewal_overtakes_ends_nothing() {
    let mut stage = stage();
    stage.grant(7, 3);
    let renewal = stage.keep_alive(0, 7).unwrap().renewal;
    stage.act(0, Act::LeaseRenew(LeaseRenewRequest { ids: vec![7] }));
    let overdue = vec![Overdue { id: 7, renewal }];
    stage.act(0, Act::LeaseExpire(LeaseExpireRequest { overdue }));
    assert_eq!(stage.leases(), [7]);
}

pub fn many_leases_are_read_page_by_page_and_end_lot_by_lot() {
    let mut stage = stage();
    let count = 9_000;
    let leader = stage.leader();
    for id in 1..=count {
        stage.put(leader, mutate(Act::LeaseGrant(LeaseGrantRequest { ttl: 4, id })));
        if id % 1_000 == 0 {
            stage.run(5);
        }
    }
    stage.transfer((leader + 1) % 3);
    let last = LeaseRenewRequest { ids: vec![count] };
    let kept = stage.ask(0, Ask::LeaseKeepAlive(last)).map(kept);
    assert_eq!(kept.map(|kept| kept.ttl), Some(4), "it may not be read yet");
    stage.run(3_000);
    assert_eq!(stage.leases().len() as i64, count);
    stage.run(2_000);
    let left = stage.leases().len() as i64;
    assert!(0 < left && left < count, "{left}");
    stage.run(3_000);
    assert_eq!(stage.leases(), []);
}

pub fn a_sweep_goes_on_until_all_is_swept() {
    let mut stage = stage();
    for value in 0..3_000 {
        let value = value.to_string().into();
        stage.put(
            0,
            mutate(Act::Put(PutRequest { key: "k".into(), value, ..PutRequest::default() })),
        );
    }
    stage.run(500);
    let compaction = CompactionRequest { revision: 3_000, physical: false };
    let swept = match stage.act(0, Act::Compaction(compaction)) {
        Outcome::Compaction(response) => response.swept,
        other => panic!("{other:?}"),
    };
    assert!(!swept);
    stage.run(300);
    match stage.ask(0, Ask::Status(StatusRequest {})) {
        Some(Answer::Status(status)) => assert!(status.swept),
        other => panic!("{other:?}"),
    }
}

pub fn what_is_applied_is_told() {
    let mut stage = stage();
    let before = stage.changed.clone();
    stage.grant(7, 60);
    stage.run(500);
    assert!(before.len() == 3 && before.iter().all(|(node, at)| stage.changed[node] > *at));
    let after = stage.changed.clone();
    stage.run(200);
    assert_eq!(stage.changed, after, "nothing was applied");
    stage.restart(0);
    stage.changed.clear();
    stage.run(1_000);
    assert!(stage.changed.contains_key(&0), "a node that starts says where it stands");
}

pub fn a_node_whose_host_watches_tells_what_changes() {
    let mut stage = stage();
    let put = |value: &'static str| {
        Act::Put(PutRequest { key: "k".into(), value: value.into(), ..PutRequest::default() })
    };
    stage.act(0, put("1"));
    assert!(stage.told.is_empty(), "nobody watches");
    let watched = |watched| database::Request::Watched { keyspace: "etcd".into(), watched };
    (0..2).for_each(|node| assert_eq!(stage.wait(node, watched(true)), database::Answer::Ok));
    ["2", "3", "4"].into_iter().for_each(|value| drop(stage.act(2, put(value))));
    stage.run(500);
    assert_eq!(stage.told.keys().collect::<Vec<_>>(), [&0, &1]);
    for stretches in stage.told.values() {
        assert!(stretches.windows(2).all(|pair| pair[0].next == pair[1].from));
        let events = stretches.iter().flat_map(|stretch| &stretch.events);
        let values = events.map(|event| event.kv.as_ref().unwrap().value.clone());
        assert_eq!(values.collect::<Vec<_>>(), ["2", "3", "4"]);
    }
    assert_eq!(stage.wait(0, watched(false)), database::Answer::Ok);
    stage.told.clear();
    stage.act(0, put("5"));
    stage.run(500);
    assert_eq!(stage.told.keys().collect::<Vec<_>>(), [&1]);
}

/// Requests fill all that there is room for; keep-alives have their own.
pub fn a_keep_alive_is_not_refused_because_of_others() {
    let mut stage = Stage::new(database::Settings { requests_max: 10, ..settings() });
    stage.grant(7, 5);
    let leader = stage.leader();
    stage.stop((leader + 1) % 3, true);
    stage.stop((leader + 2) % 3, true);
    let puts: Vec<_> = (0..20)
        .map(|_| {
            let put = PutRequest { key: "k".into(), ..PutRequest::default() };
            stage.put(leader, mutate(Act::Put(put)))
        })
        .collect();
    let request = query(Ask::LeaseKeepAlive(LeaseRenewRequest { ids: vec![7] }));
    let ticket = stage.put(leader, request);
    stage.run(20);
    let refused = |answer| matches!(answer, Some(database::Answer::Failed(_)));
    let refusals = puts.into_iter().filter(|put| refused(stage.answer(*put))).count();
    assert_eq!(refusals, 10);
    stage.stop((leader + 1) % 3, false);
    stage.run(1_000);
    assert_eq!(kept_of(stage.answer(ticket)).map(|kept| kept.ttl), Some(5));
}
