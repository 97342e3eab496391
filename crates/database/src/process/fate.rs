//! What became of a request whose answer was lost.
//!
//! Each shard that may have seen the request is asked through its log. A shard that has not
//! carried it out fences it in the same step, so that "not done" stays true: a copy of the
//! request that is still on its way will be refused when it arrives.

use alloc::vec::Vec;

use kernel::{Duration, RequestId, ShardId, Ticket};
use store::engine::Engine;

use crate::{
    Answer, Failure,
    api::{Done, Fate},
    calls::{CallId, Origin, Want},
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
    id: &RequestId,
    keyspace: Option<&str>,
    timeout: Duration,
) {
    let shards: Vec<ShardId> = match keyspace {
        Some(name) => match core.catalog.keyspaces.get(name) {
            Some(keyspace) => keyspace.shards.clone(),
            None => {
                let text = alloc::format!("no keyspace '{name}'");
                return core.refuse(ticket, None, Failure::new(Code::KeyspaceNotFound, text));
            }
        },
        None => core.catalog.shards.keys().copied().chain([CATALOG]).collect(),
    };
    let gather = core.next_gather;
    core.next_gather += 1;
    let state = Gather { ticket, missing: shards.len(), unknown: false, done: None };
    core.gathers.insert(gather, state);
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
