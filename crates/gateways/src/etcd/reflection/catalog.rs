//! Services and their methods, with the messages that go in and out.

use crate::etcd::json::schema::{self as of, Message};

/// A service.
pub struct Service {
    /// Its whole name.
    pub name: &'static str,
    /// Its methods.
    pub methods: &'static [Method],
}

/// A method.
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// What goes in.
    pub input: Named,
    /// What comes out.
    pub output: Named,
    /// Whether many go in, and whether many come out.
    pub streams: (bool, bool),
}

/// A message under the name that a method gives it: messages with the same fields share a table.
#[derive(Clone, Copy)]
pub struct Named {
    /// The whole name.
    pub name: &'static str,
    /// Its fields.
    pub message: &'static Message,
}

const fn own(message: &'static Message) -> Named {
    Named { name: message.name, message }
}

const fn like(name: &'static str, message: &'static Message) -> Named {
    Named { name, message }
}

const fn unary(name: &'static str, input: Named, output: Named) -> Method {
    Method { name, input, output, streams: (false, false) }
}

const fn stream(name: &'static str, input: Named, output: Named, streams: (bool, bool)) -> Method {
    Method { name, input, output, streams }
}

/// An auth method: its messages are named after it.
macro_rules! auth {
    ($name:literal, $of:literal, $input:expr, $output:expr) => {
        unary(
            $name,
            like(concat!("etcdserverpb.", $of, "Request"), $input),
            like(concat!("etcdserverpb.", $of, "Response"), $output),
        )
    };
}

/// Every service that can be called here, but reflection.
pub static SERVICES: &[Service] = &[
    Service {
        name: "etcdserverpb.KV",
        methods: &[
            unary("Range", own(&of::RANGE_REQUEST), own(&of::RANGE_RESPONSE)),
            unary("Put", own(&of::PUT_REQUEST), own(&of::PUT_RESPONSE)),
            unary("DeleteRange", own(&of::DELETE_RANGE_REQUEST), own(&of::DELETE_RANGE_RESPONSE)),
            unary("Txn", own(&of::TXN_REQUEST), own(&of::TXN_RESPONSE)),
            unary("Compact", own(&of::COMPACTION_REQUEST), own(&of::COMPACTION_RESPONSE)),
        ],
    },
    Service {
        name: "etcdserverpb.Watch",
        methods: &[stream(
            "Watch",
            own(&of::WATCH_REQUEST),
            own(&of::WATCH_RESPONSE),
            (true, true),
        )],
    },
    Service {
        name: "etcdserverpb.Lease",
        methods: &[
            unary("LeaseGrant", own(&of::LEASE_GRANT_REQUEST), own(&of::LEASE_GRANT_RESPONSE)),
            unary("LeaseRevoke", own(&of::LEASE_REVOKE_REQUEST), own(&of::LEASE_REVOKE_RESPONSE)),
            stream(
                "LeaseKeepAlive",
                own(&of::LEASE_KEEP_ALIVE_REQUEST),
                own(&of::LEASE_KEEP_ALIVE_RESPONSE),
                (true, true),
            ),
            unary(
                "LeaseTimeToLive",
                own(&of::LEASE_TIME_TO_LIVE_REQUEST),
                own(&of::LEASE_TIME_TO_LIVE_RESPONSE),
            ),
            unary(
                "LeaseLeases",
                like("etcdserverpb.LeaseLeasesRequest", &of::EMPTY),
                own(&of::LEASE_LEASES_RESPONSE),
            ),
        ],
    },
    Service {
        name: "etcdserverpb.Cluster",
        methods: &[unary(
            "MemberList",
            own(&of::MEMBER_LIST_REQUEST),
            own(&of::MEMBER_LIST_RESPONSE),
        )],
    },
    Service { name: "etcdserverpb.Maintenance", methods: MAINTENANCE },
    Service { name: "etcdserverpb.Auth", methods: AUTH },
    Service {
        name: "v3lockpb.Lock",
        methods: &[
            unary("Lock", own(&of::LOCK_REQUEST), own(&of::LOCK_RESPONSE)),
            unary("Unlock", own(&of::UNLOCK_REQUEST), own(&of::UNLOCK_RESPONSE)),
        ],
    },
    Service {
        name: "v3electionpb.Election",
        methods: &[
            unary("Campaign", own(&of::CAMPAIGN_REQUEST), own(&of::CAMPAIGN_RESPONSE)),
            unary("Proclaim", own(&of::PROCLAIM_REQUEST), own(&of::PROCLAIM_RESPONSE)),
            unary("Leader", own(&of::LEADER_REQUEST), own(&of::LEADER_RESPONSE)),
            stream("Observe", own(&of::LEADER_REQUEST), own(&of::LEADER_RESPONSE), (false, true)),
            unary("Resign", own(&of::RESIGN_REQUEST), own(&of::RESIGN_RESPONSE)),
        ],
    },
    Service {
        name: "grpc.health.v1.Health",
        methods: &[
            unary("Check", own(&of::HEALTH_CHECK_REQUEST), own(&of::HEALTH_CHECK_RESPONSE)),
            stream(
                "Watch",
                own(&of::HEALTH_CHECK_REQUEST),
                own(&of::HEALTH_CHECK_RESPONSE),
                (false, true),
            ),
        ],
    },
];

const MAINTENANCE: &[Method] = &[
    unary("Alarm", own(&of::ALARM_REQUEST), own(&of::ALARM_RESPONSE)),
    unary("Status", like("etcdserverpb.StatusRequest", &of::EMPTY), own(&of::STATUS_RESPONSE)),
    unary(
        "Defragment",
        like("etcdserverpb.DefragmentRequest", &of::EMPTY),
        own(&of::DEFRAGMENT_RESPONSE),
    ),
    unary("Hash", like("etcdserverpb.HashRequest", &of::EMPTY), own(&of::HASH_RESPONSE)),
    unary("HashKV", own(&of::HASH_KV_REQUEST), own(&of::HASH_KV_RESPONSE)),
    stream(
        "Snapshot",
        like("etcdserverpb.SnapshotRequest", &of::EMPTY),
        own(&of::SNAPSHOT_RESPONSE),
        (false, true),
    ),
    unary("MoveLeader", own(&of::MOVE_LEADER_REQUEST), own(&of::MOVE_LEADER_RESPONSE)),
];

const AUTH: &[Method] = &[
    auth!("AuthEnable", "AuthEnable", &of::EMPTY, &of::AUTH_RESPONSE),
    auth!("AuthDisable", "AuthDisable", &of::EMPTY, &of::AUTH_RESPONSE),
    auth!("AuthStatus", "AuthStatus", &of::EMPTY, &of::AUTH_STATUS_RESPONSE),
    auth!("Authenticate", "Authenticate", &of::AUTHENTICATE_REQUEST, &of::AUTHENTICATE_RESPONSE),
    auth!("UserAdd", "AuthUserAdd", &of::USER_ADD_REQUEST, &of::AUTH_RESPONSE),
    auth!("UserGet", "AuthUserGet", &of::USER_REQUEST, &of::USER_GET_RESPONSE),
    auth!("UserList", "AuthUserList", &of::EMPTY, &of::USER_LIST_RESPONSE),
    auth!("UserDelete", "AuthUserDelete", &of::USER_REQUEST, &of::AUTH_RESPONSE),
    auth!(
        "UserChangePassword",
        "AuthUserChangePassword",
        &of::CHANGE_PASSWORD_REQUEST,
        &of::AUTH_RESPONSE
    ),
    auth!("UserGrantRole", "AuthUserGrantRole", &of::USER_GRANT_ROLE_REQUEST, &of::AUTH_RESPONSE),
    auth!(
        "UserRevokeRole",
        "AuthUserRevokeRole",
        &of::USER_REVOKE_ROLE_REQUEST,
        &of::AUTH_RESPONSE
    ),
    auth!("RoleAdd", "AuthRoleAdd", &of::ROLE_ADD_REQUEST, &of::AUTH_RESPONSE),
    auth!("RoleGet", "AuthRoleGet", &of::ROLE_REQUEST, &of::ROLE_GET_RESPONSE),
    auth!("RoleList", "AuthRoleList", &of::EMPTY, &of::ROLE_LIST_RESPONSE),
    auth!("RoleDelete", "AuthRoleDelete", &of::ROLE_REQUEST, &of::AUTH_RESPONSE),
    auth!(
        "RoleGrantPermission",
        "AuthRoleGrantPermission",
        &of::ROLE_GRANT_REQUEST,
        &of::AUTH_RESPONSE
    ),
    auth!(
        "RoleRevokePermission",
        "AuthRoleRevokePermission",
        &of::ROLE_REVOKE_REQUEST,
        &of::AUTH_RESPONSE
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::method::Method as Called;

    #[test]
    fn every_method_can_be_called_and_streams_as_it_says() {
        for service in SERVICES {
            for method in service.methods {
                let path = format!("/{}/{}", service.name, method.name);
                let called = Called::parse(&path).unwrap_or_else(|| panic!("{path}"));
                let streams = matches!(called, Called::Stream(_));
                assert_eq!(streams, method.streams != (false, false), "{path}");
            }
        }
    }
}
