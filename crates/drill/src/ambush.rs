//! The worst moment for a leader: what it is told grows old, and then nobody hears it.
//!
//! ```text
//!   followers ── answers, late ──▶ leader      then: leader ──╳──▶ followers
//! ```
//!
//! Meanwhile it is asked and asked. The leader goes on hearing of a majority that has stopped to follow it. Faults drawn without a
//! look at the cluster meet this too rarely. Links may fail in any way, so it is within what is
//! claimed.

use kernel::{Duration, Instant, NodeId, Rng};
use sim::{
    Plan, World,
    fault::{Between, Fault},
};

use crate::factory::Cluster;

/// The ambushes of one run: none in half of all runs, and none where no other fault strikes.
pub struct Ambush {
    rng: Rng,
    next: Instant,
    /// The leader in an ambush, and until when it is asked.
    asked: Option<(NodeId, Instant)>,
    ask_at: Instant,
}

/// Between two questions.
const ASK_EVERY: Duration = Duration::from_millis(10);
/// How long nobody hears the leader.
const SILENCE: Duration = Duration::from_millis(700);

impl Ambush {
    /// The ambushes of a plan, from `from` on.
    #[must_use]
    pub fn new(plan: &Plan, from: Instant) -> Ambush {
        let mut rng = Rng::new(plan.seed).fork("ambush");
        let lurks = rng.chance(0.5) && !plan.schedule.is_empty();
        let next = if lurks { from + wait(&mut rng) } else { Instant::NEVER };
        Ambush { rng, next, asked: None, ask_at: Instant::NEVER }
    }

    /// When the next one begins, or a leader in one is asked.
    #[must_use]
    pub fn due(&self) -> Instant {
        self.next.min(self.ask_at)
    }

    /// No more of them.
    pub fn rest(&mut self) {
        (self.next, self.ask_at) = (Instant::NEVER, Instant::NEVER);
    }

    /// Who is to be asked for something that it may no longer know.
    pub fn asks(&mut self, now: Instant) -> Option<NodeId> {
        if now < self.ask_at {
            return None;
        }
        let (node, until) = self.asked?;
        self.ask_at = if now < until { now + ASK_EVERY } else { Instant::NEVER };
        Some(node)
    }

    /// Lays one for the leader of some shard, if it is time.
    pub fn strike(&mut self, world: &mut World<Cluster>) {
        if world.now() < self.next {
            return;
        }
        self.next = world.now() + wait(&mut self.rng);
        let leads = |node: &NodeId| {
            let db = world.machine(*node).and_then(|machine| machine.database());
            db.is_some_and(|db| db.shards().values().any(|shard| shard.raft.ready_to_serve()))
        };
        let leaders: Vec<NodeId> = world.ids().into_iter().filter(leads).collect();
        let Some(leader) = self.rng.pick(&leaders).copied() else { return };
        let others: Vec<NodeId> = world.ids().into_iter().filter(|node| *node != leader).collect();
        // Longer, and the leader would step down before it is cut off.
        let delay = self.rng.duration(Duration::from_millis(80), Duration::from_millis(190));
        let cut = world.now() + self.rng.duration(delay * 2, delay * 5);
        let links = Between::one_way(&others, &[leader]);
        let lasts = Duration::from_millis(1_500);
        world.inject(Fault::Slow { links, delay, bytes_per_second: 0, lasts });
        let links = Between::one_way(&[leader], &others);
        world.schedule(cut, Fault::Cut { links, lasts: SILENCE });
        (self.asked, self.ask_at) = (Some((leader, cut + SILENCE)), cut);
    }
}

fn wait(rng: &mut Rng) -> Duration {
    rng.duration(Duration::from_secs(2), Duration::from_secs(6))
}
