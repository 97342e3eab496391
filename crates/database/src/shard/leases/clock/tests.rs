//! No lease ends too early whatever happens, and each ends in time if nothing does.

use alloc::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const PACE: Pace = Pace { step: Duration::from_millis(500), note_after: Duration::from_secs(300) };

fn clock() -> Clock {
    Clock::new(1, Instant::ZERO, PACE, 7)
}

fn at(ms: u64) -> Instant {
    Instant(ms * 1_000_000)
}

fn record(id: i64, ttl: i64) -> LeaseRecord {
    LeaseRecord { id, ttl, remaining_ttl: ttl, renewal: 0 }
}

/// Turns every 250 ms, with leadership proven all along; what they proposed.
fn run(clock: &mut Clock, ms: core::ops::Range<u64>) -> Due {
    let mut all = Due::default();
    for now in ms.step_by(250) {
        clock.count(at(now));
        let due = clock.turn();
        all.overdue.extend(due.overdue);
        all.noted.extend(due.noted);
    }
    all
}

fn ids(due: &Due) -> Vec<i64> {
    due.overdue.iter().map(|overdue| overdue.id).collect()
}

#[test]
fn a_lease_ends_after_its_time_and_not_before() {
    let mut clock = clock();
    clock.follow(at(100), &LeaseChange::Live(record(1, 2)));
    assert_eq!(ids(&run(&mut clock, 0..2_250)), []);
    assert_eq!(ids(&run(&mut clock, 2_250..3_000)), [1]);
}

#[test]
fn leases_that_were_imported_are_counted_from_then_on() {
    let mut clock = clock();
    clock.load(at(0), &[], false);
    assert_eq!(clock.loading(), None);
    clock.follow(at(5_000), &LeaseChange::Imported);
    assert_eq!(clock.loading(), Some(0));
    run(&mut clock, 0..5_250);
    clock.load(at(5_000), &[record(1, 2)], false);
    assert_eq!(ids(&run(&mut clock, 5_250..7_250)), []);
    assert_eq!(ids(&run(&mut clock, 7_250..8_000)), [1]);
}

#[test]
fn what_is_kept_alive_lives_on() {
    let mut clock = clock();
    clock.follow(at(0), &LeaseChange::Live(record(1, 2)));
    for second in 0..100 {
        assert_eq!(clock.keep_alive(at(second * 1_000), 1), Kept::Alive { log_it: false });
        assert_eq!(clock.left(at(second * 1_000 + 1), 1), Some(1));
        assert_eq!(ids(&run(&mut clock, second * 1_000..second * 1_000 + 1_000)), []);
    }
    assert_eq!(ids(&run(&mut clock, 100_000..103_000)), [1]);
    assert_eq!(
        (clock.keep_alive(at(103_000), 2), clock.left(at(103_000), 2)),
        (Kept::Unknown, None)
    );
}

#[test]
fn nothing_is_said_to_have_more_left_than_was_granted() {
    let mut clock = clock();
    // The process stood still for a minute, and takes a grant in before its next turn.
    clock.follow(at(60_000), &LeaseChange::Live(record(1, 2)));
    clock.count(at(60_000));
    assert_eq!(clock.left(at(60_000), 1), Some(2));
}

#[test]
fn time_without_proof_does_not_count_and_a_pause_counts_little() {
    let mut clock = clock();
    clock.follow(at(0), &LeaseChange::Live(record(1, 2)));
    clock.count(at(500));
    clock.count(at(1_000));
    // No majority has answered since: turns go on, lease time does not.
    for _ in 0..100 {
        assert!(!clock.count(at(1_000)));
        assert_eq!(ids(&clock.turn()), []);
    }
    // The process stood still for a minute: that counts as half a second.
    assert!(clock.count(at(61_000)));
    assert_eq!(ids(&clock.turn()), []);
    assert_eq!(clock.time, Duration::from_millis(1_500));
    assert_eq!(ids(&run(&mut clock, 61_250..61_750)), []);
    assert_eq!(ids(&run(&mut clock, 61_750..62_000)), [1]);
}

#[test]
fn a_lease_whose_end_is_proposed_is_not_kept_alive_unless_the_log_renews_it() {
    let mut clock = clock();
    clock.follow(at(0), &LeaseChange::Live(record(1, 2)));
    assert_eq!(ids(&run(&mut clock, 0..3_000)), [1]);
    assert_eq!(clock.keep_alive(at(3_000), 1), Kept::Ending);
    assert_eq!(clock.left(at(3_000), 1), Some(0));
    assert_eq!(ids(&run(&mut clock, 3_000..9_000)), [], "it is proposed once");
    clock.follow(at(9_000), &LeaseChange::Live(LeaseRecord { renewal: 1, ..record(1, 2) }));
    assert_eq!(clock.keep_alive(at(9_000), 1), Kept::Alive { log_it: false });
    let due = run(&mut clock, 9_000..12_000);
    assert_eq!(due.overdue, [Overdue { id: 1, renewal: 1 }]);
    // The proposal was refused: the lease lives until the next one.
    clock.not_proposed(&due.overdue);
    assert_eq!(ids(&clock.turn()), [] as [i64; 0], "not in the same turn");
    assert_eq!(ids(&run(&mut clock, 12_000..12_500)), [1]);
    clock.follow(at(12_500), &LeaseChange::Ended(1));
    assert_eq!(clock.keep_alive(at(12_500), 1), Kept::Unknown);
}

#[test]
fn a_new_leader_begins_with_what_was_noted() {
    let mut clock = clock();
    assert_eq!(clock.loading(), Some(0));
    clock.follow(at(0), &LeaseChange::Live(record(2, 9)));
    let short = |id, ttl| LeaseRecord { remaining_ttl: 3, ..record(id, ttl) };
    clock.load(at(0), &[record(1, 10), short(2, 10)], true);
    assert_eq!(clock.loading(), Some(2));
    clock.load(at(0), &[short(3, 10)], false);
    assert_eq!(clock.loading(), None);
    assert_eq!([1, 2, 3].map(|id| clock.left(at(0), id)), [Some(10), Some(9), Some(3)]);
    assert_eq!(clock.keep_alive(at(0), 1), Kept::Alive { log_it: false });
    assert_eq!(clock.keep_alive(at(0), 3), Kept::Alive { log_it: true });
    clock.follow(at(0), &LeaseChange::Live(LeaseRecord { renewal: 1, ..record(3, 10) }));
    assert_eq!(clock.keep_alive(at(0), 3), Kept::Alive { log_it: false });
}

#[test]
fn what_is_left_of_a_long_lease_is_noted_now_and_then_unless_it_is_kept_alive() {
    let mut clock = clock();
    clock.follow(at(0), &LeaseChange::Live(record(1, 1_000)));
    clock.follow(at(0), &LeaseChange::Live(record(2, 1_000)));
    let mut noted = Vec::new();
    for second in 0..950 {
        if second % 100 == 0 {
            clock.keep_alive(at(second * 1_000), 2);
        }
        let due = run(&mut clock, second * 1_000..second * 1_000 + 1_000);
        assert_eq!(due.overdue, []);
        noted.extend(due.noted);
    }
    let left = noted.iter().map(|noted| (noted.id, noted.remaining_ttl)).collect::<Vec<_>>();
    assert_eq!(left, [(1, 700), (1, 400), (1, 100)]);
    assert_eq!(clock.keep_alive(at(950_000), 1), Kept::Alive { log_it: true });
}

#[test]
fn what_is_left_of_a_short_one_is_noted_at_half_of_its_time() {
    let mut clock = clock();
    (1..=4).for_each(|id| {
        clock.follow(at(0), &LeaseChange::Live(record(id, [1, 4, 5, 60][id as usize - 1])))
    });
    let mut noted = Vec::new();
    for quarter in 0..240 {
        if quarter % 80 == 79 {
            clock.keep_alive(at(quarter * 250), 4);
        }
        let due = run(&mut clock, quarter * 250..quarter * 250 + 250);
        noted.extend(due.noted.iter().map(|noted| (quarter * 250, noted.id, noted.remaining_ttl)));
    }
    // A second cannot be halved in whole seconds, and what is kept alive is not noted.
    assert_eq!(noted, [(2_250, 2, 2), (2_750, 3, 3)]);
}

#[test]
fn a_mass_ends_lot_by_lot() {
    let mut clock = clock();
    let page: Vec<_> = (1..=2_500).map(|id| record(id, 2)).collect();
    clock.load(at(0), &page, false);
    clock.count(at(400));
    for now in (500..3_000).step_by(500) {
        clock.count(at(now));
    }
    let (mut seen, mut index, mut turns) = (Vec::new(), 0, 0);
    while seen.len() < 2_500 {
        turns += 1;
        clock.count(at(3_000 + turns));
        let mut due = clock.turn();
        for lot in 1.. {
            if due.overdue.is_empty() {
                assert!(lot == 1 + LOTS_MAX || seen.len() == 2_500, "{lot}: {}", seen.len());
                break;
            }
            assert!(due.overdue.len() == ENDING_MAX || seen.len() + due.overdue.len() == 2_500);
            index += 1;
            clock.proposed(index);
            assert_eq!(clock.go_on(index - 1).overdue, [], "the next lot waits for this one");
            seen.extend(ids(&due));
            ids(&due).into_iter().for_each(|id| clock.follow(at(3_000), &LeaseChange::Ended(id)));
            due = clock.go_on(index);
        }
    }
    assert_eq!(turns, 3, "each takes no more than its lots");
    seen.sort_unstable();
    assert_eq!(seen, (1..=2_500).collect::<Vec<_>>());
}

#[test]
fn leases_that_come_and_go_leave_nothing_behind() {
    let mut clock = clock();
    for _ in 0..100_000 {
        clock.follow(at(0), &LeaseChange::Live(record(1, 1_000_000)));
        clock.follow(at(0), &LeaseChange::Ended(1));
    }
    assert!(clock.agenda.len() <= STALE_MAX + 3, "{}", clock.agenda.len());
}

#[test]
fn a_lease_takes_few_bytes() {
    let mut clock = clock();
    let page: Vec<_> = (1..=100_000).map(|id| record(id * 977, 10 + id % 50)).collect();
    clock.load(at(0), &page, false);
    // One byte of control beside each of the table's places.
    let table = clock.leases.capacity() * 8 / 7 * (size_of::<Lease>() + 1);
    let each = (table + clock.agenda.bytes()) / page.len();
    assert!(each < 64, "{each} bytes");
}

/// What may happen to three leases.
#[derive(Clone, Debug)]
enum Step {
    Wait { ms: u64 },
    Prove { lag: u64 },
    Turn,
    KeepAlive { id: i64 },
    Grant { id: i64, ttl: i64 },
    End { id: i64 },
    Renew { id: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop_oneof![0u64..300, 0u64..6_000].prop_map(|ms| Step::Wait { ms }),
        8 => (0u64..400).prop_map(|lag| Step::Prove { lag }),
        8 => Just(Step::Turn),
        4 => (1i64..4).prop_map(|id| Step::KeepAlive { id }),
        2 => (1i64..4, 2i64..6).prop_map(|(id, ttl)| Step::Grant { id, ttl }),
        1 => (1i64..4).prop_map(|id| Step::End { id }),
        1 => (1i64..4).prop_map(|id| Step::Renew { id }),
    ]
}

proptest! {
    /// Whatever is stopped, late or unproven: a lease is not overdue before its whole time has
    /// passed since it was last granted, renewed or kept alive.
    #[test]
    fn no_lease_ends_too_early(steps in prop::collection::vec(step(), 0..200)) {
        let (mut clock, mut now) = (clock(), 0);
        // By id: the record, the moment before which it must not end, whether its end is proposed.
        let mut model: BTreeMap<i64, (LeaseRecord, u64, bool)> = BTreeMap::new();
        // Those of which the log says that they have less than their whole time.
        let mut noted = BTreeSet::new();
        let until = |record: &LeaseRecord, now: u64| now + record.ttl as u64 * 1_000;
        for step in steps {
            match step {
                Step::Wait { ms } => now += ms,
                Step::Prove { lag } => drop(clock.count(at(now.saturating_sub(lag)))),
                Step::Turn => {
                    let due = clock.turn();
                    for overdue in due.overdue {
                        let (record, live_until, ending) = model.get_mut(&overdue.id).unwrap();
                        prop_assert!(now >= *live_until, "{overdue:?} at {now}, not {live_until}");
                        prop_assert_eq!((overdue.renewal, *ending), (record.renewal, false));
                        *ending = true;
                    }
                    for checkpoint in due.noted {
                        let (record, live_until, _) = model[&checkpoint.id];
                        let left = 1_000 * checkpoint.remaining_ttl as u64;
                        prop_assert!(now + left >= live_until, "{checkpoint:?} at {now}, not {live_until}");
                        prop_assert!(checkpoint.remaining_ttl < record.ttl);
                        noted.insert(checkpoint.id);
                    }
                }
                Step::KeepAlive { id } => {
                    let kept = clock.keep_alive(at(now), id);
                    match model.get_mut(&id) {
                        None => prop_assert_eq!(kept, Kept::Unknown),
                        Some((.., true)) => prop_assert_eq!(kept, Kept::Ending),
                        Some((record, live_until, false)) => {
                            let log_it = noted.contains(&id);
                            prop_assert_eq!(kept, Kept::Alive { log_it });
                            *live_until = until(record, now);
                        }
                    }
                }
                Step::Grant { id, ttl } => {
                    model.entry(id).or_insert_with(|| {
                        let record = record(id, ttl);
                        clock.follow(at(now), &LeaseChange::Live(record));
                        (record, until(&record, now), false)
                    });
                }
                Step::End { id } => {
                    model.remove(&id);
                    noted.remove(&id);
                    clock.follow(at(now), &LeaseChange::Ended(id));
                }
                Step::Renew { id } => if let Some((record, live_until, ending)) = model.get_mut(&id) {
                    record.renewal += 1;
                    clock.follow(at(now), &LeaseChange::Live(*record));
                    (*live_until, *ending) = (until(record, now), false);
                    noted.remove(&id);
                },
            }
        }
        // Then nothing happens any more, and all end: late by what was not counted at most.
        let uncounted = now - clock.time();
        let mut ended: Vec<i64> =
            model.values().filter(|(.., ending)| *ending).map(|(record, ..)| record.id).collect();
        ended.extend(ids(&run(&mut clock, now..now + uncounted + 7_500)));
        ended.sort_unstable();
        prop_assert_eq!(ended, model.keys().copied().collect::<Vec<_>>());
    }
}
