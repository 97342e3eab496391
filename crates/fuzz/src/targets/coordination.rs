//! Commands, queries and replies of the coordination program.

use bytes::Bytes;
use kernel::Rng;
use layers::coordination::*;
use prost::Message;

use super::{auth, recipes};
use crate::draw;

pub fn range_end(rng: &mut Rng) -> Bytes {
    match rng.below(4) {
        0 => Bytes::from_static(b"\0"),
        1 => draw::key(rng),
        _ => Bytes::new(),
    }
}

fn number(rng: &mut Rng) -> i64 {
    draw::number(rng, 8) as i64
}

fn put(rng: &mut Rng) -> PutRequest {
    PutRequest {
        key: draw::key(rng),
        value: draw::bytes(rng, 24),
        lease: if draw::coin(rng) { 0 } else { number(rng) },
        prev_kv: draw::coin(rng),
        ignore_value: rng.below(8) == 0,
        ignore_lease: rng.below(8) == 0,
    }
}

fn delete_range(rng: &mut Rng) -> DeleteRangeRequest {
    let (key, range_end) = (draw::key(rng), range_end(rng));
    DeleteRangeRequest { key, range_end, prev_kv: draw::coin(rng) }
}

fn range(rng: &mut Rng) -> RangeRequest {
    RangeRequest {
        key: draw::key(rng),
        range_end: range_end(rng),
        limit: number(rng),
        revision: number(rng),
        sort_order: rng.below(3) as i32,
        sort_target: rng.below(5) as i32,
        keys_only: draw::coin(rng),
        count_only: draw::coin(rng),
        max_mod_revision: number(rng),
        min_create_revision: number(rng),
        ..RangeRequest::default()
    }
}

fn txn(rng: &mut Rng, depth: u64, changes: bool) -> TxnRequest {
    let compare = |rng: &mut Rng| Compare {
        result: rng.below(5) as i32,
        target: rng.below(6) as i32,
        key: draw::key(rng),
        target_union: draw::coin(rng).then(|| match rng.below(3) {
            0 => TargetUnion::Value(draw::bytes(rng, 4)),
            1 => TargetUnion::Version(number(rng)),
            _ => TargetUnion::ModRevision(number(rng)),
        }),
        range_end: range_end(rng),
    };
    let op = |rng: &mut Rng| RequestOp {
        request: Some(match rng.below(4) {
            0 if depth > 0 => Request::RequestTxn(txn(rng, depth - 1, changes)),
            1 if changes => Request::RequestPut(put(rng)),
            2 if changes => Request::RequestDeleteRange(delete_range(rng)),
            _ => Request::RequestRange(range(rng)),
        }),
    };
    TxnRequest {
        compare: draw::many(rng, 2, compare),
        success: draw::many(rng, 3, op),
        failure: draw::many(rng, 3, op),
    }
}

fn leader(rng: &mut Rng) -> Option<LeaderKey> {
    let (name, key) = (draw::key(rng), draw::key(rng));
    draw::coin(rng).then(|| LeaderKey { name, key, rev: number(rng), lease: number(rng) })
}

fn import(rng: &mut Rng) -> ImportRequest {
    let revision = number(rng);
    let lease = |rng: &mut Rng| LeaseRecord {
        id: number(rng),
        ttl: number(rng),
        remaining_ttl: number(rng),
        renewal: 0,
    };
    let kv = |rng: &mut Rng| KeyValue {
        key: draw::key(rng),
        create_revision: 2,
        mod_revision: if draw::coin(rng) { revision } else { 2 },
        version: 1,
        value: draw::bytes(rng, 8),
        lease: number(rng),
    };
    ImportRequest {
        source: draw::key(rng),
        revision,
        at: rng.below(2),
        leases: draw::many(rng, 3, lease),
        kvs: draw::many(rng, 3, kv),
        last: draw::coin(rng),
    }
}

pub fn command(rng: &mut Rng) -> Vec<u8> {
    let act = match rng.below(31) {
        25.. => recipes::act(rng),
        19..22 => auth::act(rng).into(),
        0 => Act::Compaction(CompactionRequest { revision: number(rng), physical: false }),
        1 => Act::Sweep(SweepRequest {}),
        2..5 => Act::LeaseGrant(LeaseGrantRequest { ttl: number(rng), id: number(rng) }),
        5 => Act::LeaseRevoke(LeaseRevokeRequest { id: number(rng) }),
        6 => Act::LeaseRenew(LeaseRenewRequest { ids: draw::many(rng, 4, number) }),
        7 => {
            let checkpoint = |rng: &mut Rng| {
                let (id, remaining_ttl) = (number(rng), number(rng));
                LeaseCheckpoint { id, remaining_ttl, renewal: rng.below(21) }
            };
            let checkpoints = draw::many(rng, 3, checkpoint);
            Act::LeaseCheckpoint(LeaseCheckpointRequest { checkpoints })
        }
        8 => {
            let overdue = |rng: &mut Rng| Overdue { id: number(rng), renewal: rng.below(21) };
            Act::LeaseExpire(LeaseExpireRequest { overdue: draw::many(rng, 3, overdue) })
        }
        9 => Act::Lock(LockRequest { name: draw::key(rng), lease: number(rng) }),
        10 => Act::Unlock(UnlockRequest { key: draw::key(rng) }),
        11 => {
            let (name, value) = (draw::key(rng), draw::bytes(rng, 8));
            Act::Campaign(CampaignRequest { name, lease: number(rng), value })
        }
        12 => Act::Proclaim(ProclaimRequest { leader: leader(rng), value: draw::bytes(rng, 8) }),
        13 => Act::Resign(ResignRequest { leader: leader(rng) }),
        14 => Act::DeleteRange(delete_range(rng)),
        15 => Act::Txn(txn(rng, 3, true)),
        16 => Act::Import(import(rng)),
        _ => Act::Put(put(rng)),
    };
    let guard = |rng: &mut Rng| {
        let semaphore = Bytes::from_static(b"quorate/semaphores/a");
        let name = if draw::coin(rng) { semaphore } else { draw::key(rng) };
        Guard { name, token: number(rng) }
    };
    let guards = if rng.below(8) == 0 { draw::many(rng, 2, guard) } else { Vec::new() };
    Command { guards, act: Some(act), caller: auth::caller(rng) }.encode_to_vec()
}

pub fn query(rng: &mut Rng) -> Vec<u8> {
    let ask = match rng.below(16) {
        13.. => recipes::ask(rng),
        11..13 => auth::ask(rng).into(),
        0 => Ask::Txn(txn(rng, 3, false)),
        1 => {
            let (id, keys) = (number(rng), draw::coin(rng));
            Ask::LeaseTimeToLive(LeaseTimeToLiveRequest { id, keys })
        }
        2 => Ask::LeaseLeases(LeaseLeasesRequest {}),
        3 => {
            let (after, limit) = (number(rng), number(rng) as u32);
            Ask::LeaseRecords(LeaseRecordsRequest { after, limit })
        }
        4 => Ask::Leader(LeaderRequest { name: draw::key(rng) }),
        5 => Ask::Queue(QueueRequest { name: draw::key(rng) }),
        6 => Ask::Changes(ChangesRequest {
            key: draw::key(rng),
            range_end: range_end(rng),
            start_revision: number(rng),
            filters: draw::many(rng, 2, |rng| rng.below(3) as i32),
            prev_kv: draw::coin(rng),
            start_sub: number(rng) as u32,
            limit: number(rng) as u32,
        }),
        7 => Ask::Status(StatusRequest {}),
        8 => Ask::LeaseKeepAlive(LeaseRenewRequest { ids: draw::many(rng, 4, number) }),
        _ => Ask::Range(range(rng)),
    };
    Query { ask: Some(ask), caller: auth::caller(rng) }.encode_to_vec()
}

/// Replies to commands on a keyspace that other samples have filled.
pub fn reply(rng: &mut Rng) -> Vec<u8> {
    let kv = |rng: &mut Rng| KeyValue {
        key: draw::key(rng),
        create_revision: number(rng),
        mod_revision: number(rng),
        version: number(rng),
        value: draw::bytes(rng, 8),
        lease: number(rng),
    };
    match rng.below(6) {
        0 => {
            let outcome = Some(recipes::outcome(rng));
            return Reply { error: None, outcome }.encode_to_vec();
        }
        1 => {
            let answer = Some(recipes::answer(rng));
            return QueryReply { error: None, answer }.encode_to_vec();
        }
        _ => {}
    }
    if draw::coin(rng) {
        let header = ResponseHeader::at(number(rng));
        let prev_kvs = draw::many(rng, 3, kv);
        let response = DeleteRangeResponse { header, deleted: number(rng), prev_kvs };
        let error = (rng.below(4) == 0).then(|| rng.below(30) as i32);
        return Reply { error, outcome: Some(Outcome::DeleteRange(response)) }.encode_to_vec();
    }
    let event = |rng: &mut Rng| Event {
        r#type: rng.below(3) as i32,
        kv: Some(kv(rng)),
        prev_kv: draw::coin(rng).then(|| kv(rng)),
    };
    let events = draw::many(rng, 3, event);
    let response = ChangesResponse { events, ..ChangesResponse::default() };
    QueryReply { error: None, answer: Some(Answer::Changes(response)) }.encode_to_vec()
}
