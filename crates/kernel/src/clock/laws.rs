//! Laws that several clocks share, checked against happened-before itself.
//!
//! Random executions of a few nodes are drawn; the truth is the transitive closure of "came
//! before on the same node" and "was sent before it was received".

use alloc::{vec, vec::Vec};

use proptest::prelude::*;

use super::{
    hybrid::{HybridClock, Timestamp},
    lamport::{LamportClock, Stamp},
    vector::{VectorClock, VersionVector},
};
use crate::{id::NodeId, time::Wall};

const NODES: usize = 4;

/// One event: where, and the event whose message it received, if it is a receipt.
#[derive(Clone, Debug)]
struct Happening {
    node: usize,
    received: Option<usize>,
    /// The wall clock of the node.
    wall: Wall,
}

/// Every event may be received later, by anyone, any number of times.
fn executions() -> impl Strategy<Value = Vec<Happening>> {
    let draw = (0..NODES, any::<Option<prop::sample::Index>>(), 1_000u64..1_020);
    prop::collection::vec(draw, 1..50).prop_map(|draws| {
        let events = draws.into_iter().enumerate().map(|(i, (node, from, wall))| {
            let received = from.filter(|_| i > 0).map(|from| from.index(i));
            Happening { node, received, wall: Wall(wall) }
        });
        events.collect()
    })
}

/// `before[b][a]`: whether event `a` happened before event `b`.
fn happened_before(events: &[Happening]) -> Vec<Vec<bool>> {
    let mut before: Vec<Vec<bool>> = Vec::new();
    for (b, event) in events.iter().enumerate() {
        let mut past = vec![false; events.len()];
        let previous = (0..b).rev().find(|a| events[*a].node == event.node);
        for cause in previous.into_iter().chain(event.received) {
            past[cause] = true;
            past.iter_mut().zip(&before[cause]).for_each(|(known, more)| *known |= more);
        }
        before.push(past);
    }
    before
}

fn name(node: usize) -> NodeId {
    NodeId(node as u64 + 1)
}

fn lamport(events: &[Happening]) -> Vec<Stamp> {
    let mut clocks: Vec<_> = (0..NODES).map(|node| LamportClock::new(name(node))).collect();
    let mut stamps: Vec<Stamp> = Vec::new();
    for event in events {
        let clock = &mut clocks[event.node];
        let stamp = match event.received {
            Some(a) => clock.receive(stamps[a]),
            None => clock.tick(),
        };
        stamps.push(stamp);
    }
    stamps
}

fn vector(events: &[Happening]) -> Vec<VersionVector> {
    let mut clocks: Vec<_> = (0..NODES).map(|node| VectorClock::new(name(node))).collect();
    let mut stamps: Vec<VersionVector> = Vec::new();
    for event in events {
        let clock = &mut clocks[event.node];
        let stamp = match event.received {
            Some(a) => clock.receive(&stamps[a]),
            None => clock.tick(),
        };
        stamps.push(stamp);
    }
    stamps
}

fn hybrid(events: &[Happening]) -> Vec<Timestamp> {
    let mut clocks = vec![HybridClock::new(1_000); NODES];
    let mut stamps: Vec<Timestamp> = Vec::new();
    for event in events {
        let clock = &mut clocks[event.node];
        if let Some(a) = event.received {
            assert_eq!(clock.observe(event.wall, stamps[a]), Ok(()));
        }
        stamps.push(clock.tick(event.wall));
    }
    stamps
}

fn pairs(len: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..len).flat_map(move |a| (0..len).map(move |b| (a, b)))
}

proptest! {
    #[test]
    fn lamport_and_hybrid_stamps_agree_with_happened_before(events in executions()) {
        let before = happened_before(&events);
        let (lamport, hybrid) = (lamport(&events), hybrid(&events));
        for (a, b) in pairs(events.len()).filter(|(a, b)| before[*b][*a]) {
            prop_assert!(lamport[a].time < lamport[b].time);
            prop_assert!(hybrid[a] < hybrid[b]);
        }
    }

    #[test]
    fn lamport_stamps_with_nodes_are_a_strict_total_order(events in executions()) {
        let stamps = lamport(&events);
        for (a, b) in pairs(events.len()).filter(|(a, b)| a != b) {
            prop_assert!((stamps[a] < stamps[b]) != (stamps[b] < stamps[a]));
        }
    }

    #[test]
    fn vector_stamps_are_happened_before_exactly(events in executions()) {
        let before = happened_before(&events);
        let stamps = vector(&events);
        for (a, b) in pairs(events.len()) {
            prop_assert_eq!(stamps[a] < stamps[b], before[b][a], "{} and {}", a, b);
        }
    }

    #[test]
    fn hybrid_stamps_never_run_ahead_of_the_furthest_wall_clock(events in executions()) {
        let mut furthest = 0;
        for (event, stamp) in events.iter().zip(hybrid(&events)) {
            furthest = event.wall.0.max(furthest);
            prop_assert!(stamp.millis() >= event.wall.0);
            prop_assert!(stamp.millis() <= furthest, "events alone do not move time");
            prop_assert!(usize::from(stamp.counter()) < events.len());
        }
    }
}
