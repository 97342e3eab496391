//! Every planted bug of this crate is caught: a check that holds fails as soon as it is planted.
//!
//! One test, because a bug is planted for the whole process.

mod stage;

use bytes::Bytes;
use contract::Program;
use kernel::bug::{Bug, plant};
use layers::coordination::*;
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

type Holds = fn() -> bool;

const CHECKS: [(Bug, Holds); 3] = [
    (Bug::PermissionOfThePast, a_revocation_counts_at_once),
    (Bug::InnerTxnUnchecked, a_transaction_inside_is_checked),
    (Bug::TokenOutlivesPassword, a_token_ends_with_its_password),
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
