//! Quorate's judges: they see what clients invoked and saw, and nothing else.
//!
//! ```text
//!   history file ──► history ──► classify ──► linear   registers, counters: one copy, one order
//!   or events        pair         per key     set      grow-only sets
//!                                             append   lists, also inside transactions
//!                                             session  four guarantees of one client
//!                                             stale    bounded staleness
//!                                             versions the evidence on the answers
//!                                             etcd     revisions, watches, leases, locks
//!                                                │
//!                      Report: text, JSON, SVG ◄─┘     valid < unknown < INVALID
//! ```
//!
//! A verdict has three values. `INVALID` comes with a small counterexample, `unknown` with the
//! reason; a check never takes more than its [`Limits`], and never looks at a clock. The worst
//! verdict is the report's.
//!
//! A checker that could look into a process would be a worse checker: this crate knows neither
//! the simulator nor any protocol.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod etcd;
pub mod history;

#[cfg(test)]
mod agree;
mod anomaly;
mod append;
mod check;
mod classify;
mod counterexample;
mod draw;
mod limits;
mod linear;
mod place;
mod report;
mod session;
mod set;
mod stale;
mod sweep;
mod verdict;
mod versions;

pub use anomaly::Anomaly;
pub use check::{CheckError, Model, Options, check, check_file};
pub use counterexample::{Counterexample, Shown};
pub use draw::{svg, text};
pub use limits::{Limits, Stop};
pub use report::{Counts, Report};
pub use verdict::{Finding, Judgement, Verdict};
