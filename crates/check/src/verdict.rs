//! Three-valued verdicts, and what one checker has to say.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::anomaly::Anomaly;
use crate::counterexample::Counterexample;

/// The verdict of a check. The order is that of composition: the worst one stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing is wrong, and all of it was judged.
    #[default]
    Valid,
    /// Nothing is known to be wrong, but not all of it could be judged.
    Unknown,
    /// Something is wrong, for sure.
    Invalid,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Verdict::Valid => "valid",
            Verdict::Unknown => "unknown",
            Verdict::Invalid => "INVALID",
        })
    }
}

/// What one checker says about a history.
#[derive(Clone, Debug, Serialize)]
pub struct Judgement {
    /// Which checker.
    pub checker: &'static str,
    /// Its verdict.
    pub verdict: Verdict,
    /// Keys that it judged.
    pub keys: u64,
    /// Operations that it judged.
    pub operations: u64,
    /// What it found: one entry per anomaly, with how often, and its first counterexample.
    pub findings: Vec<Finding>,
    /// Why it could not judge everything, with how many keys each reason left unjudged.
    pub unknown: BTreeMap<String, u64>,
}

/// An anomaly that was found.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// How often.
    pub count: u64,
    /// The first one.
    pub first: Counterexample,
}

impl Judgement {
    /// Nothing judged yet.
    #[must_use]
    pub fn new(checker: &'static str) -> Judgement {
        Judgement {
            checker,
            verdict: Verdict::Valid,
            keys: 0,
            operations: 0,
            findings: Vec::new(),
            unknown: BTreeMap::new(),
        }
    }

    /// Counts what is about to be judged.
    pub(crate) fn judging(&mut self, operations: usize) {
        self.keys += 1;
        self.operations += operations as u64;
    }

    /// One more anomaly; only the first of a kind keeps its counterexample.
    pub(crate) fn found(&mut self, counterexample: Counterexample) {
        self.found_with(counterexample.anomaly, || counterexample);
    }

    /// The same, where the counterexample is dear: it is made only for the first of a kind.
    pub(crate) fn found_with(&mut self, anomaly: Anomaly, make: impl FnOnce() -> Counterexample) {
        self.verdict = Verdict::Invalid;
        match self.findings.iter_mut().find(|finding| finding.first.anomaly == anomaly) {
            Some(finding) => finding.count += 1,
            None => self.findings.push(Finding { count: 1, first: make() }),
        }
    }

    /// How many anomalies were found so far.
    pub(crate) fn count(&self) -> u64 {
        self.findings.iter().map(|finding| finding.count).sum()
    }

    /// One more key that could not be judged.
    pub(crate) fn unknown(&mut self, reason: impl Into<String>) {
        self.verdict = self.verdict.max(Verdict::Unknown);
        *self.unknown.entry(reason.into()).or_default() += 1;
    }

    /// Whether this anomaly was found.
    #[must_use]
    pub fn shows(&self, anomaly: Anomaly) -> bool {
        self.findings.iter().any(|finding| finding.first.anomaly == anomaly)
    }
}
