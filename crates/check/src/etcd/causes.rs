//! What made the changes that no acknowledged write claims.
//!
//! Something that was asked for and never answered may have taken effect, once. Keys may have gone
//! with their lease: then all of its keys went together. There is no third cause.

use std::collections::{BTreeMap, BTreeSet};

use crate::anomaly::Anomaly;

use super::deeds::{Deeds, Role};
use super::recipe::asked_as;
use super::replay::{Ended, Wrong};
use super::state::State;
use super::{Ask, Change, Keys};

/// What may have made changes.
#[derive(Default)]
pub(super) struct Causes {
    /// How often a key can still be put with a value.
    puts: BTreeMap<String, BTreeMap<String, u64>>,
    /// Keys that may be removed at any time, one by one and by range.
    removals: BTreeSet<String>,
    ranges: Vec<Keys>,
    /// What may be removed at a revision.
    at: BTreeMap<i64, Vec<Keys>>,
    /// Leases that may be revoked at a revision; 0 for any.
    revokes: BTreeSet<(i64, i64)>,
}

impl Causes {
    pub(super) fn of(deeds: &Deeds<'_>) -> Causes {
        let mut causes = Causes::default();
        for deed in &deeds.all {
            for (key, value) in deed.puts() {
                *causes.puts.entry(key).or_default().entry(value).or_default() += 1;
            }
            let place = deed.place().filter(|(_, role)| *role == Role::MayMake);
            match (place, deed.answer) {
                (Some((revision, _)), _) => {
                    causes.at.entry(revision).or_default().extend(deed.removes(revision));
                }
                (None, None) => {
                    let (one, many): (Vec<Keys>, Vec<Keys>) =
                        deed.removes(0).into_iter().partition(|keys| keys.end.is_empty());
                    causes.removals.extend(one.into_iter().map(|keys| keys.key));
                    causes.ranges.extend(many);
                }
                _ => continue,
            }
            if let Ask::Revoke(lease) = deed.ask {
                causes.revokes.insert((lease.lease, place.map_or(0, |(revision, _)| revision)));
            }
        }
        causes
    }

    /// Counts what was put: each request takes effect once.
    pub(super) fn count(&mut self, revision: i64, shown: &[Change]) -> Result<(), Wrong> {
        for kv in shown.iter().filter(|change| !change.removed).map(|change| &change.kv) {
            let text = |what| format!("{}={} {what} at revision {revision}", kv.key, kv.value);
            // A numbered key was asked for without its number.
            let asked = match self.puts.contains_key(&kv.key) {
                true => Some(kv.key.clone()),
                false => asked_as(&kv.key, revision),
            };
            match asked
                .and_then(|key| self.puts.get_mut(&key))
                .and_then(|of| of.get_mut(kv.value.as_str()))
            {
                Some(left) if *left > 0 => *left -= 1,
                Some(_) => return Err((Anomaly::AppliedTwice, text("was put once more"), None)),
                None => return Err((Anomaly::Phantom, text("was put by nobody"), None)),
            }
        }
        Ok(())
    }

    /// Explains what was removed at a revision that nobody claims, in the state before it; notes the
    /// leases that ended there by themselves.
    pub(super) fn explain(
        &self,
        state: &State,
        revision: i64,
        shown: &[Change],
        ended: &mut Ended,
    ) -> Result<(), Wrong> {
        let removed: BTreeSet<&str> = shown
            .iter()
            .filter(|change| change.removed)
            .map(|change| change.kv.key.as_str())
            .collect();
        let lease = |key: &str| state.get(key).map_or(0, |kv| kv.lease);
        let leases: BTreeSet<i64> = removed.iter().map(|key| lease(key)).collect();
        let whole = |lease: &i64| {
            *lease != 0 && state.attached(*lease).all(|kv| removed.contains(kv.key.as_str()))
        };
        let whole: BTreeSet<i64> = leases.into_iter().filter(whole).collect();
        for key in &removed {
            if self.removes(key, revision) {
                continue;
            }
            let lease = lease(key);
            if !whole.contains(&lease) {
                let text = format!("{key} is removed at revision {revision}");
                return Err((Anomaly::RemovedByNobody, text, None));
            }
            let revoked = [0, revision].iter().any(|at| self.revokes.contains(&(lease, *at)));
            if !revoked {
                ended.insert(lease, revision);
            }
        }
        Ok(())
    }

    fn removes(&self, key: &str, revision: i64) -> bool {
        self.removals.contains(key)
            || self.ranges.iter().any(|keys| keys.contains(key))
            || self.at.get(&revision).is_some_and(|all| all.iter().any(|keys| keys.contains(key)))
    }
}
