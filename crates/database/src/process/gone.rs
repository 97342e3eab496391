//! A drop is acknowledged when nobody can serve what was dropped any more.
//!
//! ```text
//!   drop ─▶ catalog: g/ID, who held it ─▶ every node: its replica goes, and the journal says so
//!                     ▲                                  │ report: "shed up to this index"
//!                     └── Heard(ID) ◀── catalog's leader ◀┘
//!   asker: waits until its copy of the catalog has no g/ID of this name
//! ```
//!
//! A node that has not heard of the drop still knows where the keyspace was. If so many of its
//! replicas have not heard of it either that they are a majority, they go on: they would serve reads
//! of what is gone, and acknowledge writes that nobody sees again, while another keyspace of the same
//! name may be there already. So whoever drops a keyspace, or makes one of the same name, is answered
//! when the replicas that may be deaf are too few to decide anything, and the lease of a leader among
//! them has run out.
//!
//! To have heard is to have it in the journal: a node that crashes may come back with an older
//! catalog, but not with a replica that its journal says is dropped, nor can it found one anew.
//! ([ADR 22](../../../../docs/adr/0022-drops.md))

use alloc::{collections::BTreeMap, format};
use core::mem;

use kernel::{
    Duration, Instant, NodeId, RequestId, ShardId,
    bug::{Bug, planted},
};
use store::engine::Engine;

use crate::catalog::{CATALOG, Change, Gone};

use super::{Core, Shards, control, report};

/// The word that all have heard is repeated after this long, until the catalog shows it.
const REPEAT: Duration = Duration::from_secs(2);

/// What the catalog's leader knows of a drop.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    /// Since when the deaf are too few.
    since: Instant,
    /// When the catalog was last told, if it was.
    told: Option<Instant>,
}

impl Heard {
    /// Whether the catalog is to be told: once no lease can be left, and again if it does not show.
    fn is_due(&self, now: Instant, lease: Duration) -> bool {
        match self.told {
            None => now.since(self.since) >= lease,
            Some(told) => now.since(told) >= REPEAT,
        }
    }
}

/// By shard.
pub type Hearing = BTreeMap<ShardId, Heard>;

/// The catalog's index up to which no dropped replica is left here, by the journal; 0 if one is.
pub fn shed<E: Engine>(core: &Core<E>, shards: &Shards) -> u64 {
    let applied = shards.get(&CATALOG).map_or(0, |shard| shard.applied.index);
    if unwritten(core).next().is_some() { 0 } else { applied }
}

/// Dropped shards that this node may have held and of which its journal does not say yet that it
/// holds them no more.
pub fn unwritten<E: Engine>(core: &Core<E>) -> impl Iterator<Item = ShardId> {
    let me = core.identity.node;
    let mine = move |(_, gone): &(&ShardId, &Gone)| gone.holders.contains(&me);
    let all = core.catalog.gone.iter().filter(mine).map(|(id, _)| *id);
    all.filter(|id| !core.left.contains(id))
}

/// Whether a keyspace of this name was dropped and somebody may still serve it.
pub fn lingers<E: Engine>(core: &Core<E>, keyspace: &str) -> bool {
    let mut all = core.catalog.gone.values();
    all.any(|gone| gone.keyspace == keyspace) && !planted(Bug::DropUnheard)
}

/// What the batch changed of drops, and of who knows of them.
pub fn settle<E: Engine>(core: &mut Core<E>, shards: &Shards) {
    let (tells, counts) = (mem::take(&mut core.tells), mem::take(&mut core.counts));
    if core.catalog.gone.is_empty() {
        return core.hearing.clear();
    }
    if tells {
        report::send(core, shards);
    }
    let (now, lease) = (core.now.instant, core.settings.election_timeout);
    if tells || counts || core.hearing.values().any(|heard| heard.is_due(now, lease)) {
        turn(core, shards);
    }
}

/// The catalog's leader looks who has heard of what was dropped, and says what all have heard of.
fn turn<E: Engine>(core: &mut Core<E>, shards: &Shards) {
    let leads = shards.get(&CATALOG).is_some_and(|shard| shard.raft.ready_to_serve());
    if !leads {
        return core.hearing.clear();
    }
    let (gone, me) = (core.catalog.gone.clone(), shed(core, shards));
    core.hearing.retain(|id, _| gone.contains_key(id));
    for (id, gone) in gone {
        let deaf = deaf(core, &gone, me);
        if gone.decides(deaf) {
            core.hearing.remove(&id);
            continue;
        }
        let now = core.now.instant;
        let heard = core.hearing.entry(id).or_insert(Heard { since: now, told: None });
        let all = deaf == 0 && heard.told.is_none();
        if all || heard.is_due(now, core.settings.election_timeout) {
            heard.told = Some(now);
            tell(core, id);
        }
    }
}

fn tell<E: Engine>(core: &mut Core<E>, id: ShardId) {
    // The same words each time: repeats are harmless.
    if let Some(request) = RequestId::new(format!("heard-{id}").as_bytes()) {
        control::own(core, request, Change::Heard(id.0));
    }
}

/// How many members may hold a replica and have not heard. Who is not a member any more was declared to
/// be gone for good.
fn deaf<E: Engine>(core: &Core<E>, gone: &Gone, own: u64) -> usize {
    let shed = |node: &NodeId| match *node == core.identity.node {
        true => own,
        false => core.peers.get(node).map_or(0, |peer| peer.shed()),
    };
    let deaf =
        |node: &&NodeId| core.catalog.members.contains_key(*node) && shed(node) < gone.dropped;
    gone.holders.iter().filter(deaf).count()
}
