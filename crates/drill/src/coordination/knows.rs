//! What a client knows, or believes.

use std::collections::BTreeMap;

use check::etcd::{Answer, Ask, Kv, Refusal};

/// What a client knows.
#[derive(Default)]
pub(super) struct Knows {
    /// Its leases that it has not seen end.
    pub leases: Vec<i64>,
    /// Its place in the queue of each lock: the key, and the token if the lock is held.
    pub locks: BTreeMap<String, (String, Option<i64>)>,
    /// Its candidacies: key, token and lease.
    pub stands: BTreeMap<String, (String, i64, i64)>,
    /// What it saw of keys last.
    pub seen: BTreeMap<String, Kv>,
    /// The newest revision that it saw.
    pub revision: i64,
}

impl Knows {
    /// Learns from an answer.
    pub(super) fn learn(&mut self, ask: &Ask, answer: &Answer) {
        self.revision = answer.revision().unwrap_or(0).max(self.revision);
        match (ask, answer) {
            (_, Answer::Refused(why)) => self.refused(ask, *why),
            (Ask::Put(put), Answer::Put(done)) => {
                self.seen.entry(put.key.clone()).or_default().modified = done.revision;
            }
            (_, Answer::Range(found)) => {
                self.seen.extend(found.kvs.iter().map(|kv| (kv.key.clone(), kv.clone())));
            }
            (Ask::Grant(grant), _) => self.leases.push(grant.lease),
            (_, Answer::KeepAlive(kept)) => {
                let gone = |lease: &i64| kept.leases.contains(&(*lease, 0));
                self.leases.retain(|lease| !gone(lease));
            }
            (Ask::Revoke(lease), _) => self.leases.retain(|other| *other != lease.lease),
            (Ask::Lock(stand), Answer::Place(queued)) => {
                let token = queued.held.then_some(queued.token);
                self.locks.insert(stand.name.clone(), (queued.key.clone(), token));
            }
            (Ask::Unlock(place), _) => self.locks.retain(|_, (key, _)| *key != place.key),
            (Ask::Campaign(stand), Answer::Place(queued)) => {
                let stands = (queued.key.clone(), queued.token, stand.lease);
                self.stands.insert(stand.name.clone(), stands);
            }
            (Ask::Resign(place), _) => self.stands.retain(|_, (key, ..)| *key != place.key),
            _ => {}
        }
    }

    /// Learns from a refusal: what it relied on is gone.
    fn refused(&mut self, ask: &Ask, why: Refusal) {
        match why {
            Refusal::LeaseNotFound => {
                let gone = ask.leases().to_vec();
                self.leases.retain(|lease| !gone.contains(lease));
            }
            Refusal::Guard => {
                if let Some((name, _)) = ask.guard() {
                    self.locks.remove(name);
                }
            }
            Refusal::NotLeader => self.stands.clear(),
            _ => {}
        }
    }
}
