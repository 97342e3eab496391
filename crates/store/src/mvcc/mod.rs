//! Versions of keys over an engine that knows none.
//!
//! Every replica of a shard owns a *space* of the engine: its keys begin with the shard and a
//! generation, so that a snapshot can arrive under a new generation while the old one still
//! serves. A space has tables:
//!
//! ```text
//!   Current       key                        → Stored      the newest value
//!   History       key, superseded at version → Stored      what it replaced, if retention is on
//!   HistoryQueue  superseded at version, key → ()          the order of garbage collection
//!   Expiry        deadline, key              → ()          the order of deadlines
//!   Meta, OutcomePage                        raw bytes of the database
//! ```
//!
//! A read of the newest value is one lookup. A read at version v takes the oldest value that was
//! superseded after v, if it was already there at v; else the current one, likewise. A delete
//! needs no tombstone: it moves the value to History, and a value that was superseded at d is
//! not there at d.

mod collect;
mod digest;
mod overlay;
mod pending;
mod reader;
mod space;
mod stored;
mod transfer;

#[cfg(test)]
mod tests;

pub use collect::{Collected, collect};
pub use digest::Digest;
pub use pending::{Pending, PendingView};
pub use reader::Reader;
pub use space::{Space, Table};
pub use stored::Stored;
pub use transfer::{Chunk, Import, ImportError, drop_generation, drop_shard, export, import};
