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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_plans_stay_readable() {
        let text = r#"{"at": "1500ms", "fault": "cut", "lasts": "2s",
            "links": {"from": [1], "to": [2, 3], "both_ways": false}}"#;
        let strike: Strike = serde_json::from_str(text).unwrap();
        assert_eq!(strike.at, Instant(1_500_000_000));
        assert_eq!(strike.fault.to_string(), "cut n1 -> n2,n3 for 2s");
        let text = r#"{"at": "1ns", "fault": "bit-rot", "node": 2,
            "place": {"file": "log", "region": {"part": 1, "of": 3}, "pick": 18446744073709551615}}"#;
        let strike: Strike = serde_json::from_str(text).unwrap();
        assert_eq!(strike.fault.to_string(), "bit-rot n2");
        let text = r#"{"at": "0s", "fault": "crash", "node": 2}"#;
        let strike: Strike = serde_json::from_str(text).unwrap();
        assert_eq!(strike.fault, Fault::Crash { node: NodeId(2), restart_after: None });
    }
}
