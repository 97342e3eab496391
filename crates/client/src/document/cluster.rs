//! Nodes, shards, and what may be done to them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The labels of a node, by name.
pub type Label = BTreeMap<String, String>;

/// The cluster as one node knows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// The cluster's id.
    pub cluster: String,
    /// The current incarnation.
    pub incarnation: u64,
    /// Who answered: `n1`.
    pub node: String,
    /// Every member.
    pub nodes: Vec<Node>,
    /// Every shard.
    pub shards: Vec<Shard>,
}

/// A member.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its id: `n1`.
    pub id: String,
    /// Where HTTP clients connect: `host:port`.
    pub http: String,
    /// Where peers connect: `host:port`.
    pub peer: String,
    /// Its process id; absent if unknown.
    pub pid: Option<u32>,
    /// `zone` and the like.
    pub labels: Label,
    /// `member`: it is in the catalog.
    pub state: String,
    /// `healthy`, `disk-full`, `silent` (not heard of lately) or `unknown` (never heard of), as the
    /// node that answered knows it. A client that asked in vain itself may say `unreachable`.
    pub health: String,
    /// Since when it was last heard of, in milliseconds; absent if never.
    pub silent_ms: Option<u64>,
}

/// The keyspace of the catalog, which users did not make.
pub const CATALOG: &str = "_catalog";

/// A shard.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shard {
    /// Its id: `s1`.
    pub id: String,
    /// Its keyspace, or [`CATALOG`].
    pub keyspace: String,
    /// Who leads: `n1`; absent if unknown.
    pub leader: Option<String>,
    /// The newest term known.
    pub term: u64,
    /// The greatest commit index known.
    pub commit_index: u64,
    /// Bytes of its current keys and what is stored under them.
    #[serde(default)]
    pub bytes: u64,
    /// Its replicas.
    pub replicas: Vec<Replica>,
    /// Nodes that gave a replica up and may still vote: the group has not settled without them.
    #[serde(default)]
    pub leaving: Vec<String>,
}

/// A replica.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Replica {
    /// Where: `n1`.
    pub node: String,
    /// `leader`, `follower`, `candidate`, `learner`, `recovering` or `unknown`.
    pub role: String,
    /// How far it has applied the log.
    pub applied_index: u64,
    /// How long ago it was known to be up to date, in milliseconds; absent if unknown.
    pub lag_ms: Option<u64>,
    /// Its log; absent if it has not told.
    #[serde(default)]
    pub log: Option<ReplicaLog>,
    /// Whether it is being sent a snapshot; known only to the node of its leader.
    #[serde(default)]
    pub fetching: bool,
}

/// The log of a replica.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaLog {
    /// The term it is in.
    pub term: u64,
    /// The first index that it holds; one more than the last if it holds none.
    pub first_index: u64,
    /// Known there to be committed.
    pub commit_index: u64,
    /// The last index that it holds.
    pub last_index: u64,
}

/// Makes a node known, or changes its addresses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddNode {
    /// Its id: `n4`.
    pub id: String,
    /// Where HTTP clients connect: `host:port`.
    pub http: String,
    /// Where peers connect: `host:port`.
    pub peer: String,
    /// `zone` and the like.
    #[serde(default)]
    pub labels: Label,
}

/// Hands leadership of a shard over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// To whom; the best follower if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Puts a replica on one node in the place of another's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// The node that gives its replica up; absent only adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The node that gets one; absent only removes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// A fault to inject at the node that is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Chaos {
    /// Frames to and from these nodes are dropped.
    Partition {
        /// The other side: `n2`.
        nodes: Vec<String>,
        /// Which way; both if absent.
        #[serde(default)]
        direction: Direction,
    },
    /// Frames from these nodes are held back.
    Slow {
        /// The other side: `n2`.
        nodes: Vec<String>,
        /// For how long, in milliseconds; 0 ends it.
        delay_ms: u64,
    },
    /// Every sync of the journal waits.
    SlowDisk {
        /// For how long, in milliseconds; 0 ends it.
        delay_ms: u64,
    },
    /// The disk has no room.
    FullDisk,
    /// The node's replicas of a keyspace apply nothing.
    StuckApply {
        /// Which keyspace.
        keyspace: String,
    },
    /// Snapshots that are sent to the node are thrown away.
    LostSnapshots,
    /// The node's wall clock is shifted.
    Skew {
        /// By how much, in milliseconds; may be negative; 0 ends it.
        by_ms: i64,
    },
    /// All faults end.
    Heal,
}

/// Which way frames are dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Both ways.
    #[default]
    Both,
    /// From the node that is asked.
    Outgoing,
    /// To the node that is asked.
    Incoming,
}
