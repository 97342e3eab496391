//! One replica of one shard: its Raft state, its applied state, and who waits for what.

mod applied;
mod apply;
pub mod leases;
mod marks;
mod outcomes;
mod snapshot;
mod traced;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};

use bytes::Bytes;
use contract::{Contract, Program};
use kernel::{Incarnation, Instant, NodeId, ShardId, Token, Version, clock::hybrid::Timestamp};
use layers::coordination::Told;
use raft::{Entry, Raft, SnapshotMeta};
use store::mvcc::Space;

pub use applied::{Applied, generation_key, load_generation};
pub use apply::{Applier, DIGEST_EVERY, Verdict};
pub use marks::Marks;
pub use outcomes::{Bounds, Found, Outcomes};
pub use snapshot::{Export, Import};
pub use traced::{Traced, Went};

use crate::calls::CallId;

/// Which program a shard runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Runs {
    /// The catalog.
    Catalog,
    /// Not known yet: the catalog here is older than the shard. Entries wait.
    Unknown,
    /// A keyspace's program.
    Keyspace {
        /// The keyspace.
        name: String,
        /// What it promises.
        contract: Contract,
        /// The incarnation in which the shard was made.
        born: Incarnation,
    },
}

impl Runs {
    /// The incarnation in which the shard was made: the first, for the catalog.
    #[must_use]
    pub fn born(&self) -> Incarnation {
        match self {
            Runs::Catalog | Runs::Unknown => Incarnation(1),
            Runs::Keyspace { born, .. } => *born,
        }
    }

    /// The name of the keyspace, if its program is coordination.
    #[must_use]
    pub fn coordinates(&self) -> Option<&str> {
        match self {
            Runs::Keyspace { name, contract, .. } if contract.program == Program::Coordination => {
                Some(name)
            }
            _ => None,
        }
    }
}

/// A proposal in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// Who waits for it.
    pub call: CallId,
    /// The term it was proposed in: another entry may take its index.
    pub term: u64,
    /// When.
    pub at: Instant,
    /// When it was durable on this node.
    pub durable: Option<Instant>,
    /// The span of its way through consensus, if followers are told of it; else 0.
    pub span: u64,
}

/// A snapshot whose last chunk has arrived and whose data is being made durable.
#[derive(Clone, Debug)]
pub struct Installing {
    /// The flush that it waits for.
    pub token: Token,
    /// What it holds.
    pub meta: SnapshotMeta,
    /// Where it lies.
    pub space: Space,
}

/// The end of keys whose time is up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expiry {
    /// No key has an earlier deadline.
    pub earliest: Timestamp,
    /// The command under way that ends keys.
    pub proposed: Option<Lot>,
    /// How many more may follow it in this turn.
    pub lots: u32,
}

/// A command that ends keys.
#[derive(Clone, Copy, Debug)]
pub struct Lot {
    /// Its place in the log.
    pub index: u64,
    /// The term in which it was proposed.
    pub term: u64,
    /// Deadlines up to here have passed.
    pub upto: Timestamp,
}

/// How far overwritten versions are forgotten.
#[derive(Clone, Debug, Default)]
pub struct Forgotten {
    /// The place of the last one.
    pub place: Option<Bytes>,
    /// Whether more were old enough.
    pub behind: bool,
}

/// A replica on this node.
pub struct Shard {
    /// Which shard.
    pub id: ShardId,
    /// What it runs.
    pub runs: Runs,
    /// The consensus.
    pub raft: Raft,
    /// Where its state lies in the engine.
    pub space: Space,
    /// How far it has applied the log, and what depends on that.
    pub applied: Applied,
    /// What became of requests; part of the applied state.
    pub outcomes: Outcomes,
    /// Committed and not yet applied.
    pub committed: Vec<Entry>,
    /// Proposals of this node, by index.
    pub proposed: BTreeMap<u64, Proposed>,
    /// Entries whose way through the replicas is traced.
    pub traced: Traced,
    /// Calls that wait for an index to be applied.
    pub awaiting: BTreeSet<(u64, CallId)>,
    /// Raft's tokens that are not durable yet, with the process's token that carries each.
    pub tokens: Vec<(Token, Token)>,
    /// The term and vote last written, and whether the replica was sound then.
    pub hard: (u64, NodeId),
    /// Whether the replica may vote; kept here to write it down with the hard state.
    pub sound: bool,
    /// What lies behind this index of the log was made after anything that this replica may have
    /// forgotten; 0 if it never forgot.
    pub sound_from: u64,
    /// Applied index that the engine holds durably.
    pub flushed: u64,
    /// Digests after some recent indexes, to compare with the leader's.
    pub digests: BTreeMap<u64, u64>,
    /// The newest index whose digest this leader has proposed.
    pub digest_proposed: u64,
    /// A snapshot that is arriving.
    pub import: Option<Import>,
    /// A snapshot that is being made durable.
    pub installing: Option<Installing>,
    /// Counts the time of leases, while this replica leads a coordination shard.
    pub clock: Option<Box<leases::Clock>>,
    /// Which keys of a KV keyspace are due next.
    pub expiry: Expiry,
    /// How far the collector of overwritten versions has come.
    pub forgotten: Forgotten,
    /// What was applied in this batch, for who watches on this node.
    pub told: Told,
    /// Which revision of a coordination keyspace was the newest when, as the leader saw it.
    pub marks: Marks,
    /// When the replica was last known to hold all that its leader had committed.
    pub fresh_at: Option<Instant>,
}

impl Shard {
    /// The process's token that must be durable before `token` of Raft is; `None` if it is.
    #[must_use]
    pub fn outer(&self, token: Option<Token>) -> Option<Token> {
        let token = token?;
        self.tokens.iter().find(|(inner, _)| *inner == token).map(|(_, outer)| *outer)
    }

    /// The version of the newest write that was applied here.
    #[must_use]
    pub fn version(&self) -> Version {
        self.applied.version(self.runs.born())
    }

    /// The calls that wait for an index up to the applied one.
    pub fn take_ready(&mut self) -> Vec<CallId> {
        let later = self.awaiting.split_off(&(self.applied.index + 1, 0));
        core::mem::replace(&mut self.awaiting, later).into_iter().map(|(_, call)| call).collect()
    }

    /// How long overwritten versions and outcomes stay, in seconds: (history, outcomes).
    #[must_use]
    pub fn windows(&self) -> (u32, u32) {
        match &self.runs {
            Runs::Catalog | Runs::Unknown => (0, 3600),
            Runs::Keyspace { contract, .. } => (contract.versions_s(), contract.outcomes_s),
        }
    }

    /// Whether the keyspace would hold more with so many bytes more than its contract lets it.
    #[must_use]
    pub fn over_quota(&self, more: usize) -> bool {
        let quota = match &self.runs {
            Runs::Catalog | Runs::Unknown => 0,
            Runs::Keyspace { contract, .. } => contract.quota_bytes,
        };
        quota > 0 && self.applied.bytes.saturating_add(more as u64) > quota
    }
}
