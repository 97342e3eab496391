//! The ground floor: what every other crate may rely on and nothing more.
//!
//! ```text
//!   process   the contract between a protocol and its host: events in, ordered effects out
//!   id        who and where: nodes, shards, keyspaces, versions, request ids
//!   time      monotonic instants and wall clock readings, always passed in
//!   clock     orders of events: Lamport, vector, dotted, hybrid logical, interval
//!   disk      a flat directory of files: the seam for disk faults
//!   rng       randomness from one salted seed
//!   wire      checksums and sealed, versioned bytes
//!   limit     amounts with their unit
//!   mark      "always" and "sometimes": coverage of rare branches
//!   bug       switches for planted bugs (mutants); compiled out unless the feature is on
//! ```
//!
//! Nothing here knows a protocol, a clock of the machine, a file or a socket. `no_std` makes
//! most of the ways to be nondeterministic impossible to write.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod bug;
pub mod clock;
pub mod disk;
pub mod id;
pub mod limit;
pub mod mark;
pub mod process;
pub mod rng;
pub mod time;
pub mod wire;

pub use id::{ClusterId, Incarnation, KeyspaceId, NodeId, RequestId, ShardId, Version};
pub use process::{Effect, Effects, Event, Process, Ticket, TimerId, Token};
pub use rng::Rng;
pub use time::{Duration, Instant, Now, Wall};
