//! Objectives as a document, of one node or of all.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::budget::{Budget, alerts};

/// Objectives of all keyspaces that have one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objectives {
    /// Who counted, `n1`; several are separated by spaces.
    pub node: String,
    /// The objectives.
    pub objectives: Vec<Objective>,
}

/// One objective and where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Good requests in that time, as far back as the nodes remember.
    pub good: u64,
    /// Bad ones.
    pub bad: u64,
    /// Of the budget so many thousandths are left; below zero, it is overdrawn.
    pub budget_left_permille: i64,
    /// The windows of the alerts.
    pub windows: Vec<Window>,
    /// The alerts.
    pub alerts: Vec<Alert>,
}

/// A window of an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// `5m`.
    pub name: String,
    /// The same in seconds.
    pub seconds: u64,
    /// Good requests.
    pub good: u64,
    /// Bad ones.
    pub bad: u64,
    /// How fast the budget burns, in thousandths: at 1000 it lasts just as long as the objective.
    pub rate_milli: u64,
}

/// An alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// `page`, or `ticket` for what can wait for the morning.
    pub severity: String,
    /// The long window.
    pub long: String,
    /// The short window.
    pub short: String,
    /// The rate from which on it fires, in thousandths.
    pub rate_milli: u64,
    /// Whether it fires.
    pub firing: bool,
}

impl Window {
    /// How fast a budget burns, in thousandths.
    #[must_use]
    pub fn rate_milli(&self, target_ppm: u64) -> u64 {
        let all = u128::from(self.good) + u128::from(self.bad);
        let may = u128::from(1_000_000u64.saturating_sub(target_ppm).max(1));
        let rate = u128::from(self.bad) * 1_000_000_000 / (all * may).max(1);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }
}

impl Objective {
    /// Where a budget stands. Of `about` the names, the target and the window are read.
    #[must_use]
    pub fn of(about: Objective, budget: &Budget, now: u64) -> Objective {
        let (good, bad) = budget.window(now, about.window_s);
        let windows = budget.windows(now);
        Objective { good, bad, windows, ..about }.judged()
    }

    /// With rates, alerts and what is left, by its counts.
    fn judged(mut self) -> Objective {
        for window in &mut self.windows {
            window.rate_milli = window.rate_milli(self.target_ppm);
        }
        let may = u128::from(1_000_000u64.saturating_sub(self.target_ppm));
        let budget = (u128::from(self.good) + u128::from(self.bad)) * may;
        let used = u128::from(self.bad) * 1_000_000 * 1000 / budget.max(1);
        self.budget_left_permille = 1000i64.saturating_sub(i64::try_from(used).unwrap_or(i64::MAX));
        self.alerts = alerts(&self.windows, self.target_ppm, self.window_s);
        self
    }
}

/// What all nodes counted together. An objective is judged by the sum: one node that has few
/// requests decides nothing.
#[must_use]
pub fn merge(all: impl IntoIterator<Item = Objectives>) -> Objectives {
    let mut merged = Objectives::default();
    for one in all {
        if !merged.node.is_empty() {
            merged.node.push(' ');
        }
        merged.node.push_str(&one.node);
        for objective in one.objectives {
            let same = |other: &&mut Objective| {
                (&other.keyspace, &other.sli) == (&objective.keyspace, &objective.sli)
            };
            match merged.objectives.iter_mut().find(same) {
                Some(known) => add(known, &objective),
                None => merged.objectives.push(objective),
            }
        }
    }
    merged.objectives = merged.objectives.into_iter().map(Objective::judged).collect();
    merged
}

fn add(known: &mut Objective, more: &Objective) {
    known.good += more.good;
    known.bad += more.bad;
    for window in &mut known.windows {
        if let Some(other) = more.windows.iter().find(|other| other.name == window.name) {
            window.good += other.good;
            window.bad += other.bad;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn objective(good: u64, bad: u64) -> Objective {
        let mut budget = Budget::default();
        budget.count(3_600_000, good, bad);
        let about = Objective {
            keyspace: "carts".into(),
            sli: "availability".into(),
            target_ppm: 999_000,
            window_s: 30 * 24 * 3600,
            ..Objective::default()
        };
        Objective::of(about, &budget, 3_600_010)
    }

    #[test]
    fn what_is_left_and_how_fast_it_goes() {
        let objective = objective(9_995, 5);
        assert_eq!(objective.budget_left_permille, 500);
        assert_eq!(objective.windows[0].rate_milli, 500);
        assert!(objective.alerts.iter().all(|alert| !alert.firing));
        assert_eq!(super::tests::objective(0, 0).budget_left_permille, 1000);
        assert_eq!(super::tests::objective(0, 100).budget_left_permille, 1000 - 1_000_000);
    }

    #[test]
    fn nodes_are_judged_together() {
        let of = |node: &str, good, bad| Objectives {
            node: node.into(),
            objectives: vec![objective(good, bad)],
        };
        let alone = merge([of("n1", 0, 20)]);
        assert!(alone.objectives[0].alerts[0].firing);
        let merged = merge([of("n1", 0, 20), of("n2", 100_000, 0)]);
        assert_eq!((merged.node.as_str(), merged.objectives.len()), ("n1 n2", 1));
        assert!(!merged.objectives[0].alerts[0].firing, "few of many");
        assert_eq!(merged.objectives[0].bad, 20);
    }
}
