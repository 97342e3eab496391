//! Cuts, one-way cuts, flapping, slow and lossy links, clients.

use super::*;
use crate::fault::{Between, Fault};
use crate::world::Outcome;

/// Every node sends its number to every other.
fn everyone_sends(world: &mut World<Probes>) {
    for from in [A, B, C] {
        let others = [A, B, C].into_iter().filter(|to| *to != from);
        world.tell(from, others.map(|to| send(to, from.0 as u8)).collect());
    }
    world.run_for(ms(5));
}

fn pairs(world: &World<Probes>) -> Vec<(u64, u64)> {
    let mut pairs: Vec<_> = world.frames().iter().map(|(to, from, _)| (from.0, to.0)).collect();
    pairs.sort_unstable();
    pairs
}

const ALL: [(u64, u64); 6] = [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)];

#[test]
fn frames_arrive_whole_and_a_frame_to_oneself_at_once() {
    let mut world = probes();
    everyone_sends(&mut world);
    assert_eq!(pairs(&world), ALL);
    world.tell(A, vec![send(A, 9), send(NodeId(99), 9)]);
    world.run_for(Duration::from_micros(5));
    assert_eq!(world.frames().last(), Some(&(A, A, 9)));
}

#[test]
fn a_cut_is_both_ways_and_ends_by_itself() {
    let mut world = probes();
    world.inject(Fault::Cut { links: Between::both(&[A], &[B, C]), lasts: ms(100) });
    everyone_sends(&mut world);
    assert_eq!(pairs(&world), [(2, 3), (3, 2)]);
    world.run_for(ms(100));
    world.factory().log.borrow_mut().clear();
    everyone_sends(&mut world);
    assert_eq!(pairs(&world), ALL);
}

#[test]
fn a_one_way_cut_leaves_the_way_back() {
    let mut world = probes();
    world.inject(Fault::Cut { links: Between::one_way(&[A], &[B]), lasts: ms(100) });
    everyone_sends(&mut world);
    assert_eq!(pairs(&world), ALL[1..]);
}

#[test]
fn a_cut_swallows_what_is_under_way() {
    let mut world = probes();
    world.tell(A, vec![send(B, 1)]);
    world.inject(Fault::Cut { links: Between::one_way(&[A], &[B]), lasts: ms(100) });
    world.run_for(ms(5));
    assert_eq!(world.frames(), []);
}

#[test]
fn overlapping_cuts_do_not_heal_each_other() {
    let mut world = probes();
    let links = || Between::both(&[A], &[B, C]);
    world.inject(Fault::Cut { links: links(), lasts: ms(50) });
    world.inject(Fault::Cut { links: links(), lasts: ms(200) });
    world.run_for(ms(100));
    everyone_sends(&mut world);
    assert_eq!(pairs(&world), [(2, 3), (3, 2)]);
    world.heal_all();
    world.factory().log.borrow_mut().clear();
    everyone_sends(&mut world);
    assert_eq!(pairs(&world), ALL);
}

#[test]
fn a_slow_link_is_late_and_narrow() {
    let mut world = probes();
    let links = Between::one_way(&[A], &[B]);
    world.inject(Fault::Slow { links, delay: ms(50), bytes_per_second: 1_000, lasts: ms(9_999) });
    world.tell(A, vec![send(B, 1), send(B, 2), send(C, 3)]);
    world.run_for(ms(149));
    assert_eq!(world.frames(), [(C, A, 3)], "100 bytes take 100 ms more");
    world.run_for(ms(10));
    assert_eq!(world.frames().len(), 2);
    world.run_for(ms(100));
    assert_eq!(world.frames().len(), 3);
}

#[test]
fn a_link_that_was_slow_starts_anew() {
    let mut world = probes();
    let slow = |lasts| Fault::Slow {
        links: Between::one_way(&[A], &[B]),
        delay: ms(0),
        bytes_per_second: 100,
        lasts,
    };
    for heal in [false, true] {
        world.inject(slow(if heal { ms(9_999) } else { ms(10) }));
        world.tell(A, vec![send(B, 1)]);
        world.run_for(ms(20));
        if heal {
            world.heal_all();
        }
        world.factory().log.borrow_mut().clear();
        world.tell(A, vec![send(B, 2)]);
        world.run_for(ms(5_000));
        let bytes: Vec<u8> = world.frames().iter().map(|frame| frame.2).collect();
        assert_eq!(bytes, [2], "the second is in time, the first is lost");
    }
}

#[test]
fn a_lossy_link_loses_repeats_and_reorders() {
    let mut world = probes();
    let links = Between::one_way(&[A], &[B]);
    let (loss_ppm, duplicate_ppm, reorder_ppm) = (300_000, 300_000, 300_000);
    world.inject(Fault::Lossy { links, loss_ppm, duplicate_ppm, reorder_ppm, lasts: ms(9_999) });
    for batch in 0..10 {
        world.tell(A, (0..20).map(|byte| send(B, batch * 20 + byte)).collect());
    }
    world.run_for(ms(100));
    let mut bytes: Vec<u8> = world.frames().iter().map(|frame| frame.2).collect();
    assert!(!bytes.is_sorted(), "repeated frames come later");
    let total = bytes.len();
    bytes.sort_unstable();
    bytes.dedup();
    assert!((100..180).contains(&bytes.len()), "{} of 200 arrived", bytes.len());
    assert!(total - bytes.len() > 20, "{total} frames, {} different", bytes.len());
}

#[test]
fn a_flapping_link_carries_now_and_then() {
    let mut world = probes();
    let links = Between::one_way(&[A], &[B]);
    world.inject(Fault::Flap { links, up: ms(50), down: ms(50), lasts: ms(1_000) });
    for byte in 0..100 {
        world.tell(A, vec![send(B, byte)]);
        world.run_for(ms(9));
    }
    let arrived = world.frames().len();
    assert!((30..70).contains(&arrived), "{arrived} of 100 arrived");
}

#[test]
fn clients_can_be_cut_off() {
    let mut world = probes();
    let reply = |ticket| vec![Action::Reply { ticket, reply: "yes" }];
    world.inject(Fault::Cut { links: Between::both(&[NodeId::NONE], &[A]), lasts: ms(100) });
    world.tell(A, reply(Ticket(0)));
    world.tell(B, reply(Ticket(1)));
    world.run_for(ms(10));
    let answers = world.take_replies();
    assert_eq!(answers.len(), 1);
    assert_eq!((answers[0].ticket, &answers[0].outcome), (Ticket(1), &Outcome::Reply("yes")));
    assert_eq!(world.take_replies(), []);
}
