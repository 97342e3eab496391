//! What the program is for, scene by scene.

use bytes::Bytes;
use contract::Program;
use layers::coordination::*;
use prost::Message;

use super::{Stage, act, ask, send};

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn put(key: &str, value: &str) -> PutRequest {
    PutRequest { key: bytes(key), value: bytes(value), ..PutRequest::default() }
}

fn set(stage: &mut Stage, key: &str, value: &str) -> i64 {
    match act(stage, Act::Put(put(key, value))) {
        Ok(Outcome::Put(response)) => response.header.unwrap().revision,
        other => panic!("{other:?}"),
    }
}

fn range(stage: &Stage, request: RangeRequest) -> Result<RangeResponse, Error> {
    match ask(stage, Ask::Range(request))? {
        Answer::Range(response) => Ok(response),
        other => panic!("{other:?}"),
    }
}

fn get_at(stage: &Stage, key: &str, revision: i64) -> Result<Option<Bytes>, Error> {
    let request = RangeRequest { key: bytes(key), revision, ..RangeRequest::default() };
    Ok(range(stage, request)?.kvs.pop().map(|kv| kv.value))
}

fn get(stage: &Stage, key: &str) -> Option<Bytes> {
    get_at(stage, key, 0).unwrap()
}

fn grant(stage: &mut Stage, id: i64) -> i64 {
    match act(stage, Act::LeaseGrant(LeaseGrantRequest { ttl: 10, id })) {
        Ok(Outcome::LeaseGrant(response)) => response.id,
        other => panic!("{other:?}"),
    }
}

fn lock(stage: &mut Stage, lease: i64) -> LockResponse {
    match act(stage, Act::Lock(LockRequest { name: bytes("l"), lease })) {
        Ok(Outcome::Lock(response)) => response,
        other => panic!("{other:?}"),
    }
}

fn changes(stage: &Stage, request: ChangesRequest) -> ChangesResponse {
    match ask(stage, Ask::Changes(request)) {
        Ok(Answer::Changes(response)) => response,
        other => panic!("{other:?}"),
    }
}

fn all_from(start_revision: i64) -> ChangesRequest {
    let range_end = Bytes::from_static(b"\0");
    ChangesRequest { range_end, start_revision, prev_kv: true, ..ChangesRequest::default() }
}

fn compact(stage: &mut Stage, revision: i64) -> Result<bool, Error> {
    match act(stage, Act::Compaction(CompactionRequest { revision, physical: false }))? {
        Outcome::Compaction(response) => Ok(response.swept),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_empty_keyspace_stands_at_1_and_the_first_write_at_2() {
    let mut stage = Stage::new();
    let empty = range(&stage, RangeRequest { key: bytes("k"), ..RangeRequest::default() });
    assert_eq!(empty.unwrap().header, ResponseHeader::at(1));
    assert_eq!(set(&mut stage, "k", "1"), 2);
    assert_eq!(get_at(&stage, "k", 1), Ok(None));
    assert_eq!(get_at(&stage, "k", 3), Err(Error::FutureRev));
}

#[test]
fn a_put_writes_three_keys_and_one_more_if_it_replaces_something() {
    let mut stage = Stage::new();
    set(&mut stage, "k", "1");
    assert_eq!(stage.writes(), 3, "record, change, number");
    set(&mut stage, "k", "2");
    assert_eq!(stage.writes(), 4, "and what was replaced");
    let puts: Vec<Bytes> = (0..100)
        .map(|n| Command::new(Act::Put(put(&n.to_string(), "v"))).encode_to_vec().into())
        .collect();
    stage.apply_all(Program::Coordination, &puts);
    assert_eq!(stage.writes(), 201, "the number is written once a batch");
}

#[test]
fn what_is_compacted_is_gone_for_readers_at_once_and_for_the_engine_soon() {
    let mut stage = Stage::new();
    set(&mut stage, "other", "v");
    let once = stage.keys();
    for n in 0..2_000 {
        set(&mut stage, "k", &n.to_string());
    }
    let newest = 2_002;
    assert_eq!(compact(&mut stage, newest + 1), Err(Error::FutureRev));
    assert_eq!(compact(&mut stage, newest), Ok(false), "one step is not enough");
    assert_eq!(compact(&mut stage, newest), Err(Error::Compacted));
    assert_eq!(get_at(&stage, "k", newest - 1), Err(Error::Compacted));
    assert_eq!(get_at(&stage, "k", newest), Ok(Some(bytes("1999"))));
    assert_eq!(changes(&stage, all_from(newest - 1)).compact_revision, newest);
    let before = stage.keys();
    let mut steps = 0;
    loop {
        steps += 1;
        let swept = act(&mut stage, Act::Sweep(SweepRequest {})).unwrap();
        if matches!(swept, Outcome::Sweep(response) if response.swept) {
            break;
        }
    }
    assert!((3..5).contains(&steps), "{steps}");
    assert!(before > 2_000, "{before}");
    // The record of the last change goes with the next compaction: a watch may begin with it.
    assert_eq!(stage.keys(), once + 1);
    let event = changes(&stage, all_from(newest)).events.pop().unwrap();
    assert_eq!((event.kv.unwrap().value, event.prev_kv), (bytes("1999"), None));
    set(&mut stage, "k", "last");
    assert_eq!(compact(&mut stage, newest + 1), Ok(true));
    assert_eq!(stage.keys(), once + 1, "and it has gone");
}

#[test]
fn who_deletes_a_key_and_compacts_gets_its_space_back() {
    let mut stage = Stage::new();
    set(&mut stage, "k", &"v".repeat(10_000));
    let delete = DeleteRangeRequest { key: bytes("k"), ..DeleteRangeRequest::default() };
    act(&mut stage, Act::DeleteRange(delete)).unwrap();
    let event = changes(&stage, all_from(3)).events.pop().unwrap();
    assert_eq!(event.prev_kv.unwrap().value.len(), 10_000);
    assert!(stage.bytes() > 10_000);
    assert_eq!(compact(&mut stage, 3), Ok(true));
    assert!(stage.bytes() < 200, "the change stays, without what it ended: {}", stage.bytes());
    let event = changes(&stage, all_from(3)).events.pop().unwrap();
    assert_eq!((event.kv.unwrap().mod_revision, event.prev_kv), (3, None));
}

#[test]
fn a_paused_holder_is_fenced_off() {
    let mut stage = Stage::new();
    let (one, two) = (grant(&mut stage, 1), grant(&mut stage, 0x2a));
    let first = lock(&mut stage, one);
    assert_eq!((first.held, &first.key), (true, &bytes("l/1")));
    let second = lock(&mut stage, two);
    assert_eq!((second.held, &second.key, &second.behind), (false, &bytes("l/2a"), &first.key));
    assert_eq!(lock(&mut stage, one), LockResponse { header: second.header, ..first.clone() });
    let guarded = |token| {
        let guards = vec![Guard { name: bytes("l"), token }];
        let act = Some(Act::Put(put("data", &token.to_string())));
        Command { guards, act, caller: None }
    };
    assert!(send(&mut stage, &guarded(first.token)).is_ok());
    assert_eq!(send(&mut stage, &guarded(second.token)), Err(Error::GuardFailed), "waits");

    // The holder is paused, and its lease runs out.
    let overdue = vec![Overdue { id: one, renewal: 1 }];
    act(&mut stage, Act::LeaseExpire(LeaseExpireRequest { overdue })).unwrap();
    let now = lock(&mut stage, two);
    assert_eq!((now.held, now.token), (true, second.token));
    assert!(now.token > first.token);
    assert_eq!(send(&mut stage, &guarded(first.token)), Err(Error::GuardFailed), "resumes");
    assert_eq!(get(&stage, "data"), Some(bytes(&first.token.to_string())));
    assert!(send(&mut stage, &guarded(second.token)).is_ok());

    // A place that is taken anew is another place.
    let one = grant(&mut stage, 1);
    let again = lock(&mut stage, one);
    assert!(!again.held && again.token > second.token);
    act(&mut stage, Act::Unlock(UnlockRequest { key: second.key })).unwrap();
    assert!(lock(&mut stage, one).held);
    assert_eq!(send(&mut stage, &guarded(first.token)), Err(Error::GuardFailed));
    assert_eq!(send(&mut stage, &guarded(0)), Err(Error::GuardFailed));
}

#[test]
fn a_renewal_overtakes_an_expiry_that_did_not_know_of_it() {
    let mut stage = Stage::new();
    let id = grant(&mut stage, 9);
    act(&mut stage, Act::Put(PutRequest { lease: id, ..put("k", "v") })).unwrap();
    let expire = |stage: &mut Stage, renewal| {
        let overdue = vec![Overdue { id, renewal }];
        match act(stage, Act::LeaseExpire(LeaseExpireRequest { overdue })) {
            Ok(Outcome::LeaseExpire(response)) => response.ids,
            other => panic!("{other:?}"),
        }
    };
    act(&mut stage, Act::LeaseRenew(LeaseRenewRequest { ids: vec![id, 77] })).unwrap();
    assert!(expire(&mut stage, 1).is_empty());
    assert_eq!(get(&stage, "k"), Some(bytes("v")));
    assert_eq!(expire(&mut stage, 3), [id]);
    assert_eq!(get(&stage, "k"), None);
    assert!(expire(&mut stage, 3).is_empty(), "gone already");
    grant(&mut stage, 9);
    assert!(expire(&mut stage, 3).is_empty(), "another one of the same id");
}

#[test]
fn the_end_of_a_lease_is_one_revision() {
    let mut stage = Stage::new();
    let id = grant(&mut stage, 0);
    assert!(id > 0);
    for key in ["b", "a", "c"] {
        act(&mut stage, Act::Put(PutRequest { lease: id, ..put(key, "v") })).unwrap();
    }
    set(&mut stage, "c", "not attached any more");
    act(&mut stage, Act::LeaseRevoke(LeaseRevokeRequest { id })).unwrap();
    let events = changes(&stage, all_from(6)).events;
    let keys: Vec<_> = events.into_iter().map(|event| event.kv.unwrap()).collect();
    assert_eq!(keys.iter().map(|kv| &kv.key[..]).collect::<Vec<_>>(), [b"a", b"b"]);
    assert!(keys.iter().all(|kv| kv.mod_revision == 6));
}

#[test]
fn chosen_leases_differ() {
    let mut stage = Stage::new();
    let mut ids: Vec<_> = (0..50).map(|_| grant(&mut stage, 0)).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 50);
}

#[test]
fn an_election_has_one_leader_at_a_time() {
    let mut stage = Stage::new();
    let campaign = |stage: &mut Stage, lease, value| {
        let request = CampaignRequest { name: bytes("e"), lease, value: bytes(value) };
        match act(stage, Act::Campaign(request)) {
            Ok(Outcome::Campaign(response)) => response,
            other => panic!("{other:?}"),
        }
    };
    let leader = |stage: &Stage| match ask(stage, Ask::Leader(LeaderRequest { name: bytes("e") })) {
        Ok(Answer::Leader(response)) => Ok(response.kv.unwrap().value),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    };
    assert_eq!(leader(&stage), Err(Error::NoLeader));
    let (one, two) = (grant(&mut stage, 1), grant(&mut stage, 2));
    let first = campaign(&mut stage, one, "one");
    let second = campaign(&mut stage, two, "two");
    assert_eq!((first.elected, second.elected), (true, false));
    assert_eq!(leader(&stage), Ok(bytes("one")));
    let again = campaign(&mut stage, one, "uno");
    assert_eq!(again.leader, first.leader, "the same candidacy says something else");
    assert_eq!(leader(&stage), Ok(bytes("uno")));
    let proclaim = ProclaimRequest { leader: first.leader.clone(), value: bytes("eins") };
    act(&mut stage, Act::Proclaim(proclaim.clone())).unwrap();
    assert_eq!(leader(&stage), Ok(bytes("eins")));
    act(&mut stage, Act::Resign(ResignRequest { leader: first.leader })).unwrap();
    assert_eq!(leader(&stage), Ok(bytes("two")));
    assert_eq!(act(&mut stage, Act::Proclaim(proclaim)), Err(Error::NotLeader));
    let nobody = ProclaimRequest { leader: None, value: bytes("") };
    assert_eq!(act(&mut stage, Act::Proclaim(nobody)), Err(Error::MissingLeader));
}

#[test]
fn a_transaction_is_one_revision_and_pages_of_changes_may_cut_it() {
    let mut stage = Stage::new();
    let ops =
        ["a", "b", "c"].map(|key| RequestOp { request: Some(Request::RequestPut(put(key, "v"))) });
    let txn = TxnRequest { success: ops.to_vec(), ..TxnRequest::default() };
    act(&mut stage, Act::Txn(txn)).unwrap();
    set(&mut stage, "a", "w");
    let whole = changes(&stage, all_from(0));
    assert_eq!((whole.next_revision, whole.next_sub, whole.more), (4, 0, false));
    let (mut pieces, mut cursor) = (Vec::new(), (1, 0));
    loop {
        let (start_revision, start_sub) = cursor;
        let request = ChangesRequest { start_sub, limit: 1, ..all_from(start_revision) };
        let page = changes(&stage, request);
        pieces.extend(page.events);
        cursor = (page.next_revision, page.next_sub);
        if !page.more {
            break;
        }
    }
    assert_eq!(pieces, whole.events);
    assert_eq!(cursor, (4, 0));
    let revisions: Vec<_> =
        pieces.iter().map(|event| event.kv.as_ref().unwrap().mod_revision).collect();
    assert_eq!(revisions, [2, 2, 2, 3]);
}

/// Read off an etcd: it lets these two transactions change a key twice.
#[test]
fn a_key_that_changes_twice_in_a_revision_has_two_events() {
    let mut stage = Stage::new();
    let op = |request| RequestOp { request: Some(request) };
    let inner = |request| {
        let success = vec![op(request)];
        op(Request::RequestTxn(TxnRequest { success, ..TxnRequest::default() }))
    };
    let delete = |range_end: &'static [u8]| {
        let range_end = Bytes::from_static(range_end);
        Request::RequestDeleteRange(DeleteRangeRequest {
            key: bytes("k"),
            range_end,
            prev_kv: false,
        })
    };
    set(&mut stage, "k", "1");
    stage.told.take();
    let put_then_delete = vec![inner(Request::RequestPut(put("k", "2"))), inner(delete(b""))];
    let delete_then_put = vec![op(delete(b"\0")), op(Request::RequestPut(put("k", "4")))];
    act(&mut stage, Act::Txn(TxnRequest { success: put_then_delete, ..Default::default() }))
        .unwrap();
    set(&mut stage, "k", "3");
    act(&mut stage, Act::Txn(TxnRequest { success: delete_then_put, ..Default::default() }))
        .unwrap();
    let events = changes(&stage, all_from(3)).events;
    assert_eq!(stage.told.take().unwrap().events, events);
    let seen: Vec<_> = events
        .into_iter()
        .map(|event| {
            let kv = event.kv.unwrap();
            let previous = event.prev_kv.map(|kv| String::from_utf8(kv.value.to_vec()).unwrap());
            (event.r#type, kv.mod_revision, kv.version, previous.unwrap_or_default())
        })
        .collect();
    let seen: Vec<_> = seen.iter().map(|(a, b, c, d)| (*a, *b, *c, d.as_str())).collect();
    assert_eq!(
        seen,
        [(0, 3, 2, "1"), (1, 3, 0, "1"), (0, 4, 1, ""), (1, 5, 0, "3"), (0, 5, 1, "")]
    );
    assert_eq!(get_at(&stage, "k", 3), Ok(None));
    assert_eq!(get_at(&stage, "k", 5), Ok(Some(bytes("4"))));
}

#[test]
fn what_passes_a_limit_is_refused_and_nothing_happens() {
    let mut stage = Stage::new();
    let long = "k".repeat(limits::KEY_BYTES_MAX + 1);
    assert_eq!(act(&mut stage, Act::Put(put(&long, "v"))), Err(Error::RequestTooLarge));
    let op = RequestOp {
        request: Some(Request::RequestRange(RangeRequest {
            key: bytes("k"),
            ..RangeRequest::default()
        })),
    };
    let txn = |count| TxnRequest { success: vec![op.clone(); count], ..TxnRequest::default() };
    assert!(act(&mut stage, Act::Txn(txn(limits::TXN_OPS_MAX))).is_ok());
    assert_eq!(act(&mut stage, Act::Txn(txn(limits::TXN_OPS_MAX + 1))), Err(Error::TooManyOps));
    let nested = TxnRequest {
        success: vec![RequestOp { request: Some(Request::RequestTxn(txn(127))) }],
        ..TxnRequest::default()
    };
    assert!(act(&mut stage, Act::Txn(nested.clone())).is_ok());
    let deeper = TxnRequest {
        failure: vec![RequestOp { request: Some(Request::RequestTxn(nested)) }],
        ..TxnRequest::default()
    };
    assert_eq!(act(&mut stage, Act::Txn(deeper)), Err(Error::TooManyOps));

    let wide = TxnRequest {
        success: vec![RequestOp { request: Some(Request::RequestTxn(txn(64))) }; 17],
        ..TxnRequest::default()
    };
    assert_eq!(act(&mut stage, Act::Txn(wide)), Err(Error::TooManyOps), "1,105 in all");

    let large = "v".repeat(1 << 20);
    for n in 0..9 {
        set(&mut stage, &format!("large{n}"), &large);
    }
    let delete =
        DeleteRangeRequest { key: bytes("large"), range_end: bytes("largf"), prev_kv: true };
    assert_eq!(act(&mut stage, Act::DeleteRange(delete.clone())), Err(Error::AnswerTooLarge));
    assert!(get(&stage, "large0").is_some());
    let delete = DeleteRangeRequest { prev_kv: false, ..delete };
    assert!(act(&mut stage, Act::DeleteRange(delete)).is_ok());
    for n in 0..65 {
        set(&mut stage, &format!("large{n}"), &large);
    }
    let delete =
        DeleteRangeRequest { key: bytes("large"), range_end: bytes("largf"), prev_kv: false };
    assert_eq!(act(&mut stage, Act::DeleteRange(delete)), Err(Error::TooManyChanges));
    let huge = Command::new(Act::Put(put("k", &"v".repeat(limits::REQUEST_BYTES_MAX))));
    let refused = layers::check(Program::Coordination, &huge.encode_to_vec().into());
    assert_eq!(refused.unwrap_err().0, "etcdserver: request is too large");
    let changes = Query::from(Ask::Txn(TxnRequest {
        success: vec![RequestOp { request: Some(Request::RequestPut(put("k", "v"))) }],
        ..TxnRequest::default()
    }));
    assert_eq!(changes.check(), Err(Error::NotReadOnly));
}

#[test]
fn what_gives_space_back_is_let_in_when_the_disk_is_full() {
    let delete = DeleteRangeRequest { key: bytes("k"), ..DeleteRangeRequest::default() };
    let op = |request| RequestOp { request: Some(request) };
    let removing = vec![op(Request::RequestDeleteRange(delete.clone()))];
    let putting = vec![op(Request::RequestPut(put("k", "v")))];
    for (act, frees) in [
        (Act::Put(put("k", "v")), false),
        (Act::DeleteRange(delete), true),
        (Act::Txn(TxnRequest { failure: putting, ..Default::default() }), false),
        (Act::Txn(TxnRequest { success: removing, ..Default::default() }), true),
        (Act::Compaction(CompactionRequest { revision: 3, physical: false }), true),
        (Act::LeaseGrant(LeaseGrantRequest { ttl: 1, id: 1 }), false),
        (Act::LeaseRenew(LeaseRenewRequest { ids: vec![1] }), true),
        (Act::Lock(LockRequest { name: bytes("l"), lease: 1 }), false),
    ] {
        let command = Command::new(act).encode_to_vec().into();
        assert_eq!(layers::frees(Program::Coordination, &command), frees);
    }
}
