//! `quorate doctor`: what is wrong, who is the cause, what helps.

use std::fmt::Write as _;

use clap::Args;
use vigil::Diagnosis;

use crate::{cli::Global, exit::Failure};

/// Find out what is wrong with the cluster, and who is the cause.
#[derive(Debug, Args)]
pub struct Doctor {}

impl Doctor {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let diagnosis = global.client().control().doctor().await?;
        global.show().print(&diagnosis, || text(&diagnosis))
    }
}

fn text(diagnosis: &Diagnosis) -> String {
    if diagnosis.findings.is_empty() {
        return "nothing is wrong".into();
    }
    let mut text = String::new();
    for finding in &diagnosis.findings {
        let node = finding.node.as_deref().unwrap_or("-");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<8} {node:<6} {}", finding.severity.name(), finding.cause);
        let _ = writeln!(text, "  {}", finding.text);
        for evidence in &finding.evidence {
            let _ = writeln!(text, "  · {evidence}");
        }
        let _ = writeln!(text, "  → {}\n", finding.command);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigil::doctor::Finding;

    #[test]
    fn a_finding_names_node_cause_evidence_and_what_helps() {
        assert_eq!(text(&Diagnosis::default()), "nothing is wrong");
        let finding = Finding {
            node: Some("n2".into()),
            cause: "slow-disk".into(),
            text: "the disk of n2 is slow".into(),
            evidence: vec!["half took 50 ms".into()],
            command: "iostat -x 1".into(),
            ..Finding::default()
        };
        let text = text(&Diagnosis { findings: vec![finding] });
        for part in ["n2     slow-disk", "· half took 50 ms", "→ iostat"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
