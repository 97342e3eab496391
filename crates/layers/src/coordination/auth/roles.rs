//! Roles: added, removed, given permissions.

use super::{
    super::{
        Error,
        draft::Draft,
        error::Stop,
        keys::{self, Keys},
        limits::{PERMISSIONS_PER_ROLE_MAX, ROLES_MAX},
        wire::{
            AuthRoleAddRequest, AuthRoleDeleteRequest, AuthRoleGrantPermissionRequest,
            AuthRoleRevokePermissionRequest, Permission,
        },
    },
    state::{ROOT, Role, change},
    users,
};

pub(super) fn add(draft: &mut Draft<'_>, request: &AuthRoleAddRequest) -> Result<(), Stop> {
    if request.name.is_empty() {
        return Err(Error::RoleEmpty.into());
    }
    if Role::load(draft, &request.name)?.is_some() {
        return Err(Error::RoleAlreadyExist.into());
    }
    Role::default().save(draft, &request.name);
    change(draft, |state| {
        state.roles = state.roles.saturating_add(1);
        if state.roles > ROLES_MAX { Err(Error::TooManyIdentities) } else { Ok(()) }
    })?;
    Ok(())
}

pub(super) fn delete(draft: &mut Draft<'_>, request: &AuthRoleDeleteRequest) -> Result<(), Stop> {
    if draft.before().auth && request.role == ROOT {
        return Err(Error::InvalidAuthMgmt.into());
    }
    Role::named(draft, &request.role)?;
    draft.set(keys::role(request.role.as_bytes()), None);
    users::forget_role(draft, &request.role)?;
    change(draft, |state| {
        state.roles = state.roles.saturating_sub(1);
        Ok(())
    })?;
    Ok(())
}

/// Gives a permission, in place of the one for the same range. etcd finds that one only if it is
/// the first of its key, and else keeps both: a permission to write could not be taken back then.
pub(super) fn grant(
    draft: &mut Draft<'_>,
    request: &AuthRoleGrantPermissionRequest,
) -> Result<(), Stop> {
    let permission = request.perm.as_ref().ok_or(Error::PermissionNotGiven)?;
    if Keys::new(&permission.key, &permission.range_end).is_empty() || permission.key.is_empty() {
        return Err(Error::InvalidAuthMgmt.into());
    }
    let mut role = Role::named(draft, &request.name)?;
    let same =
        |of: &Permission| (&of.key, &of.range_end) == (&permission.key, &permission.range_end);
    if let Some(there) = role.permissions.iter_mut().find(|of| same(of)) {
        there.perm_type = permission.perm_type;
    } else if role.permissions.len() >= PERMISSIONS_PER_ROLE_MAX {
        return Err(Error::TooManyIdentities.into());
    } else {
        let at = role.permissions.partition_point(|there| there.key <= permission.key);
        role.permissions.insert(at, permission.clone());
    }
    role.save(draft, &request.name);
    change(draft, |_| Ok(()))?;
    Ok(())
}

pub(super) fn revoke(
    draft: &mut Draft<'_>,
    request: &AuthRoleRevokePermissionRequest,
) -> Result<(), Stop> {
    let mut role = Role::named(draft, &request.role)?;
    let before = role.permissions.len();
    role.permissions.retain(|of| of.key != request.key || of.range_end != request.range_end);
    if role.permissions.len() == before {
        return Err(Error::PermissionNotGranted.into());
    }
    role.save(draft, &request.role);
    change(draft, |_| Ok(()))?;
    Ok(())
}
