//! Auth: users, roles and what they may touch.
//!
//! The messages are etcd's. Its responses to commands hold a header and nothing else, so one
//! message stands for all of them. Passwords do not come this far: a gateway sends what they hash
//! to.

use alloc::string::String;

use bytes::Bytes;
use prost::{Enumeration, Message, Oneof};

use super::ResponseHeader;

/// Who sends a command or a query. A gateway writes it; no client does.
#[derive(Clone, PartialEq, Message)]
pub struct Caller {
    /// The user whose token came with the request.
    #[prost(string, tag = "1")]
    pub user: String,
    /// The auth revision at which the user's password was checked.
    #[prost(uint64, tag = "2")]
    pub auth_revision: u64,
    /// The node itself, which may do everything.
    #[prost(bool, tag = "3")]
    pub node: bool,
}

impl Caller {
    /// The node itself.
    #[must_use]
    pub fn node() -> Caller {
        Caller { node: true, ..Caller::default() }
    }

    /// A user whose password was checked at an auth revision.
    #[must_use]
    pub fn user(user: impl Into<String>, auth_revision: u64) -> Caller {
        Caller { user: user.into(), auth_revision, node: false }
    }
}

/// Turns auth on.
#[derive(Clone, PartialEq, Message)]
pub struct AuthEnableRequest {
    /// What tokens are signed with from now on: random bytes, as many as
    /// [`TOKEN_KEY_BYTES`](crate::coordination::limits::TOKEN_KEY_BYTES).
    #[prost(bytes = "bytes", tag = "100")]
    pub token_key: Bytes,
}

/// Turns auth off.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct AuthDisableRequest {}

/// How a user is added.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct UserAddOptions {
    /// The user has no password, and cannot log in with one.
    #[prost(bool, tag = "1")]
    pub no_password: bool,
}

/// Adds a user.
#[derive(Clone, PartialEq, Message)]
pub struct AuthUserAddRequest {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Empty: a gateway takes the password out and puts its hash in.
    #[prost(string, tag = "2")]
    pub password: String,
    /// Options.
    #[prost(message, optional, tag = "3")]
    pub options: Option<UserAddOptions>,
    /// What the password hashes to. If it is empty, no password is right.
    #[prost(string, tag = "4")]
    pub hashed_password: String,
}

/// Removes a user.
#[derive(Clone, PartialEq, Message)]
pub struct AuthUserDeleteRequest {
    /// Which one.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// Gives a user another password.
#[derive(Clone, PartialEq, Message)]
pub struct AuthUserChangePasswordRequest {
    /// Which user.
    #[prost(string, tag = "1")]
    pub name: String,
    /// As in [`AuthUserAddRequest`].
    #[prost(string, tag = "2")]
    pub password: String,
    /// As in [`AuthUserAddRequest`].
    #[prost(string, tag = "3")]
    pub hashed_password: String,
}

/// Gives a user a role.
#[derive(Clone, PartialEq, Message)]
pub struct AuthUserGrantRoleRequest {
    /// Which user.
    #[prost(string, tag = "1")]
    pub user: String,
    /// Which role.
    #[prost(string, tag = "2")]
    pub role: String,
}

/// Takes a role from a user.
#[derive(Clone, PartialEq, Message)]
pub struct AuthUserRevokeRoleRequest {
    /// Which user.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Which role.
    #[prost(string, tag = "2")]
    pub role: String,
}

/// Adds a role, which may touch nothing yet.
#[derive(Clone, PartialEq, Message)]
pub struct AuthRoleAddRequest {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// Removes a role, and takes it from all users.
#[derive(Clone, PartialEq, Message)]
pub struct AuthRoleDeleteRequest {
    /// Which one.
    #[prost(string, tag = "1")]
    pub role: String,
}

/// What a permission allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum PermissionType {
    /// To read.
    Read = 0,
    /// To put and to remove.
    Write = 1,
    /// Both.
    Readwrite = 2,
}

/// What a role may touch.
#[derive(Clone, PartialEq, Message)]
pub struct Permission {
    /// In which way.
    #[prost(enumeration = "PermissionType", tag = "1")]
    pub perm_type: i32,
    /// The first key.
    #[prost(bytes = "bytes", tag = "2")]
    pub key: Bytes,
    /// As in [`super::RangeRequest::range_end`].
    #[prost(bytes = "bytes", tag = "3")]
    pub range_end: Bytes,
}

/// Gives a role a permission, in place of the one that it has for the same range.
#[derive(Clone, PartialEq, Message)]
pub struct AuthRoleGrantPermissionRequest {
    /// Which role.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Which permission.
    #[prost(message, optional, tag = "2")]
    pub perm: Option<Permission>,
}

/// Takes from a role the permission for a range: the very range, no part of one.
#[derive(Clone, PartialEq, Message)]
pub struct AuthRoleRevokePermissionRequest {
    /// Which role.
    #[prost(string, tag = "1")]
    pub role: String,
    /// The first key.
    #[prost(bytes = "bytes", tag = "2")]
    pub key: Bytes,
    /// Its end.
    #[prost(bytes = "bytes", tag = "3")]
    pub range_end: Bytes,
}

/// A command that changes who may do what.
#[derive(Clone, PartialEq, Message)]
pub struct AuthRequest {
    /// What to do.
    #[prost(oneof = "AuthAct", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11")]
    pub act: Option<AuthAct>,
}

/// The commands that change who may do what.
#[derive(Clone, PartialEq, Oneof)]
pub enum AuthAct {
    /// Turns auth on.
    #[prost(message, tag = "1")]
    Enable(AuthEnableRequest),
    /// Turns auth off.
    #[prost(message, tag = "2")]
    Disable(AuthDisableRequest),
    /// Adds a user.
    #[prost(message, tag = "3")]
    UserAdd(AuthUserAddRequest),
    /// Removes a user.
    #[prost(message, tag = "4")]
    UserDelete(AuthUserDeleteRequest),
    /// Gives a user another password.
    #[prost(message, tag = "5")]
    UserChangePassword(AuthUserChangePasswordRequest),
    /// Gives a user a role.
    #[prost(message, tag = "6")]
    UserGrantRole(AuthUserGrantRoleRequest),
    /// Takes a role from a user.
    #[prost(message, tag = "7")]
    UserRevokeRole(AuthUserRevokeRoleRequest),
    /// Adds a role.
    #[prost(message, tag = "8")]
    RoleAdd(AuthRoleAddRequest),
    /// Removes a role.
    #[prost(message, tag = "9")]
    RoleDelete(AuthRoleDeleteRequest),
    /// Gives a role a permission.
    #[prost(message, tag = "10")]
    RoleGrantPermission(AuthRoleGrantPermissionRequest),
    /// Takes a permission from a role.
    #[prost(message, tag = "11")]
    RoleRevokePermission(AuthRoleRevokePermissionRequest),
}

/// It is done: etcd's `AuthEnableResponse` and all others that hold a header alone.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct AuthResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
}

impl From<AuthAct> for super::Act {
    fn from(act: AuthAct) -> super::Act {
        super::Act::Auth(AuthRequest { act: Some(act) })
    }
}
