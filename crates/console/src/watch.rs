//! Asks every node over HTTP how it is, again and again, while somebody looks.
//!
//! Each node is asked by a task of its own, so that one that hangs delays no news of the others.
//! When nobody has looked for a while the tasks end: a console that nobody has open costs nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use client::{Cause, Client, Error, Options};
use kernel::Duration;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::{
    ambient::{self, Moment},
    picture::{Heard, Picture},
};

/// Between two questions to a node.
const PERIOD: Duration = Duration::from_millis(300);
/// How long a node may take to answer one.
const PATIENCE: Duration = Duration::from_millis(900);
/// How long nodes are asked after somebody looked.
const INTEREST: Duration = Duration::from_secs(10);
/// How many nodes are asked.
const NODES_MAX: usize = 64;
/// Events asked for at a time.
const EVENTS_AT_ONCE: usize = 200;

/// What is known of all nodes, kept fresh while it is wanted. Clones share it.
#[derive(Clone)]
pub struct Watch {
    shared: Arc<Shared>,
}

struct Shared {
    here: String,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

struct State {
    heard: BTreeMap<String, Heard>,
    /// Where nodes are.
    addresses: BTreeMap<String, String>,
    /// Nodes that are being asked.
    followed: BTreeSet<String>,
    /// When somebody looked last.
    wanted: Moment,
}

impl Watch {
    /// Knows one node, by name and address, and learns the others from it.
    pub fn new(here: &str, address: &str) -> Watch {
        let state = State {
            heard: BTreeMap::new(),
            addresses: BTreeMap::from([(here.to_owned(), address.to_owned())]),
            followed: BTreeSet::new(),
            wanted: ambient::now(),
        };
        let shared = Shared {
            here: here.to_owned(),
            state: Mutex::new(state),
            changed: watch::Sender::new(0),
        };
        Watch { shared: Arc::new(shared) }
    }

    /// Somebody looks: nodes are asked from now on, for a while.
    pub fn want(&self) {
        self.state().wanted = ambient::now();
        self.follow_all();
    }

    /// Waits until every known node has answered or failed once, at most so long.
    pub async fn settle(&self, patience: Duration) {
        let mut changed = self.changes();
        let settled = async { while !self.complete() && changed.changed().await.is_ok() {} };
        ambient::within(patience, settled).await;
    }

    /// Word of every answer.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    /// What is known now.
    pub fn picture(&self) -> Picture {
        Picture::of(&self.shared.here, &self.state().heard, ambient::unix_ms())
    }

    /// Where a node is.
    pub fn address(&self, node: &str) -> Option<String> {
        self.state().addresses.get(node).cloned()
    }

    /// Where all nodes are, by name.
    pub fn addresses(&self) -> BTreeMap<String, String> {
        self.state().addresses.clone()
    }

    fn complete(&self) -> bool {
        let state = self.state();
        let answered =
            |heard: &Heard| heard.cluster.value().is_some() || heard.cluster.reason().is_some();
        let told =
            |heard: &Heard| heard.vitals.value().is_some() || heard.vitals.reason().is_some();
        state
            .addresses
            .keys()
            .all(|node| state.heard.get(node).is_some_and(|heard| answered(heard) && told(heard)))
    }

    fn follow_all(&self) {
        let mut state = self.state();
        let new: Vec<String> = state.addresses.keys().cloned().collect();
        for node in new {
            if state.followed.insert(node.clone()) {
                ambient::spawn(self.clone().follow(node));
            }
        }
    }

    async fn follow(self, node: String) {
        let mut asked: Option<(String, Client)> = None;
        for round in 0_u64.. {
            let Some(address) = self.still_wanted(&node) else { return };
            let client = match asked.take() {
                Some((same, client)) if same == address => client,
                _ => client_of(&address),
            };
            self.ask(&node, &client, round).await;
            asked = Some((address, client));
            ambient::sleep(until_next(ambient::unix_ms())).await;
        }
    }

    /// The node's address; `None`, and the node is no longer followed, if nobody looks any more.
    fn still_wanted(&self, node: &str) -> Option<String> {
        let mut state = self.state();
        let idle = ambient::now().duration_since(state.wanted);
        let address = state.addresses.get(node).cloned().filter(|_| idle < INTEREST);
        if address.is_none() {
            state.followed.remove(node);
        }
        address
    }

    async fn ask(&self, node: &str, client: &Client, round: u64) {
        let control = client.control();
        let cluster = control.cluster().await.map_err(|error| reason(&error));
        let failed = cluster.as_ref().err().cloned();
        if let Ok(cluster) = &cluster {
            self.learn(cluster);
        }
        self.note(node, |heard, now| heard.cluster.note(cluster, now));
        if let Some(reason) = failed {
            // Who does not answer one question answers no other.
            self.note(node, |heard, now| heard.vitals.note(Err(reason), now));
            return;
        }
        if round.is_multiple_of(2) {
            let vitals = get(client, "/v1/vitals?seconds=60").await;
            self.note(node, |heard, now| heard.vitals.note(vitals, now));
            let after = self.state().heard.get(node).map_or(0, |heard| heard.next_event);
            let target = format!("/v1/events?after={after}&limit={EVENTS_AT_ONCE}");
            let events = get(client, &target).await;
            self.note(node, |heard, _| heard.note_events(events));
        }
        if round.is_multiple_of(8) {
            let keyspaces = control.keyspaces().await.map_err(|error| reason(&error));
            self.note(node, |heard, now| heard.keyspaces.note(keyspaces, now));
        }
        // A node asks all others before it answers these.
        if round % 16 == 2 {
            let doctor = get(client, "/v1/doctor").await;
            self.note(node, |heard, now| heard.doctor.note(doctor, now));
            let slo = get(client, "/v1/slo").await;
            self.note(node, |heard, now| heard.slo.note(slo, now));
        }
    }

    fn note(&self, node: &str, note: impl FnOnce(&mut Heard, u64)) {
        let now = ambient::unix_ms();
        note(self.state().heard.entry(node.to_owned()).or_default(), now);
        self.shared.changed.send_modify(|changes| *changes += 1);
    }

    /// Takes note of members that are new or have moved.
    fn learn(&self, cluster: &client::document::Cluster) {
        {
            let mut state = self.state();
            for node in cluster.nodes.iter().filter(|node| !node.http.is_empty()) {
                let known = state.addresses.contains_key(&node.id);
                if node.id != self.shared.here && (known || state.addresses.len() < NODES_MAX) {
                    state.addresses.insert(node.id.clone(), node.http.clone());
                }
            }
        }
        self.follow_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until all nodes are asked next. They are asked at the same instants: logs that grow while they are
/// looked at one after the other would seem to be behind each other.
fn until_next(unix_ms: u64) -> Duration {
    let period = u64::try_from(PERIOD.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis(period - unix_ms % period)
}

/// A client of one node that asks once and does not wait long.
pub fn client_of(address: &str) -> Client {
    let options = Options {
        timeout: PATIENCE,
        attempt_timeout: PATIENCE,
        retry: false,
        session: false,
        ..Options::default()
    };
    Client::new([address], options)
}

/// Asks for a document.
pub async fn get<T: DeserializeOwned>(client: &Client, target: &str) -> Result<T, String> {
    client.control().document(target).await.map_err(|error| reason(&error))
}

/// Why a question was not answered, for people.
pub fn reason(error: &Error) -> String {
    match error.cause() {
        Cause::Problem(problem) if problem.code == "route-not-found" => {
            "this node does not tell it: it is of another version".to_owned()
        }
        Cause::Problem(problem) => problem.detail.clone(),
        Cause::Deadline => format!("no answer within {} ms", PATIENCE.as_millis()),
        Cause::Io(_, error) => error.to_string(),
        Cause::Protocol(text) => format!("an answer that cannot be read: {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_nodes_are_asked_at_the_same_instants() {
        let next = |now: u64| now + u64::try_from(until_next(now).as_millis()).unwrap();
        assert_eq!([next(600), next(601), next(899)], [900, 900, 900]);
    }
}
