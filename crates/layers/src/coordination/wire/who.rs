//! Queries of auth, and what a gateway asks to let somebody in.

use alloc::{string::String, vec::Vec};

use bytes::Bytes;
use prost::{Enumeration, Message, Oneof};

use super::{Permission, ResponseHeader};

/// Reads whether auth is on.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct AuthStatusRequest {}

/// Whether auth is on.
#[derive(Clone, PartialEq, Message)]
pub struct AuthStatusResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Whether it is.
    #[prost(bool, tag = "2")]
    pub enabled: bool,
    /// How often users, roles and permissions were changed; a keyspace begins at 1.
    #[prost(uint64, tag = "3")]
    pub auth_revision: u64,
}

/// Reads a user.
#[derive(Clone, PartialEq, Message)]
pub struct AuthUserGetRequest {
    /// Which one.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// A user.
#[derive(Clone, PartialEq, Message)]
pub struct AuthUserGetResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Its roles, by name.
    #[prost(string, repeated, tag = "2")]
    pub roles: Vec<String>,
}

/// Lists users.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct AuthUserListRequest {}

/// All users.
#[derive(Clone, PartialEq, Message)]
pub struct AuthUserListResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Their names, in order.
    #[prost(string, repeated, tag = "2")]
    pub users: Vec<String>,
}

/// Reads a role.
#[derive(Clone, PartialEq, Message)]
pub struct AuthRoleGetRequest {
    /// Which one.
    #[prost(string, tag = "1")]
    pub role: String,
}

/// A role.
#[derive(Clone, PartialEq, Message)]
pub struct AuthRoleGetResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// What it may touch, by first key.
    #[prost(message, repeated, tag = "2")]
    pub perm: Vec<Permission>,
}

/// Lists roles.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct AuthRoleListRequest {}

/// All roles.
#[derive(Clone, PartialEq, Message)]
pub struct AuthRoleListResponse {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Their names, in order.
    #[prost(string, repeated, tag = "2")]
    pub roles: Vec<String>,
}

/// Reads what a gateway needs to let somebody in: not for clients, whoever they are.
#[derive(Clone, PartialEq, Message)]
pub struct CredentialsRequest {
    /// Who wants in; empty for the state of auth alone.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// What a gateway needs to let somebody in.
#[derive(Clone, PartialEq, Message)]
pub struct CredentialsResponse {
    /// Whether auth is on.
    #[prost(bool, tag = "1")]
    pub enabled: bool,
    /// The auth revision, which goes into a token.
    #[prost(uint64, tag = "2")]
    pub auth_revision: u64,
    /// What tokens are signed with.
    #[prost(bytes = "bytes", tag = "3")]
    pub token_key: Bytes,
    /// Whether there is such a user.
    #[prost(bool, tag = "4")]
    pub known: bool,
    /// Whether the user was added without a password.
    #[prost(bool, tag = "5")]
    pub no_password: bool,
    /// What the user's password hashes to.
    #[prost(string, tag = "6")]
    pub hashed_password: String,
}

/// What somebody needs for something that no command or query of the program stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum Need {
    /// To be logged in.
    Login = 0,
    /// To have the role `root`.
    Root = 1,
    /// To read a range: for watches.
    Read = 2,
}

/// Asks whether the caller may do something.
#[derive(Clone, PartialEq, Message)]
pub struct MayRequest {
    /// What it needs.
    #[prost(enumeration = "Need", tag = "1")]
    pub need: i32,
    /// The first key, for [`Need::Read`].
    #[prost(bytes = "bytes", tag = "2")]
    pub key: Bytes,
    /// Its end.
    #[prost(bytes = "bytes", tag = "3")]
    pub range_end: Bytes,
}

impl From<Need> for MayRequest {
    fn from(need: Need) -> MayRequest {
        MayRequest { need: need as i32, ..MayRequest::default() }
    }
}

/// The caller may.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct MayResponse {
    /// At which auth revision; 0 while auth is off.
    #[prost(uint64, tag = "1")]
    pub auth_revision: u64,
}

/// A query of auth.
#[derive(Clone, PartialEq, Message)]
pub struct AuthQuery {
    /// What to read.
    #[prost(oneof = "AuthAsk", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub ask: Option<AuthAsk>,
}

/// The queries of auth.
#[derive(Clone, PartialEq, Oneof)]
pub enum AuthAsk {
    /// Reads whether auth is on.
    #[prost(message, tag = "1")]
    Status(AuthStatusRequest),
    /// Reads a user.
    #[prost(message, tag = "2")]
    UserGet(AuthUserGetRequest),
    /// Lists users.
    #[prost(message, tag = "3")]
    UserList(AuthUserListRequest),
    /// Reads a role.
    #[prost(message, tag = "4")]
    RoleGet(AuthRoleGetRequest),
    /// Lists roles.
    #[prost(message, tag = "5")]
    RoleList(AuthRoleListRequest),
    /// Reads what a gateway needs to let somebody in.
    #[prost(message, tag = "6")]
    Credentials(CredentialsRequest),
    /// Asks whether the caller may do something.
    #[prost(message, tag = "7")]
    May(MayRequest),
}

/// The answer to a query of auth.
#[derive(Clone, PartialEq, Message)]
pub struct AuthAnswer {
    /// The response.
    #[prost(oneof = "AuthFound", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub found: Option<AuthFound>,
}

/// The responses to the queries of auth.
#[derive(Clone, PartialEq, Oneof)]
pub enum AuthFound {
    /// Whether auth is on.
    #[prost(message, tag = "1")]
    Status(AuthStatusResponse),
    /// A user.
    #[prost(message, tag = "2")]
    UserGet(AuthUserGetResponse),
    /// All users.
    #[prost(message, tag = "3")]
    UserList(AuthUserListResponse),
    /// A role.
    #[prost(message, tag = "4")]
    RoleGet(AuthRoleGetResponse),
    /// All roles.
    #[prost(message, tag = "5")]
    RoleList(AuthRoleListResponse),
    /// What a gateway needs to let somebody in.
    #[prost(message, tag = "6")]
    Credentials(CredentialsResponse),
    /// The caller may.
    #[prost(message, tag = "7")]
    May(MayResponse),
}

impl From<AuthAsk> for super::Ask {
    fn from(ask: AuthAsk) -> super::Ask {
        super::Ask::Auth(AuthQuery { ask: Some(ask) })
    }
}

impl From<AuthFound> for super::Answer {
    fn from(found: AuthFound) -> super::Answer {
        super::Answer::Auth(AuthAnswer { found: Some(found) })
    }
}
