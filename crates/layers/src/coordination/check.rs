//! What can be refused without looking at anything: shapes and limits, in etcd's order.

use alloc::{collections::BTreeSet, vec::Vec};

use bytes::Bytes;

use super::{
    Error, auth,
    keys::Keys,
    limits::{
        GUARDS_MAX, IDENTITY_BYTES_MAX, IMPORT_ITEMS_MAX, IMPORT_REVISION_MAX,
        IMPORT_SOURCE_BYTES_MAX, KEY_BYTES_MAX, LEASES_PER_COMMAND_MAX, NAME_BYTES_MAX,
        TXN_OPS_ALL_MAX, TXN_OPS_MAX,
    },
    recipe,
    wire::{
        Act, Ask, Command, ImportRequest, LeaderKey, PutRequest, Query, RangeRequest, Request,
        RequestOp, SortOrder, SortTarget, TxnRequest,
    },
};

impl Command {
    /// Whether the command can take effect as far as its own bytes tell. A gateway asks before it
    /// proposes; applying asks again.
    ///
    /// # Errors
    /// With etcd's error for what is wrong first.
    pub fn check(&self) -> Result<(), Error> {
        if self.guards.len() > GUARDS_MAX {
            return Err(Error::TooManyOps);
        }
        self.guards.iter().try_for_each(|guard| name(&guard.name))?;
        self.caller.iter().try_for_each(|caller| identity(&caller.user))?;
        match &self.act {
            None => Err(Error::KeyNotFound),
            Some(Act::Put(request)) => put(request),
            Some(Act::DeleteRange(request)) => keys(&request.key, &request.range_end),
            Some(Act::Txn(request)) => txn(request),
            Some(Act::LeaseRenew(request)) => leases(request.ids.len()),
            Some(Act::LeaseCheckpoint(request)) => leases(request.checkpoints.len()),
            Some(Act::LeaseExpire(request)) => leases(request.overdue.len()),
            Some(Act::Lock(request)) => name(&request.name),
            Some(Act::Unlock(request)) => key(&request.key),
            Some(Act::Campaign(request)) => name(&request.name),
            Some(Act::Proclaim(request)) => candidacy(request.leader.as_ref()),
            Some(Act::Resign(request)) => candidacy(request.leader.as_ref()),
            Some(Act::Import(request)) => import(request),
            Some(Act::Auth(request)) => auth::check_act(request),
            Some(Act::Recipe(request)) => recipe::check_act(request),
            Some(Act::Compaction(_) | Act::Sweep(_) | Act::LeaseGrant(_) | Act::LeaseRevoke(_)) => {
                Ok(())
            }
        }
    }
}

impl Query {
    /// Whether the query can be answered as far as its own bytes tell.
    ///
    /// # Errors
    /// With etcd's error for what is wrong first.
    pub fn check(&self) -> Result<(), Error> {
        self.caller.iter().try_for_each(|caller| identity(&caller.user))?;
        match &self.ask {
            None => Err(Error::KeyNotFound),
            Some(Ask::Range(request)) => range(request),
            Some(Ask::Txn(request)) => {
                txn(request)?;
                if request.changes_nothing() { Ok(()) } else { Err(Error::NotReadOnly) }
            }
            Some(Ask::Changes(request)) => span(&request.key, &request.range_end),
            Some(Ask::LeaseKeepAlive(request)) => leases(request.ids.len()),
            Some(Ask::Leader(request)) => name(&request.name),
            Some(Ask::Queue(request)) => name(&request.name),
            Some(Ask::Auth(query)) => auth::check_ask(query),
            Some(Ask::Recipe(query)) => recipe::check_ask(query),
            Some(
                Ask::LeaseTimeToLive(_)
                | Ask::LeaseLeases(_)
                | Ask::LeaseRecords(_)
                | Ask::Status(_),
            ) => Ok(()),
        }
    }
}

impl TxnRequest {
    /// Whether neither branch puts or removes anything: then it can be asked as a query.
    #[must_use]
    pub fn changes_nothing(&self) -> bool {
        self.success.iter().chain(&self.failure).all(|op| match &op.request {
            None | Some(Request::RequestRange(_)) => true,
            Some(Request::RequestTxn(txn)) => txn.changes_nothing(),
            Some(Request::RequestPut(_) | Request::RequestDeleteRange(_)) => false,
        })
    }

    /// Whether neither branch puts anything.
    pub(super) fn puts_nothing(&self) -> bool {
        self.success.iter().chain(&self.failure).all(|op| match &op.request {
            Some(Request::RequestTxn(txn)) => txn.puts_nothing(),
            Some(Request::RequestPut(_)) => false,
            _ => true,
        })
    }
}

fn length(key: &Bytes) -> Result<(), Error> {
    if key.len() > KEY_BYTES_MAX { Err(Error::RequestTooLarge) } else { Ok(()) }
}

fn key(key: &Bytes) -> Result<(), Error> {
    if key.is_empty() { Err(Error::EmptyKey) } else { length(key) }
}

fn keys(first: &Bytes, range_end: &Bytes) -> Result<(), Error> {
    key(first)?;
    length(range_end)
}

fn name(name: &Bytes) -> Result<(), Error> {
    if name.len() > NAME_BYTES_MAX { Err(Error::RequestTooLarge) } else { Ok(()) }
}

/// The name of a user or a role.
pub(super) fn identity(name: &str) -> Result<(), Error> {
    if name.len() > IDENTITY_BYTES_MAX { Err(Error::RequestTooLarge) } else { Ok(()) }
}

pub(super) fn span(key: &Bytes, range_end: &Bytes) -> Result<(), Error> {
    length(key)?;
    length(range_end)
}

fn leases(count: usize) -> Result<(), Error> {
    if count > LEASES_PER_COMMAND_MAX { Err(Error::TooManyLeases) } else { Ok(()) }
}

fn candidacy(leader: Option<&LeaderKey>) -> Result<(), Error> {
    length(&leader.ok_or(Error::MissingLeader)?.key)
}

/// Whether a piece holds only what a keyspace at its revision can hold.
fn import(request: &ImportRequest) -> Result<(), Error> {
    if request.leases.len().saturating_add(request.kvs.len()) > IMPORT_ITEMS_MAX {
        return Err(Error::RequestTooLarge);
    }
    let named = (1..=IMPORT_SOURCE_BYTES_MAX).contains(&request.source.len());
    let leases = request.leases.iter().all(|lease| lease.id != 0);
    let possible = request.kvs.iter().all(|kv| {
        // The first revision that makes a key is 2.
        2 <= kv.create_revision
            && kv.create_revision <= kv.mod_revision
            && kv.mod_revision <= request.revision
            && kv.version >= 1
    });
    let revision = (1..=IMPORT_REVISION_MAX).contains(&request.revision);
    if !named || !leases || !possible || !revision {
        return Err(Error::NotImportable);
    }
    request.kvs.iter().try_for_each(|kv| key(&kv.key))
}

fn range(request: &RangeRequest) -> Result<(), Error> {
    keys(&request.key, &request.range_end)?;
    if SortOrder::try_from(request.sort_order).is_err()
        || SortTarget::try_from(request.sort_target).is_err()
    {
        return Err(Error::InvalidSortOption);
    }
    Ok(())
}

fn put(request: &PutRequest) -> Result<(), Error> {
    key(&request.key)?;
    if request.ignore_value && !request.value.is_empty() {
        return Err(Error::ValueProvided);
    }
    if request.ignore_lease && request.lease != 0 {
        return Err(Error::LeaseProvided);
    }
    Ok(())
}

fn txn(request: &TxnRequest) -> Result<(), Error> {
    let mut all = TXN_OPS_ALL_MAX;
    shape(request, TXN_OPS_MAX, &mut all)?;
    puts_of(&request.success)?;
    puts_of(&request.failure)?;
    Ok(())
}

/// A transaction counts as its longest list; what it leaves of the budget is for those inside.
/// `all` counts every list, so that no nesting multiplies.
fn shape(request: &TxnRequest, budget: usize, all: &mut usize) -> Result<(), Error> {
    let lengths = [request.compare.len(), request.success.len(), request.failure.len()];
    *all = all.checked_sub(lengths.iter().sum()).ok_or(Error::TooManyOps)?;
    let longest = lengths.into_iter().max().unwrap_or(0);
    let left = budget.checked_sub(longest).ok_or(Error::TooManyOps)?;
    request.compare.iter().try_for_each(|compare| keys(&compare.key, &compare.range_end))?;
    request.success.iter().chain(&request.failure).try_for_each(|op| match &op.request {
        Some(Request::RequestRange(request)) => range(request),
        Some(Request::RequestPut(request)) => put(request),
        Some(Request::RequestDeleteRange(request)) => keys(&request.key, &request.range_end),
        Some(Request::RequestTxn(request)) => shape(request, left, all),
        None => Err(Error::KeyNotFound),
    })
}

/// What a list of operations puts and removes, in either branch of the transactions inside.
#[derive(Default)]
struct Touched {
    puts: BTreeSet<Bytes>,
    removed: Vec<Keys>,
}

/// Refuses a list that puts a key twice, or puts and removes one. As in etcd, a removal inside a
/// transaction does not count against the puts of those before it, and one without an end against
/// nothing.
fn puts_of(ops: &[RequestOp]) -> Result<Touched, Error> {
    let mut all = Touched::default();
    for op in ops {
        if let Some(Request::RequestDeleteRange(request)) = &op.request {
            all.removed.push(Keys::new(&request.key, &request.range_end));
        }
    }
    for op in ops {
        if let Some(Request::RequestTxn(request)) = &op.request {
            let mut success = puts_of(&request.success)?;
            let failure = puts_of(&request.failure)?;
            success.puts.iter().try_for_each(|key| all.fresh(key))?;
            // Only one of the branches runs: what both of them put is put once.
            let only = failure.puts.difference(&success.puts);
            only.into_iter().try_for_each(|key| all.fresh(key))?;
            all.puts.append(&mut success.puts);
            all.puts.extend(failure.puts);
            all.removed.extend(success.removed.into_iter().chain(failure.removed));
        }
    }
    for op in ops {
        if let Some(Request::RequestPut(request)) = &op.request {
            all.fresh(&request.key)?;
            all.puts.insert(request.key.clone());
        }
    }
    Ok(all)
}

impl Touched {
    fn fresh(&self, key: &Bytes) -> Result<(), Error> {
        let counts = |keys: &&Keys| !matches!(keys, Keys::From(_));
        let removed = self.removed.iter().filter(counts).any(|keys| keys.contains(key));
        if removed || self.puts.contains(key) { Err(Error::DuplicateKey) } else { Ok(()) }
    }
}
