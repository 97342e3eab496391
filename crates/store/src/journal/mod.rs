//! The journal: one log of records for all replicas of a node.
//!
//! The host appends the records of many replicas as one write and makes them durable with one
//! sync: that is the group commit. Segments are preallocated files; records lie in them back to
//! back, each under a header with its own checksum:
//!
//! ```text
//!   segment 7                                              segment 8
//!   ├ header ┼ record 41 ┼ record 42 ┼ pad ┼ record 43 …   ├ header ┼ record 90 …
//!            └──── one append ───────────┘└ the next one
//! ```
//!
//! **Every append fills whole blocks.** A disk that destroys the block it was writing when the
//! power failed cannot reach what was synced before.
//!
//! **Torn or rotten?** After a crash a bad record can be the torn end of the log, to be cut, or
//! damage to something that was once acknowledged, to be reported. Every record says how far the
//! log was durable when it was written. A bad record at x is damage if some valid record says
//! that x was durable, else it is torn (the problem, and what goes wrong without the
//! distinction: Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage", FAST
//! 2018, section 3.3). Only the records of the very last sync have no witness; an idle node
//! writes a marker for them ([`Journal::mark_idle`]).
//!
//! **Known and unknown holes.** The header's checksum covers the header alone. A rotten body
//! under a sound header is a *known hole*: shard, kind and entries are known to be gone. A rotten
//! header is an *unknown hole*: log positions are known to be gone, and every record names the
//! one before it of the same shard, which tells for most shards whether they were hit.
//!
//! **Filling.** What was in a known hole and is found elsewhere is appended as a *fill*: it takes
//! the place of what is lost and touches nothing else, so a crash in the middle of a repair loses
//! nothing that the damage had left.
//!
//! **Forgetting.** Of each shard the newest state, the newest base and the entries behind it that
//! no later append replaced are live. Segments are given back from the oldest on, as soon as
//! nothing in them is live, and are used again as spares.

mod append;
mod config;
mod header;
mod healed;
mod live;
mod log;
mod mend;
mod open;
mod record;
mod recovery;
mod segment;
mod survey;
mod suspect;
mod sync;
mod verdict;

#[cfg(test)]
mod tests;

pub use config::{Config, JournalError, Stats};
pub use log::{Body, Journal};
pub use record::{Lsn, Record, RecordKind, Span};
pub use recovery::{Damage, Recovery, Tail};
