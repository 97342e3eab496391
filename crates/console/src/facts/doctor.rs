//! `/v1/doctor` and `/v1/slo`: what is wrong, why, and what helps; what was promised, and whether
//! it is kept.

use serde::Deserialize;

use crate::say;

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

/// One promise and where it stands.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Objective {
    /// Of which keyspace.
    pub keyspace: String,
    /// What is measured: `availability` or `latency`.
    pub sli: String,
    /// So many of a million are to be good.
    pub target_ppm: u64,
    /// Of latency: good is what takes at most so long.
    pub threshold_us: Option<u64>,
    /// Over so many seconds.
    pub window_s: u64,
    /// Good requests in that time.
    pub good: u64,
    /// Bad ones.
    pub bad: u64,
    /// Of the error budget so many thousandths are left; below zero, it is overdrawn.
    pub budget_left_permille: Option<i64>,
    /// Its alerts.
    pub alerts: Vec<Alert>,
}

/// An alert on how fast an error budget burns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Alert {
    /// `page`, or `ticket` for what can wait.
    pub severity: String,
    /// The long window: `1h`.
    pub long: String,
    /// The short window: `5m`.
    pub short: String,
    /// Whether it fires.
    pub firing: bool,
}

impl Objective {
    /// The target, for people: `99.9 % within 100 ms, over 30 d`.
    #[must_use]
    pub fn target(&self) -> String {
        let percent = format!("{:.4}", self.target_ppm as f64 / 1e4);
        let percent = percent.trim_end_matches('0').trim_end_matches('.');
        let within = self.threshold_us.map(say::micros);
        let within = within.map_or_else(String::new, |within| format!(" within {within}"));
        format!("{percent} %{within}, over {}", say::millis(self.window_s.saturating_mul(1_000)))
    }

    /// The alerts that fire, the worst first.
    pub fn firing(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().filter(|alert| alert.firing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_reads_as_a_sentence() {
        let promise = Objective {
            target_ppm: 999_500,
            threshold_us: Some(100_000),
            window_s: 30 * 86_400,
            ..Objective::default()
        };
        assert_eq!(promise.target(), "99.95 % within 100 ms, over 30 d");
        let promise = Objective { target_ppm: 990_000, window_s: 7_200, ..Objective::default() };
        assert_eq!(promise.target(), "99 %, over 2 h");
    }
}
