//! Every planted bug of this crate is caught: a check that holds fails as soon as it is planted.
//!
//! One test, because a bug is planted for the whole process.

mod stage;

use bytes::Bytes;
use contract::Program;
use kernel::Incarnation;
use kernel::bug::{Bug, plant};
use layers::{coordination::*, kv};
use prost::Message;
use stage::Stage;

fn send(stage: &mut Stage, act: impl Into<Act>, who: Option<Caller>) -> Result<Outcome, Error> {
    let command = Command { caller: who, ..Command::new(act.into()) };
    let reply = stage.apply(Program::Coordination, &command.encode_to_vec().into());
    Reply::read(&reply).unwrap().into_result()
}

fn user(name: &str) -> AuthAct {
    AuthAct::UserAdd(AuthUserAddRequest { name: name.into(), ..Default::default() })
}

fn role(user: &str, role: &str) -> AuthAct {
    AuthAct::UserGrantRole(AuthUserGrantRoleRequest { user: user.into(), role: role.into() })
}

/// Auth is on, and ann, who logged in at revision 7, may write `k`.
fn guarded() -> Stage {
    let mut stage = Stage::new();
    let key = Bytes::from_static(b"k");
    let perm = Some(Permission { perm_type: 1, key, range_end: Bytes::new() });
    let acts = [
        user("root"),
        user("ann"),
        role("root", "root"),
        AuthAct::RoleAdd(AuthRoleAddRequest { name: "r".into() }),
        role("ann", "r"),
        AuthAct::RoleGrantPermission(AuthRoleGrantPermissionRequest { name: "r".into(), perm }),
        AuthAct::Enable(AuthEnableRequest { token_key: vec![7; 32].into() }),
    ];
    for act in acts {
        send(&mut stage, act, None).unwrap();
    }
    stage
}

fn put(key: &'static str) -> PutRequest {
    PutRequest { key: key.into(), ..PutRequest::default() }
}

fn ann() -> Option<Caller> {
    Some(Caller::user("ann", 7))
}

/// What root takes away is gone for the next command.
fn a_revocation_counts_at_once() -> bool {
    let mut stage = guarded();
    send(&mut stage, Act::Put(put("k")), ann()).unwrap();
    let revoke = AuthUserRevokeRoleRequest { name: "ann".into(), role: "r".into() };
    let root = Some(Caller::user("root", 7));
    send(&mut stage, AuthAct::UserRevokeRole(revoke), root).unwrap();
    send(&mut stage, Act::Put(put("k")), ann()) == Err(Error::PermissionDenied)
}

/// Wrapping does not help.
fn a_transaction_inside_is_checked() -> bool {
    let op = |request| vec![RequestOp { request: Some(request) }];
    let inner = TxnRequest { success: op(Request::RequestPut(put("z"))), ..Default::default() };
    let outer = TxnRequest { success: op(Request::RequestTxn(inner)), ..Default::default() };
    send(&mut guarded(), Act::Txn(outer), ann()) == Err(Error::PermissionDenied)
}

/// Whoever knew another password is logged out.
fn a_token_ends_with_its_password() -> bool {
    let mut stage = guarded();
    let change = AuthUserChangePasswordRequest { name: "ann".into(), ..Default::default() };
    let root = Some(Caller::user("root", 7));
    send(&mut stage, AuthAct::UserChangePassword(change), root).unwrap();
    send(&mut stage, Act::Put(put("k")), ann()) == Err(Error::InvalidAuthToken)
}

/// A stage with leases 1 to 3.
fn leased() -> Stage {
    let mut stage = Stage::new();
    for id in 1..4 {
        send(&mut stage, Act::LeaseGrant(LeaseGrantRequest { ttl: 10, id }), None).unwrap();
    }
    stage
}

fn recipe(stage: &mut Stage, act: RecipeAct) -> Result<RecipeOutcome, Error> {
    match send(stage, Act::Recipe(RecipeRequest { act: Some(act) }), None)? {
        Outcome::Recipe(response) => Ok(response.outcome.unwrap()),
        other => panic!("{other:?}"),
    }
}

fn found(stage: &Stage, ask: RecipeAsk) -> RecipeFound {
    let query = Query::from(Ask::Recipe(RecipeQuery { ask: Some(ask) })).encode_to_vec();
    let reply = stage.query(Program::Coordination, &query.into());
    match QueryReply::read(&reply).unwrap().into_result() {
        Ok(Answer::Recipe(answer)) => answer.found.unwrap(),
        other => panic!("{other:?}"),
    }
}

fn no_more_hold_than_there_are_permits() -> bool {
    let mut stage = leased();
    let name = Bytes::from_static(b"s");
    for lease in 1..4 {
        let acquire = AcquireRequest { name: name.clone(), lease, permits: 1, limit: 2 };
        recipe(&mut stage, RecipeAct::Acquire(acquire)).unwrap();
    }
    match found(&stage, RecipeAsk::Semaphore(SemaphoreRequest { name })) {
        RecipeFound::Semaphore(semaphore) => semaphore.seats.iter().filter(|s| s.held).count() == 2,
        other => panic!("{other:?}"),
    }
}

fn a_barrier_that_is_up_is_seen() -> bool {
    let mut stage = leased();
    let name = Bytes::from_static(b"b");
    recipe(&mut stage, RecipeAct::Raise(RaiseRequest { name: name.clone(), lease: 1 })).unwrap();
    let found = found(&stage, RecipeAsk::Barrier(BarrierRequest { name }));
    matches!(found, RecipeFound::Barrier(barrier) if barrier.raised)
}

fn nobody_goes_on_before_all_are_there() -> bool {
    let enter = EnterRequest { name: Bytes::from_static(b"d"), lease: 1, count: 2 };
    let entered = recipe(&mut leased(), RecipeAct::Enter(enter)).unwrap();
    matches!(entered, RecipeOutcome::Gathering(gathering) if !gathering.open)
}

fn a_number_is_that_of_its_revision() -> bool {
    let key = Bytes::from_static(b"n");
    let create = CreateRequest { key, sequential: true, ..CreateRequest::default() };
    let made = recipe(&mut leased(), RecipeAct::Create(create)).unwrap();
    matches!(made, RecipeOutcome::Created(made) if made.key.ends_with(b"2"))
}

fn registered(stage: &mut Stage, lease: i64) -> Result<RecipeOutcome, Error> {
    let (service, instance) = (Bytes::from_static(b"s"), Bytes::from_static(b"i"));
    let request = RegisterRequest { service, instance, lease, ..RegisterRequest::default() };
    recipe(stage, RecipeAct::Register(request))
}

fn an_instance_belongs_to_its_lease() -> bool {
    let mut stage = leased();
    registered(&mut stage, 1).unwrap();
    registered(&mut stage, 2) == Err(Error::InstanceTaken)
}

fn an_instance_is_listed_until_its_lease_ends() -> bool {
    let mut stage = leased();
    registered(&mut stage, 1).unwrap();
    let checkpoints = vec![LeaseCheckpoint { id: 1, remaining_ttl: 3, renewal: 1 }];
    let note = Act::LeaseCheckpoint(LeaseCheckpointRequest { checkpoints });
    send(&mut stage, note, None).unwrap();
    match found(&stage, RecipeAsk::Services(ServicesRequest::default())) {
        RecipeFound::Instances(found) => found.instances.len() == 1,
        other => panic!("{other:?}"),
    }
}

fn a_cut_ends_what_was_held() -> bool {
    let mut stage = leased();
    let lock = LockRequest { name: Bytes::from_static(b"l"), lease: 1 };
    let Ok(Outcome::Lock(lock)) = send(&mut stage, Act::Lock(lock), None) else { panic!() };
    stage.cut(Incarnation(2));
    let guards = vec![Guard { name: Bytes::from_static(b"l"), token: lock.token }];
    let command = Command { guards, ..Command::new(Act::Put(put("k"))) };
    let reply = stage.apply(Program::Coordination, &command.encode_to_vec().into());
    Reply::read(&reply).unwrap().into_result() == Err(Error::GuardFailed)
}

fn kv_put(stage: &mut Stage, key: &str, condition: Option<kv::Condition>) -> kv::Reply {
    let key = Bytes::copy_from_slice(key.as_bytes());
    let command = kv::Command::one(kv::Put { key, condition, ..kv::Put::default() });
    kv::Reply::read(&stage.apply(Program::Kv, &command.encode_to_vec().into())).unwrap()
}

fn a_condition_holds_or_nothing_happens() -> bool {
    let mut stage = Stage::new();
    kv_put(&mut stage, "k", None);
    kv_put(&mut stage, "k", Some(kv::Condition::absent())).status == kv::Status::Conflict as i32
}

fn pages_leave_nothing_out() -> bool {
    let mut stage = Stage::new();
    for key in ["a", "b", "c"] {
        kv_put(&mut stage, key, None);
    }
    let scan = kv::Scan { limit: 9, after: Bytes::from_static(b"a"), ..kv::Scan::default() };
    let query = kv::Query::from(scan).encode_to_vec().into();
    kv::QueryReply::read(&stage.query(Program::Kv, &query)).unwrap().items.len() == 2
}

type Holds = fn() -> bool;

const CHECKS: [(Bug, Holds); 12] = [
    (Bug::PermissionOfThePast, a_revocation_counts_at_once),
    (Bug::InnerTxnUnchecked, a_transaction_inside_is_checked),
    (Bug::TokenOutlivesPassword, a_token_ends_with_its_password),
    (Bug::PermitsOverrun, no_more_hold_than_there_are_permits),
    (Bug::BarrierUnseen, a_barrier_that_is_up_is_seen),
    (Bug::OpenedEarly, nobody_goes_on_before_all_are_there),
    (Bug::SequenceReused, a_number_is_that_of_its_revision),
    (Bug::InstanceStolen, an_instance_belongs_to_its_lease),
    (Bug::InstanceWhileEnding, an_instance_is_listed_until_its_lease_ends),
    (Bug::CutForgotten, a_cut_ends_what_was_held),
    (Bug::ConditionIgnored, a_condition_holds_or_nothing_happens),
    (Bug::PageSkipsKey, pages_leave_nothing_out),
];

#[test]
fn every_planted_bug_is_caught() {
    for (bug, holds) in CHECKS {
        assert!(holds(), "without {bug:?}");
        plant(Some(bug));
        assert!(!holds(), "{bug:?} was not caught");
        plant(None);
    }
}
