//! Watches: the changes of a keyspace are read once on a node, for everybody who watches.
//!
//! ```text
//!   replica ─▶ reader ─▶ hub ──┬─▶ queue of a stream ─▶ its task ─▶ client
//!            one cursor  index │
//!            for all     by key└─▶ queue of a stream ─▶ …        each holds so many bytes
//! ```
//!
//! The [`Hub`] has a cursor, the *next* revision that it hands out, and an index of watches by key
//! and by range. A watch that starts at the cursor or later stands in the index. One that starts
//! before it, or whose stream is full, is *behind*: its stream's task reads for it, page by page,
//! until it has come to the cursor, and enters it then, under the same lock that moves the cursor:
//! nothing is missed and nothing comes twice. What the hub handed out last is kept for a while, so
//! that a watch that is little behind need not read.
//!
//! Events of one revision stay together: a page that cuts a revision waits for the next one. An
//! event is encoded once, whoever gets it.
//!
//! `ranges`, `index`, `events`, `hub` and `watches` are pure but for locks; `reader`, `said` and
//! `stream` have hands.

mod events;
mod follow;
mod hub;
mod index;
mod queue;
mod ranges;
mod reader;
mod respond;
mod said;
mod spec;
mod stream;
mod survey;
#[cfg(test)]
mod walk;
mod watches;

pub use follow::Follow;
pub use hub::Hub;

pub use reader::read;
pub use said::now;
pub use stream::serve;

/// After a question that could not be answered.
const PAUSE: kernel::Duration = kernel::Duration::from_millis(50);
