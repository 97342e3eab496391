//! What is wrong, and who: a diagnosis from what all nodes tell of themselves and of each other.
//!
//! ```text
//!   Scene: for every node its vitals and events, or silence
//!     ├─ reach   who is heard by whom: down, cut off, one way only, no quorum, foreign
//!     ├─ body    disks, clocks, links, restarts, replicas that stand still
//!     └─ load    hot keys, deadlines that cannot be met, queues
//!   ──▶ Findings, worst first: node, cause, evidence, the command that helps
//! ```
//!
//! A symptom is not a cause: that nobody hears a dead node is no trouble of those who do not. A
//! node is named only if what others say, or what it measured itself, leaves no other; where two
//! could be to blame none is.

mod body;
mod load;
mod reach;
mod scene;
#[cfg(test)]
mod tests;

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{Event, Severity};
pub use scene::{Scene, Seen};

/// What is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Worst first; empty if all is well.
    pub findings: Vec<Finding>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where to look, `n2`; absent if at no node of the cluster.
    pub node: Option<String>,
    /// What is at fault: `node`, or `clients`, `network`, `stranger`, through no fault of the node.
    #[serde(default)]
    pub fault: String,
    /// Which trouble: `slow-disk`.
    pub cause: String,
    /// A sentence for people.
    pub text: String,
    /// What it was concluded from.
    pub evidence: Vec<String>,
    /// What to do, as a command or a sentence.
    pub command: String,
}

/// Every cause that is known.
pub const CAUSES: [&str; 16] = [
    "node-down",
    "cut-off",
    "one-way-cut",
    "quorum-lost",
    "foreign-node",
    "slow-disk",
    "disk-full",
    "disk-failed",
    "clock",
    "slow-link",
    "restart-loop",
    "stuck-apply",
    "snapshot-loop",
    "hot-key",
    "deadline-storm",
    "overload",
];

/// Finds what is wrong.
#[must_use]
pub fn diagnose(scene: &Scene) -> Diagnosis {
    let mut findings = reach::find(scene);
    // Who does not answer, or is not reached, is known to be sick: what else is seen of it follows.
    let sick: Vec<String> = findings.iter().filter_map(|finding| finding.node.clone()).collect();
    findings.extend(body::find(scene, &sick));
    findings.extend(load::find(scene, findings.is_empty()));
    let mut findings: Vec<Finding> =
        findings.into_iter().map(|finding| injected(scene, finding)).collect();
    findings.sort_by_key(|finding| core::cmp::Reverse(finding.severity));
    Diagnosis { findings }
}

/// Faults by what comes of them.
const FAULTS: [(&str, &str); 8] = [
    ("cut-off", "partition"),
    ("one-way-cut", "partition"),
    ("slow-disk", "slow-disk"),
    ("disk-full", "full-disk"),
    ("clock", "skew"),
    ("slow-link", "slow"),
    ("stuck-apply", "stuck-apply"),
    ("snapshot-loop", "lost-snapshots"),
];

/// What was done to a node on purpose is found like anything else; only what helps is another thing.
fn injected(scene: &Scene, finding: Finding) -> Finding {
    let fault = FAULTS.iter().find(|(cause, _)| *cause == finding.cause).map(|(_, fault)| *fault);
    let of = |event: &&Event| event.word("fault") == fault || event.word("fault") == Some("heal");
    let node = finding.node.as_deref().unwrap_or("");
    match scene.lately(node, "chaos").filter(of).last() {
        Some(event) if event.word("fault") == fault => {
            let text = event.text.clone();
            finding.saw([text]).helps("quorate chaos heal")
        }
        _ => finding,
    }
}

impl Finding {
    fn new(cause: &str, severity: Severity, text: String) -> Finding {
        let (cause, fault) = (cause.into(), "node".into());
        Finding { severity, cause, fault, text, ..Finding::default() }
    }

    fn fault(self, fault: &str) -> Finding {
        Finding { fault: fault.into(), ..self }
    }

    fn node(self, node: &str) -> Finding {
        Finding { node: Some(node.into()), ..self }
    }

    fn saw(mut self, evidence: impl IntoIterator<Item = String>) -> Finding {
        self.evidence.extend(evidence);
        self
    }

    fn helps(self, command: impl Into<String>) -> Finding {
        Finding { command: command.into(), ..self }
    }
}
