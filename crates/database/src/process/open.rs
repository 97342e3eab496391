//! From the journal and the engine to a running process.

use alloc::{collections::BTreeMap, vec::Vec};

use kernel::{NodeId, Rng, ShardId};
use raft::{Membership, Standing, Start};
use store::{
    engine::{Engine, FlushJob},
    journal::{self, RecordKind, Recovery},
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

/// The journal's records by shard; a shard whose replica was removed has none.
fn logs(journal: &Recovery) -> BTreeMap<ShardId, Vec<&journal::Record>> {
    let mut logs: BTreeMap<ShardId, Vec<&journal::Record>> = BTreeMap::new();
    for record in &journal.records {
        match record.kind {
            RecordKind::Remove => drop(logs.remove(&record.shard)),
            _ => logs.entry(record.shard).or_default().push(record),
        }
    }
    logs
}

fn load_catalog<E: Engine>(engine: &E) -> Result<Catalog, store::EngineError> {
    let space = Space::new(CATALOG, load_generation(engine, CATALOG)?);
    Catalog::load(&Reader::latest(engine, space))
}

/// Opens one replica; `None` if neither the catalog nor anything else says what it runs.
fn open_shard<E: Engine>(
    core: &Core<E>,
    journal: &Recovery,
    id: ShardId,
    log: &[&journal::Record],
) -> Result<Option<crate::shard::Shard>, store::EngineError> {
    let runs = membership::runs(core, id).unwrap_or(Runs::Unknown);
    let space = Space::new(id, load_generation(&core.engine, id)?);
    let applied = Applied::load(&core.engine, &space)?;
    let damaged = damaged(journal, id);
    let mut start = if log.is_empty() { first(core, id, damaged) } else { Start::joining() };
    if !log.is_empty() {
        // What the log does not say is what it was at the beginning.
        start.standing = if core.wiped { Standing::Amnesiac } else { Standing::Sound };
    }
    replay(&mut start, log);
    if damaged {
        start.standing = Standing::Amnesiac;
    }
    if applied.index > 0 && !kernel::bug::planted(kernel::bug::Bug::ApplyTwice) {
        start.applied_at(applied.meta());
    }
    let outcomes = Outcomes::load(&core.engine, &space, core.salt())?;
    Ok(Some(membership::new_shard(core, id, runs, start, space, applied, outcomes)))
}

/// Replays a shard's records. The journal keeps only the newest base, which may stand behind
/// entries that follow it in the log: so the base comes first. A base that voided the log also
/// voids what was appended before it.
fn replay(start: &mut Start, log: &[&journal::Record]) {
    let base = log.iter().rposition(|record| record.kind == RecordKind::Base);
    let mut from = 0;
    if let Some(at) = base {
        for record in record::from_journal(log[at]) {
            if matches!(record, raft::Record::Snapshot { .. }) {
                from = at;
            }
            start.replay(record);
        }
    }
    for (at, record) in log.iter().enumerate() {
        let wanted = match record.kind {
            RecordKind::Base => false,
            RecordKind::Append => at >= from,
            _ => true,
        };
        if wanted {
            record::from_journal(record).into_iter().for_each(|record| start.replay(record));
        }
    }
}

fn first<E: Engine>(core: &Core<E>, id: ShardId, damaged: bool) -> Start {
    let whole = !core.wiped && !damaged;
    if id == CATALOG && whole {
        let founders: Vec<NodeId> = core.founders.iter().map(|member| member.node).collect();
        return Start::fresh(Membership::new(founders, []));
    }
    membership::first_start(core, id, whole)
}

/// Whether something of this shard is missing from the middle of the journal, or may be.
fn damaged(journal: &Recovery, id: ShardId) -> bool {
    let hit = |damage: &journal::Damage| match damage.shard {
        Some(shard) => shard == id,
        None => journal.suspects.contains(&id) || !journal.shards.contains(&id),
    };
    journal.damage.iter().any(hit)
}
