//! Encodings, errors and limits that never change.

use bytes::Bytes;
use layers::coordination::*;
use prost::Message;

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn command(act: Act) -> Vec<u8> {
    Command::new(act).encode_to_vec()
}

#[test]
fn commands_are_golden() {
    let put = PutRequest {
        key: bytes("k"),
        value: bytes("v"),
        lease: 7,
        prev_kv: true,
        ignore_value: false,
        ignore_lease: true,
    };
    let encoded = [10, 1, b'k', 18, 1, b'v', 24, 7, 32, 1, 48, 1];
    assert_eq!(put.encode_to_vec(), encoded);
    assert_eq!(command(Act::Put(put.clone())), [&[18, 12], &encoded[..]].concat());

    let guards = vec![Guard { name: bytes("l"), token: 5 }];
    let caller = Some(Caller::user("u", 7));
    let guarded = Command { guards, act: Some(Act::Sweep(SweepRequest {})), caller };
    assert_eq!(
        guarded.encode_to_vec(),
        [10, 5, 10, 1, b'l', 16, 5, 50, 0, 242, 1, 5, 10, 1, b'u', 16, 7]
    );
    assert_eq!(Caller::node().encode_to_vec(), [24, 1]);

    let compare = Compare {
        result: CompareResult::NotEqual as i32,
        target: CompareTarget::Lease as i32,
        key: bytes("a"),
        target_union: Some(TargetUnion::Lease(3)),
        range_end: bytes("b"),
    };
    let encoded = [8, 3, 16, 4, 26, 1, b'a', 64, 3, 130, 4, 1, b'b'];
    assert_eq!(compare.encode_to_vec(), encoded);
    let op = RequestOp { request: Some(Request::RequestPut(put)) };
    let txn = TxnRequest { compare: vec![compare], success: vec![op], failure: vec![] };
    let txn = command(Act::Txn(txn));
    assert_eq!(txn[..5], [34, 31, 10, 13, 8]);

    assert_eq!(command(Act::LeaseGrant(LeaseGrantRequest { ttl: 9, id: 5 })), [58, 4, 8, 9, 16, 5]);
    let overdue = vec![Overdue { id: 5, renewal: 2 }];
    assert_eq!(
        command(Act::LeaseExpire(LeaseExpireRequest { overdue })),
        [90, 6, 10, 4, 8, 5, 16, 2]
    );
    let checkpoints = vec![LeaseCheckpoint { id: 5, remaining_ttl: 9, renewal: 2 }];
    assert_eq!(
        command(Act::LeaseCheckpoint(LeaseCheckpointRequest { checkpoints })),
        [82, 9, 10, 7, 8, 5, 16, 9, 160, 6, 2]
    );
    let lease = LeaseRecord { id: 5, ttl: 9, remaining_ttl: 4, renewal: 0 };
    let import = ImportRequest {
        source: bytes("s"),
        revision: 7,
        at: 2,
        leases: vec![lease],
        kvs: vec![KeyValue { key: bytes("k"), ..KeyValue::default() }],
        last: true,
    };
    let encoded = [10, 1, b's', 16, 7, 24, 2, 34, 6, 8, 5, 16, 9, 24, 4, 42, 3, 10, 1, b'k', 48, 1];
    assert_eq!(command(Act::Import(import)), [&[138, 1, 22], &encoded[..]].concat());
    let lock = LockRequest { name: bytes("l"), lease: 5 };
    assert_eq!(command(Act::Lock(lock)), [98, 5, 10, 1, b'l', 16, 5]);
}

#[test]
fn queries_are_golden() {
    let range = RangeRequest {
        key: bytes("a"),
        range_end: bytes("b"),
        limit: 1,
        revision: 2,
        sort_order: SortOrder::Descend as i32,
        sort_target: SortTarget::Value as i32,
        serializable: true,
        keys_only: true,
        count_only: true,
        min_mod_revision: 3,
        max_mod_revision: 4,
        min_create_revision: 5,
        max_create_revision: 6,
        uncounted: true,
    };
    let encoded = [
        10, 1, b'a', 18, 1, b'b', 24, 1, 32, 2, 40, 2, 48, 4, 56, 1, 64, 1, 72, 1, 80, 3, 88, 4,
        96, 5, 104, 6, 160, 6, 1,
    ];
    assert_eq!(range.encode_to_vec(), encoded);
    let query = Query::from(Ask::Range(range));
    assert_eq!(query.encode_to_vec(), [&[18, 31], &encoded[..]].concat());
    let changes = ChangesRequest {
        key: bytes("a"),
        range_end: bytes("b"),
        start_revision: 2,
        filters: vec![Filter::Nodelete as i32],
        prev_kv: true,
        start_sub: 1,
        limit: 9,
    };
    let encoded = [10, 1, b'a', 18, 1, b'b', 24, 2, 42, 1, 1, 48, 1, 160, 6, 1, 168, 6, 9];
    assert_eq!(changes.encode_to_vec(), encoded);
    let query = Query::from(Ask::LeaseKeepAlive(LeaseRenewRequest { ids: vec![5, 300] }));
    assert_eq!(query.encode_to_vec(), [90, 5, 10, 3, 5, 172, 2]);
}

#[test]
fn auth_is_golden() {
    let encoded = |act: AuthAct| command(act.into());
    let enable = AuthEnableRequest { token_key: bytes("k") };
    assert_eq!(encoded(AuthAct::Enable(enable)), [146, 1, 6, 10, 4, 162, 6, 1, b'k']);
    let add = AuthUserAddRequest {
        name: "u".into(),
        password: "p".into(),
        options: Some(UserAddOptions { no_password: true }),
        hashed_password: "h".into(),
    };
    let body = [10, 1, b'u', 18, 1, b'p', 26, 2, 8, 1, 34, 1, b'h'];
    assert_eq!(encoded(AuthAct::UserAdd(add)), [&[146, 1, 15, 26, 13], &body[..]].concat());
    let (key, range_end) = (bytes("a"), bytes("b"));
    let perm = Some(Permission { perm_type: PermissionType::Write as i32, key, range_end });
    let grant = AuthRoleGrantPermissionRequest { name: "r".into(), perm };
    let body = [10, 1, b'r', 18, 8, 8, 1, 18, 1, b'a', 26, 1, b'b'];
    assert_eq!(
        encoded(AuthAct::RoleGrantPermission(grant)),
        [&[146, 1, 15, 82, 13], &body[..]].concat()
    );
    let credentials = AuthAsk::Credentials(CredentialsRequest { name: "u".into() });
    let query = Query::from(Ask::from(credentials)).encode_to_vec();
    assert_eq!(query, [98, 5, 50, 3, 10, 1, b'u']);
    let status = AuthStatusResponse { header: None, enabled: true, auth_revision: 5 };
    assert_eq!(status.encode_to_vec(), [16, 1, 24, 5]);
    let found = CredentialsResponse {
        enabled: true,
        auth_revision: 5,
        token_key: bytes("k"),
        known: true,
        no_password: true,
        hashed_password: "h".into(),
    };
    let encoded = [8, 1, 16, 5, 26, 1, b'k', 32, 1, 40, 1, 50, 1, b'h'];
    assert_eq!(found.encode_to_vec(), encoded);
    let reply = Reply {
        error: None,
        outcome: Some(Outcome::Auth(AuthResponse { header: ResponseHeader::at(3) })),
    };
    assert_eq!(reply.encode_to_vec(), [146, 1, 4, 10, 2, 24, 3]);
}

#[test]
fn recipes_are_golden() {
    let encoded = |act| command(Act::Recipe(RecipeRequest { act: Some(act) }));
    let (name, lease) = (bytes("n"), 5);
    let (service, instance, note) = (bytes("s"), bytes("i"), bytes("w"));
    let cases = [
        (
            RecipeAct::Create(CreateRequest {
                key: bytes("k"),
                value: bytes("v"),
                lease,
                sequential: true,
            }),
            vec![154, 1, 12, 10, 10, 10, 1, b'k', 18, 1, b'v', 24, 5, 32, 1],
        ),
        (
            RecipeAct::Permits(PermitsRequest { name: name.clone(), limit: 3 }),
            vec![154, 1, 7, 18, 5, 10, 1, b'n', 16, 3],
        ),
        (
            RecipeAct::Acquire(AcquireRequest { name: name.clone(), lease, permits: 2, limit: 3 }),
            vec![154, 1, 11, 26, 9, 10, 1, b'n', 16, 5, 24, 2, 32, 3],
        ),
        (
            RecipeAct::Release(ReleaseRequest { name: name.clone(), lease, token: 9 }),
            vec![154, 1, 9, 34, 7, 10, 1, b'n', 16, 5, 24, 9],
        ),
        (
            RecipeAct::Raise(RaiseRequest { name: name.clone(), lease }),
            vec![154, 1, 7, 42, 5, 10, 1, b'n', 16, 5],
        ),
        (RecipeAct::Lift(LiftRequest { name: name.clone() }), vec![154, 1, 5, 50, 3, 10, 1, b'n']),
        (
            RecipeAct::Enter(EnterRequest { name: name.clone(), lease, count: 3 }),
            vec![154, 1, 9, 58, 7, 10, 1, b'n', 16, 5, 24, 3],
        ),
        (
            RecipeAct::Leave(LeaveRequest { name: name.clone(), lease }),
            vec![154, 1, 7, 66, 5, 10, 1, b'n', 16, 5],
        ),
        (
            RecipeAct::Register(RegisterRequest {
                service: service.clone(),
                instance: instance.clone(),
                lease,
                value: bytes("v"),
                health: Health::Warning as i32,
                note: note.clone(),
            }),
            vec![
                154, 1, 18, 74, 16, 10, 1, b's', 18, 1, b'i', 24, 5, 34, 1, b'v', 40, 1, 50, 1,
                b'w',
            ],
        ),
        (
            RecipeAct::Report(ReportRequest {
                service: service.clone(),
                instance: instance.clone(),
                lease,
                health: Health::Critical as i32,
                note,
            }),
            vec![154, 1, 15, 82, 13, 10, 1, b's', 18, 1, b'i', 24, 5, 32, 2, 42, 1, b'w'],
        ),
        (
            RecipeAct::Deregister(DeregisterRequest { service: service.clone(), instance, lease }),
            vec![154, 1, 10, 90, 8, 10, 1, b's', 18, 1, b'i', 24, 5],
        ),
    ];
    for (act, golden) in cases {
        assert_eq!(encoded(act.clone()), golden, "{act:?}");
    }
    let encoded = |ask| Query::from(Ask::Recipe(RecipeQuery { ask: Some(ask) })).encode_to_vec();
    let semaphore = RecipeAsk::Semaphore(SemaphoreRequest { name: name.clone() });
    assert_eq!(encoded(semaphore), [106, 5, 10, 3, 10, 1, b'n']);
    let barrier = RecipeAsk::Barrier(BarrierRequest { name: name.clone() });
    assert_eq!(encoded(barrier), [106, 5, 18, 3, 10, 1, b'n']);
    let gathering = RecipeAsk::Gathering(GatheringRequest { name, lease });
    assert_eq!(encoded(gathering), [106, 7, 26, 5, 10, 1, b'n', 16, 5]);
    let after = bytes("a");
    let services = RecipeAsk::Services(ServicesRequest { service, passing: true, after, limit: 2 });
    assert_eq!(encoded(services), [106, 12, 34, 10, 10, 1, b's', 16, 1, 26, 1, b'a', 32, 2]);
}

#[test]
fn answers_of_recipes_are_golden() {
    let reply = |outcome| {
        let header = ResponseHeader::at(3);
        let response = RecipeResponse { header, outcome: Some(outcome) };
        Reply { error: None, outcome: Some(Outcome::Recipe(response)) }.encode_to_vec()
    };
    let seat = Seat { key: bytes("k"), token: 9, held: true, permits: 2, lease: 5 };
    let encoded = [10, 1, b'k', 16, 9, 24, 1, 32, 2, 40, 5];
    let golden = [&[154, 1, 17, 10, 2, 24, 3, 26, 11], &encoded[..]].concat();
    assert_eq!(reply(RecipeOutcome::Seat(seat.clone())), golden);
    let created = Created { key: bytes("k") };
    let golden = [154, 1, 9, 10, 2, 24, 3, 18, 3, 10, 1, b'k'];
    assert_eq!(reply(RecipeOutcome::Created(created)), golden);
    let gathering = Gathering { members: 2, count: 3, open: true, member: true };
    let golden = [154, 1, 14, 10, 2, 24, 3, 34, 8, 8, 2, 16, 3, 24, 1, 32, 1];
    assert_eq!(reply(RecipeOutcome::Gathering(gathering)), golden);
    let golden = [154, 1, 8, 10, 2, 24, 3, 42, 2, 8, 1];
    assert_eq!(reply(RecipeOutcome::Settled(Settled { changed: true })), golden);
    let found = |found| {
        let answer = RecipeAnswer { header: None, found: Some(found) };
        QueryReply { error: None, answer: Some(Answer::Recipe(answer)) }.encode_to_vec()
    };
    let semaphore = RecipeFound::Semaphore(Semaphore { limit: 3, seats: vec![seat] });
    assert_eq!(found(semaphore), [&[106, 17, 18, 15, 8, 3, 18, 11], &encoded[..]].concat());
    let barrier = RecipeFound::Barrier(Barrier { raised: true, since: 4, lease: 5 });
    assert_eq!(found(barrier), [106, 8, 26, 6, 8, 1, 16, 4, 24, 5]);
    let instance = Instance {
        key: bytes("k"),
        service: "s".into(),
        instance: "i".into(),
        lease: 5,
        value: bytes("v"),
        health: Health::Warning as i32,
        note: "w".into(),
        since: 4,
        changed: 6,
    };
    let encoded = [
        10, 1, b'k', 18, 1, b's', 26, 1, b'i', 32, 5, 42, 1, b'v', 48, 1, 58, 1, b'w', 64, 4, 72, 6,
    ];
    assert_eq!(instance.encode_to_vec(), encoded);
    let (instances, next) = (vec![instance], bytes("n"));
    let instances = RecipeFound::Instances(Instances { instances, more: true, next });
    let golden = [&[106, 32, 42, 30, 10, 23], &encoded[..], &[16, 1, 26, 1, b'n']].concat();
    assert_eq!(found(instances), golden);
}

#[test]
fn replies_are_golden() {
    let kv = KeyValue {
        key: bytes("k"),
        create_revision: 2,
        mod_revision: 3,
        version: 4,
        value: bytes("v"),
        lease: 5,
    };
    let encoded = [10, 1, b'k', 16, 2, 24, 3, 32, 4, 42, 1, b'v', 48, 5];
    assert_eq!(kv.encode_to_vec(), encoded);
    let put = PutResponse { header: ResponseHeader::at(3), prev_kv: Some(kv.clone()) };
    let reply = Reply { error: None, outcome: Some(Outcome::Put(put)) };
    assert_eq!(reply.encode_to_vec(), [&[18, 20, 10, 2, 24, 3, 18, 14], &encoded[..]].concat());
    let event = Event { r#type: EventType::Delete as i32, kv: None, prev_kv: Some(kv) };
    assert_eq!(event.encode_to_vec(), [&[8, 1, 26, 14], &encoded[..]].concat());
    let piece = ImportResponse { header: ResponseHeader::at(3), done: 7, finished: true };
    let reply = Reply { error: None, outcome: Some(Outcome::Import(piece)) };
    assert_eq!(reply.encode_to_vec(), [138, 1, 8, 10, 2, 24, 3, 16, 7, 24, 1]);
    let refused = Reply { error: Some(Error::Compacted as i32), outcome: None };
    assert_eq!(refused.encode_to_vec(), [8, 8]);
    assert_eq!(refused.into_result(), Err(Error::Compacted));
    let later = Reply { error: Some(999), outcome: None };
    assert_eq!(later.into_result(), Err(Error::Unknown));
    let kept = LeaseKeepAlive { header: None, id: 5, ttl: 9, renewal: 2, log_it: true };
    let kept = LeaseRenewResponse { header: ResponseHeader::at(3), leases: vec![kept] };
    let reply = QueryReply { error: None, answer: Some(Answer::LeaseKeepAlive(kept)) };
    let encoded = [90, 16, 10, 2, 24, 3, 18, 10, 16, 5, 24, 9, 160, 6, 2, 168, 6, 1];
    assert_eq!(reply.encode_to_vec(), encoded);
    let lock =
        LockResponse { header: None, key: bytes("k"), token: 5, held: true, behind: bytes("b") };
    assert_eq!(lock.encode_to_vec(), [18, 1, b'k', 160, 6, 5, 168, 6, 1, 178, 6, 1, b'b']);
}

/// What clients compare: read off an etcd 3.5.
#[test]
fn errors_have_the_codes_and_texts_of_etcd() {
    for (error, code, text) in [
        (Error::EmptyKey, 3, "etcdserver: key is not provided"),
        (Error::KeyNotFound, 3, "etcdserver: key not found"),
        (Error::ValueProvided, 3, "etcdserver: value is provided"),
        (Error::LeaseProvided, 3, "etcdserver: lease is provided"),
        (Error::TooManyOps, 3, "etcdserver: too many operations in txn request"),
        (Error::DuplicateKey, 3, "etcdserver: duplicate key given in txn request"),
        (Error::InvalidSortOption, 3, "etcdserver: invalid sort option"),
        (Error::Compacted, 11, "etcdserver: mvcc: required revision has been compacted"),
        (Error::FutureRev, 11, "etcdserver: mvcc: required revision is a future revision"),
        (Error::LeaseNotFound, 5, "etcdserver: requested lease not found"),
        (Error::LeaseExist, 9, "etcdserver: lease already exists"),
        (Error::LeaseTtlTooLarge, 11, "etcdserver: too large lease TTL"),
        (Error::RequestTooLarge, 3, "etcdserver: request is too large"),
        (Error::NoLeader, 2, "election: no leader"),
        (Error::NotLeader, 2, "election: not leader"),
        (Error::RootUserNotExist, 9, "etcdserver: root user does not exist"),
        (Error::RootRoleNotExist, 9, "etcdserver: root user does not have root role"),
        (Error::UserAlreadyExist, 9, "etcdserver: user name already exists"),
        (Error::UserEmpty, 3, "etcdserver: user name is empty"),
        (Error::UserNotFound, 9, "etcdserver: user name not found"),
        (Error::RoleAlreadyExist, 9, "etcdserver: role name already exists"),
        (Error::RoleNotFound, 9, "etcdserver: role name not found"),
        (Error::RoleEmpty, 3, "etcdserver: role name is empty"),
        (Error::AuthFailed, 3, "etcdserver: authentication failed, invalid user ID or password"),
        (Error::PermissionNotGiven, 3, "etcdserver: permission not given"),
        (Error::PermissionDenied, 7, "etcdserver: permission denied"),
        (Error::RoleNotGranted, 9, "etcdserver: role is not granted to the user"),
        (Error::PermissionNotGranted, 9, "etcdserver: permission is not granted to the role"),
        (Error::AuthNotEnabled, 9, "etcdserver: authentication is not enabled"),
        (Error::InvalidAuthToken, 16, "etcdserver: invalid auth token"),
        (Error::InvalidAuthMgmt, 3, "etcdserver: invalid auth management"),
        (Error::AuthOldRevision, 3, "etcdserver: revision of auth store is old"),
        (Error::MissingLeader, 2, "\"leader\" field must be provided"),
    ] {
        assert_eq!((error.code() as i32, error.text()), (code, text));
    }
    let numbers: Vec<_> = (0..64).filter(|number| Error::try_from(*number).is_ok()).collect();
    assert_eq!(numbers, (0..26).chain(30..62).collect::<Vec<_>>());
}
