//! What a keyspace promises, what a request may ask, and what an answer was worth.
//!
//! ```text
//!   Contract   declared once per keyspace, checked like a type
//!   Objective  what share of requests is to be answered, and how fast: measured, not enforced
//!   Level      what a read may return; asked per request, bounded by the contract
//!   Session    what a client has seen: monotonic reads and read-your-writes across nodes
//!   Receipt    the evidence on every answer
//! ```
//!
//! The levels that the engine can meet today are `linearizable` and `eventual`, with the session
//! guarantees beside them. The other names of the language are known, so that asking for one is
//! told apart from a spelling mistake.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod keyspace;
mod level;
mod objective;
mod receipt;
mod session;

pub use keyspace::{Ack, Contract, ContractError, Durability, Program};
pub use level::{Consistency, Level, LevelError};
pub use objective::Objective;
pub use receipt::Receipt;
pub use session::{Session, SessionError};
