//! Idle connections, per address.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::wire::Wire;

/// Idle connections kept per address.
const IDLE_MAX: usize = 1024;

/// Connections that wait for their next request.
#[derive(Debug, Default)]
pub struct Pool {
    idle: Mutex<BTreeMap<String, Vec<Wire>>>,
}

impl Pool {
    /// Takes the connection that was used last: it is the least likely to be closed by now.
    pub fn take(&self, address: &str) -> Option<Wire> {
        self.locked().get_mut(address)?.pop()
    }

    /// Gives a connection back.
    pub fn give(&self, address: &str, wire: Wire) {
        if !wire.open {
            return;
        }
        let mut idle = self.locked();
        match idle.get_mut(address) {
            Some(wires) if wires.len() < IDLE_MAX => wires.push(wire),
            Some(_) => {}
            None => {
                idle.insert(address.to_owned(), vec![wire]);
            }
        }
    }

    /// Forgets the connections of an address: one of them has just proved to be dead.
    pub fn forget(&self, address: &str) {
        self.locked().remove(address);
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<Wire>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
