//! Raft, complete and pure.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

extern crate alloc;

mod api;
mod change;
mod commit;
mod config;
mod durable;
mod election;
mod entry;
mod follow;
mod leader;
mod log;
mod membership;
mod message;
mod note;
mod process;
mod progress;
mod raft;
mod read;
mod record;
mod recovery;
mod replicate;
mod settle;
mod snapshot;
mod start;
mod status;
mod timer;
mod transfer;
mod vote;

pub use api::{Change, Output, Refusal, Reply, Request, Role};
pub use config::Config;
pub use entry::{Entry, EntryKind, SnapshotMeta};
pub use membership::Membership;
pub use message::{
    Append, AppendReply, Body, Heartbeat, HeartbeatReply, Message, Probe, ProbeReply, RequestVote,
    SnapshotAck, SnapshotChunk, TimeoutNow, VoteReply,
};
pub use note::{CampaignReason, Note, StepDownReason};
pub use raft::{Out, Raft};
pub use record::{DecodeError, Record};
pub use start::{Standing, Start};
pub use status::{PeerState, PeerStatus, Status};
