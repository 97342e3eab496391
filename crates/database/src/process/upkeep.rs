//! What a node does now and then without being asked.

use kernel::{Instant, RequestId};
use store::engine::Engine;

use crate::{
    catalog::{CATALOG, Change, MemberWire},
    command::{Command, Digest, Do},
    shard::{DIGEST_EVERY, Shard},
};

use super::{
    Core, Shards, UPKEEP, control, expire, flush, forget, leases, membership, pump, report,
    retention,
};

/// One turn; sets the timer for the next.
pub fn run<E: Engine>(core: &mut Core<E>, shards: &mut Shards) {
    let next: Instant = core.now.instant + core.settings.report_period;
    core.timers.push((UPKEEP, Some(next)));
    for shard in shards.values_mut() {
        report::note_fresh(core, shard);
        forget::turn(core, shard);
        if shard.raft.is_leader() && shard.raft.ready_to_serve() {
            expire::turn(core, shard);
            leases::turn(core, shard);
            retention::turn(core, shard);
            compare(core, shard);
            membership::steer(core, shard);
            membership::tell_settled(core, shard);
        }
    }
    if core.damaged && shards.values().all(|shard| shard.sound) {
        core.damaged = false;
        core.outputs.push(super::Output::Healed);
    }
    report::send(core, shards);
    membership::drop_unwanted(core, shards);
    register(core, shards);
    let overdue = core.now.instant.since(core.flushed_at) >= core.settings.flush_period;
    if core.unflushed >= core.settings.flush_bytes.0 || (overdue && core.unflushed > 0) {
        flush::start(core, shards);
    }
    flush::make_room(core, shards);
}

/// Proposes to compare the digest of the newest remembered index.
fn compare<E: Engine>(core: &mut Core<E>, shard: &mut Shard) {
    let Some((index, digest)) = shard.digests.last_key_value().map(|(i, d)| (*i, *d)) else {
        return;
    };
    if index < shard.digest_proposed + 8 * DIGEST_EVERY {
        return;
    }
    shard.digest_proposed = index;
    let act = Do::Digest(Digest { index, digest });
    let command = Command::own(core.stamp(shard.applied.timestamp), act);
    let _ = pump::propose(core, shard, &command);
}

/// Enters the founders into a new catalog. Their request ids make repeats harmless.
pub fn enter_founders<E: Engine>(core: &mut Core<E>) {
    for member in core.founders.clone() {
        let name = alloc::format!("founder-{}", member.node);
        if let Some(id) = RequestId::new(name.as_bytes()) {
            control::own(core, id, Change::AddMember(MemberWire::from(&member)));
        }
    }
}

/// Tells the catalog what it lacks: the founders, and this node's addresses if they changed.
fn register<E: Engine>(core: &mut Core<E>, shards: &Shards) {
    if shards.get(&CATALOG).is_some_and(|shard| shard.raft.is_leader()) && core.founding() {
        enter_founders(core);
    }
    let me = core.me.clone();
    let known = core.catalog.members.get(&me.node);
    if known.is_some_and(|known| *known != me) && core.now.instant >= core.register_at {
        core.register_at = core.now.instant + kernel::Duration::from_secs(1);
        let id = RequestId::from_random(core.rng.bits128());
        control::own(core, id, Change::AddMember(MemberWire::from(&me)));
    }
}
