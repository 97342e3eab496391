//! Disks as nodes see them: work that takes time, stalls, power loss, wipes, damage.

use super::*;
use crate::{disk::Place, fault::Fault, machine::Work};
use kernel::disk::DiskError;

fn work(id: u64) -> Action<&'static str> {
    Action::Work { id, kind: Work::DiskSync, bytes: 0 }
}

/// True time until work given to A is done.
fn takes(world: &mut World<Probes>, id: u64) -> Duration {
    world.tell(A, vec![work(id)]);
    let start = world.now();
    let done = |world: &World<Probes>| world.seen().iter().any(|s| s.input == Input::Done(id));
    assert!(world.run_until_true(done, start + ms(10_000)));
    world.now().since(start)
}

fn write(world: &World<Probes>, bytes: &[u8]) -> Result<(), DiskError> {
    world.machine(A).unwrap().disk.clone().write("log", 0, bytes)
}

fn sync(world: &World<Probes>) -> Result<(), DiskError> {
    world.machine(A).unwrap().disk.clone().sync("log")
}

fn read(world: &World<Probes>) -> Result<Vec<u8>, DiskError> {
    let mut into = vec![0; 4 * SECTOR];
    world.disk(A).unwrap().read("log", 0, &mut into).map(|()| into)
}

fn with_log() -> World<Probes> {
    let world = probes();
    world.machine(A).unwrap().disk.clone().create("log", 4 * SECTOR as u64).unwrap();
    world
}

#[test]
fn work_takes_time_and_waits_its_turn() {
    let mut world = probes();
    let one = takes(&mut world, 1);
    assert!(one >= Duration::from_micros(500) && one <= ms(1), "{one:?}");
    world.tell(A, vec![work(2), work(3), work(4)]);
    world.run_for(ms(1));
    assert!(world.seen().len() < 4, "three syncs take longer than one");
    world.run_for(ms(3));
    let done: Vec<_> = world.seen().into_iter().map(|seen| seen.input).collect();
    assert_eq!(done, [1, 2, 3, 4].map(Input::Done));
}

#[test]
fn slow_and_stalled_disks() {
    let mut world = probes();
    world.inject(Fault::SlowDisk { node: A, delay: ms(100), lasts: ms(1_000) });
    assert!(takes(&mut world, 1) >= ms(100));
    world.inject(Fault::StallDisk { node: A, lasts: ms(2_000) });
    assert!(takes(&mut world, 2) >= ms(1_990));
    assert!(takes(&mut world, 3) <= ms(1), "the stall is over");
    world.inject(Fault::StallDisk { node: A, lasts: ms(2_000) });
    world.tell(A, vec![work(4)]);
    world.run_for(ms(10));
    world.heal_all();
    world.run_for(ms(1));
    assert_eq!(world.seen().last().unwrap().input, Input::Done(4), "healing ends it at once");
}

#[test]
fn power_loss_loses_the_unsynced_and_a_kill_does_not() {
    let mut lost = 0;
    for round in 0..30 {
        let mut world = with_log();
        write(&world, b"synced").unwrap();
        sync(&world).unwrap();
        write(&world, &[round + 1; 4 * SECTOR]).unwrap();
        world.kill(A);
        assert_eq!(read(&world).unwrap(), [round + 1; 4 * SECTOR], "the page cache lives on");
        for _ in 0..round {
            world.node_mut(A).unwrap().rng.bits();
        }
        world.disk(A).unwrap().lose_power();
        lost += usize::from(read(&world).unwrap() != [round + 1; 4 * SECTOR]);
    }
    assert!(lost > 20, "{lost} of 30 lost something");
}

#[test]
fn a_wipe_empties_the_disk_and_says_so_once() {
    let mut world = with_log();
    world.inject(Fault::Wipe { node: A, restart_after: Some(ms(10)) });
    world.run_for(ms(20));
    assert_eq!(world.disk(A).unwrap().list(), Ok(vec![]));
    assert_eq!(world.factory().wiped, [A]);
    assert_eq!(world.factory().boots.last(), Some(&(A, 1, true)));
    world.crash(A);
    world.restart(A);
    assert_eq!(world.factory().boots.last(), Some(&(A, 2, false)));
}

#[test]
fn a_full_disk_and_read_errors_pass() {
    let mut world = with_log();
    world.inject(Fault::FullDisk { node: A, lasts: ms(10) });
    world.inject(Fault::ReadErrors { node: A, ppm: 1_000_000, lasts: ms(10) });
    assert_eq!(write(&world, b"x"), Err(DiskError::Full));
    assert!(matches!(read(&world), Err(DiskError::Io(_))));
    assert!(world.disk(B).unwrap().list().is_ok());
    world.run_for(ms(10));
    write(&world, b"x").unwrap();
    assert_eq!(read(&world).unwrap()[0], b'x');
}

#[test]
fn damage_strikes_the_node_that_is_named() {
    let mut world = with_log();
    let fresh = |world: &World<Probes>| {
        write(world, &[0xff; 4 * SECTOR]).unwrap();
        sync(world)
    };
    fresh(&world).unwrap();
    // Rot spares what the last sync wrote.
    write(&world, &[0xff]).unwrap();
    sync(&world).unwrap();
    world.inject(Fault::BitRot { node: A, place: Place::default() });
    let ones: u32 = read(&world).unwrap().iter().map(|byte| byte.count_ones()).sum();
    assert_eq!(ones, 4 * SECTOR as u32 * 8 - 1);

    world.inject(Fault::LostWrite { node: A, pick: 2 });
    write(&world, &[1; 4 * SECTOR]).unwrap();
    sync(&world).unwrap();
    assert_eq!(read(&world).unwrap().iter().filter(|byte| **byte == 1).count(), 3 * SECTOR);

    world.inject(Fault::FailedSync { node: A });
    assert!(matches!(fresh(&world), Err(DiskError::Io(_))));
    world.inject(Fault::FailedSync { node: A });
    world.heal_all();

    fresh(&world).unwrap();
    world.inject(Fault::MisdirectedWrite { node: A, pick: 2 });
    write(&world, &[1; SECTOR]).unwrap();
    sync(&world).unwrap();
    let after = read(&world).unwrap();
    assert_eq!(after[0], 0xff);
    assert_eq!(after.iter().filter(|byte| **byte == 1).count(), SECTOR);
    assert_eq!(world.disk(B).unwrap().counters().sectors_damaged, 0);
}

#[test]
fn disks_rot_apart_and_a_copy_of_everything_stays_whole() {
    const SECTORS: usize = 12;
    let mut world = probes();
    for node in [A, B, C] {
        let mut disk = world.disk(node).unwrap().clone();
        disk.create("shared", (SECTORS * SECTOR) as u64).unwrap();
        disk.create("log", SECTOR as u64).unwrap();
        for (name, len) in [("shared", SECTORS * SECTOR), ("log", SECTOR)] {
            disk.write(name, 0, &vec![0; len]).unwrap();
            disk.sync(name).unwrap();
        }
    }
    let rotten = |world: &World<Probes>, node| {
        let mut into = [0; SECTORS * SECTOR];
        world.disk(node).unwrap().read("shared", 0, &mut into).unwrap();
        (0..SECTORS).filter(|at| into[at * SECTOR..][..SECTOR] != [0; SECTOR]).collect::<Vec<_>>()
    };
    for pick in 0..6 {
        world.inject(Fault::RotApart { pick, restart_after: ms(10) });
        assert!([A, B, C].iter().all(|node| world.machine(*node).is_none()), "the power is lost");
        world.run_for(ms(20));
        let all = [A, B, C].map(|node| rotten(&world, node));
        let mut names = all.concat();
        names.sort_unstable();
        assert!(names.windows(2).all(|two| two[0] < two[1]), "{all:?}");
        assert!(all.iter().all(|node| !node.is_empty()), "{all:?}");
    }
    let kept = |node| rotten(&world, node).len();
    assert_eq!(kept(A) + kept(B) + kept(C), SECTORS, "in the end something of everything is gone");
}
