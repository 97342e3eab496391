//! What a node keeps: the journal, the ordered map, and the versions of every key in it.
//!
//! ```text
//!            ┌─────────── view ───────────┐   what one command of a program sees
//!            │            mvcc            │   versions, history, deadlines, snapshots
//!            └─────────── engine ─────────┘   an ordered map of bytes: LSM on a node, tree in tests
//!   journal ──────────────────────────────    the only log that is fsynced, for all replicas
//!      disk                                   `kernel::disk`, the seam for faults
//! ```
//!
//! The engine may lose what it did not flush: the journal has it. The journal may forget what the
//! engine has flushed: the database says so with a base record. Neither knows the other.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod engine;
pub mod journal;
pub mod mvcc;
pub mod view;

pub use engine::{Batch, Engine, EngineError, FlushJob, MemEngine, Read, ScanRange};
pub use journal::{Journal, JournalError, Record, RecordKind, Recovery, Span};
pub use mvcc::{Pending, Reader, Space, Stored, Table};
pub use view::View;
