//! Ending a call: its answer, with the evidence, to whoever waits for it.

use alloc::string::String;

use contract::{Consistency, Durability, Receipt};
use kernel::{NodeId, Version};
use prost::Message as _;
use store::engine::Engine;

use crate::{
    Answer, Envelope, Failure, Note,
    api::{self, Done},
    calls::{Call, CallId, Origin, Stage, Want},
    catalog::{CATALOG, CatalogReply},
    failure::{Code, Effect},
    message::{self, Body, Told},
    shard::{Proposed, Shard, Verdict},
};

use super::{Core, fate};

/// A proposal of this node was applied.
pub fn verdict<E: Engine>(
    core: &mut Core<E>,
    shard: &mut Shard,
    proposed: Proposed,
    verdict: Verdict,
) {
    let Some(call) = core.calls.get(proposed.call) else { return };
    core.notes.push(Note::Round {
        shard: shard.id,
        queue: proposed.at.since(call.started),
        local: proposed.durable.map(|durable| durable.since(proposed.at)),
        commit: core.now.instant.since(proposed.at),
        trace: call.trace,
        span: proposed.span,
    });
    let failed = |code, text: &str| Failure::new(code, text);
    match verdict {
        Verdict::Done { reply, version, repeated } => {
            let acks = shard.raft.membership().voters.len() as u32 / 2 + 1;
            let done = message::Done {
                body: reply,
                version: bytes::Bytes::copy_from_slice(&version.to_bytes()),
                acks,
                repeated,
                staleness_plus_one: 1,
                applied: shard.applied.index,
                replica: core.identity.node.0,
            };
            if call.control && shard.id == CATALOG {
                // Once the copy of the catalog that routes requests shows it, too.
                core.calls.stage(proposed.call, Stage::Lingering(done), call.deadline);
                return core.again.push_back(proposed.call);
            }
            answer(core, proposed.call, done);
        }
        Verdict::Cancelled => {
            let text = "fate has declared this request not done: use a new request id";
            self::failed(core, proposed.call, failed(Code::RequestCancelled, text));
        }
        Verdict::Reused => {
            let text = "this request id was used before for another request";
            self::failed(core, proposed.call, failed(Code::RequestIdReused, text));
        }
        Verdict::NotDone => not_done(core, proposed.call),
        Verdict::Nothing => {
            let text = "the command could not be read";
            self::failed(core, proposed.call, failed(Code::Invalid, text));
        }
    }
}

/// A call was carried out, here or elsewhere.
pub fn answer<E: Engine>(core: &mut Core<E>, id: CallId, done: message::Done) {
    let Some(call) = core.calls.remove(id) else { return };
    match call.origin {
        Origin::Local(ticket) => {
            let answer = if call.control {
                control_answer(core, &call, &done)
            } else {
                Answer::Done(local_done(core, &call, done))
            };
            reply(core, call, ticket, answer);
        }
        Origin::Peer(node, number) => {
            let told = Told { id: number, result: Some(message::Result::Done(done)) };
            tell(core, &call, node, told);
        }
        Origin::Fate(gather) => {
            let done = local_done(core, &call, done);
            fate::part(core, gather, fate::Part::Done(done));
        }
        Origin::Own => {}
    }
}

/// The request that a fate was asked of never took effect.
pub fn not_done<E: Engine>(core: &mut Core<E>, id: CallId) {
    let Some(call) = core.calls.remove(id) else { return };
    match call.origin {
        Origin::Peer(node, number) => {
            let told = Told { id: number, result: Some(message::Result::NotDone(true)) };
            tell(core, &call, node, told);
        }
        Origin::Fate(gather) => fate::part(core, gather, fate::Part::NotDone),
        Origin::Local(_) | Origin::Own => {}
    }
}

/// A call was not carried out, or nobody knows.
pub fn failed<E: Engine>(core: &mut Core<E>, id: CallId, failure: Failure) {
    let Some(call) = core.calls.remove(id) else { return };
    let failure = if call.risked && call.is_mutation() && failure.code.retryable() {
        failure.unknown()
    } else {
        failure
    };
    match call.origin {
        Origin::Local(ticket) => reply(core, call, ticket, Answer::Failed(failure)),
        Origin::Peer(node, number) => {
            let retry = failure.retry_after.map_or(0, |after| after.as_millis());
            let failed = message::Failed {
                code: failure.code.name().into(),
                text: failure.text,
                unknown: failure.effect == Effect::Unknown,
                retry_after_ms: u64::try_from(retry).unwrap_or(0),
                leader: failure.leader.0,
                elsewhere: false,
            };
            let told = Told { id: number, result: Some(message::Result::Failed(failed)) };
            tell(core, &call, node, told);
        }
        Origin::Fate(gather) => fate::part(core, gather, fate::Part::Unknown),
        Origin::Own => {}
    }
}

/// A peer's call cannot be carried out here.
pub fn elsewhere<E: Engine>(core: &mut Core<E>, id: CallId, leader: NodeId) {
    let Some(call) = core.calls.remove(id) else { return };
    if let Origin::Peer(node, number) = call.origin {
        let failed = message::Failed::elsewhere(leader);
        let told = Told { id: number, result: Some(message::Result::Failed(failed)) };
        tell(core, &call, node, told);
    }
}

/// The deadline of a call passed.
pub fn expired<E: Engine>(core: &mut Core<E>, id: CallId) {
    let Some(call) = core.calls.get(id) else { return };
    let failure = match call.stage {
        Stage::Parked | Stage::Barrier => {
            Failure::new(Code::Unavailable, "no leader could be reached before the deadline")
        }
        Stage::Applying => Failure::new(
            Code::SessionAhead,
            "no reachable replica has reached the session's position before the deadline",
        ),
        Stage::Lingering(_) => {
            let text = "it is done, but nodes that held the keyspace which was dropped have not all \
                        said that they know: until then they may serve it";
            Failure::new(Code::DeadlineExceeded, text).unknown()
        }
        _ => Failure::new(Code::DeadlineExceeded, "the deadline passed before the answer"),
    };
    failed(core, id, failure);
}

fn tell<E: Engine>(core: &mut Core<E>, call: &Call, node: NodeId, told: Told) {
    core.release(call);
    let took = core.now.instant.since(call.started);
    let (shard, trace) = (call.shard, call.trace);
    core.notes.push(Note::Served { shard, peer: node, took, trace });
    core.send(node, Envelope::of(call.shard, Body::Told(told)));
}

fn reply<E: Engine>(core: &mut Core<E>, call: Call, ticket: kernel::Ticket, answer: Answer) {
    core.release(&call);
    let failed = match &answer {
        Answer::Failed(failure) => Some(failure.code),
        _ => None,
    };
    core.notes.push(Note::Request {
        mutation: call.is_mutation(),
        failed,
        took: core.now.instant.since(call.started),
        trace: call.trace,
        request_id: call.request_id().cloned(),
        keyspace: call.keyspace,
    });
    core.replies.push((ticket, answer));
}

fn local_done<E: Engine>(core: &Core<E>, call: &Call, done: message::Done) -> Done {
    let version = Version::from_bytes(&done.version).unwrap_or_default();
    let incarnation = core.identity.incarnation;
    let mut session = call.session.clone();
    if session.incarnation() != incarnation {
        session = contract::Session::new(incarnation);
    }
    // A fate is settled through the log: once the question is committed, so is the write before it.
    let mutation = call.is_mutation() || matches!(call.want, Want::Fate(_));
    session.observe(call.shard, if mutation { version.index } else { done.applied });
    let leader = core.leaders.get(&call.shard).map_or(NodeId::NONE, |(_, node)| *node);
    let replica = Some(NodeId(done.replica)).filter(|node| node.is_some());
    let receipt = Receipt {
        consistency: if mutation { Consistency::LINEARIZABLE } else { call.consistency },
        version,
        staleness_ms: done.staleness_plus_one.checked_sub(1),
        replica: replica.unwrap_or(core.identity.node),
        acks: if mutation { done.acks } else { 0 },
        durability: Durability::Disk,
        incarnation,
    };
    Done {
        body: done.body,
        receipt,
        shard: call.shard,
        request_id: call.request_id().cloned(),
        repeated: done.repeated,
        session,
        leader,
    }
}

fn control_answer<E: Engine>(core: &Core<E>, call: &Call, done: &message::Done) -> Answer {
    if call.shard != CATALOG {
        return Answer::Control { keyspace: None, changed: true };
    }
    let reply = CatalogReply::decode(done.body.clone()).unwrap_or_default();
    match reply.failure() {
        Some(failure) => Answer::Failed(failure),
        None => {
            let keyspace: Option<api::Keyspace> =
                core.catalog.keyspaces.get(&call.keyspace).cloned();
            Answer::Control { keyspace, changed: reply.changed }
        }
    }
}

/// Names of the keyspaces, for messages.
pub fn names<E: Engine>(core: &Core<E>) -> String {
    core.catalog.keyspaces.keys().cloned().collect::<alloc::vec::Vec<_>>().join(", ")
}
