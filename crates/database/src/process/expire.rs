//! Ending keys whose time is up ([ADR 6](../../../../docs/adr/0006-expiry.md)).
//!
//! ```text
//!   a turn of upkeep   is anything due? ─▶ expire ─ applied ─▶ more? ─▶ expire ─ applied ─▶ …
//!                                          256 keys                     at most 32 a turn
//! ```
//!
//! A command ends a bounded number of keys, so that requests come in between; the next one follows
//! when it is applied. Four turns a second end up to 32,768 keys.

use kernel::clock::hybrid::Timestamp;
use prost::Message as _;
use store::{engine::Engine, mvcc::Reader};

use crate::{
    command::{Command, Do},
    shard::{Lot, Runs, Shard},
};

use super::{Core, pump};

/// The most commands of a turn.
const LOTS_MAX: u32 = 32;

/// The leader's turn.
pub fn turn<E: Engine>(core: &mut Core<E>, shard: &mut Shard) {
    shard.expiry.lots = LOTS_MAX;
    propose(core, shard, None);
}

/// More of the log was applied: a lot that left some of its keys behind is followed by the next.
pub fn applied<E: Engine>(core: &mut Core<E>, shard: &mut Shard) {
    let index = shard.applied.index;
    let Some(lot) = shard.expiry.proposed.take_if(|lot| lot.index <= index) else { return };
    if lot.term == shard.raft.term() && shard.raft.is_leader() && shard.expiry.lots > 0 {
        propose(core, shard, Some(lot.upto));
    }
}

/// Proposes the end of what is due by the leader's hybrid clock, if something was due at `at`, or
/// is now.
fn propose<E: Engine>(core: &mut Core<E>, shard: &mut Shard, at: Option<Timestamp>) {
    let Runs::Keyspace { contract, .. } = &shard.runs else { return };
    if contract.program != contract::Program::Kv {
        return;
    }
    let reader = Reader::latest(&core.engine, shard.space);
    let due = match reader.next_deadline(shard.expiry.earliest) {
        Ok(due) => due,
        Err(error) => return core.engine_failed(&error),
    };
    let upto = core.stamp(shard.applied.timestamp);
    if due.is_none_or(|due| due > at.unwrap_or(upto)) {
        return;
    }
    let body = layers::kv::Command::expire(upto).encode_to_vec().into();
    let command = Command::own(upto, Do::Program(body));
    if let Ok((index, term)) = pump::propose(core, shard, &command) {
        shard.expiry.lots = shard.expiry.lots.saturating_sub(1);
        shard.expiry.proposed = Some(Lot { index, term, upto });
    }
}
