//! The drill: the whole database process of several nodes under the simulator.
//!
//! ```text
//!   seed ─▶ plan (options, faults) ─▶ World of Nodes ─▶ history ─▶ checkers ─▶ verdict
//!       └─▶ operations of clients  ──────┘    │
//!                                             └─▶ invariants, after every few events
//!   safety phase: faults strike, everything must stay consistent
//!   liveness phase: all but a minority is healed, and no frame is late by as much as elections
//!   wait; it must serve again and all replicas agree
//! ```
//!
//! A [`machine::Node`] is the real thing down to bytes and blocks: the process, the journal, the
//! frames between nodes. Only the engine is replaced by its deterministic twin.
#![forbid(unsafe_code)]

pub mod actor;
pub mod ambush;
pub mod attempt;
pub mod client;
pub mod coordination;
pub mod factory;
pub mod invariants;
pub mod machine;
#[cfg(feature = "mutants")]
pub mod mutants;
pub mod operator;
pub mod replicas;
pub mod report;
pub mod run;
pub mod show;
pub mod tenancy;
pub mod watch;
pub mod workload;
pub mod written;

pub use run::{Outcome, Report, Run};
