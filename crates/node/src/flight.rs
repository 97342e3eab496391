//! The flight recorder of this node: what happened, kept in memory within two bounds. What outlives
//! the process is read and written by [`crate::history`].
//!
//! Everything that anybody may want to know of afterwards is recorded where it is noticed: by the
//! worker (elections, snapshots), the journal's thread (stalls, a full disk), the links, and by
//! whoever injects a fault. Recording takes a lock that nobody holds for long, and happens seldom.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use kernel::{Duration, Instant};
use tokio::sync::watch;
use vigil::{Event, Recorder, event::Filter};

use crate::ambient::Clock;

/// Events that are kept …
pub(crate) const EVENTS_MAX: usize = 4096;
/// … and the bytes that they may take.
const BYTES_MAX: usize = 2 << 20;

/// What repeats is recorded so far apart …
const APART: Duration = Duration::from_secs(60);
/// … as far as so many different things repeat.
const REPEATED_MAX: usize = 256;

/// Records, and tells who waits for news.
#[derive(Debug)]
pub struct Flight {
    recorder: Mutex<Recorder>,
    newest: watch::Sender<u64>,
    repeated: Mutex<BTreeMap<String, Instant>>,
    clock: Clock,
}

impl Flight {
    /// An empty recorder.
    #[must_use]
    pub fn new(clock: Clock) -> Flight {
        let recorder = Mutex::new(Recorder::new(EVENTS_MAX, BYTES_MAX));
        Flight { recorder, newest: watch::Sender::new(0), repeated: Mutex::default(), clock }
    }

    /// Takes what is left of earlier starts.
    pub fn resume(&self, before: Vec<Event>) {
        let mut recorder = self.lock();
        recorder.resume(before);
        self.newest.send_replace(recorder.newest());
    }

    /// Which start of the node this is, from 1.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.lock().start()
    }

    /// Records what happened now.
    pub fn record(&self, event: Event) {
        let unix_ms = self.clock.unix_ms();
        let newest = self.lock().record(unix_ms, event);
        self.newest.send_replace(newest);
    }

    /// Records what strangers can make happen as often as they like: the same thing, by its name,
    /// once a minute.
    pub fn record_seldom(&self, name: &str, event: Event) {
        let now = self.clock.instant();
        let mut repeated = self.repeated.lock().unwrap_or_else(PoisonError::into_inner);
        repeated.retain(|_, at| now.since(*at) < APART);
        if repeated.contains_key(name) || repeated.len() >= REPEATED_MAX {
            return;
        }
        repeated.insert(name.to_owned(), now);
        drop(repeated);
        self.record(event);
    }

    /// Learns which keyspace every shard is of.
    pub fn learn(&self, keyspaces: BTreeMap<u64, String>) {
        self.lock().learn(keyspaces);
    }

    /// The wanted events, oldest first, and the id after which to ask for more.
    #[must_use]
    pub fn read(&self, filter: &Filter) -> (Vec<Event>, u64) {
        self.lock().read(filter)
    }

    /// The id of the newest event, and word of every later one.
    #[must_use]
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigil::Severity;

    #[test]
    fn who_waits_for_news_is_told() {
        let flight = Flight::new(Clock::start());
        let mut newest = flight.newest();
        flight.learn(BTreeMap::from([(4, "carts".into())]));
        flight.record(Event::new("election-won", Severity::Info, "n1 leads").shard(4));
        assert!(newest.has_changed().unwrap());
        assert_eq!(*newest.borrow_and_update(), 1);
        let (events, next) = flight.read(&Filter { limit: 9, ..Filter::default() });
        assert_eq!((events.len(), next), (1, 1));
        assert_eq!(events[0].keyspace.as_deref(), Some("carts"));
        assert!(events[0].time.starts_with("20"), "{}", events[0].time);
        for name in ["cluster", "cluster", "garbage"] {
            flight.record_seldom(name, Event::new("link-refused", Severity::Warning, name));
        }
        assert_eq!(*newest.borrow(), 3, "not the same thing twice");
    }
}
