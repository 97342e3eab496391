//! Between the shards' Raft groups and the rest of the process.

use alloc::vec::Vec;

use kernel::{
    Effect, Event, NodeId, ShardId, Ticket, TimerId, Token,
    bug::{Bug, planted},
    process::{EffectOf, EventOf},
};
use layers::coordination::Told;
use raft::{Output, Raft, Record};
use store::{engine::Engine, journal};

use crate::{
    Envelope, Note,
    calls::Stage,
    message::{self, Body},
    record,
    shard::{Applier, Bounds, Runs, Shard, Verdict},
};

use super::{Core, Shards, expire, finish, forget, leases, route, serve, shard_timer, snapshots};

/// Hands an event to a shard's Raft.
pub fn feed<E: Engine>(core: &mut Core<E>, shard: &mut Shard, event: EventOf<Raft>) {
    use kernel::Process as _;
    shard.raft.handle(core.now, event, &mut core.scratch);
    core.touched.insert(shard.id);
    drain(core, shard);
}

/// A message for a shard's Raft.
pub fn message<E: Engine>(
    core: &mut Core<E>,
    shards: &mut Shards,
    id: ShardId,
    from: NodeId,
    message: raft::Message,
    traced: &[message::Traced],
) {
    if let Some(shard) = shards.get_mut(&id) {
        if !traced.is_empty() {
            let (now, applied) = (core.now.instant, shard.applied.index);
            shard.traced.arrived(now, from, &message, traced, applied);
        }
        feed(core, shard, Event::Message { from, message });
    }
}

/// A shard's timer fired.
pub fn timer<E: Engine>(core: &mut Core<E>, shards: &mut Shards, timer: TimerId) {
    if let Some(shard) = shards.get_mut(&ShardId(timer.0 >> 8)) {
        feed(core, shard, Event::Timer(TimerId(timer.0 & 0xff)));
    }
}

/// Carries out what Raft wants. What an output makes Raft say is carried out after the rest, so
/// the order of Raft's effects is kept.
pub fn drain<E: Engine>(core: &mut Core<E>, shard: &mut Shard) {
    while !core.scratch.is_empty() {
        let mut effects = ::core::mem::take(&mut core.scratch);
        for effect in effects.drain() {
            carry_out(core, shard, effect);
        }
        if core.scratch.is_empty() {
            core.scratch = effects;
        }
    }
}

fn carry_out<E: Engine>(core: &mut Core<E>, shard: &mut Shard, effect: EffectOf<Raft>) {
    match effect {
        Effect::Send { to, message, after } => {
            let traced = shard.traced.of(&message);
            let envelope = Envelope { traced, ..Envelope::of(shard.id, Body::Raft(message)) };
            let after = shard.outer(after);
            core.sends.push((to, envelope, after));
        }
        Effect::Persist { token, records } => persist(core, shard, token, records),
        Effect::SetTimer { timer, at } => {
            core.timers.push((shard_timer(shard.id, timer), Some(at)));
        }
        Effect::CancelTimer { timer } => {
            core.timers.push((shard_timer(shard.id, timer), None));
        }
        Effect::Output(output) => received(core, shard, output),
        Effect::Note(note) => core.notes.push(Note::Raft { shard: shard.id, note }),
        Effect::Halt(reason) => core.halt(reason.code, reason.text),
        // Raft is asked by its methods, which answer at once, and has no engine to flush.
        Effect::Reply { .. } | Effect::Flush { .. } => {}
    }
}

fn persist<E: Engine>(core: &mut Core<E>, shard: &mut Shard, token: Token, records: Vec<Record>) {
    let outer = core.batch_token();
    for record in records {
        match &record {
            Record::HardState { term, vote } => shard.hard = (*term, *vote),
            Record::Standing { standing } => {
                let sound = *standing == raft::Standing::Sound;
                if sound && !shard.sound {
                    kernel::sometimes!("recovery: a replica recovered its memory");
                    shard.sound_from = shard.raft.last_index();
                }
                shard.sound = sound;
            }
            _ => {}
        }
        core.records.push(record::to_journal(shard, &record));
    }
    shard.tokens.push((token, outer));
    core.carried.entry(outer).or_default().push((shard.id, token));
}

fn received<E: Engine>(core: &mut Core<E>, shard: &mut Shard, output: Output) {
    match output {
        Output::Commit { entries } => shard.committed.extend(entries),
        Output::ReadReady { ticket, index, .. } => serve::read_ready(core, shard, ticket.0, index),
        Output::ReadFailed { ticket, .. } => route::park(core, ticket.0),
        Output::Role { term, leader, .. } => {
            if leader.is_some() {
                core.leaders.insert(shard.id, (term, leader));
            }
            let led = shard.raft.is_leader();
            if !led && !planted(Bug::LeaseNotFrozen) {
                shard.clock = None;
            }
            core.again.extend(core.calls.stranded(shard.id, led, leader.is_some()));
            if led && shard.id == crate::catalog::CATALOG && core.founding() {
                super::upkeep::enter_founders(core);
            }
        }
        Output::SnapshotWanted { to, snapshot, seq } => {
            snapshots::wanted(core, shard, to, snapshot.map(|meta| *meta), seq);
        }
        Output::SnapshotReceived { from, meta, seq, data, last } => {
            snapshots::received(core, shard, from, &meta, seq, &data, last);
        }
        Output::MembershipChanged { .. } => {}
    }
}

/// Lets every touched shard say what it wants, until none has anything to say.
pub fn settle<E: Engine>(core: &mut Core<E>, shards: &mut Shards) {
    while core.halted.is_none() {
        while let Some(id) = core.touched.pop_first() {
            let Some(shard) = shards.get_mut(&id) else { continue };
            use kernel::Process as _;
            shard.raft.settle(core.now, &mut core.scratch);
            drain(core, shard);
            apply(core, shard);
        }
        if core.reshape {
            super::membership::reshape(core, shards);
        }
        while let Some(call) = core.again.pop_front() {
            route::dispatch(core, shards, call);
        }
        if core.touched.is_empty() && !core.reshape {
            super::gone::settle(core, shards);
            if core.again.is_empty() {
                break;
            }
        }
    }
    super::control::handed_over(core, shards);
    tell_changes(core, shards);
}

/// Tells the host which keyspaces it may have to tell others about.
fn tell_changes<E: Engine>(core: &mut Core<E>, shards: &mut Shards) {
    while let Some(id) = core.changed.pop_first() {
        let Some(shard) = shards.get_mut(&id) else { continue };
        let told = shard.told.take();
        if let Some(keyspace) = shard.runs.coordinates() {
            let (keyspace, applied) = (keyspace.into(), shard.applied.index);
            core.outputs.push(super::Output::Changed { keyspace, applied, told });
        }
    }
}

/// A replica that is made to stand still does so until its log, which nothing shortens meanwhile, is
/// so many times as long as it should get.
const STUCK_LOGS: u64 = 4;

/// Whether an injected fault keeps a replica from applying what is committed.
fn stuck<E: Engine>(core: &Core<E>, shard: &Shard) -> bool {
    let Runs::Keyspace { name, .. } = &shard.runs else { return false };
    core.faults.stuck.contains(name)
        && shard.raft.status().log_bytes < core.settings.log_bytes_max.0 * STUCK_LOGS
}

/// Applies what is committed, in one batch for the engine, and answers who waited for it.
fn apply<E: Engine>(core: &mut Core<E>, shard: &mut Shard) {
    if shard.committed.is_empty() || shard.runs == Runs::Unknown || stuck(core, shard) {
        return;
    }
    let entries = ::core::mem::take(&mut shard.committed);
    let (_, outcomes_s) = shard.windows();
    let bounds = Bounds {
        count_max: core.settings.outcomes_max,
        bytes_max: core.settings.outcome_bytes_max,
        window_ms: u64::from(outcomes_s) * 1000,
    };
    let before = shard.applied.clone();
    let born = shard.runs.born();
    let applier = Applier::new(
        &core.engine,
        shard.space,
        &shard.runs,
        before,
        &mut shard.outcomes,
        bounds,
        born,
        core.now.wall,
    );
    let watched = shard.runs.coordinates().is_some_and(|name| core.watched.contains(name));
    let told = watched.then(|| ::core::mem::take(&mut shard.told));
    let applier = applier.following(shard.clock.is_some()).telling(told);
    let mut applier = applier.none_due_before(shard.expiry.earliest);
    applier.founded(shard.raft.membership());
    let digests = &shard.digests;
    let mut verdicts: Vec<(u64, u64, Verdict)> = Vec::with_capacity(shard.proposed.len());
    let mut bytes = 0;
    for entry in &entries {
        bytes += entry.cost();
        match applier.apply(entry, |index| digests.get(&index).copied()) {
            Ok(verdict) => verdicts.push((entry.index, entry.term, verdict)),
            Err(error) => return core.engine_failed(&error),
        }
    }
    let result = applier.finish();
    if let Err(error) = core.engine.write(result.batch) {
        return core.engine_failed(&error);
    }
    if let Some(theirs) = result.diverged {
        let text = alloc::format!(
            "{} at index {}: this replica's state is not the leader's; replace it",
            shard.id,
            theirs.index
        );
        return core.halt("diverged", text);
    }
    shard.applied = result.applied;
    shard.told = result.told.unwrap_or(Told::Gap);
    for (index, digest) in result.digests {
        shard.digests.insert(index, digest);
        if shard.digests.len() > 64 {
            shard.digests.pop_first();
        }
    }
    core.clock.force(shard.applied.timestamp);
    core.unflushed += bytes;
    core.changed.insert(shard.id);
    shard.expiry.earliest = result.earliest;
    forget::made(core, shard, result.superseded);
    expire::applied(core, shard);
    shard.raft.applied(shard.applied.index);
    if shard.id == crate::catalog::CATALOG {
        super::membership::reload_catalog(core, shard);
    }
    if shard.runs.coordinates().is_some() {
        leases::follow(core, shard, &result.followed.leases, result.followed.unswept);
    }
    if !shard.traced.follows_none() {
        let places: Vec<_> = verdicts.iter().map(|(index, term, _)| (*index, *term)).collect();
        let went = shard.traced.committed(core.now.instant, &places);
        core.note_followed(shard.id, went);
    }
    answer(core, shard, verdicts);
}

fn answer<E: Engine>(core: &mut Core<E>, shard: &mut Shard, verdicts: Vec<(u64, u64, Verdict)>) {
    for (index, term, verdict) in verdicts {
        let Some(proposed) = shard.proposed.remove(&index) else { continue };
        if proposed.term == term {
            finish::verdict(core, shard, proposed, verdict);
        } else if core.calls.get(proposed.call).is_some_and(|call| call.stage == Stage::Proposed) {
            // Another leader's entry has the index: this proposal is lost and may be repeated.
            core.again.push_back(proposed.call);
        }
    }
    for call in shard.take_ready() {
        serve::applied(core, shard, call);
    }
}

/// Proposes a command to the shard that this node leads.
pub fn propose<E: Engine>(
    core: &mut Core<E>,
    shard: &mut Shard,
    command: &crate::command::Command,
) -> Result<(u64, u64), raft::Refusal> {
    use prost::Message as _;
    let place = shard.raft.propose(core.now, command.encode_to_vec().into())?;
    core.touched.insert(shard.id);
    Ok(place)
}

/// A ticket under which Raft answers a read of this call.
pub fn ticket(call: crate::calls::CallId) -> Ticket {
    Ticket(call)
}

/// The record that stands in the journal for a replica that is gone.
pub fn removed(shard: ShardId) -> journal::Record {
    journal::Record {
        shard,
        kind: journal::RecordKind::Remove,
        span: None,
        body: bytes::Bytes::new(),
    }
}
