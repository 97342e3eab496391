//! History is cut: nothing from before is taken for something of after.

use bytes::Bytes;
use kernel::Incarnation;
use layers::coordination::*;

use super::{Stage, act, ask, send};

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn put(stage: &mut Stage, key: &str) -> i64 {
    let request = PutRequest { key: bytes(key), ..PutRequest::default() };
    match act(stage, Act::Put(request)) {
        Ok(Outcome::Put(response)) => response.header.unwrap().revision,
        other => panic!("{other:?}"),
    }
}

fn lock(stage: &mut Stage, lease: i64) -> LockResponse {
    act(stage, Act::LeaseGrant(LeaseGrantRequest { ttl: 10, id: lease })).ok();
    match act(stage, Act::Lock(LockRequest { name: bytes("l"), lease })) {
        Ok(Outcome::Lock(response)) => response,
        other => panic!("{other:?}"),
    }
}

fn guarded(stage: &mut Stage, token: i64) -> Result<Outcome, Error> {
    let put = PutRequest { key: bytes("g"), ..PutRequest::default() };
    let guards = vec![Guard { name: bytes("l"), token }];
    send(stage, &Command { guards, ..Command::new(Act::Put(put)) })
}

fn watch(stage: &Stage, from: i64) -> ChangesResponse {
    let (key, range_end) = (bytes("\0"), bytes("\0"));
    let request = ChangesRequest { key, range_end, start_revision: from, ..Default::default() };
    match ask(stage, Ask::Changes(request)) {
        Ok(Answer::Changes(page)) => page,
        other => panic!("{other:?}"),
    }
}

/// What the survivor has, and what it never got: both start from the same keyspace.
fn survivor_and_lost() -> (Stage, Stage) {
    let mut survivor = Stage::new();
    put(&mut survivor, "k");
    let mut lost = survivor.clone();
    lock(&mut survivor, 7);
    lock(&mut lost, 8);
    (survivor, lost)
}

#[test]
fn no_token_of_before_is_accepted() {
    let (mut stage, mut lost) = survivor_and_lost();
    let (kept, gone) = (lock(&mut stage, 7).token, lock(&mut lost, 8).token);
    assert_eq!(kept, gone, "the same token, of two holders");
    assert!(guarded(&mut stage, kept).is_ok());
    stage.cut(Incarnation(2));
    assert_eq!(guarded(&mut stage, kept), Err(Error::GuardFailed));
    let newest = lock(&mut stage, 9);
    assert!(newest.held && newest.token > limits::CUT_REVISIONS);
    assert_eq!(guarded(&mut stage, kept), Err(Error::GuardFailed));
    assert!(guarded(&mut stage, newest.token).is_ok());
}

#[test]
fn leases_end_and_keys_stay() {
    let (mut stage, _) = survivor_and_lost();
    stage.cut(Incarnation(2));
    let status = ask(&stage, Ask::Status(StatusRequest {}));
    assert!(matches!(&status, Ok(Answer::Status(status)) if status.leases == 0), "{status:?}");
    let all = RangeRequest { key: bytes("\0"), range_end: bytes("\0"), ..RangeRequest::default() };
    let Ok(Answer::Range(found)) = ask(&stage, Ask::Range(all)) else { panic!() };
    assert_eq!(found.kvs.iter().map(|kv| &kv.key[..]).collect::<Vec<_>>(), [b"k"]);
    assert_eq!(found.kvs[0].create_revision, 2, "what it was is known still");
}

#[test]
fn a_watch_of_before_is_told_and_one_of_after_goes_on() {
    let (mut stage, mut lost) = survivor_and_lost();
    (0..9).for_each(|_| assert!(put(&mut lost, "lost") > 2));
    stage.cut(Incarnation(2));
    for from in [1, 3, 9, 12] {
        let page = watch(&stage, from);
        assert_eq!(page.incarnation, 2, "from {from}");
        assert!(page.compact_revision > limits::CUT_REVISIONS);
    }
    let from = watch(&stage, 1).compact_revision;
    let revision = put(&mut stage, "new");
    let page = watch(&stage, from);
    assert_eq!((page.incarnation, page.compact_revision), (0, 0));
    let last = page.events.last().and_then(|event| event.kv.clone()).unwrap();
    assert_eq!((last.key, last.mod_revision), (bytes("new"), revision));
    // A compaction of the new history says nothing of the cut.
    let compaction = CompactionRequest { revision, physical: false };
    act(&mut stage, Act::Compaction(compaction)).unwrap();
    assert_eq!(watch(&stage, from).incarnation, 0);
}

#[test]
fn a_cut_is_made_once_and_can_follow_another() {
    let (mut stage, _) = survivor_and_lost();
    stage.cut(Incarnation(2));
    let first = put(&mut stage, "a");
    stage.cut(Incarnation(2));
    assert_eq!(put(&mut stage, "a"), first + 1);
    stage.cut(Incarnation(3));
    assert!(put(&mut stage, "a") > first + limits::CUT_REVISIONS);
    assert_eq!(watch(&stage, first).incarnation, 3);
    while !swept(&mut stage) {}
    assert_eq!(stage.keys(), 6, "two keys, what one was, a change, numbers and logins");
}

fn swept(stage: &mut Stage) -> bool {
    match act(stage, Act::Sweep(SweepRequest {})) {
        Ok(Outcome::Sweep(response)) => response.swept,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_login_of_before_is_over() {
    let mut stage = Stage::new();
    let user = AuthUserAddRequest { name: "root".into(), ..Default::default() };
    let role = AuthUserGrantRoleRequest { user: "root".into(), role: "root".into() };
    let enable = AuthEnableRequest { token_key: vec![7; 32].into() };
    for auth in [AuthAct::UserAdd(user), AuthAct::UserGrantRole(role), AuthAct::Enable(enable)] {
        act(&mut stage, auth.into()).unwrap();
    }
    let as_root = |stage: &mut Stage, auth_revision| {
        let put = PutRequest { key: bytes("k"), ..PutRequest::default() };
        let caller = Some(Caller::user("root", auth_revision));
        send(stage, &Command { caller, ..Command::new(Act::Put(put)) })
    };
    let before = auth_revision(&stage);
    assert!(as_root(&mut stage, before).is_ok());
    stage.cut(Incarnation(2));
    assert_eq!(as_root(&mut stage, before), Err(Error::InvalidAuthToken));
    assert_eq!(as_root(&mut stage, before + 5), Err(Error::InvalidAuthToken), "of the lost part");
    let now = auth_revision(&stage);
    assert!(as_root(&mut stage, now).is_ok());
}

fn auth_revision(stage: &Stage) -> u64 {
    match ask(stage, Ask::Status(StatusRequest {})) {
        Ok(Answer::Status(status)) => status.auth_revision,
        other => panic!("{other:?}"),
    }
}
