//! What one replica may say and do, judged beside it on every batch.
//!
//! | law | source |
//! |---|---|
//! | a vote, or the request for one, leaves when it is durable | Raft, figure 2: persistent state |
//! | what is acknowledged is durable | Raft, section 5.3; DESIGN, section 8 |
//! | a follower commits what its leader has shown it, and no more | Raft, figure 2: AppendEntries 5 |
//! | a follower gives up entries only where they conflict | Raft, figure 2: AppendEntries 3 |
//! | a leader commits an entry of its own term that a majority of the voters holds | Raft, section 5.4.2 |
//! | voters change through a joint phase | Raft, section 6 |
//! | a replica that follows one that was dropped begins without memory | Raft, figure 2: persistent state |
//! | leadership goes to a replica that has every command | dissertation, section 3.10 |
//! | what comes back from the journal was written to it | DESIGN, section 8 |
//! | what is told of changes is what can be read of them, without a gap | ADR 20 |
//! | the journal forgets only what the engine holds durably | DESIGN, section 3 |
//!
//! The laws are written down a second time here, on what anybody may look at: a mistake in the
//! code of the replica is not repeated by its judge.

mod follow;
mod lead;
mod promise;
mod told;

use std::collections::{BTreeMap, VecDeque};

use database::{Database, shard};
use kernel::{NodeId, ShardId, Token};
use store::{MemEngine, Record, Space, engine::MemSnapshot};

use crate::written::Written;
use lead::Leading;

type Db = Database<MemEngine>;
type Replica = shard::Shard;

/// The judge of one life of a node.
pub struct Watch {
    me: NodeId,
    /// What the engine held when its last finished flush began: no crash takes that away.
    engine: MemSnapshot,
    /// Term and vote that survive a crash.
    hard: BTreeMap<ShardId, (u64, NodeId)>,
    /// Those that a write under way holds, in order.
    writing: VecDeque<(Token, ShardId, (u64, NodeId))>,
    /// Replicas that a write under way drops.
    dropping: VecDeque<(Token, ShardId)>,
    written: Written,
    /// What each leader was when it was last looked at.
    leading: BTreeMap<ShardId, Leading>,
    /// Up to where each replica has said that it holds the log, to the leader of which term.
    acked: BTreeMap<(ShardId, NodeId), (u64, u64)>,
    /// To whom leaders have handed over in this batch, and stand by it.
    handed: BTreeMap<ShardId, NodeId>,
    /// Term, and the last entry that the leader of that term has shown.
    shown: BTreeMap<ShardId, (u64, u64)>,
    /// Before which revision every change of the coordination keyspace was told, if that is known.
    told: Option<i64>,
    broken: Option<String>,
}

impl Watch {
    /// Of a node that has just opened: what it found is durable.
    #[must_use]
    pub fn new(me: NodeId, db: &Db, written: Written) -> Watch {
        let hard = db.shards().iter().map(|(id, shard)| (*id, shard.hard));
        Watch {
            me,
            engine: db.engine().snapshot(),
            hard: hard.collect(),
            writing: VecDeque::new(),
            dropping: VecDeque::new(),
            written,
            leading: BTreeMap::new(),
            acked: BTreeMap::new(),
            handed: BTreeMap::new(),
            shown: BTreeMap::new(),
            told: None,
            broken: None,
        }
    }

    /// These records came back from the journal, and the process stands on them.
    pub fn opened(&mut self, records: &[Record], db: &Db) {
        if let Some(stranger) = self.written.stranger(records) {
            let (me, kind, id) = (self.me, stranger.kind, stranger.shard);
            self.fail(|| format!("{me}: a record {kind:?} of {id} came back, never written"));
        }
        for (id, replica) in db.shards() {
            if (replica.raft.term(), replica.raft.last_index()) == (0, 0) {
                self.begins(*id, replica);
            }
        }
    }

    /// A replica begins with nothing. What one of the same shard promised here is forgotten.
    fn begins(&mut self, id: ShardId, replica: &Replica) {
        if replica.sound && self.written.has_dropped(id) {
            let me = self.me;
            self.fail(|| format!("{me} dropped its replica of {id} and founds the shard again"));
        }
    }

    /// The first law that was broken.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    fn fail(&mut self, text: impl FnOnce() -> String) {
        self.broken.get_or_insert_with(text);
    }

    /// A base says that everything up to it is in the engine.
    fn base(&mut self, record: &Record) {
        let generation = shard::load_generation(&self.engine, record.shard).unwrap_or(0);
        let space = Space::new(record.shard, generation);
        let held = shard::Applied::load(&self.engine, &space).map_or(0, |applied| applied.index);
        let base = record.span.map_or(0, |span| span.last);
        if held < base {
            let (me, shard) = (self.me, record.shard);
            self.fail(|| {
                format!("{me}: the log of {shard} starts at {base}, the engine holds {held}")
            });
        }
    }

    /// A flush that began with this state is finished.
    pub fn flushed(&mut self, engine: MemSnapshot) {
        self.engine = engine;
    }
}
