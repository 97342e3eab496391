//! What the clients of a stretch invoked and saw, in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use check::history::{Event, Kind, Verb};

use super::ledger::Ledger;
use crate::{
    ambient::{self, Moment},
    bench::traffic,
};

/// A history that is being written.
pub struct Tape {
    origin: Moment,
    ledger: Arc<Ledger>,
    events: Mutex<Vec<Event>>,
}

impl Tape {
    /// An empty one; acknowledged writes are told to the ledger.
    pub fn new(ledger: Arc<Ledger>) -> Tape {
        Tape { origin: ambient::now(), ledger, events: Mutex::default() }
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.locked().len()
    }

    /// All events so far.
    pub fn events(&self) -> Vec<Event> {
        self.locked().clone()
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl traffic::Tape for Tape {
    fn record(&self, process: u64, kind: Kind, verb: Verb, key: &str, value: Option<i64>) {
        let mut events = self.locked();
        // The clock is read under the lock, so that times and events have one order.
        let now = ambient::now();
        let nanos = i64::try_from(now.duration_since(self.origin).as_nanos()).unwrap_or(i64::MAX);
        let value = value.map_or(serde_json::Value::Null, Into::into);
        events.push(Event::new(process, kind, verb).key(key).value(value).at(nanos));
        drop(events);
        if kind == Kind::Invoke {
            self.ledger.invoked();
        } else if kind == Kind::Ok && verb == Verb::Write {
            self.ledger.acknowledged(now);
        }
    }
}
