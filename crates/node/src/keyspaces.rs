//! Requests by keyspace: how many, how long they took and how they ended, on the node that was
//! asked.
//!
//! A name gets figures of its own only from the catalog, never from a request: clients could
//! otherwise make as many as they like. What was counted of a keyspace stays after it was dropped.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use kernel::Duration;
use prometheus_client::metrics::histogram::Histogram;
use vigil::Outcome;

use crate::metrics::{Histograms, Keyspace};

/// Keyspaces with figures of their own.
const KEYSPACES_MAX: usize = 64;
/// What all others are counted as; a keyspace cannot have this name.
const OTHER: &str = "_other";

/// The figures of one keyspace by outcome, each looked up when it is first needed.
type Row = [OnceLock<Histogram>; Outcome::ALL.len()];

/// Figures by keyspace.
#[derive(Debug)]
pub struct Keyspaces {
    family: Histograms<Keyspace>,
    named: Mutex<BTreeMap<String, Row>>,
    other: Row,
}

impl Keyspaces {
    /// No keyspace is known yet.
    #[must_use]
    pub fn new(family: Histograms<Keyspace>) -> Keyspaces {
        Keyspaces { family, named: Mutex::default(), other: Row::default() }
    }

    /// These keyspaces exist. The first of them by name get figures of their own while there is
    /// room.
    pub fn learn<'a>(&self, all: impl Iterator<Item = &'a str>) {
        let mut named = self.named();
        let mut fresh: Vec<&str> = all.filter(|name| !named.contains_key(*name)).collect();
        fresh.sort_unstable();
        fresh.truncate(KEYSPACES_MAX.saturating_sub(named.len()));
        named.extend(fresh.into_iter().map(|name| (name.to_owned(), Row::default())));
    }

    /// A request ended.
    pub fn count(&self, keyspace: &str, outcome: Outcome, took: Duration) {
        let named = self.named();
        let (name, row) = match named.get_key_value(keyspace) {
            Some((name, row)) => (name.as_str(), row),
            None => (OTHER, &self.other),
        };
        let figure = row[outcome as usize].get_or_init(|| {
            let labels = Keyspace { keyspace: name.to_owned(), outcome: outcome.name() };
            self.family.get_or_create_owned(&labels)
        });
        figure.observe(took.as_secs_f64());
    }

    fn named(&self) -> MutexGuard<'_, BTreeMap<String, Row>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Metrics, Sample};

    const MS: Duration = Duration::from_millis(1);

    fn text(metrics: &Metrics) -> String {
        metrics.text(Sample::default())
    }

    #[test]
    fn requests_are_told_apart_by_keyspace_and_outcome_also_after_it_was_dropped() {
        let metrics = Metrics::default();
        let keyspaces = Keyspaces::new(metrics.keyspaces.clone());
        keyspaces.learn(["carts", "users"].into_iter());
        keyspaces.learn(["users"].into_iter());
        keyspaces.count("carts", Outcome::Ok, MS);
        keyspaces.count("carts", Outcome::Ok, MS);
        keyspaces.count("carts", Outcome::ServerError, MS);
        keyspaces.count("made-up", Outcome::ClientError, MS);
        let text = text(&metrics);
        for (labels, count) in [
            ("keyspace=\"carts\",outcome=\"ok\"", 2),
            ("keyspace=\"carts\",outcome=\"server-error\"", 1),
            ("keyspace=\"_other\",outcome=\"client-error\"", 1),
        ] {
            let line = format!("quorate_keyspace_request_seconds_count{{{labels}}} {count}\n");
            assert!(text.contains(&line), "{line} in\n{text}");
        }
        assert!(!text.contains("made-up") && !text.contains("users"), "{text}");
    }

    #[test]
    fn the_first_sixty_four_by_name_have_figures_of_their_own() {
        let metrics = Metrics::default();
        let keyspaces = Keyspaces::new(metrics.keyspaces.clone());
        let names: Vec<String> = (0..100).rev().map(|n| format!("k{n:02}")).collect();
        keyspaces.learn(names.iter().map(String::as_str));
        keyspaces.learn(["a"].into_iter());
        for name in names.iter().map(String::as_str).chain(["a"]) {
            keyspaces.count(name, Outcome::Ok, MS);
        }
        let text = text(&metrics);
        let count = "quorate_keyspace_request_seconds_count";
        assert_eq!(text.lines().filter(|line| line.starts_with(count)).count(), 65);
        assert!(text.contains("keyspace=\"k63\"") && !text.contains("keyspace=\"k64\""), "{text}");
        let other = format!("{count}{{keyspace=\"_other\",outcome=\"ok\"}} 37\n");
        assert!(text.contains(&other), "{text}");
    }
}
