//! How far this node's replicas have come and what they changed, for who waits for the next change.
//!
//! ```text
//!   worker ── applied 8, revision 5 ─▶ ┌ keyspace a: 8, told 4 and 5 ┐ ─▶ who serves watchers of a
//!          ── applied 3 ─────────────▶ └ keyspace b: 3, a gap        ┘ ─▶ …
//! ```

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use layers::coordination::{Stretch, Told};
use tokio::sync::watch;

/// What is known of every keyspace.
#[derive(Debug, Default)]
pub struct Changes {
    keyspaces: Mutex<BTreeMap<String, Known>>,
}

#[derive(Debug, Default)]
struct Known {
    /// The applied index of the replica here, 0 if there is none.
    applied: watch::Sender<u64>,
    /// What was changed and nobody has taken yet.
    told: Told,
}

impl Changes {
    /// The applied index of a keyspace's replica here, and word of every change of it.
    #[must_use]
    pub fn of(&self, keyspace: &str) -> watch::Receiver<u64> {
        let mut keyspaces = self.lock();
        if let Some(known) = keyspaces.get(keyspace) {
            return known.applied.subscribe();
        }
        // What nobody looks at and has nothing to say is forgotten: names come from outside.
        keyspaces
            .retain(|_, known| known.applied.receiver_count() > 0 || *known.applied.borrow() > 0);
        keyspaces.entry(keyspace.to_owned()).or_default().applied.subscribe()
    }

    /// The replica of a keyspace has applied the log up to here, and so changed this; `None` if that
    /// is not known.
    pub fn applied(&self, keyspace: String, index: u64, told: Option<Stretch>) {
        let mut keyspaces = self.lock();
        let known = keyspaces.entry(keyspace).or_default();
        known.told.add(told);
        known.applied.send_replace(index);
    }

    /// What was changed since somebody took it last, `None` if not all of that is known; and up to
    /// which index the replica has applied the log by now.
    #[must_use]
    pub fn take(&self, keyspace: &str) -> (u64, Option<Stretch>) {
        match self.lock().get_mut(keyspace) {
            Some(known) => (*known.applied.borrow(), known.told.take()),
            None => (0, None),
        }
    }

    /// No code of ours panics while it holds the lock, so a poisoned state is a sound one.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.keyspaces.lock().unwrap_or_else(PoisonError::into_inner)
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
        changes.applied("a".into(), 7, None);
        assert!(early.has_changed().unwrap());
        assert_eq!((*early.borrow_and_update(), *changes.of("a").borrow()), (7, 7));
        assert_eq!(*changes.of("b").borrow(), 0);
    }

    #[test]
    fn names_that_nobody_uses_are_forgotten() {
        let changes = Changes::default();
        changes.applied("a".into(), 7, None);
        let kept = changes.of("b");
        (0..100).for_each(|n| drop(changes.of(&format!("n{n}"))));
        assert!(changes.lock().len() <= 3);
        changes.applied("b".into(), 1, None);
        assert_eq!((*kept.borrow(), *changes.of("a").borrow()), (1, 7));
    }

    #[test]
    fn what_was_changed_is_taken_once_and_never_with_a_gap() {
        let changes = Changes::default();
        let to = |before, after| Stretch::new(before, after, Vec::new());
        assert_eq!(changes.take("a"), (0, None));
        changes.applied("a".into(), 7, to(1, 2));
        changes.applied("a".into(), 8, to(2, 3));
        assert_eq!(changes.take("a"), (8, to(1, 3)));
        assert_eq!(changes.take("a"), (8, None));
        changes.applied("a".into(), 9, None);
        changes.applied("a".into(), 10, to(4, 5));
        assert_eq!(changes.take("a"), (10, None));
    }
}
