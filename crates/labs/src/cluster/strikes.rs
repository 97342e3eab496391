//! Strikes: from the words of a plan to faults, when they happen.

use bytes::Bytes;
use database::{Envelope, Request, api::Control, link, message::Body};
use drill::factory::Cluster;
use kernel::{Duration, Instant, NodeId, ShardId};
use sim::{Fault, World, fault::Between};

use super::{aim, watch::Watch};
use crate::plan::{Scenario, Strike};

/// Both sides of a strike: whom it hits, and the others that it concerns.
pub type Sides = (Vec<NodeId>, Vec<NodeId>);

/// A strike that happened.
#[derive(Clone, Debug)]
pub struct Struck {
    /// When.
    pub at: Instant,
    /// Until when it lasts; its beginning, if it is over at once.
    pub until: Instant,
    /// In words.
    pub what: String,
    /// Whom it hit.
    pub sides: Sides,
}

/// Every time that something strikes, in order: when, and which strike of the plan.
#[must_use]
pub fn schedule(scenario: &Scenario, start: Instant) -> Vec<(Instant, usize)> {
    let mut all: Vec<(Instant, usize)> = Vec::new();
    for (i, strike) in scenario.strike.iter().enumerate() {
        for turn in 0..strike.times.min(100) {
            all.push((start + strike.at + strike.apart * turn, i));
        }
    }
    all.sort();
    all
}

/// Lets a strike happen.
///
/// # Errors
/// If the plan asks for what does not exist.
pub fn strike(
    world: &mut World<Cluster>,
    watch: &mut Watch,
    scenario: &Scenario,
    strike: &Strike,
    shard: ShardId,
) -> Result<Struck, String> {
    // Where nobody leads, the first node stands for the leader.
    let leader = if watch.leader() == NodeId::NONE { NodeId(1) } else { watch.leader() };
    let on = if strike.on.is_empty() { "all" } else { &strike.on };
    let first = aim::nodes(on, scenario, leader, &[])?;
    let to = if strike.to.is_empty() { "rest" } else { &strike.to };
    let second = aim::nodes(to, scenario, leader, &first).unwrap_or_default();
    let now = world.now();
    let sides = (first, second);
    let faults = faults(strike, &sides)?;
    let shown =
        |faults: &[Fault]| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let what = match strike.fault.as_str() {
        "transfer" => format!("leadership is to leave {leader}"),
        "forge" => format!("a stranger asks for votes as {}", name(&sides.0)),
        "damage" => format!("noise comes to {} as from another", name(&sides.0)),
        _ => shown(&faults),
    };
    match strike.fault.as_str() {
        "transfer" => transfer(world, watch, shard),
        "forge" => forge(world, watch, &sides, shard),
        "damage" => damage(world, &sides),
        "pause" => watch.paused.extend(sides.0.iter().map(|node| (*node, now + strike.lasts))),
        _ => {}
    }
    faults.into_iter().for_each(|fault| world.inject(fault));
    Ok(Struck { at: now, until: now + strike.lasts, what, sides })
}

fn name(nodes: &[NodeId]) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What of a strike is a fault of the simulator.
fn faults(strike: &Strike, (first, second): &Sides) -> Result<Vec<Fault>, String> {
    let lasts = if strike.lasts.is_zero() { Duration::MAX } else { strike.lasts };
    let back = (!strike.lasts.is_zero()).then_some(strike.lasts);
    let each = |make: &dyn Fn(NodeId) -> Fault| Ok(first.iter().map(|node| make(*node)).collect());
    let both = || Between::both(first, second);
    let ppm = (strike.amount * 10_000.0) as u32;
    let lossy = |links, loss_ppm, duplicate_ppm| Fault::Lossy {
        links,
        loss_ppm,
        duplicate_ppm,
        reorder_ppm: 0,
        lasts,
    };
    let one = |fault| Ok(vec![fault]);
    match strike.fault.as_str() {
        "kill" => each(&|node| Fault::Kill { node, restart_after: back }),
        "crash" => each(&|node| Fault::Crash { node, restart_after: back }),
        "pause" => each(&|node| Fault::Pause { node, lasts }),
        "slow-disk" => each(&|node| Fault::SlowDisk { node, delay: strike.by, lasts }),
        "power-cut" => one(Fault::PowerCut { restart_after: strike.lasts }),
        "cut" => one(Fault::Cut { links: both(), lasts }),
        "cut-one-way" => one(Fault::Cut { links: Between::one_way(first, second), lasts }),
        "flap" => {
            let half = strike.by;
            one(Fault::Flap { links: both(), up: half, down: half, lasts })
        }
        "slow" => one(Fault::Slow { links: both(), delay: strike.by, bytes_per_second: 0, lasts }),
        "thin" => {
            let bytes_per_second = strike.amount as u64;
            one(Fault::Slow { links: both(), delay: strike.by, bytes_per_second, lasts })
        }
        "lossy" => one(lossy(both(), ppm, 0)),
        "repeat" => one(lossy(both(), 0, ppm)),
        "transfer" | "forge" | "damage" => Ok(Vec::new()),
        other => Err(format!("'{other}' is no fault that a lab knows")),
    }
}

fn transfer(world: &mut World<Cluster>, watch: &Watch, shard: ShardId) {
    let control = Control::Transfer { shard, to: NodeId::NONE };
    let timeout = Duration::from_secs(1);
    let leader = if watch.leader() == NodeId::NONE { NodeId(1) } else { watch.leader() };
    world.request(leader, Request::Control { control, request_id: None, timeout });
}

/// A well-formed request for votes in a term far ahead, in the name of a node that never sent it.
fn forge(world: &mut World<Cluster>, watch: &Watch, (first, second): &Sides, shard: ShardId) {
    let vote = raft::RequestVote {
        pre: false,
        transfer: true,
        last_index: u64::MAX >> 1,
        last_term: watch.term() + 1_000,
    };
    let message =
        raft::Message { term: watch.term() + 1_000, body: Some(raft::Body::RequestVote(vote)) };
    let envelope = Envelope::of(shard, Body::Raft(message));
    let mut bytes = Vec::new();
    link::put_envelope(&envelope, &mut bytes);
    for (from, to) in pairs(first, second) {
        world.forge(from, to, Bytes::from(bytes.clone()));
    }
}

/// The same with one bit wrong: what accident does to a frame, and what a checksum is for.
fn damage(world: &mut World<Cluster>, (first, second): &Sides) {
    let noise: Vec<u8> = (0..64u8).map(|byte| byte.wrapping_mul(37)).collect();
    for (from, to) in pairs(first, second) {
        world.forge(from, to, Bytes::from(noise.clone()));
    }
}

fn pairs<'a>(
    first: &'a [NodeId],
    second: &'a [NodeId],
) -> impl Iterator<Item = (NodeId, NodeId)> + 'a {
    first
        .iter()
        .flat_map(move |from| second.iter().map(move |to| (*from, *to)))
        .filter(|(a, b)| a != b)
}
