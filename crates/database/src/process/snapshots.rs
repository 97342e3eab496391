//! Sending and receiving whole shards.

use bytes::Bytes;
use kernel::{NodeId, ShardId, Token, bug};
use layers::coordination::Told;
use raft::SnapshotMeta;
use store::{
    Batch,
    engine::Engine,
    mvcc::{Space, drop_generation},
};

use crate::{
    Note,
    shard::{Applied, Export, Import, Installing, Outcomes, Shard, generation_key},
};

use super::{Core, Shards, pump};

/// A follower needs a piece of a snapshot.
pub fn wanted<E: Engine>(
    core: &mut Core<E>,
    shard: &mut Shard,
    to: NodeId,
    snapshot: Option<SnapshotMeta>,
    seq: u64,
) {
    let key = (shard.id, to);
    let stale = match (&snapshot, core.exports.get(&key)) {
        (Some(meta), Some(export)) => export.meta() != meta,
        (Some(_), None) => true,
        (None, _) => {
            let image = core.engine.snapshot();
            let export = Export::new(shard.applied.meta(), image, shard.space);
            core.exports.insert(key, export);
            false
        }
    };
    let bytes_max = core.settings.snapshot_chunk.0 as usize;
    let piece = match core.exports.get_mut(&key).filter(|_| !stale) {
        Some(export) => export.piece(seq, bytes_max).map(|piece| {
            piece.map(|(data, last)| (export.meta().clone(), data, last, export.bytes()))
        }),
        None => Ok(None),
    };
    match piece {
        Err(error) => core.engine_failed(&error),
        Ok(None) => {
            core.exports.remove(&key);
            shard.raft.snapshot_unavailable(core.now, to);
        }
        Ok(Some((meta, data, last, bytes))) => {
            let index = meta.index;
            shard.raft.snapshot_chunk(core.now, to, meta, seq, data, last, &mut core.scratch);
            if last {
                let (shard, peer) = (shard.id, to);
                core.notes.push(Note::Snapshot { shard, peer, sent: true, index, bytes });
            }
        }
    }
    core.touched.insert(shard.id);
}

/// A piece of a snapshot arrived.
pub fn received<E: Engine>(
    core: &mut Core<E>,
    shard: &mut Shard,
    from: NodeId,
    meta: &SnapshotMeta,
    seq: u64,
    data: &Bytes,
    last: bool,
) {
    let mut batch = Batch::new();
    if seq == 0 {
        let space = Space::new(shard.id, shard.space.generation.wrapping_add(1));
        batch = drop_generation(space);
        let (next, cursor, bytes) = (0, None, 0);
        shard.import = Some(Import { from, meta: meta.clone(), space, next, cursor, bytes });
    }
    let Some(import) = shard.import.as_mut().filter(|import| import.meta == *meta) else {
        return shard.raft.snapshot_abandoned();
    };
    match import.piece(seq, data) {
        Ok(pairs) => batch.append(pairs),
        Err(_) => {
            kernel::sometimes!("snapshot: a piece was refused");
            shard.import = None;
            return shard.raft.snapshot_abandoned();
        }
    }
    if last && core.faults.lost_snapshots {
        shard.import = None;
        return shard.raft.snapshot_abandoned();
    }
    if last {
        let generation = import.space.generation.to_be_bytes();
        batch.put(generation_key(shard.id), Bytes::copy_from_slice(&generation));
        let (space, bytes) = (import.space, import.bytes);
        shard.import = None;
        let token = core.token();
        core.flushes.push(token);
        shard.installing = Some(Installing { token, meta: meta.clone(), space });
        let (shard, peer, index) = (shard.id, from, meta.index);
        core.notes.push(Note::Snapshot { shard, peer, sent: false, index, bytes });
    }
    if let Err(error) = core.engine.write(batch) {
        return core.engine_failed(&error);
    }
    if last && bug::planted(bug::Bug::SnapshotMetaFirst) {
        install(core, shard);
    }
}

/// A flush is durable: snapshots that waited for it take the place of the old state.
pub fn durable<E: Engine>(core: &mut Core<E>, shards: &mut Shards, token: Token) {
    for shard in shards.values_mut() {
        if shard.installing.as_ref().is_some_and(|installing| installing.token == token) {
            install(core, shard);
            pump::drain(core, shard);
        }
    }
}

/// A flush failed: snapshots that waited for it try again.
pub fn not_durable<E: Engine>(core: &mut Core<E>, shards: &mut Shards, token: Token) {
    for shard in shards.values_mut() {
        if let Some(installing) = shard.installing.as_mut().filter(|i| i.token == token) {
            core.next_token += 1;
            installing.token = Token(core.next_token);
            core.flushes.push(installing.token);
        }
    }
}

fn install<E: Engine>(core: &mut Core<E>, shard: &mut Shard) {
    let Some(Installing { meta, space, .. }) = shard.installing.take() else { return };
    let old = ::core::mem::replace(&mut shard.space, space);
    let outcomes = Outcomes::load(&core.engine, &space, core.salt());
    match Applied::load(&core.engine, &space).and_then(|applied| Ok((applied, outcomes?))) {
        Ok(state) => (shard.applied, shard.outcomes) = state,
        Err(error) => return core.engine_failed(&error),
    }
    if let Err(error) = core.engine.write(drop_generation(old)) {
        return core.engine_failed(&error);
    }
    kernel::sometimes!("snapshot: one was installed");
    shard.flushed = shard.applied.index;
    shard.digests.clear();
    core.changed.insert(shard.id);
    shard.told = Told::Gap;
    // What arrived may have been queued earlier.
    (shard.forgotten, shard.expiry) = Default::default();
    core.clock.force(shard.applied.timestamp);
    shard.raft.snapshot_installed(core.now, &meta, &mut core.scratch);
    shard.raft.applied(shard.applied.index);
    core.touched.insert(shard.id);
    if shard.id == crate::catalog::CATALOG {
        super::membership::reload_catalog(core, shard);
    }
    for call in shard.take_ready() {
        super::serve::applied(core, shard, call);
    }
}

/// Forgets what was being sent for a shard, or to nobody any more.
pub fn forget<E: Engine>(core: &mut Core<E>, shard: ShardId) {
    core.exports.retain(|(id, _), _| *id != shard);
}
