//! The decoders.
//!
//! ```text
//!   raft        messages, records               store      values, chunks, outcomes, positions
//!   link        frames between nodes            journal    files of a journal; its records
//!   process     a whole node that is told them  entry      log entries, applied
//!   programs    commands, queries, replies      text       tokens, versions, levels, contracts
//!   http        requests and cursors            host       configuration, data directory
//!   pipe        calls and answers of clients  etcd        frames, calls, JSON of its clients
//!   documents   JSON of the API                 proof      histories, plans of the simulator
//!   snapshot    snapshot files of etcd
//! ```

mod auth;
mod coordination;
mod documents;
mod entry;
mod etcd;
mod host;
mod http;
mod journal;
mod link;
mod message;
mod one_node;
mod pipe;
mod process;
mod programs;
mod proof;
mod raft;
mod recipes;
mod sealed;
mod snapshot;
mod store;
mod text;

use crate::Target;

/// Every target.
#[must_use]
pub fn all() -> Vec<Target> {
    let rooms = [
        &raft::TARGETS[..],
        &link::TARGETS[..],
        &process::TARGETS[..],
        &entry::TARGETS[..],
        &store::TARGETS[..],
        &journal::TARGETS[..],
        &programs::TARGETS[..],
        &text::TARGETS[..],
        &http::TARGETS[..],
        &pipe::TARGETS[..],
        &etcd::TARGETS[..],
        &documents::TARGETS[..],
        &host::TARGETS[..],
        &snapshot::TARGETS[..],
        &proof::TARGETS[..],
    ];
    rooms.concat()
}
