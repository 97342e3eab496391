//! What is kept of auth: etcd's records, without the names that are part of where they lie.

use alloc::{string::String, vec::Vec};

use bytes::Bytes;
use prost::Message;
use store::engine::EngineError;

use super::super::{
    Error,
    draft::Draft,
    error::Stop,
    keys,
    look::{Look, Pages},
    meta::{decode, encode},
    wire::{Permission, UserAddOptions},
};

/// The role that may do everything, and the user that must have it while auth is on.
pub(super) const ROOT: &str = "root";

/// Where auth stands. Whether it is on is in [`super::super::meta::Meta`], which every command
/// reads anyway.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AuthState {
    /// Counts the changes of users, roles and permissions.
    #[prost(uint64, tag = "1")]
    pub revision: u64,
    /// Where it stood when auth was turned on: older tokens are of another time.
    #[prost(uint64, tag = "2")]
    pub enabled_at: u64,
    /// What tokens are signed with.
    #[prost(bytes = "bytes", tag = "3")]
    pub token_key: Bytes,
    /// How many users there are.
    #[prost(uint32, tag = "4")]
    pub users: u32,
    /// How many roles there are.
    #[prost(uint32, tag = "5")]
    pub roles: u32,
}

impl AuthState {
    pub(super) fn load(look: &mut dyn Look) -> Result<AuthState, EngineError> {
        match look.get(&keys::AUTH)? {
            None => Ok(AuthState { revision: 1, ..AuthState::default() }),
            Some(bytes) => decode(bytes),
        }
    }

    pub(super) fn save(&self, draft: &mut Draft<'_>) {
        draft.set(Bytes::from_static(&keys::AUTH), Some(encode(self)));
    }
}

/// Changes the state of auth by one revision, and says which.
pub(super) fn change(
    draft: &mut Draft<'_>,
    with: impl FnOnce(&mut AuthState) -> Result<(), Error>,
) -> Result<u64, Stop> {
    let mut state = AuthState::load(draft)?;
    with(&mut state)?;
    state.revision = state.revision.saturating_add(1);
    state.save(draft);
    Ok(state.revision)
}

/// etcd's `authpb.User`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct User {
    /// What the password hashes to.
    #[prost(string, tag = "2")]
    pub password: String,
    /// Its roles, by name.
    #[prost(string, repeated, tag = "3")]
    pub roles: Vec<String>,
    #[prost(message, optional, tag = "4")]
    pub options: Option<UserAddOptions>,
    /// The auth revision that set the password: older tokens were given to who knew another one.
    #[prost(uint64, tag = "100")]
    pub since: u64,
}

impl User {
    pub(super) fn load(look: &mut dyn Look, name: &str) -> Result<Option<User>, EngineError> {
        look.get(&keys::user(name.as_bytes()))?.map(decode).transpose()
    }

    pub(super) fn named(look: &mut dyn Look, name: &str) -> Result<User, Stop> {
        Ok(User::load(look, name)?.ok_or(Error::UserNotFound)?)
    }

    pub(super) fn save(&self, draft: &mut Draft<'_>, name: &str) {
        draft.set(keys::user(name.as_bytes()), Some(encode(self)));
    }

    pub(super) fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|has| has == role)
    }

    pub(super) fn no_password(&self) -> bool {
        self.options.is_some_and(|options| options.no_password)
    }
}

/// etcd's `authpb.Role`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Role {
    /// What it may touch, by first key.
    #[prost(message, repeated, tag = "2")]
    pub permissions: Vec<Permission>,
}

impl Role {
    pub(super) fn load(look: &mut dyn Look, name: &str) -> Result<Option<Role>, EngineError> {
        look.get(&keys::role(name.as_bytes()))?.map(decode).transpose()
    }

    pub(super) fn named(look: &mut dyn Look, name: &str) -> Result<Role, Stop> {
        Ok(Role::load(look, name)?.ok_or(Error::RoleNotFound)?)
    }

    pub(super) fn save(&self, draft: &mut Draft<'_>, name: &str) {
        draft.set(keys::role(name.as_bytes()), Some(encode(self)));
    }
}

/// All users or all roles, by name, with their records.
pub(super) fn all(
    look: &mut dyn Look,
    mut pages: Pages,
    visit: &mut dyn FnMut(String, Bytes) -> Result<(), Stop>,
) -> Result<(), Stop> {
    while let Some((raw, bytes)) = pages.next(look)? {
        // Names came in as strings.
        visit(String::from_utf8_lossy(raw.get(1..).unwrap_or_default()).into_owned(), bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn records_are_golden() {
        let state = AuthState {
            revision: 300,
            enabled_at: 2,
            token_key: Bytes::from_static(b"k"),
            users: 3,
            roles: 4,
        };
        let bytes = encode(&state);
        assert_eq!(bytes, &[8, 0xac, 2, 16, 2, 26, 1, b'k', 32, 3, 40, 4][..]);
        assert_eq!(decode::<AuthState>(bytes), Ok(state));
        let user = User {
            password: "h".into(),
            roles: vec!["r".into()],
            options: Some(UserAddOptions { no_password: true }),
            since: 7,
        };
        let bytes = encode(&user);
        assert_eq!(bytes, &[18, 1, b'h', 26, 1, b'r', 34, 2, 8, 1, 160, 6, 7][..]);
        assert_eq!(decode::<User>(bytes), Ok(user));
        let (key, range_end) = (Bytes::from_static(b"a"), Bytes::from_static(b"b"));
        let role = Role { permissions: vec![Permission { perm_type: 2, key, range_end }] };
        let bytes = encode(&role);
        assert_eq!(bytes, &[18, 8, 8, 2, 18, 1, b'a', 26, 1, b'b'][..]);
        assert_eq!(decode::<Role>(bytes), Ok(role));
    }
}
