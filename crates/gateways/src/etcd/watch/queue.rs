//! What waits to be sent to one stream: bounded in bytes.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use kernel::bug::{Bug, planted};
use tokio::sync::Notify;

/// The number of no watch.
pub const NONE: i64 = -1;
/// What a queue weighs beside its events, for each item, in bytes.
const ITEM: usize = 64;

/// What a stream is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Events of one revision for one watch.
    Events {
        /// Which watch.
        id: i64,
        /// The revision.
        revision: i64,
        /// The events, encoded as a response holds them.
        events: Bytes,
    },
    /// Everything up to a revision was handed out; of no watch, to all of the stream.
    Progress {
        /// Which watch.
        id: i64,
        /// The revision.
        revision: i64,
    },
}

/// What waits to be sent to one stream.
#[derive(Debug)]
pub struct Queue {
    /// The number of the stream.
    pub stream: u64,
    state: Mutex<State>,
    filled: Notify,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Item>,
    bytes: usize,
    /// Watches for which there was no room, and the revision that they have yet to see.
    behind: Vec<(i64, i64)>,
}

impl Queue {
    /// A queue of a stream, for so many bytes.
    pub fn new(stream: u64, bytes_max: usize) -> Queue {
        Queue { stream, state: Mutex::default(), filled: Notify::new(), bytes_max }
    }

    /// How many bytes wait, and the first revision that waits for each watch.
    pub fn waiting(&self) -> (usize, HashMap<i64, i64>) {
        let state = self.state();
        let mut first = HashMap::new();
        for item in &state.items {
            if let Item::Events { id, revision, .. } = item {
                first.entry(*id).or_insert(*revision);
            }
        }
        (state.bytes, first)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item.
    pub fn push(&self, item: Item) {
        let mut state = self.state();
        state.bytes += weight(&item);
        state.items.push_back(item);
        drop(state);
        self.filled.notify_one();
    }

    /// Adds events, unless there is no room: then the watch is behind, and `false`.
    pub fn offer(&self, id: i64, revision: i64, events: Bytes) -> bool {
        let mut state = self.state();
        let room = state.bytes == 0 || state.bytes + ITEM + events.len() <= self.bytes_max;
        if room {
            let item = Item::Events { id, revision, events };
            state.bytes += weight(&item);
            state.items.push_back(item);
        } else {
            let lost = i64::from(planted(Bug::RoomLost));
            state.behind.push((id, revision + lost));
        }
        drop(state);
        self.filled.notify_one();
        room
    }

    /// A watch has to read by itself from a revision on.
    pub fn leave_behind(&self, id: i64, revision: i64) {
        self.state().behind.push((id, revision));
        self.filled.notify_one();
    }

    /// Lets the stream look around, although there may be nothing for it.
    pub fn wake(&self) {
        self.filled.notify_one();
    }

    /// Waits until there is something.
    pub async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Takes everything: items, and watches that are behind since.
    pub fn take(&self) -> (VecDeque<Item>, Vec<(i64, i64)>) {
        let mut state = self.state();
        state.bytes = 0;
        (std::mem::take(&mut state.items), std::mem::take(&mut state.behind))
    }

    /// Takes back what waits to be said of the whole stream: the revision up to which that was.
    pub fn take_back(&self) -> Option<i64> {
        let mut state = self.state();
        let mut last = None;
        state.items.retain(|item| match item {
            Item::Progress { id: NONE, revision } => {
                last = Some(*revision);
                false
            }
            _ => true,
        });
        state.bytes = state.items.iter().map(weight).sum();
        last
    }

    /// Forgets what waits for a watch that has ended.
    pub fn forget(&self, ended: i64) {
        let mut state = self.state();
        let of = |item: &Item| match item {
            Item::Events { id, .. } | Item::Progress { id, .. } => *id,
        };
        state.items.retain(|item| of(item) != ended);
        state.bytes = state.items.iter().map(weight).sum();
        state.behind.retain(|(id, _)| *id != ended);
    }
}

fn weight(item: &Item) -> usize {
    match item {
        Item::Events { events, .. } => ITEM + events.len(),
        Item::Progress { .. } => ITEM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_finds_no_room_is_behind_and_who_ends_is_forgotten() {
        let queue = Queue::new(1, 302);
        let events = Bytes::from(vec![0; 100]);
        assert!(queue.offer(1, 5, events.clone()));
        assert!(!queue.offer(2, 6, Bytes::from(vec![0; 200])));
        assert!(queue.offer(3, 7, Bytes::from(vec![0; 10])));
        assert!(queue.offer(3, 9, Bytes::new()));
        assert_eq!(queue.waiting(), (302, [(1, 5), (3, 7)].into()));
        queue.forget(1);
        let (items, behind) = queue.take();
        assert!(matches!(items.front(), Some(Item::Events { id: 3, revision: 7, .. })));
        assert_eq!((items.len(), &behind[..]), (2, &[(2, 6)][..]));
        assert!(queue.offer(1, 8, Bytes::from(vec![0; 1000])), "alone, anything finds room");
    }
}
