//! What is durable: the journal's records, and the engine's flushes that let the journal forget.

use alloc::vec::Vec;

use kernel::{Duration, Event, Instant, ShardId, Token};
use store::engine::Engine;

use crate::{Note, shard::Shard};

use super::{Core, Shards, membership, pump, snapshots};

/// A flush of the engine under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Flushing {
    token: Token,
    started: Instant,
    /// How far each shard had applied its log when the flush began.
    marks: Vec<(ShardId, u64)>,
}

/// Records or a flush are durable.
pub fn persisted<E: Engine>(core: &mut Core<E>, shards: &mut Shards, token: Token) {
    for (id, inner) in core.carried.remove(&token).unwrap_or_default() {
        let Some(shard) = shards.get_mut(&id) else { continue };
        shard.tokens.retain(|(known, _)| *known != inner);
        pump::feed(core, shard, Event::Persisted(inner));
        note_durable(core, shard);
        if !shard.traced.follows_none() {
            let went = shard.traced.durable(core.now.instant, shard.raft.durable());
            core.note_followed(shard.id, went);
        }
    }
    if core.flushing.as_ref().is_some_and(|flushing| flushing.token == token) {
        flushed(core, shards);
    }
    snapshots::durable(core, shards, token);
    membership::left(core, token);
}

/// Remembers when proposals became durable here. The newest come first: behind one that is known
/// to be durable, all are.
fn note_durable<E: Engine>(core: &Core<E>, shard: &mut Shard) {
    let durable = shard.raft.durable();
    let fresh = shard.proposed.range_mut(..=durable).rev();
    for (_, proposed) in fresh.take_while(|(_, proposed)| proposed.durable.is_none()) {
        proposed.durable = Some(core.now.instant);
    }
}

/// Records or a flush could not be made durable.
pub fn failed<E: Engine>(core: &mut Core<E>, shards: &mut Shards, token: Token) {
    for (id, inner) in core.carried.remove(&token).unwrap_or_default() {
        let Some(shard) = shards.get_mut(&id) else { continue };
        shard.tokens.retain(|(known, _)| *known != inner);
        pump::feed(core, shard, Event::PersistFailed(inner));
    }
    if core.flushing.as_ref().is_some_and(|flushing| flushing.token == token) {
        core.flushing = None;
    }
    snapshots::not_durable(core, shards, token);
    membership::not_left(core, token);
}

/// While a flush is under way, what is applied meanwhile waits in memory: up to this many times
/// what a flush takes.
const BEHIND_MAX: u64 = 4;

/// Time between flushes of a full disk.
const ROOM_PERIOD: Duration = Duration::from_secs(1);

/// Whether so much waits for the flush under way that nothing more should be added.
pub fn behind<E: Engine>(core: &Core<E>) -> bool {
    core.flushing.is_some() && core.unflushed > core.settings.flush_bytes.0 * BEHIND_MAX
}

/// Starts a flush unless one is under way.
pub fn start<E: Engine>(core: &mut Core<E>, shards: &Shards) {
    if core.flushing.is_some() {
        return;
    }
    let token = core.token();
    let marks = shards.values().map(|shard| (shard.id, shard.applied.index)).collect();
    core.flushing = Some(Flushing { token, started: core.now.instant, marks });
    core.unflushed = 0;
    core.flushed_at = core.now.instant;
    core.flushes.push(token);
}

/// A replica is dropped: what a flush under way makes durable of it says nothing about one that may
/// take its place.
pub fn forget<E: Engine>(core: &mut Core<E>, id: ShardId) {
    core.pressed.remove(&id);
    if let Some(flushing) = &mut core.flushing {
        flushing.marks.retain(|(shard, _)| *shard != id);
    }
}

/// While the disk is full, logs are made as short as they can be, again and again: what fills it
/// may be this node's own journal, which writes would otherwise have let go of.
pub fn make_room<E: Engine>(core: &mut Core<E>, shards: &Shards) {
    if core.disk_full && core.now.instant.since(core.flushed_at) >= ROOM_PERIOD {
        kernel::sometimes!("flush: a full disk was given room");
        core.pressed.extend(shards.keys());
        start(core, shards);
    }
}

fn flushed<E: Engine>(core: &mut Core<E>, shards: &mut Shards) {
    let Some(flushing) = core.flushing.take() else { return };
    core.engine.flushed();
    core.notes.push(Note::Flushed { took: core.now.instant.since(flushing.started) });
    for (id, mark) in flushing.marks {
        if let Some(shard) = shards.get_mut(&id) {
            shard.flushed = shard.flushed.max(mark);
            let pressed = core.pressed.remove(&id);
            compact(core, shard, pressed);
        }
    }
}

/// Forgets the part of the log that the engine holds durably, once it is large.
fn compact<E: Engine>(core: &mut Core<E>, shard: &mut Shard, pressed: bool) {
    let status = shard.raft.status();
    let limit = if pressed { 0 } else { core.settings.log_bytes_max.0 };
    let log = (status.first_index, status.log_bytes);
    let Some(upto) = forgettable(log, shard.flushed, limit) else { return };
    kernel::sometimes!("flush: a log was compacted");
    shard.raft.compact(upto, &mut core.scratch);
    pump::drain(core, shard);
    core.touched.insert(shard.id);
    core.notes.push(Note::Compacted { shard: shard.id, index: upto });
}

/// Up to where a log may be forgotten: what is flushed, or half of it if that is enough, so that a
/// follower that is a little behind still finds its entries. `None` if it is small or nothing of
/// it is flushed.
fn forgettable((first, bytes): (u64, u64), flushed: u64, limit: u64) -> Option<u64> {
    let held = flushed.checked_sub(first)?;
    match bytes {
        bytes if bytes <= limit => None,
        bytes if bytes <= 2 * limit => Some(first + held / 2),
        _ => Some(flushed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_forgets_only_what_is_flushed() {
        for flushed in 0..40 {
            for bytes in [0, 99, 100, 101, 200, 201, 1000] {
                let upto = forgettable((26, bytes), flushed, 100);
                assert!(upto.is_none_or(|upto| (26..=flushed).contains(&upto)), "{flushed}");
                assert_eq!(upto.is_some(), bytes > 100 && flushed >= 26);
            }
        }
    }

    #[test]
    fn half_is_kept_if_that_is_enough() {
        assert_eq!(forgettable((10, 150), 20, 100), Some(15));
        assert_eq!(forgettable((10, 250), 20, 100), Some(20));
        assert_eq!(forgettable((10, 1), 20, 0), Some(20), "pressed");
    }
}
