//! Where to go: the nodes that are known and who led last.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Addresses of nodes and hints about leaders.
#[derive(Debug)]
pub struct Nodes {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    addresses: Vec<String>,
    /// Which address is next when nobody is known to lead.
    next: usize,
    /// By keyspace.
    leaders: BTreeMap<String, String>,
}

impl Nodes {
    /// Starts at one of these addresses.
    pub fn new(addresses: Vec<String>, start: usize) -> Nodes {
        let state = State { addresses, next: start, leaders: BTreeMap::new() };
        Nodes { state: Mutex::new(state) }
    }

    /// Adds addresses that are not known yet.
    pub fn learn(&self, addresses: impl IntoIterator<Item = String>) {
        let mut state = self.state();
        for address in addresses {
            if !address.is_empty() && !state.addresses.contains(&address) {
                state.addresses.push(address);
            }
        }
    }

    /// The leader of a keyspace if one is known and wanted, or else the node whose turn it is.
    pub fn choose(&self, keyspace: &str, leader_wanted: bool) -> Option<String> {
        let mut state = self.state();
        if leader_wanted && let Some(leader) = state.leaders.get(keyspace) {
            return Some(leader.clone());
        }
        let count = state.addresses.len().max(1);
        state.next = (state.next + 1) % count;
        state.addresses.get(state.next).cloned()
    }

    /// Takes note of a hint: `"n2";http="127.0.0.1:7071"`.
    pub fn hint(&self, keyspace: &str, header: &str) {
        if let Some(address) = address(header) {
            self.leads(keyspace, address);
        }
    }

    /// The leader of a keyspace is at this address.
    pub fn leads(&self, keyspace: &str, address: &str) {
        let mut state = self.state();
        if state.leaders.get(keyspace).is_none_or(|known| known != address) {
            state.leaders.insert(keyspace.to_owned(), address.to_owned());
        }
        if !state.addresses.iter().any(|known| known == address) {
            state.addresses.push(address.to_owned());
        }
    }

    /// This node did not help: whoever it led must have another leader.
    pub fn doubt(&self, address: &str) {
        self.state().leaders.retain(|_, leader| leader != address);
    }

    /// Every address.
    pub fn all(&self) -> Vec<String> {
        self.state().addresses.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn address(header: &str) -> Option<&str> {
    let (_, rest) = header.split_once(";http=\"")?;
    rest.split_once('"').map(|(address, _)| address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_is_preferred_until_it_is_doubted() {
        let nodes = Nodes::new(vec!["a".into(), "b".into()], 0);
        let turns: Vec<_> = (0..3).filter_map(|_| nodes.choose("carts", true)).collect();
        assert_eq!(turns, ["b", "a", "b"]);
        nodes.hint("carts", "\"n3\";http=\"c\"");
        assert_eq!(nodes.choose("carts", true).as_deref(), Some("c"));
        assert_ne!(nodes.choose("other", true).as_deref(), None);
        assert_eq!(nodes.all(), ["a", "b", "c"]);
        nodes.doubt("c");
        let turns: Vec<_> = (0..3).filter_map(|_| nodes.choose("carts", true)).collect();
        assert_eq!(turns.len(), 3);
        assert!(turns.contains(&"a".to_owned()) && turns.contains(&"b".to_owned()));
    }

    #[test]
    fn a_hint_without_an_address_changes_nothing() {
        let nodes = Nodes::new(vec![], 0);
        for header in ["", "\"n2\"", "\"n2\";http=", "\"n2\";http=\"open"] {
            nodes.hint("carts", header);
        }
        assert_eq!(nodes.choose("carts", true), None);
    }
}
