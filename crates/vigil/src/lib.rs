//! What a node knows of its own health, and what to make of it.
//!
//! ```text
//!   question  what a node can be asked, and which document answers
//!   event     one thing that happened; the flight recorder keeps the newest of them
//!   vitals    how a node is: one document
//!   health    from vitals to alarms, and to one number
//!   pulse     the last minutes, second by second, in fixed memory
//!   outcome   how a request ended, in few words
//!   histogram durations in fixed memory          topk   the most frequent of very many
//!   traces    requests with their stages, where it is worth keeping them
//!   slo       error budgets, how fast they burn, and when somebody is paged
//!   doctor    from what all nodes tell to what is wrong, and who
//!   time      the time of day as people write it
//! ```
//!
//! Everything here is data and judgement: a host feeds it and asks it, with the time as an
//! argument. So a day of an incident is tested in a millisecond, and a diagnosis is a function of
//! documents that can be kept and shown.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod doctor;
pub mod event;
pub mod health;
mod histogram;
mod outcome;
pub mod pulse;
pub mod question;
pub mod slo;
pub mod time;
mod topk;
pub mod traces;
pub mod vitals;

pub use doctor::Diagnosis;
pub use event::{Event, Events, Recorder, Severity};
pub use histogram::Histogram;
pub use outcome::Outcome;
pub use question::{Pick, Question};
pub use slo::Objectives;
pub use topk::TopK;
pub use traces::Traces;
pub use vitals::Vitals;
