//! What can be refused without looking at anything: names that are too long, passwords as they are.

use super::super::{
    Error,
    check::{identity, span},
    limits::{PASSWORD_HASH_BYTES_MAX, TOKEN_KEY_BYTES},
    wire::{AuthAct, AuthAsk, AuthQuery, AuthRequest},
};

pub(in super::super) fn check_act(request: &AuthRequest) -> Result<(), Error> {
    match request.act.as_ref().ok_or(Error::KeyNotFound)? {
        AuthAct::Enable(request) if request.token_key.len() != TOKEN_KEY_BYTES => {
            Err(Error::InvalidAuthMgmt)
        }
        AuthAct::Enable(_) | AuthAct::Disable(_) => Ok(()),
        AuthAct::UserAdd(request) => {
            password(&request.password, &request.hashed_password)?;
            identity(&request.name)
        }
        AuthAct::UserDelete(request) => identity(&request.name),
        AuthAct::UserChangePassword(request) => {
            password(&request.password, &request.hashed_password)?;
            identity(&request.name)
        }
        AuthAct::UserGrantRole(request) => {
            identity(&request.user)?;
            identity(&request.role)
        }
        AuthAct::UserRevokeRole(request) => {
            identity(&request.name)?;
            identity(&request.role)
        }
        AuthAct::RoleAdd(request) => identity(&request.name),
        AuthAct::RoleDelete(request) => identity(&request.role),
        AuthAct::RoleGrantPermission(request) => {
            request.perm.iter().try_for_each(|of| span(&of.key, &of.range_end))?;
            identity(&request.name)
        }
        AuthAct::RoleRevokePermission(request) => {
            span(&request.key, &request.range_end)?;
            identity(&request.role)
        }
    }
}

pub(in super::super) fn check_ask(query: &AuthQuery) -> Result<(), Error> {
    match query.ask.as_ref().ok_or(Error::KeyNotFound)? {
        AuthAsk::Status(_) | AuthAsk::UserList(_) | AuthAsk::RoleList(_) => Ok(()),
        AuthAsk::UserGet(request) => identity(&request.name),
        AuthAsk::RoleGet(request) => identity(&request.role),
        AuthAsk::Credentials(request) => identity(&request.name),
        AuthAsk::May(request) => span(&request.key, &request.range_end),
    }
}

fn password(plain: &str, hash: &str) -> Result<(), Error> {
    if !plain.is_empty() {
        return Err(Error::PlainPassword);
    }
    if hash.len() > PASSWORD_HASH_BYTES_MAX { Err(Error::RequestTooLarge) } else { Ok(()) }
}
