//! A run as data: seed, options and the schedule of faults, written down as JSON.

use kernel::{Instant, NodeId};
use serde::{Deserialize, Serialize};

use crate::{fault::Fault, json, options::Options};

/// A fault and when it strikes, in true time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strike {
    /// When.
    #[serde(with = "json::instant")]
    pub at: Instant,
    /// What.
    #[serde(flatten)]
    pub fault: Fault,
}

/// Everything that decides a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Decides all chance.
    pub seed: u64,
    /// How the world is made.
    pub options: Options,
    /// What goes wrong, in order of time.
    pub schedule: Vec<Strike>,
    /// Nodes that stay dead in the liveness phase: at most a minority.
    #[serde(with = "json::nodes", default)]
    pub dead: Vec<NodeId>,
}

impl Plan {
    /// A run without faults.
    #[must_use]
    pub fn calm(seed: u64, options: Options) -> Plan {
        Plan { seed, options, schedule: Vec::new(), dead: Vec::new() }
    }

    /// The plan for people and for replay.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, numbers and lists only: this cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Reads what [`Plan::to_json`] wrote.
    ///
    /// # Errors
    /// Where and why the text is not a plan.
    pub fn from_json(text: &str) -> Result<Plan, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }
}
