//! The calls and returns that are not yet placed, as a doubly linked list.
//!
//! Placing a call takes its two entries out in constant time, and taking it back puts them where
//! they were, as long as this happens in the reverse order (Lowe, "Testing for linearizability",
//! CCPE 2017, §3; Wing and Gong, JPDC 1993).

use super::model::Call;

/// Entry 0 is the anchor of the ring.
const ANCHOR: u32 = 0;

#[derive(Clone, Copy)]
struct Entry {
    next: u32,
    prev: u32,
    call: u32,
    returns: bool,
}

/// The ring of entries in the order of events; calls of unknown outcome are not in it.
pub(super) struct Events {
    ring: Vec<Entry>,
    /// Per call: its entry and that of its return; the anchor if it has none.
    at: Vec<(u32, u32)>,
}

impl Events {
    pub(super) fn new<A>(calls: &[Call<A>]) -> Events {
        let mut order = Vec::with_capacity(calls.len() * 2);
        for (index, call) in calls.iter().enumerate().filter(|(_, call)| !call.open()) {
            order.push((call.start, false, index as u32));
            order.push((call.end, true, index as u32));
        }
        order.sort_unstable();
        let len = order.len() as u32;
        let anchor = Entry { next: 1 % (len + 1), prev: len, call: 0, returns: false };
        let mut ring = vec![anchor];
        let mut at = vec![(ANCHOR, ANCHOR); calls.len()];
        for (index, (_, returns, call)) in order.into_iter().enumerate() {
            let entry = index as u32 + 1;
            let place = &mut at[call as usize];
            *(if returns { &mut place.1 } else { &mut place.0 }) = entry;
            ring.push(Entry { next: (entry + 1) % (len + 1), prev: entry - 1, call, returns });
        }
        Events { ring, at }
    }

    /// The calls that may be placed next: those before the first return.
    pub(super) fn enabled(&self) -> Enabled<'_> {
        Enabled { events: self, at: self.ring[ANCHOR as usize].next }
    }

    /// The call whose return comes first.
    pub(super) fn first_return(&self) -> Option<u32> {
        let mut at = self.ring[ANCHOR as usize].next;
        while at != ANCHOR {
            let entry = self.ring[at as usize];
            if entry.returns {
                return Some(entry.call);
            }
            at = entry.next;
        }
        None
    }

    /// Takes a call and its return out.
    pub(super) fn lift(&mut self, call: u32) {
        let (start, end) = self.at[call as usize];
        for at in [start, end] {
            let Entry { next, prev, .. } = self.ring[at as usize];
            self.ring[prev as usize].next = next;
            self.ring[next as usize].prev = prev;
        }
    }

    /// Puts the call that was lifted last back.
    pub(super) fn unlift(&mut self, call: u32) {
        let (start, end) = self.at[call as usize];
        for at in [end, start] {
            let Entry { next, prev, .. } = self.ring[at as usize];
            self.ring[prev as usize].next = at;
            self.ring[next as usize].prev = at;
        }
    }
}

/// Iterates over the calls before the first return.
pub(super) struct Enabled<'a> {
    events: &'a Events,
    at: u32,
}

impl Iterator for Enabled<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let entry = self.events.ring[self.at as usize];
        if self.at == ANCHOR || entry.returns {
            return None;
        }
        self.at = entry.next;
        Some(entry.call)
    }
}
