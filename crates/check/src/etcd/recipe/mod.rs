//! Semaphores, barriers, numbered keys and services: what they must do, and what nobody may see.
//!
//! `words` are what stands in a history, `state` does each a second time, `time` judges what clients
//! saw by true time alone, whatever the state: never more holders than permits, nobody through a
//! barrier that is up, no instance missing whose lease lives.

mod state;
mod time;
mod words;

#[cfg(test)]
mod tests;

pub(super) use state::asked_as;
pub(super) use time::{barriers, semaphores, sequences, services};
pub use words::{
    Acquire, Create, Enter, Instance, Named, Outcome, Raise, Recipe, Register, Report, Under, What,
};
