//! Hand-over between threads: many push, one takes everything at hand.
//!
//! The receiver swaps its empty list for the full one, so a batch costs one lock however long it
//! is, and a sleeping receiver is woken once per batch. While the receiver works, the next batch
//! gathers: this is the group commit of the whole node, without a timer.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use kernel::Duration;
use mio::Waker;

/// A list that one thread empties.
#[derive(Debug)]
pub struct Mailbox<T> {
    state: Mutex<State<T>>,
    bell: Bell,
    /// Weight that may wait before [`Mailbox::offer`] refuses.
    weight_max: u64,
}

/// Wakes the receiver.
#[derive(Debug)]
enum Bell {
    /// It sleeps in [`Mailbox::take`].
    Here(Condvar),
    /// It sleeps in a poll, of sockets too.
    Poll(Arc<Waker>),
}

impl Bell {
    fn ring(&self) {
        match self {
            Bell::Here(wake) => wake.notify_one(),
            // It fails only where the poll is gone, and with it the receiver.
            Bell::Poll(waker) => drop(waker.wake()),
        }
    }
}

/// What is offered apart may weigh so much less than what is offered.
const APART: u64 = 8;

#[derive(Debug)]
struct State<T> {
    items: Vec<T>,
    weight: u64,
    /// Weight of what was offered apart.
    apart: u64,
    asleep: bool,
    closed: bool,
}

/// What a receiver found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Something, in the list that was passed.
    Items,
    /// Nothing in time.
    Nothing,
    /// Nothing, and nothing will come.
    Closed,
}

impl<T> Mailbox<T> {
    /// An empty mailbox. `weight_max` bounds what is *offered* (in bytes, say); what is *pushed*
    /// is bounded by its sender.
    #[must_use]
    pub fn new(weight_max: u64) -> Mailbox<T> {
        Mailbox::with(Bell::Here(Condvar::new()), weight_max)
    }

    /// The same, of a receiver that sleeps in a poll: see [`Mailbox::doze`].
    #[must_use]
    pub fn beside_sockets(waker: Arc<Waker>, weight_max: u64) -> Mailbox<T> {
        Mailbox::with(Bell::Poll(waker), weight_max)
    }

    fn with(bell: Bell, weight_max: u64) -> Mailbox<T> {
        let state = State { items: Vec::new(), weight: 0, apart: 0, asleep: false, closed: false };
        Mailbox { state: Mutex::new(state), bell, weight_max }
    }

    /// Adds an item.
    ///
    /// # Errors
    /// Gives the item back once the mailbox is closed.
    pub fn push(&self, item: T) -> Result<(), T> {
        self.add(item, |_| true).map(|asleep| self.wake_if(asleep))
    }

    /// Adds an item that may as well be lost.
    ///
    /// # Errors
    /// Gives the item back if too much waits already, or once the mailbox is closed.
    pub fn offer(&self, item: T, weight: u64) -> Result<(), T> {
        self.leave(item, weight, false).map(|asleep| self.wake_if(asleep))
    }

    /// Offers one of several items. `true` if the receiver sleeps: whoever leaves them wakes it, after
    /// the last ([`Mailbox::wake_if`]). Items that are left `apart` are not refused because others fill
    /// the mailbox: they have room of their own, an eighth as much.
    ///
    /// # Errors
    /// Gives the item back if too much of its kind waits already, or once the mailbox is closed.
    pub fn leave(&self, item: T, weight: u64, apart: bool) -> Result<bool, T> {
        self.add(item, |state| match apart {
            true => has_room(&mut state.apart, weight, self.weight_max / APART),
            false => has_room(&mut state.weight, weight, self.weight_max),
        })
    }

    /// Wakes the receiver, if it sleeps.
    pub fn wake_if(&self, asleep: bool) {
        if asleep {
            self.bell.ring();
        }
    }

    /// Adds an item; whether the receiver has to be woken.
    fn add(&self, item: T, admit: impl FnOnce(&mut State<T>) -> bool) -> Result<bool, T> {
        let mut state = self.lock();
        if state.closed || !admit(&mut state) {
            return Err(item);
        }
        state.items.push(item);
        Ok(std::mem::take(&mut state.asleep))
    }

    /// Moves everything into `into`, which must be empty; waits for the first item, at most so
    /// long (`None`: for ever).
    pub fn take(&self, into: &mut Vec<T>, wait: Option<Duration>) -> Taken {
        debug_assert!(into.is_empty());
        let mut state = self.lock();
        if let Bell::Here(wake) = &self.bell
            && state.items.is_empty()
            && !state.closed
            && wait != Some(Duration::ZERO)
        {
            state = sleep(wake, state, wait);
        }
        state.asleep = false;
        if state.items.is_empty() {
            return if state.closed { Taken::Closed } else { Taken::Nothing };
        }
        std::mem::swap(&mut state.items, into);
        (state.weight, state.apart) = (0, 0);
        Taken::Items
    }

    /// The receiver is about to sleep in its poll: the next push ends that. `false` if there is no
    /// reason to sleep.
    pub fn doze(&self) -> bool {
        let mut state = self.lock();
        state.asleep = state.items.is_empty() && !state.closed;
        state.asleep
    }

    /// Refuses all further items; what is inside can still be taken.
    pub fn close(&self) {
        self.lock().closed = true;
        self.bell.ring();
    }

    /// How many items wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// The weight of what waits, and how much may.
    #[must_use]
    pub fn weight(&self) -> (u64, u64) {
        let state = self.lock();
        (state.weight + state.apart, self.weight_max)
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// No code of ours panics while it holds the lock, so a poisoned state is a sound one.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for a push, the end of the time or, rarely, nothing.
fn sleep<'a, T>(
    wake: &Condvar,
    mut state: MutexGuard<'a, State<T>>,
    wait: Option<Duration>,
) -> MutexGuard<'a, State<T>> {
    state.asleep = true;
    match wait {
        Some(wait) => wake.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0,
        None => wake.wait(state).unwrap_or_else(PoisonError::into_inner),
    }
}

/// Adds to what waits, unless it passes the limit. Where nothing waits there is room for anything:
/// else a heavy item could never pass.
fn has_room(waits: &mut u64, weight: u64, limit: u64) -> bool {
    let fits = *waits == 0 || waits.saturating_add(weight) <= limit;
    if fits {
        *waits = waits.saturating_add(weight);
    }
    fits
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ambient;

    #[test]
    fn a_batch_is_everything_at_hand_in_order() {
        let mailbox = Mailbox::new(0);
        let mut batch = Vec::new();
        assert_eq!(mailbox.take(&mut batch, Some(Duration::ZERO)), Taken::Nothing);
        (0..3).for_each(|i| mailbox.push(i).unwrap());
        assert_eq!(mailbox.len(), 3);
        assert_eq!(mailbox.take(&mut batch, None), Taken::Items);
        assert_eq!(batch, [0, 1, 2]);
        assert!(mailbox.is_empty());
    }

    #[test]
    fn a_sleeper_is_woken() {
        let mailbox = Arc::new(Mailbox::new(0));
        let sender = Arc::clone(&mailbox);
        let thread = ambient::spawn("push", move || sender.push(7).unwrap()).unwrap();
        let mut batch = Vec::new();
        while mailbox.take(&mut batch, None) != Taken::Items {}
        assert_eq!(batch, [7]);
        thread.join().unwrap();
    }

    #[test]
    fn a_sleeper_in_a_poll_is_woken_and_told_when_not_to_sleep() {
        let mut poll = mio::Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let mailbox = Arc::new(Mailbox::beside_sockets(waker, 0));
        let mut events = mio::Events::with_capacity(1);
        assert!(mailbox.doze(), "nothing is there");
        assert_eq!(mailbox.leave(1, 0, false), Ok(true), "whoever leaves more wakes at the end");
        assert_eq!((mailbox.leave(2, 0, false), mailbox.push(3)), (Ok(false), Ok(())));
        poll.poll(&mut events, Some(std::time::Duration::ZERO)).unwrap();
        assert!(events.is_empty(), "nobody has rung");
        let mut batch = Vec::new();
        assert_eq!(mailbox.take(&mut batch, None), Taken::Items);
        assert_eq!(std::mem::take(&mut batch), [1, 2, 3]);
        assert!(mailbox.doze(), "nothing is there again");
        let sender = Arc::clone(&mailbox);
        let thread = ambient::spawn("push", move || sender.push(7).unwrap()).unwrap();
        while events.is_empty() {
            poll.poll(&mut events, None).unwrap();
        }
        assert!(!mailbox.doze(), "something is there");
        assert_eq!(mailbox.take(&mut batch, None), Taken::Items);
        assert_eq!(batch, [7]);
        thread.join().unwrap();
        mailbox.close();
        assert!(!mailbox.doze(), "nothing will come");
    }

    #[test]
    fn offers_are_bounded_and_pushes_are_not() {
        let mailbox = Mailbox::new(10);
        assert_eq!(mailbox.offer('a', 99), Ok(()), "an empty mailbox takes anything");
        assert_eq!(mailbox.offer('b', 1), Err('b'));
        assert_eq!(mailbox.push('c'), Ok(()));
        assert_eq!(mailbox.weight(), (99, 10));
        let mut batch = Vec::new();
        mailbox.take(&mut batch, None);
        assert_eq!(mailbox.offer('d', 10), Ok(()));
    }

    #[test]
    fn what_is_offered_apart_has_room_of_its_own() {
        let mailbox = Mailbox::new(16);
        assert_eq!(mailbox.offer('a', 16), Ok(()));
        assert_eq!(mailbox.offer('b', 1), Err('b'));
        let apart = |item| mailbox.leave(item, 1, true);
        assert_eq!((apart('c'), apart('d'), apart('e')), (Ok(false), Ok(false), Err('e')));
        let mut batch = Vec::new();
        mailbox.take(&mut batch, None);
        assert_eq!(batch, ['a', 'c', 'd'], "in the order of their coming");
        assert_eq!(mailbox.leave('f', 2, true), Ok(false));
        assert_eq!(mailbox.offer('g', 16), Ok(()), "nor do they take the room of others");
    }

    #[test]
    fn a_closed_mailbox_gives_out_what_it_has() {
        let mailbox = Mailbox::new(0);
        mailbox.push(1).unwrap();
        mailbox.close();
        assert_eq!(mailbox.push(2), Err(2));
        let mut batch = Vec::new();
        assert_eq!(mailbox.take(&mut batch, None), Taken::Items);
        batch.clear();
        assert_eq!(mailbox.take(&mut batch, None), Taken::Closed);
    }
}
