//! The leader is stopped for longer than leases last, and goes on as if nothing had been.
//!
//! Faults drawn without a look at the cluster hit it too rarely. Stopping a node loses nothing, so
//! it is within what is claimed whenever it happens.

use database::shard::Runs;
use kernel::{Duration, Instant, NodeId, Rng};
use sim::{Fault, Plan, World};

use crate::factory::Cluster;

/// The stops of one run: none in half of all runs, none where no other fault strikes, and none
/// without the keyspace.
pub struct Stops {
    rng: Rng,
    next: Instant,
}

impl Stops {
    /// The stops of a plan, from `from` on.
    #[must_use]
    pub fn new(plan: &Plan, from: Instant) -> Stops {
        let mut rng = Rng::new(plan.seed).fork("stops");
        let strikes = rng.chance(0.5) && super::carries(plan.seed) && !plan.schedule.is_empty();
        let next = if strikes { from + wait(&mut rng) } else { Instant::NEVER };
        Stops { rng, next }
    }

    /// When the next one is due.
    #[must_use]
    pub fn due(&self) -> Instant {
        self.next
    }

    /// No more of them.
    pub fn rest(&mut self) {
        self.next = Instant::NEVER;
    }

    /// Stops the leader, if it is time and there is one.
    pub fn strike(&mut self, world: &mut World<Cluster>) {
        if world.now() < self.next {
            return;
        }
        self.next = world.now() + wait(&mut self.rng);
        let lasts = self.rng.duration(Duration::from_millis(2_200), Duration::from_secs(7));
        let leads = |node: &NodeId| {
            let db = world.machine(*node).and_then(|machine| machine.database());
            let coordinates = |runs: &Runs| match runs {
                Runs::Keyspace { contract, .. } => {
                    contract.program == contract::Program::Coordination
                }
                _ => false,
            };
            db.is_some_and(|db| {
                let mut shards = db.shards().values();
                shards.any(|shard| coordinates(&shard.runs) && shard.raft.is_leader())
            })
        };
        if let Some(node) = world.ids().into_iter().find(leads) {
            world.inject(Fault::Pause { node, lasts });
        }
    }
}

fn wait(rng: &mut Rng) -> Duration {
    rng.duration(Duration::from_secs(2), Duration::from_secs(9))
}
