//! Answers on their way from the node's worker to the task of their connection.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use database::Answer;
use kernel::process::Sink;

/// Answers that wait to be written, all by one task.
#[derive(Default)]
pub struct Outbox {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    answers: Vec<(u64, Answer)>,
    waker: Option<Waker>,
}

impl Outbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves all answers into `into`, which must be empty, and names who is woken by the next.
    pub fn take(&self, into: &mut Vec<(u64, Answer)>, waker: &Waker) {
        let mut state = self.state();
        std::mem::swap(&mut state.answers, into);
        if !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
    }
}

impl Sink<Answer> for Outbox {
    fn put(&self, tag: u64, answer: Answer) -> bool {
        let mut state = self.state();
        state.answers.push((tag, answer));
        state.answers.len() == 1
    }

    fn wake(&self) {
        let waker = self.state().waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
