//! The calls of etcd's service `Auth`.

/// A call of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named as in etcd's protocol")]
pub enum AuthMethod {
    AuthEnable,
    AuthDisable,
    AuthStatus,
    Authenticate,
    UserAdd,
    UserGet,
    UserList,
    UserDelete,
    UserChangePassword,
    UserGrantRole,
    UserRevokeRole,
    RoleAdd,
    RoleGet,
    RoleList,
    RoleDelete,
    RoleGrantPermission,
    RoleRevokePermission,
}

impl AuthMethod {
    /// All of them, with their names.
    pub const ALL: [(&str, AuthMethod); 17] = [
        ("AuthEnable", AuthMethod::AuthEnable),
        ("AuthDisable", AuthMethod::AuthDisable),
        ("AuthStatus", AuthMethod::AuthStatus),
        ("Authenticate", AuthMethod::Authenticate),
        ("UserAdd", AuthMethod::UserAdd),
        ("UserGet", AuthMethod::UserGet),
        ("UserList", AuthMethod::UserList),
        ("UserDelete", AuthMethod::UserDelete),
        ("UserChangePassword", AuthMethod::UserChangePassword),
        ("UserGrantRole", AuthMethod::UserGrantRole),
        ("UserRevokeRole", AuthMethod::UserRevokeRole),
        ("RoleAdd", AuthMethod::RoleAdd),
        ("RoleGet", AuthMethod::RoleGet),
        ("RoleList", AuthMethod::RoleList),
        ("RoleDelete", AuthMethod::RoleDelete),
        ("RoleGrantPermission", AuthMethod::RoleGrantPermission),
        ("RoleRevokePermission", AuthMethod::RoleRevokePermission),
    ];

    /// The call of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<AuthMethod> {
        AuthMethod::ALL.iter().find(|(known, _)| *known == name).map(|(_, method)| *method)
    }
}
