//! From the journal and the engine to a running process.
//!
//! What the journal has lost of a shard decides how its replica starts. Lost appends of which the
//! journal knows the entries become holes in the log, and are fetched one by one. Anything else
//! that is lost, or may be, could have been a vote or the end of the log: the replica starts
//! without memory.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use kernel::{
    NodeId, Rng, ShardId,
    bug::{Bug, planted},
};
use raft::{Membership, Standing, Start};
use store::{
    engine::{Engine, FlushJob},
    journal::{self, Damage, RecordKind, Recovery, Span},
    mvcc::{Reader, Space},
};

use crate::{
    Failure, Identity, Settings,
    api::Member,
    catalog::{CATALOG, Catalog},
    failure::Code,
    record,
    shard::{Applied, Outcomes, Runs, load_generation},
};

use super::{Core, Database, Shards, membership};

/// How a process starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A founder of a new cluster: the same founders must be given on each of them, once.
    Bootstrap,
    /// An empty or wiped data directory: nothing can be assumed about what was promised before.
    Join,
}

/// Who founded the cluster, and how this node came to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Boot {
    /// How this data directory began; the same at every start.
    pub mode: Mode,
    /// The founders, or whoever may be asked for the way.
    pub members: Vec<Member>,
}

impl<E: Engine> Database<E> {
    /// Opens the process on what the journal and the engine hold.
    ///
    /// # Errors
    /// If the engine cannot be read.
    pub fn open(
        settings: Settings,
        identity: Identity,
        me: Member,
        boot: Boot,
        journal: &Recovery,
        mut engine: E,
        rng: Rng,
    ) -> Result<Database<E>, Failure> {
        let storage = |error| Failure::new(Code::Storage, alloc::format!("{error}"));
        // A log may have to start where the engine stands, and must not start behind it after
        // the next crash: what the engine holds now is made durable before anything is written.
        engine.flush().run().map_err(storage)?;
        let mut core = Core::new(settings, identity, me, boot.members, engine, rng);
        core.wiped = boot.mode == Mode::Join;
        core.damaged = !journal.damage.is_empty();
        let mut logs = logs(journal);
        core.left = left(journal, &logs);
        for id in core.left.clone() {
            // A crash may have come between the record and what follows from it.
            membership::forget_state(&mut core, id).map_err(storage)?;
        }
        let mut shards = Shards::new();
        core.catalog = load_catalog(&core.engine).map_err(storage)?;
        let mut ids: Vec<ShardId> = logs.keys().copied().collect();
        let me = core.identity.node;
        ids.extend(
            core.catalog
                .shards
                .iter()
                .filter(|(_, placement)| placement.wanted.contains(&me))
                .map(|(id, _)| *id),
        );
        ids.push(CATALOG);
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            let log = logs.remove(&id).unwrap_or_default();
            let shard = open_shard(&core, journal, id, &log).map_err(storage)?;
            shards.extend(shard.map(|shard| (id, shard)));
        }
        core.reshape = true;
        Ok(Database { core, shards })
    }
}

/// A part of a shard's log as the journal gives it back.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece<'a> {
    Kept(&'a journal::Record),
    /// The record is gone that held these entries.
    Lost(Span),
}

/// More entries than any record holds: what claims to have been longer is not believed.
const LOST_MAX: u64 = 1 << 20;

/// The entries of a lost record, if entries are all that it held.
fn hole(damage: &Damage) -> Option<(ShardId, Span)> {
    let entries = matches!(damage.kind, Some(RecordKind::Append | RecordKind::Fill));
    let span = damage.span.filter(|_| entries)?;
    let sane = span.last.checked_sub(span.first)? < LOST_MAX;
    Some((damage.shard?, span)).filter(|_| sane)
}

/// What the journal says of each shard, in log order; nothing of one whose replica was removed.
pub(super) fn logs(journal: &Recovery) -> BTreeMap<ShardId, Vec<Piece<'_>>> {
    let mut logs: BTreeMap<ShardId, Vec<Piece<'_>>> = BTreeMap::new();
    let mut lost = journal.damage.iter().filter_map(|d| Some((d.at, hole(d)?))).peekable();
    for at in 0..=journal.records.len() {
        while let Some((_, (shard, span))) = lost.next_if(|(place, _)| *place <= at) {
            logs.entry(shard).or_default().push(Piece::Lost(span));
        }
        let Some(record) = journal.records.get(at) else { break };
        match record.kind {
            RecordKind::Remove => drop(logs.remove(&record.shard)),
            _ => logs.entry(record.shard).or_default().push(Piece::Kept(record)),
        }
    }
    logs
}

/// Shards of which the journal has records, lacks none, and none that counts: their replicas were
/// dropped. The records go when the oldest segments do, and those wait until the engine durably
/// holds the entry of the catalog that took the replica away: it was written before.
fn left(journal: &Recovery, logs: &BTreeMap<ShardId, Vec<Piece<'_>>>) -> BTreeSet<ShardId> {
    let gone = |id: &ShardId| !logs.contains_key(id) && hits(journal, *id).next().is_none();
    journal.shards.iter().copied().filter(gone).collect()
}

pub(super) fn load_catalog<E: Engine>(engine: &E) -> Result<Catalog, store::EngineError> {
    let space = Space::new(CATALOG, load_generation(engine, CATALOG)?);
    Catalog::load(&Reader::latest(engine, space))
}

/// Opens one replica; `None` if neither the catalog nor anything else says what it runs.
fn open_shard<E: Engine>(
    core: &Core<E>,
    journal: &Recovery,
    id: ShardId,
    log: &[Piece<'_>],
) -> Result<Option<crate::shard::Shard>, store::EngineError> {
    let runs = membership::runs(core, id).unwrap_or(Runs::Unknown);
    let space = Space::new(id, load_generation(&core.engine, id)?);
    let applied = Applied::load(&core.engine, &space)?;
    let forgets = forgets(journal, id);
    let mut start = match log {
        [] => first(core, id, forgets),
        log => remembered(core.wiped, forgets, log),
    };
    stand_on(&mut start, &applied);
    let outcomes = Outcomes::load(&core.engine, &space, core.salt())?;
    Ok(Some(membership::new_shard(core, id, runs, start, space, applied, outcomes)))
}

/// Puts a log on what the engine holds.
pub(super) fn stand_on(start: &mut Start, applied: &Applied) {
    // A log that goes on from more than the engine holds: the engine is older than it was, or a
    // damaged journal has lost that this replica was dropped, after the engine let go of it.
    if applied.index < start.base.index && !planted(Bug::OldEngineBelieved) {
        start.lose_state();
    }
    if applied.index > 0 && !planted(Bug::ApplyTwice) {
        start.applied_at(applied.meta());
    }
}

/// What the journal remembers of a replica, on a disk that was wiped once or was not.
pub(super) fn remembered(wiped: bool, forgets: bool, log: &[Piece<'_>]) -> Start {
    // What the log does not say is what it was at the beginning.
    let standing = if wiped { Standing::Amnesiac } else { Standing::Sound };
    let mut start = Start { standing, ..Start::joining() };
    let connects = replay(&mut start, log);
    if forgets || !connects {
        start.forget();
    }
    start
}

/// Replays a shard's records. The journal keeps only the newest base, which may stand behind
/// entries that follow it in the log: so the base comes first. A base that voided the log also
/// voids what was appended before it. Returns whether all appends connect: damage that the journal
/// does not tell of must not make a log shorter than what was acknowledged.
fn replay(start: &mut Start, log: &[Piece<'_>]) -> bool {
    let is_base = |piece: &Piece<'_>| matches!(piece, Piece::Kept(r) if r.kind == RecordKind::Base);
    let base = log.iter().rposition(is_base);
    let mut connects = true;
    let mut from = 0;
    if let Some((at, Piece::Kept(base))) = base.and_then(|at| Some((at, *log.get(at)?))) {
        for record in record::from_journal(base) {
            if matches!(record, raft::Record::Snapshot { .. }) {
                from = at;
            }
            start.replay(record);
        }
    }
    for (at, piece) in log.iter().enumerate() {
        match piece {
            Piece::Lost(span) if at >= from => {
                connects &= start.connects(span.first);
                start.lose(span.first, span.last, span.term);
            }
            Piece::Lost(_) => {}
            Piece::Kept(record) => {
                let wanted = match record.kind {
                    RecordKind::Base => false,
                    RecordKind::Append | RecordKind::Fill => at >= from,
                    _ => true,
                };
                let records = record::from_journal(record).into_iter();
                for record in records.filter(|_| wanted) {
                    if let raft::Record::Append { entries } = &record {
                        connects &= entries.first().is_none_or(|entry| start.connects(entry.index));
                    }
                    start.replay(record);
                }
            }
        }
    }
    connects
}

fn first<E: Engine>(core: &Core<E>, id: ShardId, forgets: bool) -> Start {
    let whole = !core.wiped && !forgets;
    if id == CATALOG && whole {
        let founders: Vec<NodeId> = core.founders.iter().map(|member| member.node).collect();
        return Start::fresh(Membership::new(founders, []));
    }
    membership::first_start(core, id, whole)
}

/// The damage that hit this shard, or may have.
fn hits(journal: &Recovery, id: ShardId) -> impl Iterator<Item = &Damage> {
    journal.damage.iter().filter(move |damage| match damage.shard {
        Some(shard) => shard == id,
        None => journal.suspects.contains(&id) || !journal.shards.contains(&id),
    })
}

/// Whether more of this shard is missing from the middle of the journal, or may be, than entries
/// that it can name.
pub(super) fn forgets(journal: &Recovery, id: ShardId) -> bool {
    hits(journal, id).any(|damage| hole(damage).is_none())
}

#[cfg(test)]
mod tests;
