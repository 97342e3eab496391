//! Users: added, removed, given roles and other passwords.
//!
//! As in etcd: a user's roles are sorted, who has a role is given it again without effect, and the
//! user `root` keeps the role `root` while auth is on.

use alloc::string::String;

use super::{
    super::{
        Error,
        draft::Draft,
        error::Stop,
        keys,
        limits::{ROLES_PER_USER_MAX, USERS_MAX},
        look::{Look, Pages},
        meta::decode,
        wire::{
            AuthUserAddRequest, AuthUserChangePasswordRequest, AuthUserDeleteRequest,
            AuthUserGrantRoleRequest, AuthUserRevokeRoleRequest,
        },
    },
    state::{ROOT, Role, User, all, change},
};

pub(super) fn add(draft: &mut Draft<'_>, request: &AuthUserAddRequest) -> Result<(), Stop> {
    if request.name.is_empty() {
        return Err(Error::UserEmpty.into());
    }
    if User::load(draft, &request.name)?.is_some() {
        return Err(Error::UserAlreadyExist.into());
    }
    let since = change(draft, |state| {
        state.users = state.users.saturating_add(1);
        if state.users > USERS_MAX { Err(Error::TooManyIdentities) } else { Ok(()) }
    })?;
    let no_password = request.options.is_some_and(|options| options.no_password);
    let password = if no_password { String::new() } else { request.hashed_password.clone() };
    let user = User { password, options: request.options, since, ..User::default() };
    user.save(draft, &request.name);
    Ok(())
}

pub(super) fn delete(draft: &mut Draft<'_>, request: &AuthUserDeleteRequest) -> Result<(), Stop> {
    if draft.before().auth && request.name == ROOT {
        return Err(Error::InvalidAuthMgmt.into());
    }
    User::named(draft, &request.name)?;
    draft.set(keys::user(request.name.as_bytes()), None);
    change(draft, |state| {
        state.users = state.users.saturating_sub(1);
        Ok(())
    })?;
    Ok(())
}

/// Who knew the old password is logged out.
pub(super) fn change_password(
    draft: &mut Draft<'_>,
    request: &AuthUserChangePasswordRequest,
) -> Result<(), Stop> {
    let mut user = User::named(draft, &request.name)?;
    if !user.no_password() {
        user.password = request.hashed_password.clone();
    }
    user.since = change(draft, |_| Ok(()))?;
    user.save(draft, &request.name);
    Ok(())
}

pub(super) fn grant_role(
    draft: &mut Draft<'_>,
    request: &AuthUserGrantRoleRequest,
) -> Result<(), Stop> {
    let mut user = User::named(draft, &request.user)?;
    // The role `root` is there whether or not it was added.
    if request.role != ROOT {
        Role::named(draft, &request.role)?;
    }
    let Err(at) = user.roles.binary_search(&request.role) else { return Ok(()) };
    if user.roles.len() >= ROLES_PER_USER_MAX {
        return Err(Error::TooManyIdentities.into());
    }
    user.roles.insert(at, request.role.clone());
    user.save(draft, &request.user);
    change(draft, |_| Ok(()))?;
    Ok(())
}

pub(super) fn revoke_role(
    draft: &mut Draft<'_>,
    request: &AuthUserRevokeRoleRequest,
) -> Result<(), Stop> {
    if draft.before().auth && request.name == ROOT && request.role == ROOT {
        return Err(Error::InvalidAuthMgmt.into());
    }
    let mut user = User::named(draft, &request.name)?;
    if !user.has(&request.role) {
        return Err(Error::RoleNotGranted.into());
    }
    user.roles.retain(|role| *role != request.role);
    user.save(draft, &request.name);
    change(draft, |_| Ok(()))?;
    Ok(())
}

/// Takes a role from everybody.
pub(super) fn forget_role(draft: &mut Draft<'_>, role: &str) -> Result<(), Stop> {
    let mut had = alloc::vec::Vec::new();
    each(draft, &mut |name, user| {
        if user.has(role) {
            had.push((name, user));
        }
        Ok(())
    })?;
    for (name, mut user) in had {
        user.roles.retain(|has| has != role);
        user.save(draft, &name);
    }
    Ok(())
}

/// Visits all users, by name.
pub(super) fn each(
    look: &mut dyn Look,
    visit: &mut dyn FnMut(String, User) -> Result<(), Stop>,
) -> Result<(), Stop> {
    all(look, Pages::new(keys::users()), &mut |name, bytes| visit(name, decode(bytes)?))
}
