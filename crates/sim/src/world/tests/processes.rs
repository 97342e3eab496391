//! Crash, kill, pause, restart, halt, and what clients see of them.

use super::*;
use crate::fault::Fault;
use crate::world::{Outcome, Status};

#[test]
fn a_crash_forgets_timers_work_and_the_inbox() {
    let mut world = probes();
    let now = world.clock(A).unwrap().instant;
    let work = Action::Work { id: 7, kind: crate::Work::DiskSync, bytes: 0 };
    world.tell(A, vec![timer(1, now + ms(50)), work]);
    world.inject(Fault::Crash { node: A, restart_after: Some(ms(20)) });
    assert!(world.machine(A).is_none());
    assert_eq!(world.status(A), Some(&Status::Down));
    world.tell(B, vec![send(A, 1)]);
    world.run_for(ms(200));
    assert_eq!(world.seen(), [], "nothing of the old life reached the new one");
    assert_eq!(world.status(A), Some(&Status::Up));
    assert_eq!(world.factory().boots.last(), Some(&(A, 1, false)));
    assert_eq!(world.factory().crashed, [A]);
}

#[test]
fn clients_of_a_dead_process_are_told() {
    let mut world = probes();
    let broken = world.tell(A, vec![]);
    world.crash(A);
    let refused = world.tell(A, vec![]);
    world.run_for(ms(10));
    let answers: Vec<_> =
        world.take_replies().into_iter().map(|answer| (answer.ticket, answer.outcome)).collect();
    assert_eq!(answers, [(broken, Outcome::Broken), (refused, Outcome::Refused)]);
}

#[test]
fn a_ticket_is_answered_once() {
    let mut world = probes();
    let ticket = Ticket(0);
    let reply = Action::Reply { ticket, reply: "yes" };
    world.tell(A, vec![reply.clone(), reply]);
    world.crash(A);
    world.run_for(ms(10));
    assert_eq!(world.take_replies().len(), 1);
}

#[test]
fn a_paused_node_gathers_and_then_handles_in_one_batch() {
    let mut world = probes();
    let now = world.clock(A).unwrap().instant;
    world.tell(A, vec![timer(1, now + ms(5))]);
    let settled = world.machine(A).unwrap().settled;
    world.inject(Fault::Pause { node: A, lasts: ms(100) });
    for byte in 0..10 {
        world.tell(B, vec![send(A, byte)]);
    }
    world.run_for(ms(50));
    assert_eq!(world.seen(), []);
    world.run_for(ms(50));
    let seen = world.seen();
    assert_eq!(seen.len(), 11);
    assert!(seen.iter().all(|s| s.now == seen[0].now), "one batch, one reading of the clocks");
    assert_eq!(seen[0].now.instant.since(now), ms(101), "time went on meanwhile");
    assert_eq!(world.machine(A).unwrap().settled, settled + 1);
}

#[test]
fn a_paused_inbox_is_bounded() {
    let mut world = probes();
    world.options.process.inbox = 5;
    world.pause(A);
    world.tell(B, (0..10).map(|byte| send(A, byte)).collect());
    world.run_for(ms(10));
    let refused = world.tell(A, vec![]);
    world.run_for(ms(10));
    assert_eq!(world.take_replies()[0].ticket, refused);
    world.resume(A);
    world.run_for(ms(10));
    assert_eq!(world.frames().len(), 5);
}

#[test]
fn pauses_overlap_and_end_with_the_process() {
    let mut world = probes();
    world.inject(Fault::Pause { node: A, lasts: ms(10) });
    world.inject(Fault::Pause { node: A, lasts: ms(1_000) });
    world.run_for(ms(20));
    world.tell(B, vec![send(A, 1)]);
    world.run_for(ms(20));
    assert_eq!(world.frames(), [], "the longer pause holds");
    world.inject(Fault::Kill { node: A, restart_after: Some(ms(1)) });
    world.run_for(ms(10));
    world.tell(B, vec![send(A, 2)]);
    world.run_for(ms(10));
    assert_eq!(world.frames(), [(A, B, 2)], "the new process was never stopped");
}

#[test]
fn a_halt_voids_the_rest_of_the_batch_and_is_final() {
    let mut world = probes();
    world.tell(A, vec![Action::Halt("enough".to_owned()), send(B, 1)]);
    world.run_for(ms(10));
    assert_eq!(world.frames(), []);
    assert_eq!(world.status(A), Some(&Status::Halted("enough".to_owned())));
    assert_eq!((world.halts().len(), world.halts()[0].node), (1, A));
    world.inject(Fault::Restart { node: A });
    assert_eq!(world.status(A), Some(&Status::Up));
    world.inject(Fault::Restart { node: A });
    assert_eq!(world.factory().boots.iter().filter(|boot| boot.0 == A).count(), 2);
}

#[test]
fn a_refusal_to_boot_counts_as_a_halt() {
    let mut world = probes();
    world.crash(A);
    world.factory_mut().refuse = true;
    world.restart(A);
    assert_eq!(world.status(A), Some(&Status::Halted("refused".to_owned())));
    world.factory_mut().refuse = false;
    world.heal_all();
    assert_eq!(world.status(A), Some(&Status::Up));
}

#[test]
fn a_power_cut_takes_everyone_and_healing_spares_the_dead() {
    let mut world = probes();
    world.inject(Fault::PowerCut { restart_after: ms(50) });
    assert!([A, B, C].iter().all(|node| world.machine(*node).is_none()));
    world.heal_all_but(&[B]);
    world.run_for(ms(100));
    let up: Vec<bool> = [A, B, C].map(|node| world.machine(node).is_some()).to_vec();
    assert_eq!(up, [true, false, true], "a restart of an earlier life is void");
}

#[test]
fn a_busy_node_batches() {
    let mut world = probes();
    world.options.process.cost = ms(10);
    let settled = world.machine(A).unwrap().settled;
    world.tell(B, vec![send(A, 0)]);
    world.tell(C, (1..6).map(|byte| send(A, byte)).collect());
    world.run_for(ms(100));
    assert_eq!(world.frames().len(), 6);
    assert_eq!(world.machine(A).unwrap().settled, settled + 2, "one, then the five that waited");
}
