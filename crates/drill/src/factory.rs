//! Makes nodes from what their disks hold.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use database::{Boot, Database, Identity, Mode, Settings, api::Member};
use kernel::{ClusterId, Duration, Incarnation, NodeId, Rng, limit};
use sim::Factory;
use store::{Journal, MemEngine, journal};

use crate::{
    machine::{Node, Slot},
    watch::Watch,
    written::Written,
};

/// A cluster of nodes that found it together.
pub struct Cluster {
    members: Vec<Member>,
    settings: Settings,
    engines: BTreeMap<NodeId, Slot>,
    written: BTreeMap<NodeId, Written>,
    /// Nodes whose data directory began empty in a cluster that existed: the node writes this
    /// into its format file, so it outlives restarts.
    joined: BTreeSet<NodeId>,
    /// Nodes write down what they observe.
    logging: bool,
}

/// Half of what the journal takes.
const RECORD_BYTES_MAX: limit::Bytes = limit::Bytes::kib(48);

/// The one cluster of every run.
pub const CLUSTER: ClusterId = ClusterId(0x51_u128);

impl Cluster {
    /// A cluster of `nodes` founders.
    #[must_use]
    pub fn new(nodes: u64, settings: Settings, logging: bool) -> Cluster {
        let settings = Settings { record_bytes_max: RECORD_BYTES_MAX, ..settings };
        Cluster {
            members: (1..=nodes).map(member).collect(),
            settings,
            engines: BTreeMap::new(),
            written: BTreeMap::new(),
            joined: BTreeSet::new(),
            logging,
        }
    }
}

fn member(node: u64) -> Member {
    Member {
        node: NodeId(node),
        peer: format!("n{node}:7170"),
        http: format!("n{node}:7070"),
        labels: vec![("zone".into(), format!("z{}", node % 3))],
        ..Member::default()
    }
}

/// Limits so small that a short run compacts logs, sends snapshots and forgets outcomes.
#[must_use]
pub fn settings() -> Settings {
    Settings {
        log_bytes_max: limit::Bytes::kib(16),
        flush_bytes: limit::Bytes::kib(8),
        flush_period: Duration::from_secs(2),
        snapshot_chunk: limit::Bytes::kib(1),
        outcomes_max: 2_000,
        requests_max: 1_000,
        forget_max: 8,
        lease_checkpoint: Duration::from_millis(1_500),
        // The nemesis lets crystals run up to 5,000 ppm off, on top of what they are off already.
        drift_ppm: 6_000,
        ..Settings::default()
    }
}

fn journal_config(node: NodeId) -> journal::Config {
    journal::Config {
        id: node.0,
        segment_bytes: 256 << 10,
        spare_segments: 1,
        record_bytes_max: 2 * RECORD_BYTES_MAX.0 as u32,
        block_bytes: 512,
        bytes_limit: 1 << 20,
        // Read errors pass: a node that cannot read is started again until it can.
        unreadable_is_lost: false,
    }
}

/// What a node found when it opened, for its log.
fn found(db: &Database<MemEngine>, recovery: &journal::Recovery) -> Vec<String> {
    let mut lines = vec![format!("journal {:?}, damage {:?}", recovery.tail, recovery.damage)];
    for (id, shard) in db.shards() {
        let status = shard.raft.status();
        lines.push(format!(
            "{id} log {}..={}, applied {}, term {}, sound {}",
            status.first_index, status.last_index, shard.applied.index, status.term, shard.sound
        ));
    }
    lines
}

impl Factory for Cluster {
    type Machine = Node;

    fn boot(&mut self, boot: sim::Boot) -> Result<Node, String> {
        let node = boot.node;
        if boot.wiped {
            self.joined.insert(node);
        }
        let mode = if self.joined.contains(&node) { Mode::Join } else { Mode::Bootstrap };
        let slot = self.engines.entry(node).or_insert_with(|| Rc::new(RefCell::new(None))).clone();
        let engine: MemEngine = slot.borrow_mut().take().unwrap_or_default();
        let opened = Journal::open(boot.disk, journal_config(node));
        let (journal, recovery) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                *slot.borrow_mut() = Some(engine);
                return Err(format!("the journal does not open: {error}"));
            }
        };
        let identity =
            Identity { node, cluster: CLUSTER, incarnation: Incarnation(1), pid: node.0 as u32 };
        let me = self.members[node.0 as usize - 1].clone();
        let members = Boot { mode, members: self.members.clone() };
        let settings = self.settings.clone();
        let db = Database::open(settings, identity, me, members, &recovery, engine, boot.rng)
            .map_err(|failure| failure.to_string())?;
        let log = self.logging.then(|| found(&db, &recovery));
        let written = self.written.entry(node).or_default().clone();
        let mut watch = Watch::new(node, &db, written.clone());
        watch.opened(&recovery.records, &db);
        Ok(Node::new(db, journal, slot, (watch, written), boot.boots, log))
    }

    fn crashed(&mut self, node: NodeId, rng: &mut Rng) {
        if let Some(engine) = self.engines.get(&node).and_then(|slot| slot.borrow_mut().take()) {
            let mut engine = engine;
            engine.crash(rng);
            *self.engines[&node].borrow_mut() = Some(engine);
        }
    }

    fn wiped(&mut self, node: NodeId) {
        self.engines.remove(&node);
        self.joined.insert(node);
    }
}
