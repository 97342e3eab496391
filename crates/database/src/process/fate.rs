//! What became of a request whose answer was lost.
//!
//! Each shard that may have seen the request is asked through its log. A shard that has not
//! carried it out fences it in the same step, so that "not done" stays true: a copy of the
//! request that is still on its way will be refused when it arrives.
//!
//! Which shards there are says the catalog, and the copy here may be behind: whoever does not name
//! a keyspace that this node knows is answered from one that is as new as the leader's.

use alloc::{string::String, vec::Vec};

use kernel::{Duration, RequestId, ShardId, Ticket};
use store::engine::Engine;

use crate::{
    Answer, Failure,
    api::{Done, Fate},
    calls::{Call, CallId, Origin, Want},
    catalog::CATALOG,
    failure::Code,
};

use super::{Core, route};

/// A question about a fate, while the shards answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Gather {
    ticket: Ticket,
    missing: usize,
    unknown: bool,
    done: Option<Done>,
}

/// What one shard says.
pub enum Part {
    /// The request took effect there.
    Done(Done),
    /// It did not, and never will.
    NotDone,
    /// The shard could not be asked.
    Unknown,
}

/// Asks every shard concerned.
pub fn ask<E: Engine>(
    core: &mut Core<E>,
    ticket: Ticket,
    id: RequestId,
    keyspace: Option<String>,
    timeout: Duration,
) {
    let gather = core.next_gather;
    core.next_gather += 1;
    let state = Gather { ticket, missing: 1, unknown: false, done: None };
    core.gathers.insert(gather, state);
    let want = Want::FateSomewhere(id);
    let mut call = route::new_call(core, Origin::Fate(gather), CATALOG, want, timeout);
    call.keyspace = keyspace.unwrap_or_default();
    if core.catalog.keyspaces.contains_key(&call.keyspace) {
        return ask_shards(core, call);
    }
    let call = core.calls.add(call);
    core.again.push_back(call);
}

/// Goes on with a call once the catalog here is current.
pub fn spread<E: Engine>(core: &mut Core<E>, id: CallId) {
    if let Some(call) = core.calls.remove(id) {
        ask_shards(core, call);
    }
}

/// Asks the shards that a call concerns, by the catalog as it is here.
fn ask_shards<E: Engine>(core: &mut Core<E>, call: Call) {
    let (Origin::Fate(gather), Want::FateSomewhere(id)) = (call.origin, call.want) else { return };
    let shards: Vec<ShardId> = match call.keyspace.as_str() {
        "" => core.catalog.shards.keys().copied().chain([CATALOG]).collect(),
        name => match core.catalog.keyspaces.get(name) {
            Some(keyspace) => keyspace.shards.clone(),
            None => {
                let Some(state) = core.gathers.remove(&gather) else { return };
                let text = alloc::format!("no keyspace '{name}'");
                let failure = Failure::new(Code::KeyspaceNotFound, text);
                return core.refuse(state.ticket, None, failure);
            }
        },
    };
    if let Some(state) = core.gathers.get_mut(&gather) {
        state.missing = shards.len();
    }
    let timeout = call.deadline.since(core.now.instant);
    for shard in shards {
        let want = Want::Fate(id.clone());
        let call = route::new_call(core, Origin::Fate(gather), shard, want, timeout);
        let call = core.calls.add(call);
        core.again.push_back(call);
    }
}

/// One shard has answered.
pub fn part<E: Engine>(core: &mut Core<E>, gather: CallId, part: Part) {
    let Some(state) = core.gathers.get_mut(&gather) else { return };
    match part {
        Part::Done(done) => state.done = Some(done),
        Part::NotDone => {}
        Part::Unknown => state.unknown = true,
    }
    state.missing = state.missing.saturating_sub(1);
    if state.done.is_none() && state.missing > 0 {
        return;
    }
    let Some(state) = core.gathers.remove(&gather) else { return };
    let fate = match state.done {
        Some(done) => Fate::Done(done),
        None if state.unknown => Fate::UnknownYet,
        None => Fate::NotDone,
    };
    core.replies.push((state.ticket, Answer::Fate(fate)));
}
