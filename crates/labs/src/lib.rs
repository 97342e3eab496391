//! The laboratory: a question, what one believes, a run of the real engine, and what it shows.
//!
//! ```text
//!   plans/NAME.toml ─▶ Plan ──┬─▶ cluster   whole nodes under the simulator, clients, strikes
//!   (question, hypothesis,    ├─▶ sweep     the same with one value varied, against theory
//!    scenarios, claims)       └─▶ errata    small models of published pseudo-code, searched for
//!                                │          the shortest schedule that breaks them
//!                                ▼
//!                             Measures ─▶ judge ─▶ verdicts ─▶ report (HTML, Markdown)
//! ```
//!
//! A lab is data. Its plan names measures and never results: what a report says is computed from
//! the run, and comes out otherwise if the run does.
#![forbid(unsafe_code)]

pub mod catalogue;
pub mod cluster;
pub mod errata;
pub mod judge;
pub mod measure;
pub mod plan;
pub mod report;
pub mod run;
pub mod theory;

pub use judge::Outcome;
pub use plan::Plan;
pub use run::{Findings, run};
