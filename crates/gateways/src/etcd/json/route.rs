//! Which call a path is, and what goes in and out.

use super::schema::{self as of, Message};
use crate::etcd::{
    auth::AuthMethod,
    method::{Method, Stream, Unary},
};

/// What a path leads to.
#[derive(Clone, Copy, Debug)]
pub enum Route {
    /// A call.
    Call(Call),
    /// Which version of etcd's protocol is spoken.
    Version,
    /// Whether it makes sense to ask here.
    Health,
    /// The figures of the node.
    Metrics,
    /// The watches that lag most.
    Watches,
}

/// A call by JSON.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Which.
    pub method: Method,
    /// What goes in.
    pub request: &'static Message,
    /// What comes out.
    pub response: &'static Message,
}

/// The route of a path.
#[must_use]
pub fn route(path: &str) -> Option<Route> {
    match path {
        "/version" => return Some(Route::Version),
        "/health" => return Some(Route::Health),
        "/metrics" => return Some(Route::Metrics),
        "/quorate/watches" => return Some(Route::Watches),
        _ => {}
    }
    // What older clients ask for: the fields are the same.
    let path = path.strip_prefix("/v3/").or_else(|| path.strip_prefix("/v3beta/"))?;
    let call = kv(path)
        .or_else(|| lease(path))
        .or_else(|| recipe(path))
        .or_else(|| operate(path))
        .or_else(|| auth(path))?;
    Some(Route::Call(call))
}

fn unary(unary: Unary, request: &'static Message, response: &'static Message) -> Option<Call> {
    Some(Call { method: Method::Unary(unary), request, response })
}

fn stream(stream: Stream, request: &'static Message, response: &'static Message) -> Option<Call> {
    Some(Call { method: Method::Stream(stream), request, response })
}

fn kv(path: &str) -> Option<Call> {
    match path {
        "kv/range" => unary(Unary::Range, &of::RANGE_REQUEST, &of::RANGE_RESPONSE),
        "kv/put" => unary(Unary::Put, &of::PUT_REQUEST, &of::PUT_RESPONSE),
        "kv/deleterange" => {
            unary(Unary::DeleteRange, &of::DELETE_RANGE_REQUEST, &of::DELETE_RANGE_RESPONSE)
        }
        "kv/txn" => unary(Unary::Txn, &of::TXN_REQUEST, &of::TXN_RESPONSE),
        "kv/compaction" => unary(Unary::Compact, &of::COMPACTION_REQUEST, &of::COMPACTION_RESPONSE),
        "watch" => stream(Stream::Watch, &of::WATCH_REQUEST, &of::WATCH_RESPONSE),
        _ => None,
    }
}

fn lease(path: &str) -> Option<Call> {
    match path.strip_prefix("kv/").unwrap_or(path) {
        "lease/grant" => {
            unary(Unary::LeaseGrant, &of::LEASE_GRANT_REQUEST, &of::LEASE_GRANT_RESPONSE)
        }
        "lease/revoke" => {
            unary(Unary::LeaseRevoke, &of::LEASE_REVOKE_REQUEST, &of::LEASE_REVOKE_RESPONSE)
        }
        "lease/keepalive" => stream(
            Stream::LeaseKeepAlive,
            &of::LEASE_KEEP_ALIVE_REQUEST,
            &of::LEASE_KEEP_ALIVE_RESPONSE,
        ),
        "lease/timetolive" => unary(
            Unary::LeaseTimeToLive,
            &of::LEASE_TIME_TO_LIVE_REQUEST,
            &of::LEASE_TIME_TO_LIVE_RESPONSE,
        ),
        "lease/leases" => unary(Unary::LeaseLeases, &of::EMPTY, &of::LEASE_LEASES_RESPONSE),
        _ => None,
    }
}

fn recipe(path: &str) -> Option<Call> {
    match path {
        "lock/lock" => unary(Unary::Lock, &of::LOCK_REQUEST, &of::LOCK_RESPONSE),
        "lock/unlock" => unary(Unary::Unlock, &of::UNLOCK_REQUEST, &of::UNLOCK_RESPONSE),
        "election/campaign" => {
            unary(Unary::Campaign, &of::CAMPAIGN_REQUEST, &of::CAMPAIGN_RESPONSE)
        }
        "election/proclaim" => {
            unary(Unary::Proclaim, &of::PROCLAIM_REQUEST, &of::PROCLAIM_RESPONSE)
        }
        "election/leader" => unary(Unary::Leader, &of::LEADER_REQUEST, &of::LEADER_RESPONSE),
        "election/observe" => stream(Stream::Observe, &of::LEADER_REQUEST, &of::LEADER_RESPONSE),
        "election/resign" => unary(Unary::Resign, &of::RESIGN_REQUEST, &of::RESIGN_RESPONSE),
        _ => None,
    }
}

fn operate(path: &str) -> Option<Call> {
    match path {
        "cluster/member/list" => {
            unary(Unary::MemberList, &of::MEMBER_LIST_REQUEST, &of::MEMBER_LIST_RESPONSE)
        }
        "cluster/member/add" => {
            unary(Unary::MemberChange, &of::MEMBER_ADD_REQUEST, &of::MEMBER_LIST_RESPONSE)
        }
        "cluster/member/remove" | "cluster/member/update" | "cluster/member/promote" => {
            unary(Unary::MemberChange, &of::MEMBER_UPDATE_REQUEST, &of::MEMBER_LIST_RESPONSE)
        }
        "maintenance/alarm" => unary(Unary::Alarm, &of::ALARM_REQUEST, &of::ALARM_RESPONSE),
        "maintenance/status" => unary(Unary::Status, &of::EMPTY, &of::STATUS_RESPONSE),
        "maintenance/defragment" => unary(Unary::Defragment, &of::EMPTY, &of::DEFRAGMENT_RESPONSE),
        "maintenance/hash" => unary(Unary::Hash, &of::EMPTY, &of::HASH_RESPONSE),
        "maintenance/snapshot" => stream(Stream::Snapshot, &of::EMPTY, &of::SNAPSHOT_RESPONSE),
        "maintenance/transfer-leadership" => {
            unary(Unary::MoveLeader, &of::MOVE_LEADER_REQUEST, &of::MOVE_LEADER_RESPONSE)
        }
        "maintenance/downgrade" => unary(Unary::Downgrade, &of::EMPTY, &of::EMPTY),
        _ => None,
    }
}

fn auth(path: &str) -> Option<Call> {
    use AuthMethod as M;
    let (method, request, response) = match path.strip_prefix("auth/")? {
        "enable" => (M::AuthEnable, &of::EMPTY, &of::AUTH_RESPONSE),
        "disable" => (M::AuthDisable, &of::EMPTY, &of::AUTH_RESPONSE),
        "status" => (M::AuthStatus, &of::EMPTY, &of::AUTH_STATUS_RESPONSE),
        "authenticate" => (M::Authenticate, &of::AUTHENTICATE_REQUEST, &of::AUTHENTICATE_RESPONSE),
        "user/add" => (M::UserAdd, &of::USER_ADD_REQUEST, &of::AUTH_RESPONSE),
        "user/get" => (M::UserGet, &of::USER_REQUEST, &of::USER_GET_RESPONSE),
        "user/list" => (M::UserList, &of::EMPTY, &of::USER_LIST_RESPONSE),
        "user/delete" => (M::UserDelete, &of::USER_REQUEST, &of::AUTH_RESPONSE),
        "user/changepw" => {
            (M::UserChangePassword, &of::CHANGE_PASSWORD_REQUEST, &of::AUTH_RESPONSE)
        }
        "user/grant" => (M::UserGrantRole, &of::USER_GRANT_ROLE_REQUEST, &of::AUTH_RESPONSE),
        "user/revoke" => (M::UserRevokeRole, &of::USER_REVOKE_ROLE_REQUEST, &of::AUTH_RESPONSE),
        "role/add" => (M::RoleAdd, &of::ROLE_ADD_REQUEST, &of::AUTH_RESPONSE),
        "role/get" => (M::RoleGet, &of::ROLE_REQUEST, &of::ROLE_GET_RESPONSE),
        "role/list" => (M::RoleList, &of::EMPTY, &of::ROLE_LIST_RESPONSE),
        "role/delete" => (M::RoleDelete, &of::ROLE_REQUEST, &of::AUTH_RESPONSE),
        "role/grant" => (M::RoleGrantPermission, &of::ROLE_GRANT_REQUEST, &of::AUTH_RESPONSE),
        "role/revoke" => (M::RoleRevokePermission, &of::ROLE_REVOKE_REQUEST, &of::AUTH_RESPONSE),
        _ => return None,
    };
    unary(Unary::Auth(method), request, response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_etcds() {
        let method = |path: &str| match route(path) {
            Some(Route::Call(call)) => Some(call.method),
            _ => None,
        };
        assert_eq!(method("/v3/kv/range"), Some(Method::Unary(Unary::Range)));
        assert_eq!(method("/v3beta/kv/put"), Some(Method::Unary(Unary::Put)));
        assert_eq!(method("/v3/kv/lease/revoke"), Some(Method::Unary(Unary::LeaseRevoke)));
        assert_eq!(method("/v3/watch"), Some(Method::Stream(Stream::Watch)));
        assert!(matches!(route("/version"), Some(Route::Version)));
        for wrong in ["", "/v3", "/v3/", "/v3/kv", "/v2/keys/a", "/v3/kv/watch"] {
            assert_eq!(method(wrong), None, "{wrong}");
        }
    }
}
