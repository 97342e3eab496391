//! What happens around the nodes: processes that can be killed and started, clients that read and
//! write meanwhile, and the log of all that was done.
//!
//! A node that is killed cannot tell about it, so somebody outside of all nodes must: `quorate dev`,
//! which is the parent of their processes. Every node's console asks it.

use std::pin::Pin;

use serde::{Deserialize, Serialize};

/// Whoever holds the processes of the nodes.
pub trait Stage: Send + Sync + 'static {
    /// Carries an order out; fails with a reason for the person who gave it.
    fn order(&self, order: Order) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>>;

    /// What goes on.
    fn scene(&self) -> Pin<Box<dyn Future<Output = Result<Scene, String>> + Send + '_>>;
}

/// An order. Nodes are named: `n1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case")]
pub enum Order {
    /// Kill its process (kill -9).
    Kill {
        /// Which.
        node: String,
    },
    /// Stop its process without ending it (SIGSTOP).
    Pause {
        /// Which.
        node: String,
    },
    /// Let it go on.
    Resume {
        /// Which.
        node: String,
    },
    /// Start a node that ended.
    Restart {
        /// Which.
        node: String,
    },
    /// Start the built-in workload.
    Begin,
    /// End it, look for everything that was acknowledged, and judge it all.
    End,
    /// Remember that a fault was injected at a node, or ended (`text` is empty).
    Fault {
        /// Where.
        node: String,
        /// Which: faults of one kind replace each other.
        kind: String,
        /// For people.
        text: String,
    },
    /// Remember that all faults have ended.
    Healed,
}

/// What goes on around the nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scene {
    /// The processes.
    pub processes: Vec<Process>,
    /// The built-in workload.
    pub bench: Bench,
    /// What was done, newest first.
    pub actions: Vec<Action>,
}

/// The process of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// Whose.
    pub node: String,
    /// Its id; absent if it has ended.
    pub pid: Option<u32>,
    /// Whether it was paused and not resumed.
    pub paused: bool,
    /// Faults in force there, for people.
    pub faults: Vec<String>,
}

/// The built-in workload, since it was begun last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bench {
    /// Whether it runs.
    pub running: bool,
    /// Whether it ever ran: without, there is nothing to tell.
    pub begun: bool,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    /// Operations that clients invoked.
    pub operations: u64,
    /// Writes that were acknowledged.
    pub acknowledged: u64,
    /// Writes of which nobody knows.
    pub unknown: u64,
    /// Operations that the checker has judged.
    pub judged: u64,
    /// `valid`, `unknown` or `INVALID`; empty before the first judgement.
    pub verdict: String,
    /// Why, if it is not valid.
    pub reason: String,
    /// Acknowledged writes that were looked for.
    pub looked_for: u64,
    /// Those that were not there.
    pub lost: Vec<String>,
    /// The longest time without an acknowledged write, in milliseconds.
    pub gap_ms: u64,
    /// Since when no write was acknowledged, in milliseconds.
    pub silent_ms: u64,
    /// Acknowledged writes in each of the last quarters of a second, oldest first.
    pub pulse: Vec<u32>,
    /// When the oldest of them began, in milliseconds since 1970.
    pub pulse_ms: u64,
}

/// Something that was done to the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Action {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// To whom: `n1`; empty if to none in particular.
    pub node: String,
    /// What: `kill`.
    pub kind: String,
    /// For people.
    pub text: String,
    /// The longest time without an acknowledged write from then until the next action, in
    /// milliseconds; absent if the workload did not run.
    pub gap_ms: Option<u64>,
}

/// How many milliseconds each part of [`Bench::pulse`] covers.
pub const PULSE_MS: u64 = 250;
