//! From a message of the service `Auth` to what must be done: pure.

use bytes::Bytes;
use layers::coordination::{
    AuthAct, AuthAsk, AuthStatusRequest, AuthUserAddRequest, AuthUserChangePasswordRequest,
};

use super::method::AuthMethod;
use crate::etcd::{grpc::Status, map::decode, wire::AuthenticateRequest};

/// What must be done.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each is named as the call")]
pub enum AuthTask {
    Enable,
    Authenticate(AuthenticateRequest),
    UserAdd(AuthUserAddRequest),
    UserChangePassword(AuthUserChangePasswordRequest),
    /// A command as it came.
    Act(AuthAct),
    /// A query as it came.
    Ask(AuthAsk),
}

/// Reads the message of a call.
///
/// # Errors
/// If it is none.
pub fn plan(method: AuthMethod, message: &Bytes) -> Result<AuthTask, Status> {
    use AuthMethod as M;
    use AuthTask::{Act, Ask};
    Ok(match method {
        M::AuthEnable => AuthTask::Enable,
        M::Authenticate => AuthTask::Authenticate(decode(message)?),
        M::UserAdd => AuthTask::UserAdd(decode(message)?),
        M::UserChangePassword => AuthTask::UserChangePassword(decode(message)?),
        M::AuthDisable => Act(AuthAct::Disable(decode(message)?)),
        M::UserDelete => Act(AuthAct::UserDelete(decode(message)?)),
        M::UserGrantRole => Act(AuthAct::UserGrantRole(decode(message)?)),
        M::UserRevokeRole => Act(AuthAct::UserRevokeRole(decode(message)?)),
        M::RoleAdd => Act(AuthAct::RoleAdd(decode(message)?)),
        M::RoleDelete => Act(AuthAct::RoleDelete(decode(message)?)),
        M::RoleGrantPermission => Act(AuthAct::RoleGrantPermission(decode(message)?)),
        M::RoleRevokePermission => Act(AuthAct::RoleRevokePermission(decode(message)?)),
        M::AuthStatus => Ask(AuthAsk::Status(AuthStatusRequest {})),
        M::UserGet => Ask(AuthAsk::UserGet(decode(message)?)),
        M::UserList => Ask(AuthAsk::UserList(decode(message)?)),
        M::RoleGet => Ask(AuthAsk::RoleGet(decode(message)?)),
        M::RoleList => Ask(AuthAsk::RoleList(decode(message)?)),
    })
}
