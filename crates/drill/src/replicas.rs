//! What replicas hold, looked at directly.
//!
//! - At the end all replicas of a shard hold the same keys and values, byte for byte, whichever
//!   way they came to them: by the log, by a snapshot, or by both.
//! - The past stays as it was, for as long as the contract keeps it: what a replica shows as of a
//!   version is what it showed when that version was its newest.

use std::collections::BTreeMap;

use bytes::Bytes;
use kernel::{Duration, Instant, NodeId, ShardId, Version};
use store::{MemEngine, Read, Reader, ScanRange, Space, Table, mvcc::Stored};

use crate::machine::Node;

/// What a replica replicates. Superseded values are forgotten by each on its own.
#[must_use]
pub fn content(engine: &MemEngine, space: Space) -> Vec<(Bytes, Bytes)> {
    let own = [Table::Meta, Table::History, Table::HistoryQueue].map(|table| table as u8);
    let pairs = engine.scan(space.range()).filter_map(Result::ok);
    let rest = pairs.map(|(key, value)| (key.slice(Space::PREFIX_LEN..), value));
    rest.filter(|(key, _)| key.first().is_some_and(|table| !own.contains(table))).collect()
}

/// Where two contents differ first.
#[must_use]
pub fn difference(one: &[(Bytes, Bytes)], two: &[(Bytes, Bytes)]) -> Option<Bytes> {
    let longer = if one.len() < two.len() { two } else { one };
    let common = one.iter().zip(two).position(|(one, two)| one != two);
    let at = common.or((one.len() != two.len()).then(|| one.len().min(two.len())))?;
    Some(longer[at].0.clone())
}

/// How long a picture is kept before it is compared.
const AGE: Duration = Duration::from_millis(700);

/// One replica's state when a version was its newest.
struct Picture {
    taken: Instant,
    boot: u64,
    space: Space,
    version: Version,
    state: Vec<(Bytes, Stored)>,
}

/// One picture of every replica that keeps history.
#[derive(Default)]
pub struct Pictures {
    pictures: BTreeMap<(ShardId, NodeId), Picture>,
}

impl Pictures {
    /// Compares old pictures with what the node shows now, and takes new ones.
    ///
    /// # Errors
    /// The first picture that does not show the past any more.
    pub fn look(&mut self, now: Instant, node: NodeId, machine: &Node) -> Result<(), String> {
        let Some(db) = machine.database() else { return Ok(()) };
        // A replica that was dropped and comes back begins anew, perhaps before anybody looks.
        self.pictures.retain(|(id, of), picture| {
            let applied = db.shards().get(id).map(|shard| shard.applied.index);
            *of != node || applied.is_some_and(|applied| applied >= picture.version.index)
        });
        for (id, shard) in db.shards().iter().filter(|(_, shard)| shard.windows().0 > 0) {
            let place = (*id, node);
            if self.pictures.get(&place).is_some_and(|picture| now.since(picture.taken) < AGE) {
                continue;
            }
            let (engine, space, boot) = (db.engine(), shard.space, machine.boot);
            let old = self.pictures.remove(&place);
            let kept = |old: &Picture| {
                let age = shard.applied.timestamp.millis() - old.version.timestamp.millis();
                (old.boot, old.space) == (boot, space) && age <= u64::from(shard.windows().0) * 1000
            };
            if let Some(old) = old.filter(kept) {
                let shown = Reader::at(engine, space, old.version)
                    .scan(&ScanRange::all(), usize::MAX)
                    .unwrap_or_default();
                if shown != old.state {
                    let version = old.version.index;
                    return Err(format!("{node} shows another past of {id} at {version}"));
                }
            }
            let state = Reader::latest(engine, space).scan(&ScanRange::all(), usize::MAX);
            let version = shard.version();
            let state = state.unwrap_or_default();
            self.pictures.insert(place, Picture { taken: now, boot, space, version, state });
        }
        Ok(())
    }
}
