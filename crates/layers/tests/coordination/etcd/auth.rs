//! The same with users: the same random requests of the same people, the denied ones too.
//!
//! ```sh
//! etcd --bcrypt-cost 4 --data-dir $(mktemp -d) &
//! ETCD=127.0.0.1:2379 cargo test --release -p layers --test coordination etcd::auth -- --ignored
//! ```
//!
//! What is left out is where the program follows later releases than 3.5.1, which refuse more:
//! see [`stricter`].

use std::{collections::BTreeMap, env};

use kernel::Rng;
use layers::coordination::*;

use super::{
    super::{
        Stage, answer,
        auth::{auth_act, auth_ask},
        draw, send,
    },
    counted, deadly,
    http::Connection,
    json, json_auth, number,
};

/// Who is logged in, at both.
#[derive(Default)]
struct Logins(BTreeMap<String, (String, Caller)>);

fn credentials(stage: &Stage, name: &str) -> CredentialsResponse {
    let ask = AuthAsk::Credentials(CredentialsRequest { name: name.into() });
    let query = Query { caller: Some(Caller::node()), ..Query::from(Ask::from(ask)) };
    match answer(stage, &query) {
        Ok(Answer::Auth(AuthAnswer { found: Some(AuthFound::Credentials(found)) })) => found,
        other => panic!("{other:?}"),
    }
}

impl Logins {
    /// Logs somebody in, if etcd and the program agree that this is possible.
    fn log_in(&mut self, stage: &Stage, etcd: &mut Connection, name: &str) {
        let found = credentials(stage, name);
        if found.no_password {
            return;
        }
        etcd.token = None;
        match json_auth::token(etcd, name, &found.hashed_password) {
            Ok(token) => {
                assert!(found.enabled && found.known && !found.hashed_password.is_empty());
                let caller = Caller::user(name, found.auth_revision);
                self.0.insert(name.into(), (token, caller));
            }
            Err(error) if found.enabled => assert_eq!(error, Error::AuthFailed, "{name}"),
            Err(error) => assert_eq!(error, Error::AuthNotEnabled),
        }
        let wrong = json_auth::token(etcd, name, "wrong");
        let error = if found.enabled { Error::AuthFailed } else { Error::AuthNotEnabled };
        assert_eq!(wrong, Err(error));
    }

    /// Somebody, often root, seldom nobody.
    fn caller(&self, rng: &mut Rng, etcd: &mut Connection) -> Option<Caller> {
        let name = ["root", "ann", "bob", "nobody"][rng.below(13) as usize / 4];
        let login = self.0.get(name).cloned();
        etcd.token = login.as_ref().map(|(token, _)| token.clone());
        login.map(|(_, caller)| caller)
    }
}

/// Whether the program refuses what etcd 3.5.1 still let through.
fn stricter(command: &Command, ours: &Result<Outcome, Error>) -> bool {
    let refused = matches!(ours, Err(Error::PermissionDenied | Error::UserEmpty));
    refused
        && match command.act.as_ref().unwrap() {
            // Of transactions inside, and of puts in them, not all was checked, and of one that
            // does nothing nothing.
            Act::Txn(txn) => {
                let text = format!("{txn:?}");
                *ours == Err(Error::UserEmpty)
                    || text.contains("RequestTxn")
                    || text.contains("RequestPut")
            }
            Act::Compaction(_) | Act::LeaseGrant(_) | Act::LeaseRevoke(_) => true,
            _ => false,
        }
}

/// Whether a range ends before it begins. It holds no key, and whether etcd lets somebody touch it
/// depends on how its tree of permissions has grown.
fn inverted(key: &[u8], range_end: &[u8]) -> bool {
    !matches!(range_end, [] | [0]) && range_end <= key
}

fn inverts(txn: &TxnRequest) -> bool {
    let ops = txn.success.iter().chain(&txn.failure);
    txn.compare.iter().any(|compare| inverted(&compare.key, &compare.range_end))
        || ops.filter_map(|op| op.request.as_ref()).any(|request| match request {
            Request::RequestRange(range) => inverted(&range.key, &range.range_end),
            Request::RequestDeleteRange(delete) => inverted(&delete.key, &delete.range_end),
            Request::RequestPut(_) => false,
            Request::RequestTxn(txn) => inverts(txn),
        })
}

/// Whether etcd 3.5.1 takes a command in another way: a range that ends before it begins, or a
/// permission for no key, or for a key that has another one already.
fn odd(stage: &Stage, act: &Act) -> bool {
    match act {
        Act::DeleteRange(delete) => return inverted(&delete.key, &delete.range_end),
        Act::Txn(txn) => return inverts(txn),
        _ => {}
    }
    let Act::Auth(AuthRequest { act: Some(AuthAct::RoleGrantPermission(grant)) }) = act else {
        return false;
    };
    let Some(perm) = &grant.perm else { return false };
    let ask = AuthAsk::RoleGet(AuthRoleGetRequest { role: grant.name.clone() });
    let query = Query { caller: Some(Caller::node()), ..Query::from(Ask::from(ask)) };
    perm.key.is_empty()
        || inverted(&perm.key, &perm.range_end)
        || perm.perm_type > 2
        || match answer(stage, &query) {
            Ok(Answer::Auth(AuthAnswer { found: Some(AuthFound::RoleGet(role)) })) => {
                role.perm.iter().any(|of| of.key == perm.key && of.range_end != perm.range_end)
            }
            _ => false,
        }
}

fn ask_both(
    rng: &mut Rng,
    stage: &Stage,
    etcd: &mut Connection,
    caller: Option<Caller>,
    newest: i64,
) -> Option<Result<(), Error>> {
    let ask = match rng.below(3) {
        0 => Ask::from(auth_ask(rng)),
        _ => draw::query(rng, newest).ask.unwrap(),
    };
    let ask = counted(ask);
    let query = Query { ask: Some(ask.clone()), caller };
    let ours = answer(stage, &query);
    let theirs = match &ask {
        Ask::Auth(AuthQuery { ask: Some(AuthAsk::Credentials(_) | AuthAsk::May(_)) }) => {
            return None;
        }
        Ask::Auth(AuthQuery { ask: Some(AuthAsk::UserGet(get)) }) if get.name.is_empty() => {
            return None;
        }
        Ask::Auth(query) => json_auth::ask(etcd, query.ask.as_ref().unwrap()),
        Ask::LeaseTimeToLive(_) if ours.is_err() => return None,
        Ask::Txn(txn) if inverts(txn) => return None,
        Ask::Range(range) if inverted(&range.key, &range.range_end) => return None,
        Ask::Txn(_) if ours == Err(Error::UserEmpty) => return None,
        Ask::Txn(txn) if ours.is_err() && format!("{txn:?}").contains("RequestTxn") => return None,
        Ask::Range(_) | Ask::Txn(_) | Ask::LeaseTimeToLive(_) => json::ask(etcd, &ask),
        _ => return None,
    };
    assert_eq!(ours, theirs, "{query:?}");
    Some(ours.map(drop))
}

#[test]
#[ignore = "needs an etcd: ETCD=host:port cargo test -p layers --test coordination etcd::auth -- --ignored"]
fn etcd_denies_the_same() {
    let mut etcd = Connection::open(&env::var("ETCD").expect("ETCD=host:port"));
    let (seed, requests) = (number("SEED", 1), number("REQUESTS", 20_000));
    let rng = &mut Rng::new(seed);
    let (mut stage, mut logins) = (Stage::new(), Logins::default());
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for at in 0..requests {
        let enabled = credentials(&stage, "").enabled;
        let newest = match answer(&stage, &Query::from(Ask::Status(StatusRequest {}))) {
            Ok(Answer::Status(status)) => status.header.map_or(1, |header| header.revision),
            other => panic!("{other:?}"),
        };
        if enabled && rng.below(3) == 0 {
            let name = ["root", "ann", "bob"][rng.below(3) as usize];
            logins.log_in(&stage, &mut etcd, name);
        }
        // While auth is off, 3.5.1 takes no token for a good one.
        let caller = if enabled { logins.caller(rng, &mut etcd) } else { None };
        if !enabled {
            etcd.token = None;
        }
        let done = if rng.below(3) == 0 {
            ask_both(rng, &stage, &mut etcd, caller, newest)
        } else {
            let act = match rng.below(3) {
                0 => Act::from(auth_act(rng)),
                _ => draw::of_etcd(rng, newest),
            };
            let act = match act {
                Act::LeaseGrant(grant) => {
                    let ttl = grant.ttl.max(100_000);
                    Act::LeaseGrant(LeaseGrantRequest { ttl, ..grant })
                }
                act => act,
            };
            let command = Command { caller, ..Command::new(act) };
            let act = command.act.as_ref().unwrap();
            if odd(&stage, act) {
                continue;
            }
            let before = stage.clone();
            let ours = send(&mut stage, &command);
            if ours == Err(Error::PlainPassword) || deadly(act, &ours) || stricter(&command, &ours)
            {
                stage = before;
                continue;
            }
            let theirs = match act {
                Act::Auth(request) => json_auth::act(&mut etcd, request.act.as_ref().unwrap()),
                _ => json::act(&mut etcd, act),
            };
            assert_eq!(ours, theirs, "seed {seed}, request {at}: {command:?}");
            Some(ours.map(drop))
        };
        let kind =
            done.map(|done| done.map_or_else(|error| format!("{error:?}"), |()| "ok".into()));
        *counts.entry(kind.unwrap_or("left out".into())).or_default() += 1;
    }
    println!("{counts:?}");
}
