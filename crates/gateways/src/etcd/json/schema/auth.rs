//! Users, roles and who calls.

use super::{HEADER, Kind::*, messages};

const PERMISSION_TYPE: &[&str] = &["READ", "WRITE", "READWRITE"];

messages! {
    AUTH_RESPONSE = "etcdserverpb.AuthEnableResponse" {
        1 header: Message(&HEADER);
    }
    AUTH_STATUS_RESPONSE = "etcdserverpb.AuthStatusResponse" {
        1 header: Message(&HEADER);
        2 enabled: Bool;
        3 authRevision: Uint64;
    }
    AUTHENTICATE_REQUEST = "etcdserverpb.AuthenticateRequest" {
        1 name: Text;
        2 password: Text;
    }
    AUTHENTICATE_RESPONSE = "etcdserverpb.AuthenticateResponse" {
        1 header: Message(&HEADER);
        2 token: Text;
    }
    USER_ADD_OPTIONS = "authpb.UserAddOptions" {
        1 no_password: Bool;
    }
    USER_ADD_REQUEST = "etcdserverpb.AuthUserAddRequest" {
        1 name: Text;
        2 password: Text;
        3 options: Message(&USER_ADD_OPTIONS);
        4 hashedPassword: Text;
    }
    USER_REQUEST = "etcdserverpb.AuthUserGetRequest" {
        1 name: Text;
    }
    USER_GET_RESPONSE = "etcdserverpb.AuthUserGetResponse" {
        1 header: Message(&HEADER);
        2 roles: Text, many;
    }
    USER_LIST_RESPONSE = "etcdserverpb.AuthUserListResponse" {
        1 header: Message(&HEADER);
        2 users: Text, many;
    }
    CHANGE_PASSWORD_REQUEST = "etcdserverpb.AuthUserChangePasswordRequest" {
        1 name: Text;
        2 password: Text;
        3 hashedPassword: Text;
    }
    USER_GRANT_ROLE_REQUEST = "etcdserverpb.AuthUserGrantRoleRequest" {
        1 user: Text;
        2 role: Text;
    }
    USER_REVOKE_ROLE_REQUEST = "etcdserverpb.AuthUserRevokeRoleRequest" {
        1 name: Text;
        2 role: Text;
    }
    ROLE_ADD_REQUEST = "etcdserverpb.AuthRoleAddRequest" {
        1 name: Text;
    }
    ROLE_REQUEST = "etcdserverpb.AuthRoleGetRequest" {
        1 role: Text;
    }
    PERMISSION = "authpb.Permission" {
        1 permType: Enum(PERMISSION_TYPE);
        2 key: Bytes;
        3 range_end: Bytes;
    }
    ROLE_GET_RESPONSE = "etcdserverpb.AuthRoleGetResponse" {
        1 header: Message(&HEADER);
        2 perm: Message(&PERMISSION), many;
    }
    ROLE_LIST_RESPONSE = "etcdserverpb.AuthRoleListResponse" {
        1 header: Message(&HEADER);
        2 roles: Text, many;
    }
    ROLE_GRANT_REQUEST = "etcdserverpb.AuthRoleGrantPermissionRequest" {
        1 name: Text;
        2 perm: Message(&PERMISSION);
    }
    ROLE_REVOKE_REQUEST = "etcdserverpb.AuthRoleRevokePermissionRequest" {
        1 role: Text;
        2 key: Bytes;
        3 range_end: Bytes;
    }
}
