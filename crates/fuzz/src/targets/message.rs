//! Messages between nodes, as they are drawn: small terms, indexes and ids, so that they meet.

use database::api::Trace;
use database::message::{
    Ask, Body, Done, Envelope, Failed, Mutate, Ping, Query, ReplicaReport, Report,
    Result as Outcome, Told, Traced, Want, trace_bytes,
};
use kernel::{NodeId, Rng};
use raft::{
    Append, AppendReply, Entry, Fetch, Found, Heartbeat, HeartbeatReply, Membership, Message,
    Probe, ProbeReply, RequestVote, SnapshotAck, SnapshotChunk, SnapshotMeta, TimeoutNow,
    VoteReply,
};

use super::{entry, programs, store};
use crate::draw::{bytes, coin, many, number, version_bytes, word};

/// A message of Raft.
pub fn raft(rng: &mut Rng) -> Message {
    let body = body(rng);
    Message { term: number(rng, 5), body: Some(body) }
}

fn body(rng: &mut Rng) -> raft::Body {
    match rng.below(15) {
        0 => raft::Body::RequestVote(RequestVote {
            pre: coin(rng),
            transfer: coin(rng),
            last_index: number(rng, 8),
            last_term: number(rng, 5),
        }),
        1 => raft::Body::VoteReply(VoteReply { pre: coin(rng), granted: coin(rng) }),
        2..=4 => raft::Body::Append(append(rng)),
        5 => raft::Body::AppendReply(AppendReply {
            rejected: coin(rng),
            index: number(rng, 8),
            conflict_term: number(rng, 5),
            conflict_index: number(rng, 8),
            amnesia: number(rng, 3),
            unwell: coin(rng),
            lost: number(rng, 8),
        }),
        6 => raft::Body::Heartbeat(Heartbeat {
            round: number(rng, 8),
            commit: number(rng, 8),
            acknowledged: number(rng, 8),
        }),
        7 => raft::Body::HeartbeatReply(HeartbeatReply {
            round: number(rng, 8),
            verified: number(rng, 8),
            matched: number(rng, 8),
            amnesia: number(rng, 3),
            unwell: coin(rng),
        }),
        8 => raft::Body::SnapshotChunk(chunk(rng)),
        9 => raft::Body::SnapshotAck(SnapshotAck { stream: number(rng, 3), next: number(rng, 4) }),
        10 => raft::Body::TimeoutNow(TimeoutNow {}),
        11 => raft::Body::Probe(Probe { nonce: number(rng, 4) }),
        12 => raft::Body::Fetch(Fetch { index: number(rng, 8), term: number(rng, 5) }),
        13 => raft::Body::Found(Found {
            index: number(rng, 8),
            term: number(rng, 5),
            entries: append(rng).entries,
            lacks: coin(rng),
        }),
        _ => raft::Body::ProbeReply(ProbeReply { nonce: number(rng, 4), fence: number(rng, 8) }),
    }
}

fn append(rng: &mut Rng) -> Append {
    let prev_index = number(rng, 6);
    let mut index = prev_index;
    let entries = many(rng, 5, |rng| {
        index = if rng.below(16) == 0 { number(rng, 8) } else { index.wrapping_add(1) };
        log_entry(rng, index)
    });
    let base = (rng.below(4) == 0).then(|| Box::new(membership(rng)));
    let commit = number(rng, 12);
    Append { prev_index, prev_term: number(rng, 4), commit, entries, base, probe: coin(rng) }
}

/// An entry of a log.
pub fn log_entry(rng: &mut Rng, index: u64) -> Entry {
    let term = number(rng, 4);
    match rng.below(6) {
        0 => Entry::empty(index, term),
        1 => Entry::membership(index, term, &membership(rng)),
        _ => Entry::command(index, term, entry::data(rng)),
    }
}

fn chunk(rng: &mut Rng) -> SnapshotChunk {
    SnapshotChunk {
        stream: number(rng, 3),
        meta: (rng.below(4) > 0).then(|| Box::new(meta(rng))),
        seq: number(rng, 3),
        data: if coin(rng) { store::chunk(rng).into() } else { bytes(rng, 64) },
        last: coin(rng),
    }
}

/// What a snapshot is called.
pub fn meta(rng: &mut Rng) -> SnapshotMeta {
    SnapshotMeta { index: number(rng, 12), term: number(rng, 5), membership: membership(rng) }
}

/// Who takes part; mostly of the first three nodes, sometimes nonsense.
pub fn membership(rng: &mut Rng) -> Membership {
    let nodes = |rng: &mut Rng| many(rng, 4, |rng| NodeId(number(rng, 5)));
    match rng.below(4) {
        0 => {
            let ids = |rng: &mut Rng| many(rng, 4, |rng| number(rng, 5));
            let (voters, outgoing) = (ids(rng), ids(rng));
            Membership { voters, outgoing, learners: ids(rng), learners_next: ids(rng) }
        }
        1 => Membership::new(nodes(rng), nodes(rng)),
        2 => Membership::new((1..=3).map(NodeId), []).enter_joint(&Membership::new(nodes(rng), [])),
        _ => Membership::new((1..=3).map(NodeId), []),
    }
}

/// A message between nodes.
pub fn envelope(rng: &mut Rng) -> Envelope {
    let body = match rng.below(8) {
        0..=3 => Body::Raft(raft(rng)),
        4..=5 => Body::Ask(ask(rng)),
        6 => Body::Told(told(rng)),
        _ => Body::Report(report(rng)),
    };
    let traced = many(rng, 3, |rng| Traced { index: number(rng, 8), trace: trace(rng) });
    Envelope { shard: number(rng, 4), body: Some(body), traced }
}

/// A context; now and then bytes that are none.
fn trace(rng: &mut Rng) -> bytes::Bytes {
    let some = Trace { trace_id: number(rng, 3).into(), span_id: 1, sampled: coin(rng) };
    if rng.below(8) == 0 { bytes(rng, 30) } else { trace_bytes(&some) }
}

fn ask(rng: &mut Rng) -> Ask {
    let want = match rng.below(4) {
        0 => Want::Mutate(Mutate { request_id: id(rng), command: programs::command(rng).into() }),
        1 => Want::Query(Query {
            query: programs::query(rng).into(),
            linearizable: coin(rng),
            index_min: number(rng, 6),
            at: version_bytes(rng),
            versions: coin(rng),
        }),
        2 => Want::Fate(id(rng)),
        _ => Want::Transfer(number(rng, 4)),
    };
    let (id, timeout_ms) = (number(rng, 4), number(rng, 5_000));
    Ask { id, timeout_ms, trace: trace(rng), want: Some(want) }
}

fn id(rng: &mut Rng) -> bytes::Bytes {
    if rng.below(4) == 0 { bytes(rng, 80) } else { format!("request-{}", rng.below(4)).into() }
}

fn told(rng: &mut Rng) -> Told {
    let result = match rng.below(3) {
        0 => Outcome::Done(Done {
            body: bytes(rng, 32),
            version: version_bytes(rng),
            acks: number(rng, 4) as u32,
            repeated: coin(rng),
            staleness_plus_one: number(rng, 100),
            applied: number(rng, 10),
            replica: number(rng, 4),
        }),
        1 => Outcome::Failed(Failed {
            code: word(rng, &["no-leader", "timeout", "invalid", "disk-full", "?"]),
            text: word(rng, &["why", ""]),
            unknown: coin(rng),
            retry_after_ms: number(rng, 1_000),
            leader: number(rng, 4),
            elsewhere: coin(rng),
        }),
        _ => Outcome::NotDone(coin(rng)),
    };
    Told { id: number(rng, 6), result: Some(result) }
}

fn report(rng: &mut Rng) -> Report {
    let replica = |rng: &mut Rng| ReplicaReport {
        shard: number(rng, 4),
        role: number(rng, 7) as u32,
        term: number(rng, 5),
        leader: number(rng, 4),
        commit: number(rng, 8),
        applied: number(rng, 8),
        lag_plus_one: number(rng, 100),
        settled: number(rng, 9),
        last: number(rng, 8),
        bytes: rng.bits() >> rng.below(64),
        first: number(rng, 8),
    };
    let (pid, disk_full) = (number(rng, 100) as u32, coin(rng));
    let (replicas, catalog_applied) = (many(rng, 4, replica), number(rng, 8));
    let ping = coin(rng).then(|| Ping {
        sent_us: rng.bits(),
        wall_ms: rng.bits(),
        echo_us: rng.bits() >> rng.below(64),
        held_us: rng.bits() >> rng.below(64),
    });
    Report { pid, disk_full, replicas, catalog_applied, ping, shed: number(rng, 8) }
}
