//! What somebody may touch: the permissions of all its roles, laid beside each other.
//!
//! ```text
//!   role r   [a ──── c)
//!   role s        [b ─────── e)          [a, e) may be read, though no role says so alone;
//!   role t                   [f ─        [a, g) may not: nothing covers e
//! ```

use alloc::{string::String, vec::Vec};

use bytes::Bytes;
use kernel::bug::{Bug, planted};
use store::engine::EngineError;

use super::{
    super::{
        Error,
        error::Stop,
        keys::{Keys, attached_to, parse_attached},
        look::{Look, Pages},
        wire::{Caller, Permission, PermissionType},
    },
    state::{AuthState, ROOT, Role, User},
};

/// A way of touching a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Read,
    Write,
}

/// What somebody may touch.
pub(super) struct Rights {
    /// The name of the user; empty for the node itself.
    pub(super) user: String,
    root: bool,
    roles: Vec<String>,
    read: Vec<Keys>,
    write: Vec<Keys>,
}

impl Rights {
    /// What the sender of a request may touch while auth is on.
    ///
    /// A token is good for the user that it was given to and the password that was checked for it.
    /// So it must not be older than the user's password, nor than auth itself; and a replica that
    /// has not applied what the sender's login saw does not know what it may refuse.
    pub(super) fn of(look: &mut dyn Look, caller: Option<&Caller>) -> Result<Rights, Stop> {
        let caller = caller.ok_or(Error::UserEmpty)?;
        if caller.node {
            return Ok(Rights::of_the_node());
        }
        if caller.user.is_empty() {
            return Err(Error::UserEmpty.into());
        }
        let state = AuthState::load(look)?;
        if caller.auth_revision > state.revision {
            return Err(Error::AuthOldRevision.into());
        }
        if planted(Bug::PermissionOfThePast) && caller.auth_revision < state.revision {
            return Ok(Rights::of_the_node());
        }
        let user = User::load(look, &caller.user)?.ok_or(Error::InvalidAuthToken)?;
        let since = if planted(Bug::TokenOutlivesPassword) { 0 } else { user.since };
        if caller.auth_revision < since.max(state.enabled_at) {
            return Err(Error::InvalidAuthToken.into());
        }
        Ok(Rights::merged(look, caller, user)?)
    }

    fn of_the_node() -> Rights {
        let (read, write, roles) = (Vec::new(), Vec::new(), Vec::new());
        Rights { user: String::new(), root: true, roles, read, write }
    }

    fn merged(look: &mut dyn Look, caller: &Caller, user: User) -> Result<Rights, EngineError> {
        let mut rights =
            Rights { user: caller.user.clone(), root: user.has(ROOT), ..Rights::of_the_node() };
        let roles = if rights.root { &[][..] } else { &user.roles };
        for name in roles {
            for permission in Role::load(look, name)?.unwrap_or_default().permissions {
                rights.add(&permission);
            }
        }
        rights.roles = user.roles;
        rights.read.sort_unstable_by(|a, b| a.first().cmp(b.first()));
        rights.write.sort_unstable_by(|a, b| a.first().cmp(b.first()));
        Ok(rights)
    }

    fn add(&mut self, permission: &Permission) {
        let keys = Keys::new(&permission.key, &permission.range_end);
        match PermissionType::try_from(permission.perm_type) {
            Ok(PermissionType::Read) => self.read.push(keys),
            Ok(PermissionType::Write) => self.write.push(keys),
            Ok(PermissionType::Readwrite) => {
                self.read.push(keys.clone());
                self.write.push(keys);
            }
            // A kind of a later version, which this one cannot grant.
            Err(_) => {}
        }
    }

    pub(super) fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|has| has == role)
    }

    /// Nobody but the node itself.
    pub(super) fn node(&self) -> Result<(), Error> {
        if self.user.is_empty() { Ok(()) } else { Err(Error::PermissionDenied) }
    }

    pub(super) fn root(&self) -> Result<(), Error> {
        if self.root { Ok(()) } else { Err(Error::PermissionDenied) }
    }

    pub(super) fn may(&self, way: Way, keys: &Keys) -> Result<(), Error> {
        let granted = match way {
            Way::Read => &self.read,
            Way::Write => &self.write,
        };
        if self.root || covers(granted, keys) { Ok(()) } else { Err(Error::PermissionDenied) }
    }

    pub(super) fn read(&self, key: &Bytes, range_end: &Bytes) -> Result<(), Error> {
        self.may(Way::Read, &Keys::new(key, range_end))
    }

    pub(super) fn write(&self, key: &Bytes, range_end: &Bytes) -> Result<(), Error> {
        self.may(Way::Write, &Keys::new(key, range_end))
    }

    /// All keys that are attached to a lease: to end it is to remove them.
    pub(super) fn lease(&self, look: &mut dyn Look, id: i64, way: Way) -> Result<(), Stop> {
        self.attached(look, Pages::new(attached_to(id)), way)
    }

    pub(super) fn attached(
        &self,
        look: &mut dyn Look,
        mut pages: Pages,
        way: Way,
    ) -> Result<(), Stop> {
        if self.root {
            return Ok(());
        }
        while let Some((raw, _)) = pages.next(look)? {
            self.may(way, &Keys::One(parse_attached(&raw)))?;
        }
        Ok(())
    }
}

/// Whether ranges, sorted by their first keys, leave no gap in what is wanted. As in etcd, a range
/// that holds no key is covered where its first key is.
fn covers(granted: &[Keys], wanted: &Keys) -> bool {
    if let Keys::One(key) = wanted {
        return granted.iter().any(|keys| keys.contains(key));
    }
    let end = wanted.end();
    let (mut reach, mut begun) = (wanted.first().clone(), false);
    for keys in granted {
        if *keys.first() > reach {
            break;
        }
        match keys.end() {
            None => return true,
            Some(behind) if behind > reach => (reach, begun) = (behind, true),
            Some(_) => {}
        }
        if begun && end.as_ref().is_some_and(|end| *end <= reach) {
            return true;
        }
    }
    false
}
