//! `/v1/doctor` and `/v1/slo`: what is wrong, why, and what helps; what was promised, and whether
//! it is kept.

use serde::Deserialize;

/// What a node found.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Doctor {
    /// The worst first.
    pub findings: Vec<Finding>,
}

/// One finding.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Finding {
    /// `info`, `warning` or `alarm`.
    pub severity: super::Severity,
    /// Which node is sick.
    pub node: Option<String>,
    /// Of what.
    pub cause: String,
    /// For people.
    pub text: String,
    /// What it was seen by.
    pub evidence: Vec<String>,
    /// What helps.
    pub command: Option<String>,
}

/// What was promised.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Slo {
    /// One for each promise.
    pub objectives: Vec<Objective>,
}

/// One promise.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Objective {
    /// Of which keyspace.
    pub keyspace: String,
    /// Of what: `availability`.
    pub objective: String,
    /// What was promised, for people.
    pub target: String,
    /// How much of the error budget is left, 1 for all of it; may be below zero.
    pub budget_left: Option<f64>,
    /// Alerts that fire.
    pub alerts: Vec<String>,
}
