//! Auth: who may do what, decided where it is done.
//!
//! ```text
//!   client ── token ──▶ gateway ── Command { caller: user, revision } ──▶ log ──▶ every replica
//!              signed ──┘ checks the signature,                             looks the caller up in
//!                         nothing else                                      the state right there
//!
//!   s        → auth revision, key of tokens            is auth on? one bit of the record m,
//!   u user   → hash of the password, roles             which every command reads anyway
//!   p role   → permissions
//! ```
//!
//! etcd checks who may do what when a command is applied too, but a read before it is answered, by
//! what that member has applied, with a revision that fails all tokens of a kind whenever anything
//! changes. Here users, roles and permissions are records like all others, changed by commands like
//! all others. A command is judged by the state at its own place in the log, a query by the state
//! that it reads: no replica can be behind in what it may refuse and ahead in what it shows. Within
//! one batch a command sees the revocation before it.
//!
//! A token says who logged in and at which auth revision. It is refused when the user is gone, or
//! has another password since, or auth was off meanwhile, and for nothing else: whoever changes a
//! role logs nobody out.
//!
//! Rules and errors are etcd's; where releases differ, the strictest: 3.5.1, which has holes that
//! later ones closed, lets transactions inside transactions pass unchecked, and shows the keys of
//! any lease.
//!
//! `users` and `roles` change, `list` shows, `rights` knows what somebody may touch, `permit` what
//! a command or query needs, `outside` what comes from elsewhere than etcd's gateway.

mod check;
mod list;
mod outside;
mod permit;
mod rights;
mod roles;
mod state;
mod users;

use super::{
    Error,
    draft::Draft,
    error::Stop,
    limits::CUT_REVISIONS,
    wire::{AuthAct, AuthEnableRequest, AuthRequest, AuthResponse, ResponseHeader},
};
use state::{AuthState, ROOT, User};

pub(super) use check::{check_act, check_ask};
pub(super) use list::{answer, revision};
pub use outside::{command_of_anybody, query_of_anybody};
pub(super) use permit::{act, ask, is_secret};

/// Changes who may do what.
pub(super) fn carry_out(
    draft: &mut Draft<'_>,
    request: &AuthRequest,
) -> Result<AuthResponse, Stop> {
    match &request.act {
        Some(AuthAct::Enable(request)) => enable(draft, request)?,
        Some(AuthAct::Disable(_)) => disable(draft)?,
        Some(AuthAct::UserAdd(request)) => users::add(draft, request)?,
        Some(AuthAct::UserDelete(request)) => users::delete(draft, request)?,
        Some(AuthAct::UserChangePassword(request)) => users::change_password(draft, request)?,
        Some(AuthAct::UserGrantRole(request)) => users::grant_role(draft, request)?,
        Some(AuthAct::UserRevokeRole(request)) => users::revoke_role(draft, request)?,
        Some(AuthAct::RoleAdd(request)) => roles::add(draft, request)?,
        Some(AuthAct::RoleDelete(request)) => roles::delete(draft, request)?,
        Some(AuthAct::RoleGrantPermission(request)) => roles::grant(draft, request)?,
        Some(AuthAct::RoleRevokePermission(request)) => roles::revoke(draft, request)?,
        None => return Err(Error::KeyNotFound.into()),
    }
    Ok(AuthResponse { header: ResponseHeader::at(draft.revision()) })
}

/// Turns auth on, if somebody is left who may turn it off.
fn enable(draft: &mut Draft<'_>, request: &AuthEnableRequest) -> Result<(), Stop> {
    if draft.before().auth {
        return Ok(());
    }
    let root = User::load(draft, ROOT)?.ok_or(Error::RootUserNotExist)?;
    if !root.has(ROOT) {
        return Err(Error::RootRoleNotExist.into());
    }
    let mut state = AuthState::load(draft)?;
    state.enabled_at = state.revision;
    state.token_key = request.token_key.clone();
    state.save(draft);
    draft.touch().auth = true;
    Ok(())
}

/// Ends all logins where history is cut: a token may name an auth revision that was lost.
pub(super) fn cut(draft: &mut Draft<'_>) -> Result<(), Stop> {
    let on = draft.before().auth;
    state::change(draft, |state| {
        state.revision = state.revision.saturating_add(CUT_REVISIONS.unsigned_abs());
        if on {
            state.enabled_at = state.revision.saturating_add(1);
        }
        Ok(())
    })?;
    Ok(())
}

/// Turns auth off. The revision moves, so no token outlives it.
fn disable(draft: &mut Draft<'_>) -> Result<(), Stop> {
    if draft.before().auth {
        state::change(draft, |_| Ok(()))?;
        draft.touch().auth = false;
    }
    Ok(())
}
