//! Reads: from the replica's state, once the replica is where the level wants it.

use contract::Level;
use kernel::{ShardId, bug};
use prost::Message as _;
use store::{engine::Engine, mvcc::Reader};

use crate::{
    Failure,
    calls::{Call, CallId, Past, Stage, Want},
    catalog::{CATALOG, CatalogReply},
    failure::Code,
    message,
    shard::{Runs, Shard},
};

use super::{
    Core, finish, gone,
    leases::{self, Answered},
    past,
};

/// Raft confirmed that a read is linearizable once `index` is applied.
pub fn read_ready<E: Engine>(core: &mut Core<E>, shard: &mut Shard, id: CallId, index: u64) {
    let Some(call) = core.calls.get(id).filter(|call| waits_for(call, shard.id)) else { return };
    if shard.applied.index < index {
        shard.awaiting.insert((index, id));
        let (stage, deadline) = (call.stage.clone(), call.deadline);
        let stage = match stage {
            Stage::Barrier | Stage::Visible(_) => stage,
            _ => Stage::Applying,
        };
        core.calls.stage(id, stage, deadline);
    } else {
        applied(core, shard, id);
    }
}

/// Whether a call waits for this shard. What it asked for twice comes twice, and by then it may wait
/// for another one: the catalog's answer must not be taken for that one's.
fn waits_for(call: &Call, shard: ShardId) -> bool {
    match call.stage {
        Stage::Barrier | Stage::Visible(_) => shard == CATALOG,
        Stage::Reading | Stage::Applying if call.shard == shard => true,
        _ => bug::planted(bug::Bug::AnswerOfAnother),
    }
}

/// The replica is where a call wants it.
pub fn applied<E: Engine>(core: &mut Core<E>, shard: &mut Shard, id: CallId) {
    let waits = |call: &&mut Call| waits_for(call, shard.id);
    let Some(call) = core.calls.get_mut(id).filter(waits) else { return };
    match &call.stage {
        Stage::Barrier => {
            call.current = true;
            core.again.push_back(id);
        }
        Stage::Visible(_) => visible(core, id),
        _ => query(core, shard, id),
    }
}

/// The catalog here shows what was done: that is answered when nothing of before can be served.
pub fn visible<E: Engine>(core: &mut Core<E>, id: CallId) {
    let Some(call) = core.calls.get(id) else { return };
    let (Stage::Visible(done) | Stage::Lingering(done)) = call.stage.clone() else { return };
    let refused = CatalogReply::decode(done.body.clone()).is_ok_and(|r| r.failure().is_some());
    if refused || !gone::lingers(core, &call.keyspace) {
        return finish::answer(core, id, done);
    }
    let deadline = call.deadline;
    core.calls.stage(id, Stage::Lingering(done), deadline);
}

/// Answers a query from the state as it is.
pub fn query<E: Engine>(core: &mut Core<E>, shard: &mut Shard, id: CallId) {
    let Some(call) = core.calls.get(id) else { return };
    let Want::Query { query, linearizable, past, .. } = &call.want else { return };
    let mut version = shard.version();
    let body = match &shard.runs {
        Runs::Catalog => Ok(Ok(bytes::Bytes::new())),
        Runs::Unknown => return super::route::park(core, id),
        Runs::Keyspace { contract, .. } => {
            if let Err(failure) = past::check(*past, version, contract) {
                return finish::failed(core, id, failure);
            }
            let reader = match *past {
                Past::At(at) => {
                    version = at;
                    Reader::at(&core.engine, shard.space, at)
                }
                Past::Nothing | Past::Versions => Reader::latest(&core.engine, shard.space),
            };
            layers::query(contract.program, query, &reader)
        }
    };
    let linearizable = *linearizable;
    match body {
        Err(rejected) => finish::failed(core, id, Failure::new(Code::Invalid, rejected.0)),
        Ok(Err(error)) => core.engine_failed(&error),
        Ok(Ok(body)) => {
            let body = match leases::answer(core, shard, linearizable, body) {
                Answered::So(body) => body,
                Answered::Elsewhere | Answered::NotYet => return super::route::park(core, id),
                Answered::NotHere => {
                    let text = "only the leader keeps leases alive: ask for a linearizable answer";
                    return finish::failed(core, id, Failure::new(Code::Invalid, text));
                }
            };
            let done = message::Done {
                body,
                version: bytes::Bytes::copy_from_slice(&version.to_bytes()),
                acks: 0,
                repeated: false,
                staleness_plus_one: u64::from(linearizable || shard.raft.is_leader()),
                applied: shard.applied.index,
                replica: core.identity.node.0,
            };
            finish::answer(core, id, done);
        }
    }
}

/// Reads from this replica, without asking the leader, once it has applied `index_min`.
pub fn local<E: Engine>(core: &mut Core<E>, shard: &mut Shard, id: CallId, index_min: u64) {
    let reached = shard.applied.index >= index_min;
    if reached || bug::planted(bug::Bug::SessionIgnored) {
        return query(core, shard, id);
    }
    kernel::sometimes!("session: a read waited for the replica");
    shard.awaiting.insert((index_min, id));
    if let Some(deadline) = core.calls.get(id).map(|call| call.deadline) {
        core.calls.stage(id, Stage::Applying, deadline);
    }
}

/// Whether a level needs the leader.
pub fn needs_leader(level: Level) -> bool {
    level == Level::Linearizable
}
