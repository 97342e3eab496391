//! How far this node's replicas have come, for who waits for the next change.
//!
//! ```text
//!   worker ── applied 8 ─▶ ┌ watch of keyspace a: 8 ┐ ─▶ whoever serves watchers of a
//!          ── applied 3 ─▶ └ watch of keyspace b: 3 ┘ ─▶ …
//! ```

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

/// A value by keyspace: the applied index of the replica here, 0 if there is none.
#[derive(Debug, Default)]
pub struct Changes {
    watches: Mutex<BTreeMap<String, watch::Sender<u64>>>,
}

impl Changes {
    /// The value of a keyspace, and word of every change of it.
    #[must_use]
    pub fn of(&self, keyspace: &str) -> watch::Receiver<u64> {
        let mut watches = self.lock();
        if let Some(known) = watches.get(keyspace) {
            return known.subscribe();
        }
        // What nobody looks at and has nothing to say is forgotten: names come from outside.
        watches.retain(|_, watch| watch.receiver_count() > 0 || *watch.borrow() > 0);
        watches.entry(keyspace.to_owned()).or_default().subscribe()
    }

    /// The replica of a keyspace has applied the log up to here.
    pub fn applied(&self, keyspace: String, index: u64) {
        self.lock().entry(keyspace).or_default().send_replace(index);
    }

    /// No code of ours panics while it holds the lock, so a poisoned state is a sound one.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, watch::Sender<u64>>> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_early_or_late_sees_the_newest_value() {
        let changes = Changes::default();
        let mut early = changes.of("a");
        assert_eq!((*early.borrow(), early.has_changed().unwrap()), (0, false));
        changes.applied("a".into(), 7);
        assert!(early.has_changed().unwrap());
        assert_eq!((*early.borrow_and_update(), *changes.of("a").borrow()), (7, 7));
        assert_eq!(*changes.of("b").borrow(), 0);
    }

    #[test]
    fn names_that_nobody_uses_are_forgotten() {
        let changes = Changes::default();
        changes.applied("a".into(), 7);
        let kept = changes.of("b");
        (0..100).for_each(|n| drop(changes.of(&format!("n{n}"))));
        assert!(changes.lock().len() <= 3);
        changes.applied("b".into(), 1);
        assert_eq!((*kept.borrow(), *changes.of("a").borrow()), (1, 7));
    }
}
