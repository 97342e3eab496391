//! The error budgets of keyspaces that have an objective, as this node counts them.
//!
//! A request counts on the node that was asked, whoever served it. What was counted is forgotten
//! when the node stops: Prometheus, which is sent the same counts, remembers.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use contract::Objective;
use kernel::Duration;
use vigil::slo::{self, Budget, Objectives};

use crate::metrics::{Metrics, Sli};

/// Keyspaces whose objective is measured.
const KEYSPACES_MAX: usize = 64;
/// Of a hundred requests so many are to be fast, in a million.
const P99_PPM: u64 = 990_000;

/// Budgets by keyspace.
#[derive(Debug, Default)]
pub struct Budgets {
    /// Whether any keyspace has an objective: most requests need to know no more.
    any: AtomicBool,
    keyspaces: Mutex<BTreeMap<String, Kept>>,
}

#[derive(Debug)]
struct Kept {
    objective: Objective,
    availability: Counted,
    latency: Counted,
}

#[derive(Debug, Default)]
struct Counted {
    budget: Budget,
    /// Good and bad since the figures were last told.
    fresh: (u64, u64),
}

impl Counted {
    fn count(&mut self, second: u64, bad: bool) {
        let (good, bad) = (u64::from(!bad), u64::from(bad));
        self.budget.count(second, good, bad);
        self.fresh = (self.fresh.0 + good, self.fresh.1 + bad);
    }
}

impl Budgets {
    /// These keyspaces have objectives, and no others. One that changed begins anew.
    pub fn learn(&self, all: Vec<(String, Objective)>) {
        let mut keyspaces = self.lock();
        keyspaces.retain(|name, kept| all.iter().any(|(n, o)| n == name && *o == kept.objective));
        for (name, objective) in all.into_iter().take(KEYSPACES_MAX) {
            keyspaces.entry(name).or_insert_with(|| Kept {
                objective,
                availability: Counted::default(),
                latency: Counted::default(),
            });
        }
        self.any.store(!keyspaces.is_empty(), Relaxed);
    }

    /// A request ended.
    pub fn count(&self, second: u64, keyspace: &str, code: Option<&str>, took: Duration) {
        if !self.any.load(Relaxed) {
            return;
        }
        if let Some(kept) = self.lock().get_mut(keyspace) {
            let bad = slo::is_bad(code);
            kept.availability.count(second, bad);
            let most = Duration::from_micros(kept.objective.latency_p99_us.into());
            if !most.is_zero() && !bad {
                kept.latency.count(second, took > most);
            }
        }
    }

    /// Where every objective stands.
    #[must_use]
    pub fn read(&self, node: String, now: u64) -> Objectives {
        let keyspaces = self.lock();
        let objectives = keyspaces.iter().flat_map(|(name, kept)| {
            let about = |sli: &str, target_ppm, threshold_us| slo::Objective {
                keyspace: name.clone(),
                sli: sli.to_owned(),
                target_ppm,
                threshold_us,
                window_s: kept.objective.window_s.into(),
                ..slo::Objective::default()
            };
            let available = about("availability", kept.objective.availability_ppm.into(), None);
            let most = u64::from(kept.objective.latency_p99_us);
            let fast = (most > 0).then(|| about("latency", P99_PPM, Some(most)));
            let available = slo::Objective::of(available, &kept.availability.budget, now);
            let fast = fast.map(|about| slo::Objective::of(about, &kept.latency.budget, now));
            [Some(available), fast].into_iter().flatten()
        });
        Objectives { node, objectives: objectives.collect() }
    }

    /// Tells the figures what was counted since they were last told.
    pub fn tell(&self, metrics: &Metrics) {
        let mut keyspaces = self.lock();
        for (name, kept) in keyspaces.iter_mut() {
            let objective = kept.objective;
            let availability = f64::from(objective.availability_ppm) / 1e6;
            tell(metrics, name, "availability", availability, &mut kept.availability);
            if objective.latency_p99_us > 0 {
                tell(metrics, name, "latency", P99_PPM as f64 / 1e6, &mut kept.latency);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.keyspaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(metrics: &Metrics, keyspace: &str, sli: &'static str, target: f64, counted: &mut Counted) {
    let (good, bad) = std::mem::take(&mut counted.fresh);
    let labels = Sli { keyspace: keyspace.to_owned(), sli };
    metrics.slo_target.get_or_create(&labels).set(target);
    metrics.slo_requests.get_or_create(&labels).inc_by(good + bad);
    metrics.slo_errors.get_or_create(&labels).inc_by(bad);
}

/// What burns so fast that somebody must be told, by objectives.
#[must_use]
pub fn burning(objectives: &Objectives) -> Vec<String> {
    let mut burning = Vec::new();
    for objective in &objectives.objectives {
        if let Some(alert) = objective.alerts.iter().find(|a| a.firing && a.severity == "page") {
            let (keyspace, sli) = (&objective.keyspace, &objective.sli);
            let rate = alert.rate_milli / 1000;
            burning.push(format!(
                "{keyspace}: the budget of {sli} burns more than {rate} times too fast over {}",
                alert.long
            ));
        }
    }
    burning
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Sample;

    #[test]
    fn requests_count_where_there_is_an_objective() {
        let (budgets, metrics) = (Budgets::default(), Metrics::default());
        let ms = Duration::from_millis;
        budgets.count(3_600_000, "carts", None, ms(1));
        let objective =
            Objective { availability_ppm: 999_000, latency_p99_us: 100_000, window_s: 604_800 };
        budgets.learn(vec![("carts".into(), objective)]);
        for n in 0..100 {
            let code = (n % 5 == 0).then_some("unavailable");
            budgets.count(3_600_000, "carts", code, ms(if n == 1 { 101 } else { 99 }));
            budgets.count(3_600_000, "others", code, ms(1));
        }
        budgets.count(3_600_000, "carts", Some("keyspace-not-found"), ms(1));
        let told = budgets.read("n1".into(), 3_600_001);
        let counts: Vec<_> =
            told.objectives.iter().map(|o| (o.sli.as_str(), o.good, o.bad)).collect();
        assert_eq!(counts, [("availability", 81, 20), ("latency", 80, 1)]);
        assert_eq!(burning(&told).len(), 1, "{told:?}");
        budgets.tell(&metrics);
        budgets.tell(&metrics);
        let text = metrics.text(Sample::default());
        let line = "quorate_slo_errors_total{keyspace=\"carts\",sli=\"availability\"} 20";
        assert!(text.contains(line), "{text}");
        budgets.learn(vec![]);
        assert!(budgets.read("n1".into(), 1).objectives.is_empty());
    }
}
