//! How a node is, as one document.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

/// How a node is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Vitals {
    /// Which node: `n1`.
    pub node: String,
    /// When it started.
    pub started: String,
    /// Starts within the ten minutes before the last one, that one included.
    #[serde(default)]
    pub starts_10m: u64,
    /// When this was told, by the clock that the node goes by.
    pub now: String,
    /// The same in milliseconds since 1970.
    #[serde(default)]
    pub now_ms: u64,
    /// Seconds, oldest first.
    pub ops: Vec<Second>,
    /// Stages of writes on their leader, by name.
    pub stages: BTreeMap<String, Latency>,
    /// Everything that waits.
    pub queues: Vec<Queue>,
    /// What the machine gives.
    pub load: Load,
    /// The disk under the journal.
    #[serde(default)]
    pub disk: Disk,
    /// The other nodes, as this one finds them.
    pub peers: Vec<Peer>,
    /// Replicas of this node.
    #[serde(default)]
    pub replicas: Vec<Replica>,
    /// Why requests failed in the last minutes, most frequent first.
    #[serde(default)]
    pub failures: Vec<Failures>,
    /// Keys that are asked for most, from a sample of requests.
    #[serde(default)]
    pub hot: Vec<Hot>,
    /// Connections from peers that were refused, by reason, since the start.
    #[serde(default)]
    pub refused_links: BTreeMap<String, u64>,
    /// Error budgets that burn too fast.
    #[serde(default)]
    pub burning: Vec<String>,
    /// What is wrong.
    pub alarms: Vec<Alarm>,
    /// All of it in one number.
    pub health: Health,
}

/// One second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// Since 1970.
    pub second: u64,
    /// Reads that ended.
    pub reads: u64,
    /// Writes that ended.
    pub writes: u64,
    /// Requests that failed through no fault of the client.
    pub errors: u64,
    /// Requests that were turned away.
    pub refused: u64,
    /// The median.
    pub p50_us: Latencies,
    /// The slowest hundredth begins here.
    pub p99_us: Latencies,
}

/// A percentile by operation, in microseconds; absent if there was none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latencies {
    /// Of reads.
    pub read: Option<u64>,
    /// Of writes.
    pub write: Option<u64>,
}

/// Two percentiles, in microseconds; absent if nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// The median.
    pub p50_us: Option<u64>,
    /// The slowest hundredth begins here.
    pub p99_us: Option<u64>,
}

/// Something that waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// `inbox`, `journal`, `peer n2`.
    pub name: String,
    /// How much waits.
    pub depth: u64,
    /// How much may; 0 if its senders bound it.
    pub limit: u64,
    /// Of what.
    #[serde(default)]
    pub unit: String,
}

/// What the machine gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Of one processor, in the last second.
    pub cpu_percent: u64,
    /// Resident memory.
    pub rss_bytes: u64,
    /// Free space for data.
    pub disk_free_bytes: u64,
    /// What the data takes.
    pub data_bytes: u64,
}

/// The disk under the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Syncs of the last ten to twenty seconds.
    pub sync: Latency,
    /// How many of them.
    pub syncs: u64,
    /// Whether writes are refused for want of room.
    pub full: bool,
}

/// Another node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Which: `n2`.
    pub node: String,
    /// Whether there is a connection to it.
    pub connected: bool,
    /// Since when it was not heard of; absent if never.
    pub silence_ms: Option<u64>,
    /// There and back; absent while unknown.
    pub rtt_us: Option<u64>,
    /// How far its clock is ahead of this node's, give or take half of `rtt_us`.
    #[serde(default)]
    pub clock_ms: Option<i64>,
}

/// A replica of this node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// Of which shard: 3.
    pub shard: u64,
    /// Of which keyspace.
    pub keyspace: String,
    /// `leader`, `follower`, …
    pub role: String,
    /// Who leads, as far as this node knows.
    pub leader: Option<String>,
    /// In which term.
    pub term: u64,
    /// The greatest index known to be committed.
    pub commit: u64,
    /// How far it has applied.
    pub applied: u64,
    /// The end of its own log.
    #[serde(default)]
    pub last: u64,
    /// For how long nothing was applied although something is committed.
    pub stuck_ms: u64,
    /// For how long no leader is known.
    pub leaderless_ms: u64,
}

/// Why requests failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// The error code.
    pub code: String,
    /// Of which keyspace.
    pub keyspace: String,
    /// How often, about, in the last minutes.
    pub count: u64,
}

/// A key that is asked for often.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hot {
    /// Of which keyspace.
    pub keyspace: String,
    /// The key, as text; bytes that are none are shown as `\xff`.
    pub key: String,
    /// Of all sampled requests, in thousandths.
    pub permille: u64,
    /// Requests that were sampled.
    pub sampled: u64,
}

/// Something that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Which: `disk-full`.
    pub kind: String,
    /// Since when.
    pub since: String,
    /// A sentence for people.
    pub text: String,
    /// Where to read on.
    pub page: String,
}

/// All of it in one number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// 100 is well, 0 is of no use.
    pub score: u64,
    /// Why it is not 100.
    pub reasons: Vec<String>,
}
