//! Requests with what they went through, for whoever asks why one was slow.
//!
//! ```text
//!   every request ──▶ slowest of its minute? failed? sampled? ── no ──▶ forgotten
//!                                │ yes
//!   every part, in a ring ───────┴──▶ kept, with the parts of its trace
//! ```
//!
//! Nobody knows beforehand which request will be slow. So the parts of all are written down, in a
//! ring of fixed size, and which request is worth keeping is decided when it ends.

mod merge;
mod store;

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

pub use merge::merge;
pub use store::{Did, Ended, Part, Store};

/// Requests of one node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Traces {
    /// Which node: `n1`.
    pub node: String,
    /// The requests, as asked for.
    pub requests: Vec<Request>,
}

/// A request, or what a node other than the one that was asked did for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Names it on all nodes, and to a collector of traces: 32 hexadecimal digits.
    pub trace_id: String,
    /// `read`, `write`, or `part` of a request that another node was asked.
    pub op: String,
    /// Of which keyspace; empty if not known.
    pub keyspace: String,
    /// `ok`, or an error code.
    pub outcome: String,
    /// When it came.
    pub started: String,
    /// From then to its answer.
    pub took_us: u64,
    /// What it went through, by time.
    pub stages: Vec<Stage>,
}

/// A part of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// `queue`, `local`, `commit`, `apply`, `served`; on a follower `persist`, `learn`, `apply`.
    pub stage: String,
    /// Where.
    pub node: String,
    /// From the beginning of the request.
    pub start_us: u64,
    /// How long.
    pub took_us: u64,
}

impl Request {
    /// Whether it is what a follower did for it.
    #[must_use]
    pub fn follows(&self) -> bool {
        let follows = |stage: &Stage| ["persist", "learn"].contains(&stage.stage.as_str());
        self.op == "part" && self.stages.iter().any(follows)
    }
}
