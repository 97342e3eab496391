//! Random commands and queries over few keys, so that they meet.

use bytes::Bytes;
use kernel::Rng;
use layers::coordination::*;

#[path = "draw/recipes.rs"]
mod recipes;

const KEYS: [&[u8]; 6] = [b"a", b"a\0", b"b", b"\0", b"c/1", b"\xff\xff"];

pub fn key(rng: &mut Rng) -> Bytes {
    match rng.below(40) {
        0 => Bytes::new(),
        n => Bytes::from_static(KEYS[n as usize % KEYS.len()]),
    }
}

pub fn range_end(rng: &mut Rng) -> Bytes {
    match rng.below(6) {
        0..3 => Bytes::new(),
        3 => Bytes::from_static(b"\0"),
        _ => key(rng),
    }
}

fn value(rng: &mut Rng) -> Bytes {
    Bytes::from(vec![b'0' + rng.below(4) as u8; rng.below(3) as usize])
}

pub fn coin(rng: &mut Rng, one_in: u64) -> bool {
    rng.below(one_in) == 0
}

pub fn lease(rng: &mut Rng) -> i64 {
    [1, 2, 3, 20, -3][rng.below(5) as usize]
}

fn lease_of_a_key(rng: &mut Rng) -> i64 {
    if coin(rng, 3) { lease(rng) } else { 0 }
}

/// A revision near the newest, seldom out of reach.
pub fn revision(rng: &mut Rng, newest: i64) -> i64 {
    match rng.below(12) {
        0..4 => 0,
        4 => -1,
        5 => newest + 1,
        _ => (newest + 1 - rng.below(12) as i64).max(0),
    }
}

pub fn put(rng: &mut Rng) -> PutRequest {
    let (ignore_value, ignore_lease) = (coin(rng, 8), coin(rng, 8));
    PutRequest {
        key: key(rng),
        value: if ignore_value && !coin(rng, 8) { Bytes::new() } else { value(rng) },
        lease: if ignore_lease && !coin(rng, 8) { 0 } else { lease_of_a_key(rng) },
        prev_kv: coin(rng, 2),
        ignore_value,
        ignore_lease,
    }
}

pub fn delete_range(rng: &mut Rng) -> DeleteRangeRequest {
    DeleteRangeRequest { key: key(rng), range_end: range_end(rng), prev_kv: coin(rng, 2) }
}

pub fn range(rng: &mut Rng, newest: i64) -> RangeRequest {
    let bound = |rng: &mut Rng| if coin(rng, 8) { rng.below(newest as u64 + 2) as i64 } else { 0 };
    RangeRequest {
        key: key(rng),
        range_end: range_end(rng),
        limit: rng.below(5) as i64 - 1,
        revision: revision(rng, newest),
        sort_order: rng.below(3) as i32,
        sort_target: rng.below(5) as i32,
        serializable: false,
        keys_only: coin(rng, 4),
        count_only: coin(rng, 8),
        min_mod_revision: bound(rng),
        max_mod_revision: bound(rng),
        min_create_revision: bound(rng),
        max_create_revision: bound(rng),
        uncounted: false,
    }
}

fn compare(rng: &mut Rng, newest: i64) -> Compare {
    let number = |rng: &mut Rng| rng.below(newest as u64 + 1) as i64;
    let target_union = match rng.below(6) {
        0 => Some(TargetUnion::Version(rng.below(4) as i64)),
        1 => Some(TargetUnion::CreateRevision(number(rng) * rng.below(2) as i64)),
        2 => Some(TargetUnion::ModRevision(number(rng))),
        3 => Some(TargetUnion::Value(value(rng))),
        4 => Some(TargetUnion::Lease(lease_of_a_key(rng))),
        _ => None,
    };
    let target = match &target_union {
        Some(TargetUnion::Version(_)) => 0,
        Some(TargetUnion::CreateRevision(_)) => 1,
        Some(TargetUnion::ModRevision(_)) => 2,
        Some(TargetUnion::Value(_)) => 3,
        Some(TargetUnion::Lease(_)) => 4,
        None => rng.below(5) as i32,
    };
    let range_end = if coin(rng, 3) { range_end(rng) } else { Bytes::new() };
    Compare { result: rng.below(4) as i32, target, key: key(rng), target_union, range_end }
}

pub fn txn(rng: &mut Rng, newest: i64, depth: u32, changes: bool) -> TxnRequest {
    let ops = |rng: &mut Rng| {
        let request = |rng: &mut Rng| match rng.below(10) {
            0..2 if depth > 0 => Request::RequestTxn(txn(rng, newest, depth - 1, changes)),
            2..6 if changes => Request::RequestPut(put(rng)),
            6..8 if changes => Request::RequestDeleteRange(delete_range(rng)),
            _ => Request::RequestRange(range(rng, newest)),
        };
        let op = |rng: &mut Rng| RequestOp { request: (!coin(rng, 100)).then(|| request(rng)) };
        (0..rng.below(4)).map(|_| op(rng)).collect()
    };
    TxnRequest {
        compare: (0..rng.below(3)).map(|_| compare(rng, newest)).collect(),
        success: ops(rng),
        failure: ops(rng),
    }
}

/// A command that etcd has too.
pub fn of_etcd(rng: &mut Rng, newest: i64) -> Act {
    match rng.below(40) {
        0..14 => Act::Put(put(rng)),
        14..18 => Act::DeleteRange(delete_range(rng)),
        18..30 => Act::Txn(txn(rng, newest, 2, true)),
        30..32 => {
            let revision = revision(rng, newest) - if coin(rng, 2) { 5 } else { 0 };
            Act::Compaction(CompactionRequest { revision, physical: false })
        }
        32..37 => {
            let ttl = [-1, 0, 1, 100, 9_000_000_000, 9_000_000_001][rng.below(6) as usize];
            Act::LeaseGrant(LeaseGrantRequest {
                ttl: ttl.max(rng.below(2) as i64 * 100),
                id: lease(rng),
            })
        }
        _ => Act::LeaseRevoke(LeaseRevokeRequest { id: lease(rng) }),
    }
}

pub fn name(rng: &mut Rng) -> Bytes {
    Bytes::from_static([&b"c"[..], b"", b"q"][rng.below(3) as usize])
}

pub fn candidacy(rng: &mut Rng, newest: i64) -> Option<LeaderKey> {
    let (name, lease) = (name(rng), lease(rng));
    let key = [&name[..], b"/", &format!("{lease:x}").into_bytes()].concat().into();
    let rev = revision(rng, newest);
    (!coin(rng, 20)).then_some(LeaderKey { name, key, rev, lease })
}

/// An import in pieces, some of them repeated, some with what was there already, few out of place.
pub fn import(rng: &mut Rng) -> Vec<ImportRequest> {
    let revision = 1 + rng.below(9) as i64;
    let mut leases: Vec<LeaseRecord> = Vec::new();
    for id in [1, 2, 3, 20, -3] {
        if coin(rng, 2) {
            let (ttl, remaining_ttl) = (rng.below(9) as i64, rng.below(9) as i64);
            leases.push(LeaseRecord { id, ttl, remaining_ttl, renewal: 0 });
        }
    }
    let mut keys = KEYS;
    keys.sort_unstable();
    let mut kvs: Vec<KeyValue> = Vec::new();
    for key in keys {
        if coin(rng, 4) || revision == 1 {
            continue;
        }
        let mod_revision =
            if coin(rng, 3) { revision } else { rng.range(2, revision as u64) as i64 };
        kvs.push(KeyValue {
            key: Bytes::from_static(key),
            create_revision: rng.range(2, mod_revision as u64) as i64,
            mod_revision,
            version: 1 + rng.below(3) as i64,
            value: value(rng),
            lease: lease_of_a_key(rng),
        });
    }
    let (mut pieces, mut at) = (Vec::new(), 0);
    let all = leases.len() + kvs.len();
    while pieces.last().is_none_or(|piece: &ImportRequest| !piece.last) {
        let until = (at + rng.below(4) as usize).min(all);
        let from = at.saturating_sub(rng.below(3) as usize);
        let split = |at: usize| (at.min(leases.len()), at.saturating_sub(leases.len()));
        let ((l, k), (m, n)) = (split(from), split(until));
        pieces.push(ImportRequest {
            source: Bytes::from_static(b"s"),
            revision,
            at: from as u64 + u64::from(coin(rng, 20)),
            leases: leases[l..m].to_vec(),
            kvs: kvs[k..n].to_vec(),
            last: until == all,
        });
        at = until;
    }
    pieces.push(ImportRequest { last: coin(rng, 2), ..pieces[0].clone() });
    pieces
}

/// Any command.
pub fn command(rng: &mut Rng, newest: i64) -> Command {
    let act = match rng.below(32) {
        20..31 => Act::Recipe(RecipeRequest { act: Some(recipes::act(rng, newest)) }),
        31 => Act::Put(recipes::by_hand(rng)),
        0 => Act::Sweep(SweepRequest {}),
        1 => Act::LeaseRenew(LeaseRenewRequest { ids: vec![lease(rng), lease(rng)] }),
        2 => {
            let (id, remaining_ttl) = (lease(rng), rng.below(99) as i64);
            let renewal = rng.below(newest as u64 + 3);
            let checkpoint = LeaseCheckpoint { id, remaining_ttl, renewal };
            Act::LeaseCheckpoint(LeaseCheckpointRequest { checkpoints: vec![checkpoint] })
        }
        3 => {
            let mut overdue = || Overdue { id: lease(rng), renewal: rng.below(newest as u64 + 3) };
            Act::LeaseExpire(LeaseExpireRequest { overdue: vec![overdue(), overdue()] })
        }
        4..7 => Act::Lock(LockRequest { name: name(rng), lease: lease(rng) }),
        7 => {
            let key = candidacy(rng, newest).map_or(Bytes::new(), |leader| leader.key);
            Act::Unlock(UnlockRequest { key })
        }
        8 => {
            let (name, lease, value) = (name(rng), lease(rng), value(rng));
            Act::Campaign(CampaignRequest { name, lease, value })
        }
        9 => {
            let leader = candidacy(rng, newest);
            Act::Proclaim(ProclaimRequest { leader, value: value(rng) })
        }
        10 => Act::Resign(ResignRequest { leader: candidacy(rng, newest) }),
        11 if coin(rng, 4) => Act::Import(import(rng).swap_remove(0)),
        _ => of_etcd(rng, newest),
    };
    let guard = |rng: &mut Rng| {
        let semaphore = Bytes::from_static(b"quorate/semaphores/x");
        let name = if coin(rng, 2) { semaphore } else { name(rng) };
        Guard { name, token: revision(rng, newest) }
    };
    let guards = if coin(rng, 12) { vec![guard(rng)] } else { Vec::new() };
    Command { guards, act: Some(act), caller: None }
}

/// Any query.
pub fn query(rng: &mut Rng, newest: i64) -> Query {
    let ask = match rng.below(22) {
        17.. => Ask::Recipe(RecipeQuery { ask: Some(recipes::ask(rng)) }),
        0..6 => Ask::Range(RangeRequest { uncounted: coin(rng, 4), ..range(rng, newest) }),
        6 => Ask::Txn(txn(rng, newest, 2, false)),
        7 => Ask::LeaseTimeToLive(LeaseTimeToLiveRequest { id: lease(rng), keys: coin(rng, 2) }),
        8 => Ask::LeaseLeases(LeaseLeasesRequest {}),
        9 => Ask::LeaseRecords(LeaseRecordsRequest { after: lease(rng), limit: 2 }),
        10 => Ask::Leader(LeaderRequest { name: name(rng) }),
        11 => Ask::Queue(QueueRequest { name: name(rng) }),
        12 => Ask::Status(StatusRequest {}),
        13 => Ask::LeaseKeepAlive(LeaseRenewRequest { ids: vec![lease(rng), lease(rng)] }),
        _ => Ask::Changes(ChangesRequest {
            key: key(rng),
            range_end: range_end(rng),
            start_revision: revision(rng, newest),
            filters: if coin(rng, 4) { vec![rng.below(2) as i32] } else { Vec::new() },
            prev_kv: coin(rng, 2),
            start_sub: rng.below(3) as u32 / 2,
            limit: rng.below(6) as u32,
        }),
    };
    ask.into()
}
