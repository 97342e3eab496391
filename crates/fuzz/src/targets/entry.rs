//! What a log entry holds, applied to a shard of each program: the same everywhere, no panic.

use std::sync::OnceLock;

use bytes::Bytes;
use contract::{Contract, Program};
use database::{
    record,
    shard::{Applied, Applier, Bounds, Outcomes, Runs, Verdict},
};
use kernel::{Incarnation, Rng, ShardId, Wall, limit};
use raft::Entry;
use store::{Batch, Engine, EngineError, MemEngine, Space};

use super::{coordination, one_node::OneNode, programs};
use crate::{Fed, Memory, Target, draw, target::as_it_is};

pub const TARGETS: [Target; 1] = [Target {
    name: "entry",
    sample: |rng| data(rng).to_vec(),
    mend: as_it_is,
    words: &[],
    feed,
    memory: Memory { base: 64 << 10, per_byte: 512 },
}];

/// The data of log entries that a node wrote: commands of all programs, of the catalog, digests.
pub fn data(rng: &mut Rng) -> Bytes {
    static WRITTEN: OnceLock<Vec<Bytes>> = OnceLock::new();
    let written = WRITTEN.get_or_init(|| write().unwrap_or_else(|why| panic!("{why}")));
    rng.pick(written).cloned().unwrap_or_default()
}

fn write() -> Result<Vec<Bytes>, String> {
    let mut node = OneNode::alone()?;
    let mut rng = Rng::new(1);
    for _ in 0..200 {
        let command = programs::kv_command(&mut rng).into();
        node.mutate("kv", Program::Kv, command)?;
        let command = programs::counter_command(&mut rng).into();
        node.mutate("sums", Program::Counter, command)?;
        let command = coordination::command(&mut rng).into();
        node.mutate("locks", Program::Coordination, command)?;
        node.pass(kernel::Duration::from_millis(draw::number(&mut rng, 50).min(1_000)))?;
    }
    let records = node.records.iter().flat_map(record::from_journal);
    let entries = records.flat_map(|record| match record {
        raft::Record::Append { entries } => entries,
        _ => Vec::new(),
    });
    Ok(entries.map(|entry| entry.data).filter(|data| !data.is_empty()).collect())
}

fn feed(bytes: &[u8]) -> Fed {
    let mut accepted = false;
    let keyspace = |program| {
        let history_s = if program == Program::Coordination { 0 } else { 60 };
        let contract = Contract { history_s, ..Contract::new(program) };
        Runs::Keyspace { name: "k".into(), contract, born: Incarnation(1) }
    };
    let keyspaces = Program::ALL.map(keyspace);
    for runs in [Runs::Catalog, Runs::Unknown].into_iter().chain(keyspaces) {
        let data = Bytes::copy_from_slice(bytes);
        let first = apply(&runs, &data).map_err(|error| format!("{runs:?}: {error}"))?;
        let again = apply(&runs, &data).map_err(|error| format!("{runs:?}: {error}"))?;
        if first != again {
            return Err(format!("{runs:?}: applied twice from the same state, it differs"));
        }
        accepted |= first.0.iter().any(|verdict| *verdict != Verdict::Nothing);
    }
    Ok(accepted)
}

type Applying = (Vec<Verdict>, Applied, Batch);

/// The entry three times: as it is, as a repeat in the same batch, and as a repeat in a later one.
fn apply(runs: &Runs, data: &Bytes) -> Result<Applying, EngineError> {
    let space = Space::new(ShardId(2), 0);
    let bounds = Bounds { count_max: 2, bytes_max: limit::Bytes::kib(1), window_ms: 60_000 };
    let mut engine = MemEngine::new();
    let mut outcomes = Outcomes::new(7);
    let (mut verdicts, mut applied, mut last) = (Vec::new(), Applied::default(), Batch::new());
    for indexes in [1..=2, 3..=3] {
        let incarnation = Incarnation(1);
        let (wall, from) = (Wall(0), applied.clone());
        let mut applier =
            Applier::new(&engine, space, runs, from, &mut outcomes, bounds, incarnation, wall);
        for index in indexes {
            verdicts.push(applier.apply(&Entry::command(index, 1, data.clone()), |_| None)?);
        }
        let result = applier.finish();
        (applied, last) = (result.applied, result.batch.clone());
        engine.write(result.batch)?;
    }
    let loaded = Outcomes::load(&engine, &space, 7)?;
    if loaded != outcomes {
        return Err(EngineError::Corrupt("outcomes read back differ".into()));
    }
    Ok((verdicts, applied, last))
}
