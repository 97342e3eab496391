//! Users, tokens and permissions, through the gateway.

use std::num::NonZeroU32;

use gateways::etcd::{
    Limits,
    wire::{
        AuthenticateRequest, AuthenticateResponse, HashKvRequest, HashKvResponse,
        LeaseKeepAliveRequest, RequestUnion, WatchCreateRequest, WatchRequest, WatchResponse,
    },
};
use layers::coordination::*;
use serde_json::json;

use crate::{
    client::{Client, Failed},
    fake::{Served, join, start_with},
    json::{ask, post},
    keys::put,
};

const AUTH: &str = "/etcdserverpb.Auth/";
const INVALID: &str = "etcdserver: invalid auth token";
const DENIED: &str = "etcdserver: permission denied";

fn limits() -> Limits {
    let password_cost = NonZeroU32::new(4).unwrap();
    Limits { password_cost, drain: kernel::Duration::from_millis(200), ..Limits::default() }
}

async fn auth(client: &Client, name: &str, message: &impl prost::Message) -> Result<(), Failed> {
    let done: Result<AuthResponse, Failed> = client.unary(&format!("{AUTH}{name}"), message).await;
    done.map(|done| assert!(done.header.is_some()))
}

async fn token(client: &Client, name: &str, password: &str) -> Result<String, Failed> {
    let (name, password) = (name.into(), password.into());
    let request = AuthenticateRequest { name, password };
    let done: AuthenticateResponse =
        client.unary("/etcdserverpb.Auth/Authenticate", &request).await?;
    Ok(done.token)
}

/// A client that has logged in.
async fn login(served: &Served, name: &str) -> Client {
    let client = Client::open(served.address).await;
    let token = Some(token(&client, name, &format!("{name}'s")).await.unwrap());
    Client { token, ..client }
}

fn user(name: &str) -> AuthUserAddRequest {
    let password = format!("{name}'s");
    AuthUserAddRequest { name: name.into(), password, ..AuthUserAddRequest::default() }
}

fn role(user: &str, role: &str) -> AuthUserGrantRoleRequest {
    AuthUserGrantRoleRequest { user: user.into(), role: role.into() }
}

fn grant(
    key: &'static str,
    end: &'static str,
    kind: PermissionType,
) -> AuthRoleGrantPermissionRequest {
    let (key, range_end) = (key.into(), end.into());
    let perm = Some(Permission { perm_type: kind as i32, key, range_end });
    AuthRoleGrantPermissionRequest { name: "r".into(), perm }
}

fn revoke(key: &'static str, end: &'static str) -> AuthRoleRevokePermissionRequest {
    let (key, range_end) = (key.into(), end.into());
    AuthRoleRevokePermissionRequest { role: "r".into(), key, range_end }
}

/// Two users, one role that may touch `a` to `c`, and auth on.
async fn guarded() -> Served {
    let served = start_with(limits()).await;
    let client = Client::open(served.address).await;
    assert_eq!(
        token(&client, "root", "").await.unwrap_err().1,
        "etcdserver: authentication is not enabled"
    );
    for name in ["root", "ann"] {
        auth(&client, "UserAdd", &user(name)).await.unwrap();
    }
    let missing = auth(&client, "AuthEnable", &AuthEnableRequest::default()).await;
    assert_eq!(missing, Err((9, "etcdserver: root user does not have root role".into())));
    auth(&client, "UserGrantRole", &role("root", "root")).await.unwrap();
    auth(&client, "RoleAdd", &AuthRoleAddRequest { name: "r".into() }).await.unwrap();
    auth(&client, "UserGrantRole", &role("ann", "r")).await.unwrap();
    let all = grant("a", "c", PermissionType::Readwrite);
    auth(&client, "RoleGrantPermission", &all).await.unwrap();
    auth(&client, "AuthEnable", &AuthEnableRequest::default()).await.unwrap();
    served
}

async fn try_put(client: &Client, key: &str) -> Result<(), Failed> {
    let done: Result<PutResponse, Failed> =
        client.unary("/etcdserverpb.KV/Put", &put(key, "v")).await;
    done.map(drop)
}

fn failed<T>(code: u8, text: &str) -> Result<T, Failed> {
    Err((code, text.to_owned()))
}

#[tokio::test]
async fn everybody_may_do_what_its_roles_say() {
    let served = guarded().await;
    let nobody = Client::open(served.address).await;
    assert_eq!(try_put(&nobody, "a").await, failed(3, "etcdserver: user name is empty"));
    let wrong = failed(3, "etcdserver: authentication failed, invalid user ID or password");
    assert_eq!(token(&nobody, "ann", "wrong").await, wrong);
    assert_eq!(token(&nobody, "who", "wrong").await, wrong);
    let forged = Client { token: Some("01ff".into()), ..nobody.clone() };
    assert_eq!(try_put(&forged, "a").await, failed(16, INVALID));
    let (root, ann) = (login(&served, "root").await, login(&served, "ann").await);
    for key in ["a", "c", "z"] {
        try_put(&root, key).await.unwrap();
    }
    try_put(&ann, "b").await.unwrap();
    assert_eq!(try_put(&ann, "c").await, failed(7, DENIED));
    let status = AuthStatusRequest {};
    let denied: Result<AuthStatusResponse, _> =
        ann.unary("/etcdserverpb.Auth/AuthStatus", &status).await;
    assert_eq!(denied, failed(7, DENIED));
    let status: AuthStatusResponse =
        root.unary("/etcdserverpb.Auth/AuthStatus", &status).await.unwrap();
    assert!(status.enabled && status.auth_revision == 7, "{status:?}");
    let own = AuthUserGetRequest { name: "ann".into() };
    let own: AuthUserGetResponse = ann.unary("/etcdserverpb.Auth/UserGet", &own).await.unwrap();
    assert_eq!(own.roles, ["r"]);
    let hash: Result<HashKvResponse, _> =
        ann.unary("/etcdserverpb.Maintenance/HashKV", &HashKvRequest { revision: 0 }).await;
    assert_eq!(hash, failed(7, DENIED));
}

#[tokio::test]
async fn a_token_is_good_at_every_node_until_its_user_changes() {
    let served = guarded().await;
    let root = login(&served, "root").await;
    let other = join(served.fake.clone(), limits()).await;
    let elsewhere = Client { token: root.token.clone(), ..Client::open(other.address).await };
    // The other node has not heard that auth is on: its client is told to log in, as every client
    // of etcd does by itself.
    match try_put(&elsewhere, "a").await {
        Ok(()) => {}
        refused => assert_eq!(refused, failed(16, INVALID)),
    }
    try_put(&elsewhere, "a").await.unwrap();
    let ann = login(&served, "ann").await;
    let (name, password) = ("ann".to_owned(), "another".to_owned());
    let change = AuthUserChangePasswordRequest { name, password, ..Default::default() };
    auth(&root, "UserChangePassword", &change).await.unwrap();
    assert_eq!(try_put(&ann, "a").await, failed(16, INVALID));
    let ann = Client { token: Some(token(&ann, "ann", "another").await.unwrap()), ..ann };
    try_put(&ann, "a").await.unwrap();
    let delete = AuthUserDeleteRequest { name: "ann".into() };
    auth(&root, "UserDelete", &delete).await.unwrap();
    auth(&root, "UserAdd", &user("ann")).await.unwrap();
    assert_eq!(try_put(&ann, "a").await, failed(16, INVALID), "of the user before");
    auth(&root, "AuthDisable", &AuthDisableRequest {}).await.unwrap();
    try_put(&ann, "z").await.unwrap();
    try_put(&elsewhere, "z").await.unwrap();
}

#[tokio::test]
async fn a_watch_ends_with_the_permission() {
    let served = guarded().await;
    let (root, ann) = (login(&served, "root").await, login(&served, "ann").await);
    let mut stream = ann.stream("/etcdserverpb.Watch/Watch").await;
    let create = |key: &'static str, range_end: &'static str| WatchRequest {
        request_union: Some(RequestUnion::CreateRequest(WatchCreateRequest {
            key: key.into(),
            range_end: range_end.into(),
            ..WatchCreateRequest::default()
        })),
    };
    let reason = format!("rpc error: code = PermissionDenied desc = {DENIED}");
    stream.say(&create("a", "d"));
    let refused: WatchResponse = stream.next().await.unwrap();
    assert!(refused.created && refused.canceled && refused.watch_id == -1);
    assert_eq!(refused.cancel_reason, reason);
    stream.say(&create("a", ""));
    let created: WatchResponse = stream.next().await.unwrap();
    assert!(created.created && !created.canceled, "{created:?}");
    try_put(&root, "a").await.unwrap();
    let told: WatchResponse = stream.next().await.unwrap();
    assert_eq!(told.events.len(), 1);
    // Another role changes: it goes on.
    auth(&root, "RoleAdd", &AuthRoleAddRequest { name: "s".into() }).await.unwrap();
    try_put(&root, "a").await.unwrap();
    let told: WatchResponse = stream.next().await.unwrap();
    assert_eq!(told.events.len(), 1);
    auth(&root, "RoleRevokePermission", &revoke("a", "c")).await.unwrap();
    try_put(&root, "a").await.unwrap();
    let ended: WatchResponse = stream.next().await.unwrap();
    assert!(ended.canceled && ended.events.is_empty(), "{ended:?}");
    assert_eq!((ended.watch_id, ended.cancel_reason), (created.watch_id, reason));
}

#[tokio::test]
async fn a_lease_is_kept_alive_by_whoever_may_write_its_keys() {
    let served = guarded().await;
    let (root, ann) = (login(&served, "root").await, login(&served, "ann").await);
    let lease = LeaseGrantRequest { ttl: 60, id: 7 };
    let _: LeaseGrantResponse = ann.unary("/etcdserverpb.Lease/LeaseGrant", &lease).await.unwrap();
    let tied = PutRequest { lease: 7, ..put("z", "v") };
    let _: PutResponse = root.unary("/etcdserverpb.KV/Put", &tied).await.unwrap();
    let kept = async |client: &Client| {
        let mut stream = client.stream("/etcdserverpb.Lease/LeaseKeepAlive").await;
        stream.say(&LeaseKeepAliveRequest { id: 7 });
        stream.next::<LeaseKeepAlive>().await
    };
    assert_eq!(kept(&root).await.unwrap().ttl, 60);
    assert_eq!(kept(&ann).await, failed(7, DENIED));
    let tied = PutRequest { lease: 7, ..put("a", "v") };
    let refused: Result<PutResponse, _> = ann.unary("/etcdserverpb.KV/Put", &tied).await;
    assert_eq!(refused, failed(7, DENIED));
}

#[tokio::test]
async fn a_token_goes_along_with_json_too() {
    let served = guarded().await;
    let at = served.address;
    let login = json!({ "name": "ann", "password": "ann's" });
    let (status, told) = post(at, "/v3/auth/authenticate", login).await;
    let token = told["token"].as_str().unwrap();
    assert_eq!(status, 200);
    let (status, refused) = post(at, "/v3/kv/put", json!({ "key": "YQ==" })).await;
    assert_eq!((status, &refused["code"]), (400, &json!(3)));
    let with = async |header: String, path: &str, body: serde_json::Value| {
        // The header is smuggled in behind the path's version.
        let path = format!("{path} HTTP/1.1\r\nauthorization: {header}\r\nx-rest:");
        ask(at, "POST", &path, &body.to_string()).await
    };
    let (status, done) = with(token.to_owned(), "/v3/kv/put", json!({ "key": "YQ==" })).await;
    assert_eq!((status, &done["header"]["revision"]), (200, &json!("2")));
    let bearer = format!("Bearer {token}");
    let (status, _) = with(bearer, "/v3/kv/put", json!({ "key": "eg==" })).await;
    assert_eq!(status, 403);
    let (status, got) = with(token.to_owned(), "/v3/auth/role/get", json!({ "role": "r" })).await;
    let perm = json!({ "permType": "READWRITE", "key": "YQ==", "range_end": "Yw==" });
    assert_eq!((status, &got["perm"]), (200, &json!([perm])));
}

#[tokio::test]
async fn a_flood_of_logins_is_turned_away() {
    let served = start_with(Limits { logins_waiting: 0, ..limits() }).await;
    let client = Client::open(served.address).await;
    let refused = auth(&client, "UserAdd", &user("root")).await;
    assert_eq!(refused, failed(8, "etcdserver: too many requests"));
}
