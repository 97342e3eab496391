//! The assembled process of a node: everything between a typed request and the journal.
//!
//! ```text
//!   gateway ─▶ Request ─▶ admission ─▶ route ─▶ shard leader ─▶ raft ─▶ journal, peers
//!                            │           │          │
//!                            │           └ forward ─┘ (another node)
//!                            ▼
//!                         refused                    committed ─▶ program ─▶ engine
//!                                                                    │
//!   gateway ◀─ Answer + receipt ◀─────────────────────────────────── reply
//! ```
//!
//! [`Database`] is one [`kernel::Process`]: the node and the simulator run the same one. It knows
//! no socket, no file and no clock.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod api;
mod calls;
pub mod catalog;
mod command;
pub mod failure;
pub mod link;
pub mod message;
pub mod note;
mod process;
pub mod record;
pub mod settings;
pub mod shard;

pub use api::{Answer, Request};
pub use failure::{Code, Failure};
pub use message::Envelope;
pub use note::Note;
pub use process::{Boot, Database, Kept, Left, Mode, Output, Plan, Why, recover};
pub use settings::{Identity, Settings};
