//! Auth against its model, and what a revocation means.

use bytes::Bytes;
use contract::Program;
use kernel::Rng;
use layers::coordination::*;
use proptest::prelude::*;
use prost::Message;

use super::{Stage, answer, draw, model::Model, send};

const NAMES: [&str; 4] = ["ann", "bob", "root", ""];
const KEY: &[u8; 32] = &[7; 32];

fn name(rng: &mut Rng) -> String {
    let at = if draw::coin(rng, 20) { 3 } else { rng.below(3) as usize };
    NAMES[at].into()
}

fn permission(rng: &mut Rng) -> Permission {
    let perm_type = if draw::coin(rng, 30) { 3 } else { rng.below(3) as i32 };
    Permission { perm_type, key: draw::key(rng), range_end: draw::range_end(rng) }
}

pub fn auth_act(rng: &mut Rng) -> AuthAct {
    let hash = |rng: &mut Rng| format!("h{}", rng.below(3));
    match rng.below(24) {
        0 => AuthAct::Enable(AuthEnableRequest { token_key: Bytes::from_static(KEY) }),
        1 if draw::coin(rng, 4) => AuthAct::Disable(AuthDisableRequest {}),
        2..5 => {
            let no_password = draw::coin(rng, 4);
            AuthAct::UserAdd(AuthUserAddRequest {
                name: name(rng),
                password: if draw::coin(rng, 30) { "plain".into() } else { String::new() },
                options: draw::coin(rng, 2).then_some(UserAddOptions { no_password }),
                hashed_password: hash(rng),
            })
        }
        5 => AuthAct::UserDelete(AuthUserDeleteRequest { name: name(rng) }),
        6 => AuthAct::UserChangePassword(AuthUserChangePasswordRequest {
            name: name(rng),
            password: String::new(),
            hashed_password: hash(rng),
        }),
        7..11 => {
            let (user, role) = (name(rng), name(rng));
            AuthAct::UserGrantRole(AuthUserGrantRoleRequest { user, role })
        }
        11 => {
            let (name, role) = (name(rng), name(rng));
            AuthAct::UserRevokeRole(AuthUserRevokeRoleRequest { name, role })
        }
        12..15 => AuthAct::RoleAdd(AuthRoleAddRequest { name: name(rng) }),
        15 => AuthAct::RoleDelete(AuthRoleDeleteRequest { role: name(rng) }),
        16 => {
            let (role, key, range_end) = (name(rng), draw::key(rng), draw::range_end(rng));
            let revoke = AuthRoleRevokePermissionRequest { role, key, range_end };
            AuthAct::RoleRevokePermission(revoke)
        }
        _ => {
            let perm = (!draw::coin(rng, 20)).then(|| permission(rng));
            let grant = AuthRoleGrantPermissionRequest { name: name(rng), perm };
            AuthAct::RoleGrantPermission(grant)
        }
    }
}

pub fn auth_ask(rng: &mut Rng) -> AuthAsk {
    match rng.below(7) {
        0 => AuthAsk::Status(AuthStatusRequest {}),
        1 => AuthAsk::UserGet(AuthUserGetRequest { name: name(rng) }),
        2 => AuthAsk::UserList(AuthUserListRequest {}),
        3 => AuthAsk::RoleGet(AuthRoleGetRequest { role: name(rng) }),
        4 => AuthAsk::RoleList(AuthRoleListRequest {}),
        5 => AuthAsk::Credentials(CredentialsRequest { name: name(rng) }),
        _ => AuthAsk::May(MayRequest {
            need: rng.below(4) as i32,
            key: draw::key(rng),
            range_end: draw::range_end(rng),
        }),
    }
}

/// Mostly somebody who logged in just now.
fn caller(rng: &mut Rng, revision: u64) -> Option<Caller> {
    match rng.below(20) {
        0 => None,
        1 => Some(Caller::node()),
        2 => Some(Caller::user(name(rng), revision + 1)),
        3..6 => Some(Caller::user(name(rng), rng.below(revision + 1))),
        _ => Some(Caller::user(name(rng), revision)),
    }
}

fn command(rng: &mut Rng, model: &Model) -> Command {
    let command = match rng.below(4) {
        0 => Command::new(auth_act(rng).into()),
        _ => draw::command(rng, model.revision()),
    };
    Command { caller: caller(rng, model.auth().revision()), ..command }
}

fn query(rng: &mut Rng, model: &Model) -> Query {
    let query = match rng.below(3) {
        0 => Query::from(Ask::from(auth_ask(rng))),
        _ => draw::query(rng, model.revision()),
    };
    Query { caller: caller(rng, model.auth().revision()), ..query }
}

/// Users, roles and permissions, with auth on.
fn prelude() -> Vec<Command> {
    let grant = |user: &str, role: &str| {
        AuthAct::UserGrantRole(AuthUserGrantRoleRequest { user: user.into(), role: role.into() })
    };
    let user = |name: &str| {
        let (name, hashed_password) = (name.into(), "h".into());
        AuthAct::UserAdd(AuthUserAddRequest { name, hashed_password, ..Default::default() })
    };
    let acts = [
        user("root"),
        user("ann"),
        AuthAct::RoleAdd(AuthRoleAddRequest { name: "bob".into() }),
        grant("root", "root"),
        grant("ann", "bob"),
        AuthAct::Enable(AuthEnableRequest { token_key: Bytes::from_static(KEY) }),
    ];
    acts.into_iter().map(|act| Command::new(act.into())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn auth_does_what_its_model_does(seeds in prop::collection::vec(any::<u64>(), 1..120)) {
        let (mut stage, mut model) = (Stage::new(), Model::new());
        for command in prelude() {
            prop_assert_eq!(send(&mut stage, &command), model.apply(&command));
        }
        for seed in seeds {
            let rng = &mut Rng::new(seed);
            let command = command(rng, &model);
            prop_assert_eq!(send(&mut stage, &command), model.apply(&command), "{:?}", command);
            for _ in 0..3 {
                let query = query(rng, &model);
                prop_assert_eq!(answer(&stage, &query), model.answer(&query), "{:?}", query);
            }
        }
    }
}

#[test]
fn much_is_allowed_and_much_is_denied() {
    let rng = &mut Rng::new(3);
    let (mut stage, mut model) = (Stage::new(), Model::new());
    let (mut allowed, mut denied, mut stale) = (0, 0, 0);
    for step in 0..9_000 {
        if step % 60 == 0 {
            (stage, model) = (Stage::new(), Model::new());
            for command in prelude() {
                assert_eq!(send(&mut stage, &command), model.apply(&command));
            }
        }
        let command = command(rng, &model);
        let done = send(&mut stage, &command);
        assert_eq!(done, model.apply(&command), "{step}: {command:?}");
        let user = command.caller.filter(|caller| !caller.node).map(|caller| caller.user);
        let plain = user.is_some_and(|user| user == "ann" || user == "bob");
        allowed += i32::from(plain && done.is_ok());
        denied += i32::from(done == Err(Error::PermissionDenied));
        stale += i32::from(done == Err(Error::InvalidAuthToken));
    }
    assert!(allowed > 400 && denied > 400 && stale > 400, "{allowed} {denied} {stale}");
}

/// The revocation and the put after it are in one batch.
#[test]
fn a_revocation_counts_for_the_next_command_of_its_batch() {
    let mut stage = Stage::new();
    prelude().iter().for_each(|command| drop(send(&mut stage, command).unwrap()));
    let root = |act: AuthAct| Command {
        caller: Some(Caller::user("root", 6)),
        ..Command::new(act.into())
    };
    let (key, range_end) = (Bytes::from_static(b"k"), Bytes::new());
    let perm = Permission { perm_type: 1, key: key.clone(), range_end: range_end.clone() };
    let name = "bob".to_owned();
    let grant = AuthRoleGrantPermissionRequest { name: name.clone(), perm: Some(perm) };
    send(&mut stage, &root(AuthAct::RoleGrantPermission(grant))).unwrap();
    let put = PutRequest { key: key.clone(), ..PutRequest::default() };
    let put = Command { caller: Some(Caller::user("ann", 6)), ..Command::new(Act::Put(put)) };
    send(&mut stage, &put).unwrap();
    let revoke = AuthRoleRevokePermissionRequest { role: name, key, range_end };
    let revoke = root(AuthAct::RoleRevokePermission(revoke));
    let batch = [put.clone(), revoke, put].map(|command| Bytes::from(command.encode_to_vec()));
    let replies = stage.apply_all(Program::Coordination, &batch);
    let done = |at: usize| Reply::read(&replies[at]).unwrap().into_result();
    assert!(done(0).is_ok() && done(1).is_ok());
    assert_eq!(done(2), Err(Error::PermissionDenied));
}
