//! An operator at work while faults strike: hands leadership over and moves replicas.
//!
//! In half of all runs nobody operates. Where all disks rot, replicas are not moved: one that moves is
//! without memory until it has caught up, and what is claimed there needs everybody's. What is asked for is drawn from the seed when its time
//! comes, from what the cluster is then: who votes now, not who is about to. A move may therefore
//! cross another one that is under way. Refusals are not looked at.

use database::{Request, api::Control};
use kernel::{Duration, Instant, NodeId, Rng, ShardId};
use sim::{Fault, Plan, World};

use crate::factory::Cluster;

/// The operator of one run.
pub struct Operator {
    rng: Rng,
    every: Duration,
    moves: bool,
    next: Instant,
}

impl Operator {
    /// The operator of a plan, who begins at `from`.
    #[must_use]
    pub fn new(plan: &Plan, from: Instant) -> Operator {
        let mut rng = Rng::new(plan.seed).fork("operator");
        let works = rng.chance(0.5);
        let every = rng.duration(Duration::from_millis(500), Duration::from_secs(5));
        let next = if works { from + every } else { Instant::NEVER };
        let moves = !plan.schedule.iter().any(|s| matches!(s.fault, Fault::RotApart { .. }));
        Operator { rng, every, moves, next }
    }

    /// When something is done next.
    #[must_use]
    pub fn due(&self) -> Instant {
        self.next
    }

    /// Nothing more is done.
    pub fn rest(&mut self) {
        self.next = Instant::NEVER;
    }

    /// What is asked now, and of whom.
    pub fn act(&mut self, world: &World<Cluster>) -> Option<(NodeId, Request)> {
        self.next = world.now() + self.rng.duration(self.every / 2, self.every * 2);
        let nodes = world.ids();
        let ask = *self.rng.pick(&nodes)?;
        let groups = groups(world);
        let (shard, voters) = self.rng.pick(&groups)?.clone();
        let other: Vec<NodeId> =
            nodes.iter().copied().filter(|node| !voters.contains(node)).collect();
        let control = match (self.rng.pick(&other).copied(), self.rng.pick(&voters).copied()) {
            (Some(to), Some(from)) if self.rng.chance(0.5) && self.moves => {
                Control::MoveReplica { shard, from, to }
            }
            (_, to) => Control::Transfer { shard, to: to? },
        };
        let timeout = Duration::from_secs(2);
        Some((ask, Request::Control { control, request_id: None, timeout }))
    }
}

/// The voters of every shard but the catalog, as some leader knows them.
fn groups(world: &World<Cluster>) -> Vec<(ShardId, Vec<NodeId>)> {
    let nodes = world.ids().into_iter().filter_map(|node| world.machine(node)?.database());
    let leads = nodes
        .flat_map(|db| db.shards().values())
        .filter(|shard| shard.raft.is_leader() && shard.id != database::catalog::CATALOG);
    leads.map(|shard| (shard.id, shard.raft.membership().voters().collect())).collect()
}
