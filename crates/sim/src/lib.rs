//! The deterministic simulator: a world of nodes under virtual time, decided by one seed.
//!
//! ```text
//!            Plan {seed, options, schedule of faults}
//!                             │
//!   requests ──▶ ┌───────── World ─────────┐ ──▶ replies        audit   trace hash, recorder
//!                │  queue: (time, sequence) │                   report  folder of a failure
//!                │  net    disks    clocks  │                   shrink  smaller failing plan
//!                └──┬─────────┬─────────┬───┘
//!               Machine    Machine   Machine      the software of one node, unchanged
//! ```
//!
//! The fault seam is the lowest one: a [`Machine`] sees bytes on links, blocks on a disk and two
//! clocks. Everything above (codecs, batching, sessions, routing) runs inside the simulation.
//! Nothing here knows a protocol.
//!
//! One seed decides a run: every source of chance is a fork of the seed's stream, events at one
//! instant happen in the order in which they were scheduled, and no collection with a random
//! order is used. [`World::trace_hash`] sums up everything that happened, so two runs can be
//! compared by one number.
//!
//! Where to start: [`machine`] is the contract, [`toy`] is a complete small example of it,
//! [`swarm`] draws options, [`nemesis`] draws faults, [`world`] runs.
#![forbid(unsafe_code)]

mod apart;
pub mod atlas;
pub mod audit;
pub mod clock;
pub mod disk;
pub mod fault;
mod json;
pub mod machine;
pub mod nemesis;
pub mod net;
pub mod options;
pub mod plan;
pub mod report;
pub mod shrink;
pub mod swarm;
pub mod time;
pub mod toy;
pub mod world;

pub use disk::SimDisk;
pub use fault::Fault;
pub use machine::{Action, Boot, Copied, Factory, Input, Machine, Work};
pub use options::Options;
pub use plan::Plan;
pub use world::{Answer, Outcome, Status, World};
