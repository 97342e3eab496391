//! Snapshots in pieces. (Raft paper, section 7, with the host's engine as the state machine.)
//!
//! ```text
//!   leader                                                     follower
//!   needs what the log dropped
//!   SnapshotWanted{seq} ─▶ host ─▶ snapshot_chunk ── SnapshotChunk{seq} ─▶ SnapshotReceived
//!   ◀───────────────────────── SnapshotAck{next} ──────────────────────────
//!   … one piece at a time; after a loss the same piece again …
//!                                                      host stages, installs, makes durable
//!                                                      snapshot_installed ─▶ log starts anew
//!   ◀───────────────────────── AppendReply{index} ─────────────────────────  once durable
//! ```
//!
//! A transfer has a stream number. A piece of another stream, another leader or another
//! snapshot starts from piece 0 or is answered with "0 is wanted"; a piece that comes twice is
//! acknowledged twice and handed over once. Between the last piece and its installation the
//! follower hands no committed entry to its host, so that the engine never stands past the
//! snapshot that is about to replace it; and no piece of another snapshot, so that what waits to be
//! durable is not overwritten.

mod receive;
mod send;

pub(crate) use receive::Incoming;
pub(crate) use send::Sending;

use crate::{
    note::Note,
    raft::{Out, Raft},
};

impl Raft {
    /// The engine has applied everything up to `index`.
    pub fn applied(&mut self, index: u64) {
        self.applied = self.applied.max(index.min(self.emitted));
    }

    /// Drops the log up to `index`, as far as it is applied and durable; written when the batch
    /// settles. A follower that still needs what was dropped will need a snapshot.
    pub fn compact(&mut self, index: u64, out: &mut Out) {
        let index = index.min(self.applied).min(self.durable());
        if index > self.log.base() {
            self.log.compact(index);
            self.disk.staged.compacted = true;
            out.note(Note::Compacted { index });
        }
    }
}
