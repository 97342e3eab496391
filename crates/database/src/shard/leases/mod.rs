//! The time of leases, as the leader of a coordination shard counts it.
//!
//! ```text
//!   monotonic time    ──────────────── stopped ────────────── cut off ───┬──▶
//!   proven leadership ●──●──●──●                    ●──●──●              │ deposed
//!   lease time        ├──────────┤                  ├─────┤              │
//!   the next leader                                              frozen  └●──●──●──▶
//! ```
//!
//! *Lease time* never runs faster than monotonic time, and only while Raft proves that this replica
//! led: it goes up to the moment at which the newest round of heartbeats was sent that a majority
//! has answered. Of a stretch in which nothing was handled only a little counts, since keep-alives
//! that came meanwhile were not handled either. So a leader that was stopped, starved or cut off
//! ends no lease for it.
//!
//! Nothing of this is replicated but what is left at a checkpoint, and the end. A leader begins with
//! what the records say is left, read page by page: leases are frozen from one leadership to the
//! next. A keep-alive is a linearizable read: the leader has confirmed after it arrived that it
//! leads, so whoever leads next begins later, with the whole time.
//!
//! Looking is lazy (`agenda`), and bounded per turn, as is what is proposed: when all leases run
//! out at once, they end one lot after the other. A lot is proposed when the one before it has been
//! applied: what others ask for comes in between, and waits for one small lot at most.

mod agenda;
mod clock;
pub mod limits;

pub use clock::{Clock, Due, Kept, Pace};
