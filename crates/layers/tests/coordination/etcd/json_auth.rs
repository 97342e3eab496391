//! The messages of auth as the JSON of etcd's gateway, and back.

use layers::coordination::*;
use serde_json::{Value, json};

use super::{
    http::Connection,
    json::{decode, encode, header, list, number, refused},
};

/// The hash that the program is given is the password that etcd is given.
pub fn act(etcd: &mut Connection, act: &AuthAct) -> Result<Outcome, Error> {
    let (path, body) = match act {
        AuthAct::Enable(_) => ("enable", json!({})),
        AuthAct::Disable(_) => ("disable", json!({})),
        AuthAct::UserAdd(of) => {
            let mut body = json!({"name": of.name, "password": of.hashed_password});
            if let Some(options) = of.options {
                body["options"] = json!({"no_password": options.no_password});
            }
            ("user/add", body)
        }
        AuthAct::UserDelete(of) => ("user/delete", json!({"name": of.name})),
        AuthAct::UserChangePassword(of) => {
            ("user/changepw", json!({"name": of.name, "password": of.hashed_password}))
        }
        AuthAct::UserGrantRole(of) => ("user/grant", json!({"user": of.user, "role": of.role})),
        AuthAct::UserRevokeRole(of) => ("user/revoke", json!({"name": of.name, "role": of.role})),
        AuthAct::RoleAdd(of) => ("role/add", json!({"name": of.name})),
        AuthAct::RoleDelete(of) => ("role/delete", json!({"role": of.role})),
        AuthAct::RoleGrantPermission(of) => {
            let mut body = json!({"name": of.name});
            if let Some(perm) = &of.perm {
                body["perm"] = json!({
                    "permType": perm.perm_type, "key": encode(&perm.key),
                    "range_end": encode(&perm.range_end),
                });
            }
            ("role/grant", body)
        }
        AuthAct::RoleRevokePermission(of) => {
            let (key, range_end) = (encode(&of.key), encode(&of.range_end));
            ("role/revoke", json!({"role": of.role, "key": key, "range_end": range_end}))
        }
    };
    let value = etcd.call(&format!("auth/{path}"), &body);
    match refused(&value) {
        Some(error) => Err(error),
        None => Ok(Outcome::Auth(AuthResponse { header: header(&value) })),
    }
}

fn strings(value: &Value) -> Vec<String> {
    list(value, |name| name.as_str().unwrap().to_owned())
}

fn permission(value: &Value) -> Permission {
    let perm_type = match value["permType"].as_str() {
        None | Some("READ") => 0,
        Some("WRITE") => 1,
        _ => 2,
    };
    Permission { perm_type, key: decode(&value["key"]), range_end: decode(&value["range_end"]) }
}

pub fn ask(etcd: &mut Connection, ask: &AuthAsk) -> Result<Answer, Error> {
    let (path, body) = match ask {
        AuthAsk::Status(_) => ("status", json!({})),
        AuthAsk::UserGet(of) => ("user/get", json!({"name": of.name})),
        AuthAsk::UserList(_) => ("user/list", json!({})),
        AuthAsk::RoleGet(of) => ("role/get", json!({"role": of.role})),
        AuthAsk::RoleList(_) => ("role/list", json!({})),
        _ => panic!("etcd is not asked {ask:?}"),
    };
    let value = etcd.call(&format!("auth/{path}"), &body);
    if let Some(error) = refused(&value) {
        return Err(error);
    }
    let header = header(&value);
    let found = match ask {
        AuthAsk::Status(_) => AuthFound::Status(AuthStatusResponse {
            header,
            enabled: value["enabled"] == true,
            auth_revision: number(&value["authRevision"]) as u64,
        }),
        AuthAsk::UserGet(_) => {
            AuthFound::UserGet(AuthUserGetResponse { header, roles: strings(&value["roles"]) })
        }
        AuthAsk::UserList(_) => {
            AuthFound::UserList(AuthUserListResponse { header, users: strings(&value["users"]) })
        }
        AuthAsk::RoleGet(_) => {
            let perm = list(&value["perm"], permission);
            AuthFound::RoleGet(AuthRoleGetResponse { header, perm })
        }
        _ => AuthFound::RoleList(AuthRoleListResponse { header, roles: strings(&value["roles"]) }),
    };
    Ok(found.into())
}

/// Logs in.
pub fn token(etcd: &mut Connection, name: &str, password: &str) -> Result<String, Error> {
    let value = etcd.call("auth/authenticate", &json!({"name": name, "password": password}));
    match refused(&value) {
        Some(error) => Err(error),
        None => Ok(value["token"].as_str().unwrap().to_owned()),
    }
}
