//! Timers by the node's own clock; drift, jumps, freezes.

use super::*;
use crate::fault::Fault;

/// True milliseconds that pass until a timer set `local_ms` ahead fires.
fn fires_after(world: &mut World<Probes>, local_ms: u64) -> u64 {
    let start = world.now();
    let now = world.clock(A).unwrap().instant;
    world.tell(A, vec![timer(1, now + ms(local_ms))]);
    assert!(world.run_until_true(|world| !world.seen().is_empty(), start + ms(10 * local_ms)));
    let taken = world.now().since(start);
    world.factory().log.borrow_mut().clear();
    taken.as_millis() as u64
}

#[test]
fn timers_fire_by_the_drifting_clock() {
    let mut world = probes();
    assert_eq!(fires_after(&mut world, 1_000), 1_000);
    world.inject(Fault::Drift { node: A, ppm: 250_000, lasts: Duration::MAX });
    assert_eq!(fires_after(&mut world, 1_000), 800);
    world.heal_all();
    world.inject(Fault::Drift { node: A, ppm: -500_000, lasts: Duration::MAX });
    assert_eq!(fires_after(&mut world, 1_000), 2_000);
}

#[test]
fn a_change_of_rate_moves_timers_that_are_set() {
    for (ppm, expected) in [(1_000_000, 550), (-500_000, 1_900)] {
        let mut world = probes();
        let now = world.clock(A).unwrap().instant;
        let start = world.now();
        world.tell(A, vec![timer(1, now + ms(1_000))]);
        world.run_for(ms(99));
        world.inject(Fault::Drift { node: A, ppm, lasts: Duration::MAX });
        assert!(world.run_until_true(|world| !world.seen().is_empty(), start + ms(9_000)));
        assert_eq!(world.now().since(start), ms(expected));
    }
}

#[test]
fn moving_and_cancelling_timers() {
    let mut world = probes();
    let now = world.clock(A).unwrap().instant;
    let later = |n| now + ms(n);
    world.tell(A, vec![timer(1, later(50)), timer(2, later(20)), timer(3, later(30))]);
    world.tell(A, vec![timer(1, later(10)), timer(2, later(40))]);
    world.tell(A, vec![Action::CancelTimer(TimerId(3)), Action::CancelTimer(TimerId(9))]);
    world.tell(A, vec![timer(4, Instant::NEVER), timer(5, now), timer(3, later(60))]);
    world.run_for(ms(200));
    let fired: Vec<_> = world
        .seen()
        .into_iter()
        .map(|seen| match seen.input {
            Input::Timer(id) => (id.0, seen.now.instant.since(now).as_millis() as u64),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(fired, [(5, 4), (1, 10), (2, 40), (3, 60)]);
}

#[test]
fn jumps_and_freezes_touch_one_wall_clock() {
    let mut world = probes();
    let wall = |world: &World<Probes>, node| world.clock(node).unwrap().wall.0;
    let start = wall(&world, A);
    assert_eq!(wall(&world, B), start);
    world.inject(Fault::Jump { node: A, millis: -60_000 });
    world.inject(Fault::Freeze { node: B, lasts: ms(100) });
    world.run_for(ms(50));
    assert_eq!([A, B, C].map(|node| wall(&world, node)), [start - 59_950, start, start + 50]);
    world.run_for(ms(100));
    assert_eq!(
        [A, B, C].map(|node| wall(&world, node)),
        [start - 59_850, start + 150, start + 150]
    );
    assert_eq!(fires_after(&mut world, 100), 100, "monotonic time is untouched");
}

#[test]
fn monotonic_origins_differ_between_nodes_and_boots() {
    let mut world = probes();
    let origin = |world: &World<Probes>, node| world.clock(node).unwrap().instant;
    let before = origin(&world, A);
    assert_ne!(before, origin(&world, B));
    world.crash(A);
    world.restart(A);
    assert_ne!(origin(&world, A), before);
}

#[test]
fn clocks_differ_within_the_options() {
    let mut options = Options::calm(7);
    (options.clock.skew, options.clock.drift_ppm) = (ms(500), 100);
    let mut world = World::new(5, options, Probes::default());
    let error = |world: &World<Probes>, node: u64| {
        world.node(NodeId(node)).unwrap().clock.wall_error_ms(world.now())
    };
    let skews: Vec<i64> = (1..=7).map(|node| error(&world, node)).collect();
    assert!(skews.iter().all(|skew| skew.abs() <= 500), "{skews:?}");
    assert!(skews.iter().any(|skew| skew.abs() > 100), "{skews:?}");
    world.run_until(at(1_000_000));
    for node in 1..=7 {
        let drifted = error(&world, node) - skews[node as usize - 1];
        assert!(drifted.abs() <= 101, "n{node} drifted {drifted} ms in 1000 s");
    }
}
