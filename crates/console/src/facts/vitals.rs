//! `/v1/vitals`: how a node is, second by second.

use std::collections::BTreeMap;

use serde::Deserialize;

/// How a node is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Vitals {
    /// Who tells.
    pub node: String,
    /// Since when it runs, as RFC 3339.
    pub started: String,
    /// Requests, second by second, oldest first.
    pub ops: Vec<Second>,
    /// Stages of consensus on the leader, by name.
    pub stages: BTreeMap<String, Stage>,
    /// What waits.
    pub queues: Vec<Queue>,
    /// What it takes of the machine.
    pub load: Load,
    /// The others, as it sees them.
    pub peers: Vec<Peer>,
    /// What is wrong now.
    pub alarms: Vec<Alarm>,
    /// How it is, in one figure.
    pub health: Health,
}

/// One second of requests.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Second {
    /// Which, since 1970.
    pub second: u64,
    /// Reads answered.
    pub reads: u64,
    /// Writes answered.
    pub writes: u64,
    /// Answers that were errors.
    pub errors: u64,
    /// Refused at the door.
    pub refused: u64,
    /// Half were answered within, in microseconds, by `read` and `write`.
    pub p50_us: BTreeMap<String, Option<u64>>,
    /// All but one of a hundred were answered within, in microseconds.
    pub p99_us: BTreeMap<String, Option<u64>>,
}

/// How long a stage takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Stage {
    /// Half of them, in microseconds.
    pub p50_us: Option<u64>,
    /// All but one of a hundred, in microseconds.
    pub p99_us: Option<u64>,
}

/// A queue.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// How much waits.
    pub depth: u64,
    /// How much may wait.
    pub limit: u64,
}

/// What the node takes of the machine.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Load {
    /// Of one processor.
    pub cpu_percent: Option<f64>,
    /// Resident memory.
    pub rss_bytes: Option<u64>,
    /// Free on the disk of its data.
    pub disk_free_bytes: Option<u64>,
    /// Its data on the disk.
    pub data_bytes: Option<u64>,
}

/// Another node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Peer {
    /// Which.
    pub node: String,
    /// Whether there is a connection.
    pub connected: bool,
    /// Since when it was not heard of.
    pub silence_ms: Option<u64>,
    /// There and back.
    pub rtt_us: Option<u64>,
}

/// Something is wrong.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Alarm {
    /// Its name.
    pub kind: String,
    /// Since when, as RFC 3339.
    pub since: String,
    /// For people.
    pub text: String,
    /// Where it is explained.
    pub page: String,
}

/// How well it is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Health {
    /// 100 is well.
    pub score: Option<u64>,
    /// Why it is not 100.
    pub reasons: Vec<String>,
}
