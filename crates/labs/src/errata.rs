//! Errata: published pseudo-code that is wrong, as small models; the shortest schedule that breaks
//! each; and the same schedule on the corrected model and on the real engine.
//!
//! ```text
//!   Pseudo (with one Flaw) ──┐
//!   Pseudo (without)       ──┼─▶ Subject: act(Action) ─▶ views ─▶ Laws (Raft, figure 3)
//!   Engine (crate raft)    ──┘
//!            search: breadth first over all actions, so that the first failure is a shortest one
//! ```
//!
//! The flaws live here and nowhere else: the engine that the product runs never carries them.

pub mod act;
mod clocks;
mod contracts;
pub mod engine;
mod fencing;
pub mod laws;
mod objectives;
pub mod pseudo;
mod quorums;
pub mod raft;
pub mod search;
mod sessions;
mod show;

use sim::report::document::Block;

use crate::measure::Measures;

/// What a model gave.
#[derive(Default)]
pub struct Found {
    /// The numbers.
    pub measures: Measures,
    /// What there is to see.
    pub blocks: Vec<Block>,
}

/// Runs a model by its name.
///
/// # Errors
/// If there is no such model.
pub fn run(model: &str, seed: u64) -> Result<Found, String> {
    match model {
        "hybrid-clock" => Ok(clocks::run(seed)),
        "contracts" => Ok(contracts::run()),
        "majority" => Ok(quorums::run()),
        "sessions" => Ok(sessions::run(seed)),
        "fencing" => fencing::run(seed),
        "objectives" => Ok(objectives::run()),
        name => raft::run(name),
    }
}
