//! Forgetting revisions by time: the `history` of a coordination keyspace.
//!
//! ```text
//!   marks      17:00 r41   17:01 r60   17:02 r60   17:03 r95         now 18:02
//!                                         └─ an hour old: what ended up to r60 was not read for an
//!                                            hour, and r60 itself stays readable
//! ```
//!
//! The leader marks now and then which revision is the newest, by its monotonic clock, and compacts
//! to the newest mark that is old enough. A new leader has no marks and begins anew: revisions may
//! stay longer than asked for, and never shorter.

use kernel::Duration;
use layers::coordination::{Act, CompactionRequest};
use store::engine::Engine;

use crate::shard::{Marks, Runs, Shard};

use super::{Core, leases};

/// The leader's turn.
pub fn turn<E: Engine>(core: &mut Core<E>, shard: &mut Shard) {
    let Runs::Keyspace { contract, .. } = &shard.runs else { return };
    let history = Duration::from_secs(contract.history_s.into());
    if contract.program != contract::Program::Coordination || history.is_zero() {
        return;
    }
    let Some(status) = leases::status(core, shard) else { return };
    let (now, term) = (core.now.instant, shard.raft.term());
    if shard.marks.term != term {
        shard.marks = Marks::of(term);
    }
    let revision = status.header.map_or(0, |header| header.revision);
    shard.marks.note(now, revision, history);
    if let Some(revision) = shard.marks.take(now, history)
        && revision > status.compact_revision
    {
        kernel::sometimes!("retention: revisions were compacted by their age");
        let request = CompactionRequest { revision, physical: false };
        leases::propose(core, shard, Act::Compaction(request));
    }
}
