//! What is asked about users and roles.

use alloc::vec::Vec;

use store::engine::EngineError;

use super::{
    super::{
        Error,
        error::Stop,
        keys,
        limits::ANSWER_BYTES_MAX,
        look::{Look, Pages},
        meta::Meta,
        wire::{
            AuthAsk, AuthFound, AuthQuery, AuthRoleGetResponse, AuthRoleListResponse,
            AuthStatusResponse, AuthUserGetResponse, AuthUserListResponse, CredentialsRequest,
            CredentialsResponse, MayResponse, ResponseHeader,
        },
    },
    state::{AuthState, Role, User, all},
};

/// Answers a query of auth that may be answered.
pub(in super::super) fn answer(
    look: &mut dyn Look,
    meta: &Meta,
    query: &AuthQuery,
) -> Result<AuthFound, Stop> {
    let header = ResponseHeader::at(meta.revision);
    Ok(match &query.ask {
        Some(AuthAsk::Status(_)) => {
            let auth_revision = AuthState::load(look)?.revision;
            AuthFound::Status(AuthStatusResponse { header, enabled: meta.auth, auth_revision })
        }
        Some(AuthAsk::UserGet(request)) => {
            let roles = User::named(look, &request.name)?.roles;
            AuthFound::UserGet(AuthUserGetResponse { header, roles })
        }
        Some(AuthAsk::RoleGet(request)) => {
            let perm = Role::named(look, &request.role)?.permissions;
            AuthFound::RoleGet(AuthRoleGetResponse { header, perm })
        }
        Some(AuthAsk::UserList(_)) => {
            let users = names(look, Pages::new(keys::users()))?;
            AuthFound::UserList(AuthUserListResponse { header, users })
        }
        Some(AuthAsk::RoleList(_)) => {
            let roles = names(look, Pages::new(keys::roles()))?;
            AuthFound::RoleList(AuthRoleListResponse { header, roles })
        }
        Some(AuthAsk::Credentials(request)) => {
            AuthFound::Credentials(credentials(look, meta, request)?)
        }
        Some(AuthAsk::May(_)) => {
            AuthFound::May(MayResponse { auth_revision: revision(look, meta)? })
        }
        None => return Err(Error::KeyNotFound.into()),
    })
}

/// The auth revision; 0 while auth is off.
pub(in super::super) fn revision(look: &mut dyn Look, meta: &Meta) -> Result<u64, EngineError> {
    if meta.auth { Ok(AuthState::load(look)?.revision) } else { Ok(0) }
}

fn names(look: &mut dyn Look, pages: Pages) -> Result<Vec<alloc::string::String>, Stop> {
    let (mut names, mut room) = (Vec::new(), ANSWER_BYTES_MAX);
    all(look, pages, &mut |name, _| {
        room = room.checked_sub(name.len()).ok_or(Error::AnswerTooLarge)?;
        names.push(name);
        Ok(())
    })?;
    Ok(names)
}

fn credentials(
    look: &mut dyn Look,
    meta: &Meta,
    request: &CredentialsRequest,
) -> Result<CredentialsResponse, Stop> {
    let state = AuthState::load(look)?;
    let user = User::load(look, &request.name)?;
    Ok(CredentialsResponse {
        enabled: meta.auth,
        auth_revision: state.revision,
        token_key: state.token_key,
        known: user.is_some(),
        no_password: user.as_ref().is_some_and(User::no_password),
        hashed_password: user.map(|user| user.password).unwrap_or_default(),
    })
}
