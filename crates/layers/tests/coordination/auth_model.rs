//! The model of auth: plain maps, and permissions looked at point by point.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use layers::coordination::*;

use super::model::{State, within};

#[derive(Clone)]
pub struct Auth {
    enabled: bool,
    revision: u64,
    enabled_at: u64,
    token_key: Bytes,
    users: BTreeMap<String, User>,
    roles: BTreeMap<String, Vec<Permission>>,
}

#[derive(Clone)]
struct User {
    hash: String,
    no_password: bool,
    since: u64,
    roles: BTreeSet<String>,
}

/// Who asks, and what it may touch: with `None` everything.
struct Who<'a> {
    name: &'a str,
    roles: Vec<String>,
    permissions: Option<Vec<Permission>>,
}

const READ: i32 = 0;
const WRITE: i32 = 1;

impl Who<'_> {
    fn root(&self) -> Result<(), Error> {
        if self.permissions.is_none() { Ok(()) } else { Err(Error::PermissionDenied) }
    }

    /// The first point that is not covered is the first key, or where some permission ends.
    fn may(&self, way: i32, key: &Bytes, end: &Bytes) -> Result<(), Error> {
        let Some(all) = &self.permissions else { return Ok(()) };
        let all: Vec<_> = all.iter().filter(|of| [way, 2].contains(&of.perm_type)).collect();
        let covered = |point: &Bytes| all.iter().any(|of| within(point, &of.key, &of.range_end));
        let mut points = vec![key.clone()];
        if !end.is_empty() {
            let ends = all.iter().map(|of| match &of.range_end[..] {
                b"" => [&of.key[..], b"\0"].concat().into(),
                _ => of.range_end.clone(),
            });
            points.extend(ends.filter(|point| *point != b"\0"[..] && within(point, key, end)));
        }
        let endless = end != &b"\0"[..] || all.iter().any(|of| of.range_end == b"\0"[..]);
        let holds = endless && points.iter().all(covered);
        if holds { Ok(()) } else { Err(Error::PermissionDenied) }
    }

    fn lease(&self, state: &State, id: i64, way: i32) -> Result<(), Error> {
        let mut attached = state.values().filter(|kv| kv.lease == id);
        attached.try_for_each(|kv| self.may(way, &kv.key, &Bytes::new()))
    }

    fn queue(&self, name: &Bytes) -> Result<(), Error> {
        self.may(READ, &[name, &b"/"[..]].concat().into(), &[name, &b"0"[..]].concat().into())
    }

    fn place(&self, key: &Bytes) -> Result<(), Error> {
        self.may(READ, key, &Bytes::new())?;
        self.may(WRITE, key, &Bytes::new())
    }

    fn put(&self, state: &State, put: &PutRequest) -> Result<(), Error> {
        self.may(WRITE, &put.key, &Bytes::new())?;
        if put.lease != 0 {
            self.lease(state, put.lease, WRITE)?;
        }
        if put.prev_kv { self.may(READ, &put.key, &Bytes::new()) } else { Ok(()) }
    }

    fn delete(&self, delete: &DeleteRangeRequest) -> Result<(), Error> {
        self.may(WRITE, &delete.key, &delete.range_end)?;
        if delete.prev_kv { self.may(READ, &delete.key, &delete.range_end) } else { Ok(()) }
    }

    fn txn(&self, state: &State, txn: &TxnRequest) -> Result<(), Error> {
        for compare in &txn.compare {
            self.may(READ, &compare.key, &compare.range_end)?;
        }
        for op in txn.success.iter().chain(&txn.failure) {
            match op.request.as_ref().unwrap() {
                Request::RequestRange(range) => self.may(READ, &range.key, &range.range_end)?,
                Request::RequestPut(put) => self.put(state, put)?,
                Request::RequestDeleteRange(delete) => self.delete(delete)?,
                Request::RequestTxn(txn) => self.txn(state, txn)?,
            }
        }
        Ok(())
    }

    fn stand(&self, state: &State, name: &Bytes, lease: i64) -> Result<(), Error> {
        let digits = if lease < 0 { format!("-{:x}", -lease) } else { format!("{lease:x}") };
        self.place(&[&name[..], b"/", digits.as_bytes()].concat().into())?;
        self.lease(state, lease, WRITE)?;
        self.queue(name)
    }

    /// Who touches a key of a recipe reads and writes it, and what it counts is read.
    fn recipe(&self, state: &State, act: &RecipeAct) -> Result<(), Error> {
        let named = |root: &str, name: &Bytes| -> Bytes { [root.as_bytes(), name].concat().into() };
        let at = |path: &Bytes, lease: i64| -> Bytes {
            let sign = if lease < 0 { "-" } else { "" };
            let digits = format!("/{sign}{:x}", lease.unsigned_abs());
            [&path[..], digits.as_bytes()].concat().into()
        };
        let (semaphores, gatherings) = ("quorate/semaphores/", "quorate/double-barriers/");
        let one = |key: &Bytes| self.may(READ, key, &Bytes::new());
        let instance = |service: &Bytes, instance: &Bytes, lease| {
            let name = Bytes::from([&service[..], b"/", instance].concat());
            self.place(&named("quorate/services/", &name))?;
            self.place(&named("quorate/health/", &name))?;
            self.lease_if_any(state, lease)
        };
        match act {
            RecipeAct::Create(request) if request.sequential => {
                let end = super::model::behind(&request.key);
                self.may(READ, &request.key, &end)?;
                self.may(WRITE, &request.key, &end)?;
                self.lease_if_any(state, request.lease)
            }
            RecipeAct::Create(request) => {
                self.place(&request.key)?;
                self.lease_if_any(state, request.lease)
            }
            RecipeAct::Permits(request) => {
                let path = named(semaphores, &request.name);
                self.queue(&path)?;
                self.may(WRITE, &path, &Bytes::new())
            }
            RecipeAct::Acquire(request) => {
                let path = named(semaphores, &request.name);
                self.queue(&path)?;
                one(&path)?;
                self.may(WRITE, &at(&path, request.lease), &Bytes::new())?;
                if request.limit != 0 {
                    self.place(&path)?;
                }
                self.lease_if_any(state, request.lease)
            }
            RecipeAct::Release(request) => {
                self.place(&at(&named(semaphores, &request.name), request.lease))
            }
            RecipeAct::Raise(request) => {
                self.place(&named("quorate/barriers/", &request.name))?;
                self.lease_if_any(state, request.lease)
            }
            RecipeAct::Lift(request) => self.place(&named("quorate/barriers/", &request.name)),
            RecipeAct::Enter(EnterRequest { name, lease, .. })
            | RecipeAct::Leave(LeaveRequest { name, lease }) => {
                let path = named(gatherings, name);
                self.queue(&path)?;
                self.place(&path)?;
                self.may(WRITE, &at(&path, *lease), &Bytes::new())?;
                let enters = matches!(act, RecipeAct::Enter(_));
                self.lease_if_any(state, if enters { *lease } else { 0 })
            }
            RecipeAct::Register(request) => {
                instance(&request.service, &request.instance, request.lease)
            }
            RecipeAct::Report(request) => {
                instance(&request.service, &request.instance, request.lease)
            }
            RecipeAct::Deregister(request) => instance(&request.service, &request.instance, 0),
        }
    }

    fn lease_if_any(&self, state: &State, lease: i64) -> Result<(), Error> {
        if lease == 0 { Ok(()) } else { self.lease(state, lease, WRITE) }
    }

    fn recipe_asked(&self, ask: &RecipeAsk) -> Result<(), Error> {
        let path = |root: &str, name: &Bytes| -> Bytes { [root.as_bytes(), name].concat().into() };
        let both = |path: &Bytes| {
            self.queue(path)?;
            self.may(READ, path, &Bytes::new())
        };
        match ask {
            RecipeAsk::Semaphore(request) => both(&path("quorate/semaphores/", &request.name)),
            RecipeAsk::Gathering(request) => both(&path("quorate/double-barriers/", &request.name)),
            RecipeAsk::Barrier(request) => {
                self.may(READ, &path("quorate/barriers/", &request.name), &Bytes::new())
            }
            RecipeAsk::Services(request) => ["quorate/services", "quorate/health"]
                .iter()
                .try_for_each(|root| match request.service.is_empty() {
                    true => self.queue(&Bytes::from(*root)),
                    false => self.queue(&path(&format!("{root}/"), &request.service)),
                }),
        }
    }

    fn act(&self, state: &State, command: &Command) -> Result<(), Error> {
        command.guards.iter().try_for_each(|guard| self.queue(&guard.name))?;
        match command.act.as_ref().unwrap() {
            Act::Put(request) => self.put(state, request),
            Act::DeleteRange(request) => self.delete(request),
            Act::Txn(request) => self.txn(state, request),
            Act::LeaseRevoke(request) => self.lease(state, request.id, WRITE),
            Act::LeaseRenew(request) => {
                request.ids.iter().try_for_each(|id| self.lease(state, *id, WRITE))
            }
            Act::Lock(request) => self.stand(state, &request.name, request.lease),
            Act::Campaign(request) => self.stand(state, &request.name, request.lease),
            Act::Unlock(request) => self.may(WRITE, &request.key, &Bytes::new()),
            Act::Proclaim(ProclaimRequest { leader, .. })
            | Act::Resign(ResignRequest { leader }) => self.place(&leader.as_ref().unwrap().key),
            Act::Compaction(_) | Act::Import(_) | Act::Auth(_) => self.root(),
            Act::Recipe(request) => self.recipe(state, request.act.as_ref().unwrap()),
            _ => Ok(()),
        }
    }

    fn ask(&self, state: &State, ask: &Ask) -> Result<(), Error> {
        match ask {
            Ask::Range(request) => self.may(READ, &request.key, &request.range_end),
            Ask::Changes(request) => self.may(READ, &request.key, &request.range_end),
            Ask::Txn(request) => self.txn(state, request),
            Ask::LeaseTimeToLive(request) if request.keys => self.lease(state, request.id, READ),
            Ask::LeaseKeepAlive(request) => {
                request.ids.iter().try_for_each(|id| self.lease(state, *id, WRITE))
            }
            Ask::LeaseLeases(_) => {
                let mut attached = state.values().filter(|kv| kv.lease != 0);
                attached.try_for_each(|kv| self.may(READ, &kv.key, &Bytes::new()))
            }
            Ask::Leader(request) => self.queue(&request.name),
            Ask::Recipe(query) => self.recipe_asked(query.ask.as_ref().unwrap()),
            Ask::Queue(request) => self.queue(&request.name),
            Ask::Auth(query) => match query.ask.as_ref().unwrap() {
                AuthAsk::UserGet(request) if request.name == self.name => Ok(()),
                AuthAsk::RoleGet(request) if self.roles.contains(&request.role) => Ok(()),
                AuthAsk::May(may) if may.need == Need::Login as i32 => Ok(()),
                AuthAsk::May(may) if may.need == Need::Read as i32 => {
                    self.may(READ, &may.key, &may.range_end)
                }
                _ => self.root(),
            },
            _ => Ok(()),
        }
    }
}

impl Auth {
    pub fn new() -> Auth {
        let (users, roles) = (BTreeMap::new(), BTreeMap::new());
        let token_key = Bytes::new();
        Auth { enabled: false, revision: 1, enabled_at: 0, token_key, users, roles }
    }

    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What others see of it.
    pub fn shown(&self) -> u64 {
        if self.enabled { self.revision } else { 0 }
    }

    fn who<'c>(&self, caller: Option<&'c Caller>) -> Result<Who<'c>, Error> {
        let caller = caller.ok_or(Error::UserEmpty)?;
        if caller.node {
            return Ok(Who { name: "", roles: Vec::new(), permissions: None });
        } else if caller.user.is_empty() {
            return Err(Error::UserEmpty);
        } else if caller.auth_revision > self.revision {
            return Err(Error::AuthOldRevision);
        }
        let user = self.users.get(&caller.user).ok_or(Error::InvalidAuthToken)?;
        if caller.auth_revision < user.since || caller.auth_revision < self.enabled_at {
            return Err(Error::InvalidAuthToken);
        }
        let permissions = user.roles.iter().filter_map(|role| self.roles.get(role)).flatten();
        let permissions = permissions.cloned().collect();
        let permissions = (!user.roles.contains("root")).then_some(permissions);
        Ok(Who { name: &caller.user, roles: user.roles.iter().cloned().collect(), permissions })
    }

    pub fn permits(&self, command: &Command, state: &State) -> Result<(), Error> {
        let free = matches!(
            command.act,
            Some(Act::Sweep(_) | Act::LeaseCheckpoint(_) | Act::LeaseExpire(_))
        );
        if !self.enabled || free {
            return Ok(());
        }
        self.who(command.caller.as_ref())?.act(state, command)
    }

    pub fn shows(&self, query: &Query, state: &State) -> Result<(), Error> {
        let ask = query.ask.as_ref().unwrap();
        if let Ask::Auth(AuthQuery { ask: Some(AuthAsk::Credentials(_)) }) = ask {
            let caller = query.caller.as_ref();
            return match caller {
                Some(caller) if caller.node => Ok(()),
                _ => self.who(caller).and(Err(Error::PermissionDenied)),
            };
        }
        if !self.enabled || matches!(ask, Ask::Status(_) | Ask::LeaseRecords(_)) {
            return Ok(());
        }
        self.who(query.caller.as_ref())?.ask(state, ask)
    }

    fn user(&mut self, name: &str) -> Result<&mut User, Error> {
        self.users.get_mut(name).ok_or(Error::UserNotFound)
    }

    fn role(&mut self, name: &str) -> Result<&mut Vec<Permission>, Error> {
        self.roles.get_mut(name).ok_or(Error::RoleNotFound)
    }

    pub fn act(&mut self, act: &AuthAct) -> Result<(), Error> {
        let next = self.revision + 1;
        match act {
            AuthAct::Enable(request) => {
                if !self.enabled {
                    let root = self.users.get("root").ok_or(Error::RootUserNotExist)?;
                    if !root.roles.contains("root") {
                        return Err(Error::RootRoleNotExist);
                    }
                    (self.enabled, self.enabled_at) = (true, self.revision);
                    self.token_key = request.token_key.clone();
                }
                return Ok(());
            }
            AuthAct::Disable(_) if !self.enabled => return Ok(()),
            AuthAct::Disable(_) => self.enabled = false,
            AuthAct::UserAdd(request) => {
                if request.name.is_empty() {
                    return Err(Error::UserEmpty);
                } else if self.users.contains_key(&request.name) {
                    return Err(Error::UserAlreadyExist);
                }
                let no_password = request.options.is_some_and(|options| options.no_password);
                let hash = request.hashed_password.clone();
                let hash = if no_password { String::new() } else { hash };
                let user = User { hash, no_password, since: next, roles: BTreeSet::new() };
                self.users.insert(request.name.clone(), user);
            }
            AuthAct::UserDelete(request) => {
                if self.enabled && request.name == "root" {
                    return Err(Error::InvalidAuthMgmt);
                }
                self.users.remove(&request.name).ok_or(Error::UserNotFound)?;
            }
            AuthAct::UserChangePassword(request) => {
                let user = self.user(&request.name)?;
                user.since = next;
                if !user.no_password {
                    user.hash = request.hashed_password.clone();
                }
            }
            AuthAct::UserGrantRole(request) => {
                self.user(&request.user)?;
                if request.role != "root" {
                    self.role(&request.role)?;
                }
                if !self.user(&request.user)?.roles.insert(request.role.clone()) {
                    return Ok(());
                }
            }
            AuthAct::UserRevokeRole(request) => {
                if self.enabled && request.name == "root" && request.role == "root" {
                    return Err(Error::InvalidAuthMgmt);
                }
                if !self.user(&request.name)?.roles.remove(&request.role) {
                    return Err(Error::RoleNotGranted);
                }
            }
            AuthAct::RoleAdd(request) => {
                if request.name.is_empty() {
                    return Err(Error::RoleEmpty);
                } else if self.roles.contains_key(&request.name) {
                    return Err(Error::RoleAlreadyExist);
                }
                self.roles.insert(request.name.clone(), Vec::new());
            }
            AuthAct::RoleDelete(request) => {
                if self.enabled && request.role == "root" {
                    return Err(Error::InvalidAuthMgmt);
                }
                self.roles.remove(&request.role).ok_or(Error::RoleNotFound)?;
                for user in self.users.values_mut() {
                    user.roles.remove(&request.role);
                }
            }
            AuthAct::RoleGrantPermission(request) => {
                let perm = request.perm.clone().ok_or(Error::PermissionNotGiven)?;
                let bounded = ![&b""[..], b"\0"].contains(&&perm.range_end[..]);
                if perm.key.is_empty() || bounded && perm.key >= perm.range_end {
                    return Err(Error::InvalidAuthMgmt);
                }
                let role = self.role(&request.name)?;
                let same = |of: &Permission| of.key == perm.key && of.range_end == perm.range_end;
                match role.iter().position(same) {
                    Some(at) => role[at] = perm,
                    None => {
                        role.push(perm);
                        role.sort_by(|a, b| a.key.cmp(&b.key));
                    }
                }
            }
            AuthAct::RoleRevokePermission(request) => {
                let role = self.role(&request.role)?;
                let before = role.len();
                role.retain(|of| of.key != request.key || of.range_end != request.range_end);
                if role.len() == before {
                    return Err(Error::PermissionNotGranted);
                }
            }
        }
        self.revision = next;
        Ok(())
    }

    pub fn answer(
        &self,
        ask: &AuthAsk,
        header: Option<ResponseHeader>,
    ) -> Result<AuthFound, Error> {
        Ok(match ask {
            AuthAsk::Status(_) => AuthFound::Status(AuthStatusResponse {
                header,
                enabled: self.enabled,
                auth_revision: self.revision,
            }),
            AuthAsk::UserGet(request) => {
                let user = self.users.get(&request.name).ok_or(Error::UserNotFound)?;
                let roles = user.roles.iter().cloned().collect();
                AuthFound::UserGet(AuthUserGetResponse { header, roles })
            }
            AuthAsk::RoleGet(request) => {
                let perm = self.roles.get(&request.role).ok_or(Error::RoleNotFound)?.clone();
                AuthFound::RoleGet(AuthRoleGetResponse { header, perm })
            }
            AuthAsk::UserList(_) => {
                let users = self.users.keys().cloned().collect();
                AuthFound::UserList(AuthUserListResponse { header, users })
            }
            AuthAsk::RoleList(_) => {
                let roles = self.roles.keys().cloned().collect();
                AuthFound::RoleList(AuthRoleListResponse { header, roles })
            }
            AuthAsk::Credentials(request) => {
                let user = self.users.get(&request.name);
                AuthFound::Credentials(CredentialsResponse {
                    enabled: self.enabled,
                    auth_revision: self.revision,
                    token_key: self.token_key.clone(),
                    known: user.is_some(),
                    no_password: user.is_some_and(|user| user.no_password),
                    hashed_password: user.map_or(String::new(), |user| user.hash.clone()),
                })
            }
            AuthAsk::May(_) => AuthFound::May(MayResponse { auth_revision: self.shown() }),
        })
    }
}
