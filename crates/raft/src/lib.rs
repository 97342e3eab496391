//! Raft, complete and pure.
//!
//! A [`Raft`] is one replica of a replicated log: a deterministic state machine that is told
//! events and answers with ordered effects. It knows no clock, no socket, no disk and no
//! thread; time and randomness are passed in. Elections with pre-vote and check-quorum,
//! pipelined replication with flow control, reads by index and by lease, joint membership
//! changes, learners, hand-over, snapshots in pieces, and the way back of a replica that lost
//! its disk are all here; nothing of it waits for anything but events.
//!
//! ```text
//!                  propose, read_index, transfer, change, compact …
//!                                   │
//!    messages ──▶ ┌─────────────────▼──────────────────┐ ──▶ messages, some after a write
//!    timers   ──▶ │ handle: mark what changed          │ ──▶ one write per batch
//!    writes   ──▶ │ settle: decide, persist, replicate,│ ──▶ committed entries, in order
//!    done         │         promise, tell              │ ──▶ answers to reads, role, snapshots
//!                 └────────────────────────────────────┘
//! ```
//!
//! # Rooms
//!
//! ```text
//!   entry membership message record   what is stored and sent: versioned, golden
//!   start config api note status      what goes in at the beginning, what comes out
//!   raft process settle timer         the state, the entry points, the end of a batch, time
//!   log durable progress              the log in memory, the disk as known, a follower as seen
//!   election vote                     who leads
//!   leader replicate follow commit    what is decided
//!   read transfer change snapshot     reads and leases, hand-over, membership, snapshots
//!   recovery                          a replica without memory, and why its way back is safe
//!   repair                            entries that a disk has lost, fetched one by one
//! ```
//!
//! # The host's side
//!
//! A host owns one [`Raft`] per replica and obeys [`kernel::process`]. It feeds a batch of
//! events (and calls of the methods below), then calls [`kernel::Process::settle`] once, then
//! carries out the effects in order:
//!
//! | effect | what the host does |
//! |---|---|
//! | `Persist {token, records}` | append the [`Record`]s to the journal in this order, make them durable, then report `Persisted(token)`, or `PersistFailed(token)` |
//! | `Send {after: None}` | send at once, beside the write |
//! | `Send {after: Some(t)}` | send once `t` is durable; never if it failed |
//! | `SetTimer` | report `Timer` at that instant or later |
//! | `Output::Commit` | apply the entries, then call [`Raft::applied`] |
//! | `Output::ReadReady` | read once the engine has applied `index` |
//! | `Output::ReadFailed` | tell the client, with the leader if one is named |
//! | `Output::SnapshotWanted` | answer with [`Raft::snapshot_chunk`] or [`Raft::snapshot_unavailable`] |
//! | `Output::SnapshotReceived` | stage the piece; after the last: replace the engine's state, make it durable, call [`Raft::snapshot_installed`]; or [`Raft::snapshot_abandoned`] |
//! | `Output::Role`, `Output::MembershipChanged`, `Note` | for routing and for the eye |
//! | `Halt` | stop: the committed history is contradicted |
//!
//! Messages may be lost, late, repeated and reordered. A write that fails takes nothing with it:
//! it is staged and tried again with the next timer, and until one succeeds the replica neither
//! acknowledges nor votes. On a restart, [`Start::joining`] plus [`Start::replay`] of every
//! record in order, plus [`Start::applied_at`] with what the engine holds, give back the start.
//! The same node must never begin twice as a founder ([`Start::fresh`]), nor go on from a
//! journal that it knows to be damaged as if it were [`Standing::Sound`]; unless all that is lost
//! are appends of which it knows index and term, which it says with [`Start::lose`].
//!
//! A replica that was voted out is not told: once the entry is committed the leader sends it
//! nothing more. It asks for pre-votes in vain; whoever removed it should stop it.
//!
//! # Example
//!
//! The smallest host: one voter, whose journal is a vector and whose disk is immediate.
//!
//! ```
//! # extern crate quorate_raft as raft;
//! use kernel::{Effect, Event, NodeId, Now, Process, Rng};
//! use raft::{Config, Membership, Out, Output, Raft, Start};
//!
//! let founders = Membership::new([NodeId(1)], []);
//! let mut raft = Raft::new(Config::new(NodeId(1)), Start::fresh(founders), Rng::new(7));
//! let (mut out, now) = (Out::new(), Now::default());
//! let (mut journal, mut applied) = (Vec::new(), Vec::new());
//!
//! let mut run = |raft: &mut Raft, out: &mut Out| loop {
//!     raft.settle(now, out);
//!     let effects: Vec<_> = out.drain().collect();
//!     if effects.is_empty() {
//!         break;
//!     }
//!     for effect in effects {
//!         match effect {
//!             Effect::Persist { token, records } => {
//!                 journal.extend(records.iter().map(raft::Record::encode));
//!                 raft.handle(now, Event::Persisted(token), out);
//!             }
//!             Effect::Output(Output::Commit { entries }) => {
//!                 let last = entries.last().map_or(0, |entry| entry.index);
//!                 applied.extend(entries);
//!                 raft.applied(last);
//!             }
//!             _ => {} // Nobody to send to, and no timer that matters to a group of one.
//!         }
//!     }
//! };
//!
//! raft.handle(now, Event::Start, &mut out);
//! run(&mut raft, &mut out);
//! assert!(raft.ready_to_serve());
//! let (index, term) = raft.propose(now, "hello".into()).unwrap();
//! run(&mut raft, &mut out);
//!
//! // What came back is the command: the same index and the same term.
//! let entry = applied.iter().find(|entry| entry.index == index).unwrap();
//! assert_eq!((entry.term, &entry.data[..]), (term, &b"hello"[..]));
//!
//! // After a crash the journal gives everything back.
//! let mut start = Start::joining();
//! for record in &journal {
//!     start.replay(raft::Record::decode(record.clone()).unwrap());
//! }
//! assert_eq!(start.entries.last().unwrap().data, "hello");
//! ```
//!
//! # Proof
//!
//! `tests/suite` holds a cluster under a bad network and bad disks with the properties of the
//! paper checked after every event, readable scripts (`scripts/`), the paper sentence by
//! sentence, a comparison with raft-rs, and arbitrary input. `tests/mutants.rs` shows that the
//! seeds catch every planted bug. `benches/throughput` measures beside raft-rs.
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
mod forced;
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
mod repair;
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
    Append, AppendReply, Body, Fetch, Found, Heartbeat, HeartbeatReply, Message, Probe, ProbeReply,
    RequestVote, SnapshotAck, SnapshotChunk, TimeoutNow, VoteReply,
};
pub use note::{CampaignReason, Note, StepDownReason};
pub use raft::{Out, Raft};
pub use record::{DecodeError, Record};
pub use start::{Standing, Start};
pub use status::{PeerState, PeerStatus, Status};
