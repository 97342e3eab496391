//! Who asks, and what changes or reads who may do what.

use kernel::Rng;
use layers::coordination::*;

use super::coordination::range_end;
use crate::draw;

fn name(rng: &mut Rng) -> String {
    ["root", "ann", ""][rng.below(3) as usize].into()
}

pub fn caller(rng: &mut Rng) -> Option<Caller> {
    let caller = Caller { user: name(rng), auth_revision: rng.below(9), node: draw::coin(rng) };
    draw::coin(rng).then_some(caller)
}

pub fn act(rng: &mut Rng) -> AuthAct {
    let (key, range_end) = (draw::key(rng), range_end(rng));
    match rng.below(11) {
        0 => AuthAct::Enable(AuthEnableRequest { token_key: vec![7; 32].into() }),
        1 => AuthAct::Disable(AuthDisableRequest {}),
        2 => AuthAct::UserAdd(AuthUserAddRequest {
            name: name(rng),
            options: draw::coin(rng).then(|| UserAddOptions { no_password: draw::coin(rng) }),
            hashed_password: name(rng),
            ..AuthUserAddRequest::default()
        }),
        3 => AuthAct::UserDelete(AuthUserDeleteRequest { name: name(rng) }),
        4 => AuthAct::UserChangePassword(AuthUserChangePasswordRequest {
            name: name(rng),
            ..AuthUserChangePasswordRequest::default()
        }),
        5 => {
            let (user, role) = (name(rng), name(rng));
            AuthAct::UserGrantRole(AuthUserGrantRoleRequest { user, role })
        }
        6 => {
            let (name, role) = (name(rng), name(rng));
            AuthAct::UserRevokeRole(AuthUserRevokeRoleRequest { name, role })
        }
        7 => AuthAct::RoleAdd(AuthRoleAddRequest { name: name(rng) }),
        8 => AuthAct::RoleDelete(AuthRoleDeleteRequest { role: name(rng) }),
        9 => {
            let perm = Permission { perm_type: rng.below(4) as i32, key, range_end };
            let perm = draw::coin(rng).then_some(perm);
            let grant = AuthRoleGrantPermissionRequest { name: name(rng), perm };
            AuthAct::RoleGrantPermission(grant)
        }
        _ => {
            let revoke = AuthRoleRevokePermissionRequest { role: name(rng), key, range_end };
            AuthAct::RoleRevokePermission(revoke)
        }
    }
}

pub fn ask(rng: &mut Rng) -> AuthAsk {
    match rng.below(7) {
        0 => AuthAsk::Status(AuthStatusRequest {}),
        1 => AuthAsk::UserGet(AuthUserGetRequest { name: name(rng) }),
        2 => AuthAsk::UserList(AuthUserListRequest {}),
        3 => AuthAsk::RoleGet(AuthRoleGetRequest { role: name(rng) }),
        4 => AuthAsk::RoleList(AuthRoleListRequest {}),
        5 => AuthAsk::Credentials(CredentialsRequest { name: name(rng) }),
        _ => {
            let (key, range_end) = (draw::key(rng), range_end(rng));
            AuthAsk::May(MayRequest { need: rng.below(4) as i32, key, range_end })
        }
    }
}
