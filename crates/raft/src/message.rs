//! What replicas say to each other.
//!
//! ```text
//!   candidate ── RequestVote ──▶ voter            leader ── SnapshotChunk ──▶ follower
//!             ◀── VoteReply ────                         ◀── SnapshotAck ────
//!   leader ──── Append ────────▶ follower         leader ── TimeoutNow ─────▶ follower
//!          ◀─── AppendReply ────                  leader ◀── Probe ────────── amnesiac
//!          ──── Heartbeat ─────▶                         ─── ProbeReply ────▶
//!          ◀─── HeartbeatReply ─                 candidate ── Fetch ───────▶ anybody
//!                                                         ◀── Found ───────
//! ```
//!
//! The sender, the group and the version of the format stand on the enclosing frame. Fields are
//! only ever added; a body that is not known decodes to none and is ignored.

use alloc::{boxed::Box, vec::Vec};

use bytes::Bytes;

use crate::{
    entry::{Entry, SnapshotMeta},
    membership::Membership,
};

/// One message.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Message {
    /// The sender's term; of a pre-vote and its grant, the term that the candidate would start.
    #[prost(uint64, tag = "1")]
    pub term: u64,
    /// What is said.
    #[prost(oneof = "Body", tags = "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14")]
    pub body: Option<Body>,
}

/// What a message says.
#[derive(Clone, PartialEq, ::prost::Oneof)]
pub enum Body {
    /// Asks for a vote.
    #[prost(message, tag = "2")]
    RequestVote(RequestVote),
    /// Answers it.
    #[prost(message, tag = "3")]
    VoteReply(VoteReply),
    /// Replicates entries and moves the commit index.
    #[prost(message, tag = "4")]
    Append(Append),
    /// Acknowledges what is durable, or refuses what does not fit.
    #[prost(message, tag = "5")]
    AppendReply(AppendReply),
    /// Keeps leadership, confirms it for reads, moves the commit index.
    #[prost(message, tag = "6")]
    Heartbeat(Heartbeat),
    /// Answers it.
    #[prost(message, tag = "7")]
    HeartbeatReply(HeartbeatReply),
    /// A piece of a snapshot.
    #[prost(message, tag = "8")]
    SnapshotChunk(SnapshotChunk),
    /// Which piece is wanted next.
    #[prost(message, tag = "9")]
    SnapshotAck(SnapshotAck),
    /// Start an election now: leadership is handed to you.
    #[prost(message, tag = "10")]
    TimeoutNow(TimeoutNow),
    /// A replica without memory asks the leader for a fence.
    #[prost(message, tag = "11")]
    Probe(Probe),
    /// The fence.
    #[prost(message, tag = "12")]
    ProbeReply(ProbeReply),
    /// A candidate asks for an entry whose data it has lost.
    #[prost(message, tag = "13")]
    Fetch(Fetch),
    /// The entry, or that there is none.
    #[prost(message, tag = "14")]
    Found(Found),
}

/// Asks for a vote.
#[derive(Clone, Copy, PartialEq, ::prost::Message)]
pub struct RequestVote {
    /// Only asks whether a vote would be given.
    #[prost(bool, tag = "1")]
    pub pre: bool,
    /// The leader itself asked for this election: it need not be waited out.
    #[prost(bool, tag = "2")]
    pub transfer: bool,
    /// The candidate's last index.
    #[prost(uint64, tag = "3")]
    pub last_index: u64,
    /// The term of that entry.
    #[prost(uint64, tag = "4")]
    pub last_term: u64,
}

/// Answers a [`RequestVote`].
#[derive(Clone, Copy, PartialEq, ::prost::Message)]
pub struct VoteReply {
    /// As in the request.
    #[prost(bool, tag = "1")]
    pub pre: bool,
    /// The vote is given, and durable.
    #[prost(bool, tag = "2")]
    pub granted: bool,
}

/// Entries that follow an entry which both sides must share.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Append {
    /// Index of the entry before the first.
    #[prost(uint64, tag = "1")]
    pub prev_index: u64,
    /// Its term.
    #[prost(uint64, tag = "2")]
    pub prev_term: u64,
    /// The leader's commit index.
    #[prost(uint64, tag = "3")]
    pub commit: u64,
    /// Consecutive entries; none if only the commit index moves.
    #[prost(message, repeated, tag = "4")]
    pub entries: Vec<Entry>,
    /// With `prev_index` zero: the membership before the first entry, for those who join.
    #[prost(message, optional, boxed, tag = "5")]
    pub base: Option<Box<Membership>>,
    /// The leader waits for an answer before it sends more.
    #[prost(bool, tag = "6")]
    pub probe: bool,
}

/// Answers an [`Append`], or an installed snapshot.
#[derive(Clone, Copy, PartialEq, ::prost::Message)]
pub struct AppendReply {
    /// The entry at `index` is missing or differs.
    #[prost(bool, tag = "1")]
    pub rejected: bool,
    /// Accepted: everything up to here is shared and durable. Rejected: the `prev_index`.
    #[prost(uint64, tag = "2")]
    pub index: u64,
    /// Rejected: the term that stands at `index`; zero if the log ends before it.
    #[prost(uint64, tag = "3")]
    pub conflict_term: u64,
    /// Rejected: the first index of that term, or the index after the last entry.
    #[prost(uint64, tag = "4")]
    pub conflict_index: u64,
    /// The sender's amnesia: its nonce, or zero if its memory is sound.
    #[prost(uint64, tag = "5")]
    pub amnesia: u64,
    /// The sender's disk is slow or failing: not a place for leadership.
    #[prost(bool, tag = "6")]
    pub unwell: bool,
    /// Rejected: the data of the entry at this index is lost, and nothing from there on counts as
    /// held any more; zero if none is.
    #[prost(uint64, tag = "7")]
    pub lost: u64,
}

/// Keeps leadership and confirms it.
#[derive(Clone, Copy, PartialEq, ::prost::Message)]
pub struct Heartbeat {
    /// Grows with every round of this leader; returned in the reply.
    #[prost(uint64, tag = "1")]
    pub round: u64,
    /// The commit index, no further than what this follower is known to share.
    #[prost(uint64, tag = "2")]
    pub commit: u64,
    /// What this follower has acknowledged as durable to this leader.
    #[prost(uint64, tag = "3")]
    pub acknowledged: u64,
}

/// Answers a [`Heartbeat`].
#[derive(Clone, Copy, PartialEq, ::prost::Message)]
pub struct HeartbeatReply {
    /// The round of the heartbeat.
    #[prost(uint64, tag = "1")]
    pub round: u64,
    /// Shared with this leader as far as the follower knows, durable or not.
    #[prost(uint64, tag = "2")]
    pub verified: u64,
    /// Shared and durable.
    #[prost(uint64, tag = "3")]
    pub matched: u64,
    /// As in [`AppendReply`].
    #[prost(uint64, tag = "4")]
    pub amnesia: u64,
    /// As in [`AppendReply`].
    #[prost(bool, tag = "5")]
    pub unwell: bool,
}

/// A piece of a snapshot.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SnapshotChunk {
    /// Names this transfer among those of the leader's term; a new one starts from the front.
    #[prost(uint64, tag = "1")]
    pub stream: u64,
    /// What the whole snapshot stands for.
    #[prost(message, optional, boxed, tag = "2")]
    pub meta: Option<Box<SnapshotMeta>>,
    /// Which piece, from 0.
    #[prost(uint64, tag = "3")]
    pub seq: u64,
    /// The piece; opaque here.
    #[prost(bytes = "bytes", tag = "4")]
    pub data: Bytes,
    /// No piece follows.
    #[prost(bool, tag = "5")]
    pub last: bool,
}

/// Answers a [`SnapshotChunk`].
#[derive(Clone, Copy, PartialEq, ::prost::Message)]
pub struct SnapshotAck {
    /// Which transfer.
    #[prost(uint64, tag = "1")]
    pub stream: u64,
    /// The piece that is wanted next: everything before it was received.
    #[prost(uint64, tag = "2")]
    pub next: u64,
}

/// Start an election now.
#[derive(Clone, Copy, PartialEq, ::prost::Message)]
pub struct TimeoutNow {}

/// A replica without memory asks the leader for a fence.
#[derive(Clone, Copy, PartialEq, ::prost::Message)]
pub struct Probe {
    /// Names this life of the sender.
    #[prost(uint64, tag = "1")]
    pub nonce: u64,
}

/// The fence: an entry made after the probe arrived.
#[derive(Clone, Copy, PartialEq, ::prost::Message)]
pub struct ProbeReply {
    /// As in the probe.
    #[prost(uint64, tag = "1")]
    pub nonce: u64,
    /// Index of the fence; its term is the message's.
    #[prost(uint64, tag = "2")]
    pub fence: u64,
}

/// A candidate asks for an entry whose data it has lost.
#[derive(Clone, Copy, PartialEq, ::prost::Message)]
pub struct Fetch {
    /// Its index.
    #[prost(uint64, tag = "1")]
    pub index: u64,
    /// Its term.
    #[prost(uint64, tag = "2")]
    pub term: u64,
}

/// Answers a [`Fetch`].
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Found {
    /// As in the question.
    #[prost(uint64, tag = "1")]
    pub index: u64,
    /// As in the question.
    #[prost(uint64, tag = "2")]
    pub term: u64,
    /// The entry and some that follow it.
    #[prost(message, repeated, tag = "3")]
    pub entries: Vec<Entry>,
    /// The sender's log has another entry in that place, or ends before it.
    #[prost(bool, tag = "4")]
    pub lacks: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use prost::Message as _;

    /// Written once and never changed: fields are only ever added, and what an older program
    /// sends has a meaning without them.
    #[test]
    fn encodings_are_golden() {
        let rejected =
            AppendReply { rejected: true, index: 9, conflict_index: 4, ..Default::default() };
        let entries = vec![Entry::command(4, 2, Bytes::from_static(b"x"))];
        let golden: [(Body, &[u8]); 4] = [
            (Body::AppendReply(rejected), &[8, 5, 42, 6, 8, 1, 16, 9, 32, 4]),
            (
                Body::AppendReply(AppendReply { lost: 4, ..rejected }),
                &[8, 5, 42, 8, 8, 1, 16, 9, 32, 4, 56, 4],
            ),
            (Body::Fetch(Fetch { index: 4, term: 2 }), &[8, 5, 106, 4, 8, 4, 16, 2]),
            (
                Body::Found(Found { index: 4, term: 2, entries, lacks: false }),
                &[8, 5, 114, 13, 8, 4, 16, 2, 26, 7, 8, 4, 16, 2, 34, 1, b'x'],
            ),
        ];
        for (body, bytes) in golden {
            let message = Message { term: 5, body: Some(body) };
            assert_eq!(message.encode_to_vec(), bytes, "{message:?}");
            assert_eq!(Message::decode(bytes), Ok(message));
        }
    }
}
