//! Programs: deterministic functions from (command, view) to (reply, changes).
//!
//! ```text
//!   command bytes ──▶ apply(program, command, view) ──▶ reply bytes
//!                               │  ▲
//!                        puts, deletes  gets, scans      one view per command
//!                               ▼  │
//!                          the versioned map beneath every program
//! ```
//!
//! A program sees no clock but the timestamp of its log entry, no randomness and nothing outside
//! its view, so every replica computes the same reply and the same changes. Replication,
//! sharding, snapshots, retries and simulation are written once, beneath all of them.
//!
//! Encodings are prost messages; the version of the format is on the log entry and on the frame
//! that carry them.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod coordination;
pub mod counter;
pub mod kv;
mod program;

pub use program::{Rejected, apply, check, cut, frees, query};
