//! Locks, elections, semaphores, barriers, services, leases and keys of coordination keyspaces.
//!
//! ```text
//!   place     method and path ─▶ Place
//!   job       Place, query, body ─▶ Job: a command or a question, and what to wait for
//!   goal      what a wait is for: which question tells, which keys can change it
//!   show      outcome or answer ─▶ response
//!   refusal   the program's errors ─▶ problems
//! ```
//!
//! All of this is pure; `serve::recipe` asks and waits. The program decides each in one command
//! ([`layers::coordination`]); what waits here is the request.

mod goal;
mod job;
mod place;
mod refusal;
mod show;

pub(super) use goal::Goal;
pub(super) use job::{Job, Work, guards, key_delete, key_get, key_put, plan};
pub use place::Place;
pub(super) use place::parse;
pub(super) use refusal::problem;
pub(super) use show::{Seen, show};
