//! What each command and each query needs, in etcd's order.
//!
//! ```text
//!   put          write the key, and all keys of its lease; read it to see what it was
//!   remove       write the range; read it to see what it was
//!   transaction  read what is compared, and all of both branches, whichever will run
//!   lease        log in to grant; write all its keys to renew or revoke; read them to see them
//!   lock         read and write the place, read the queue; the same for elections and guards
//!   compaction   root; imports, and changes of users and roles, too
//! ```
//!
//! What only the node itself proposes (the end of a lease that ran out, a checkpoint, a sweep) needs
//! nobody: no gateway lets a client send it.

use kernel::bug::{Bug, planted};

use super::{
    super::{
        error::Stop,
        keys::{Keys, all_attached},
        look::{Look, Pages},
        queue, recipe,
        wire::{
            Act, Ask, AuthAsk, Command, LeaderKey, MayRequest, Need, PutRequest, Query,
            RecipeRequest, Request, RequestOp, TxnRequest,
        },
    },
    rights::{Rights, Way},
};

/// Whether a command may take effect while auth is on.
pub(in super::super) fn act(look: &mut dyn Look, command: &Command) -> Result<(), Stop> {
    if let Some(Act::Sweep(_) | Act::LeaseCheckpoint(_) | Act::LeaseExpire(_)) = &command.act {
        return Ok(());
    }
    let rights = &Rights::of(look, command.caller.as_ref())?;
    for guard in &command.guards {
        rights.may(Way::Read, &queue::keys(&guard.name))?;
    }
    match &command.act {
        Some(Act::Put(request)) => put(look, rights, request)?,
        Some(Act::DeleteRange(request)) => {
            rights.write(&request.key, &request.range_end)?;
            if request.prev_kv {
                rights.read(&request.key, &request.range_end)?;
            }
        }
        Some(Act::Txn(request)) => txn(look, rights, request)?,
        Some(Act::LeaseRevoke(request)) => rights.lease(look, request.id, Way::Write)?,
        Some(Act::LeaseRenew(request)) => {
            for id in &request.ids {
                rights.lease(look, *id, Way::Write)?;
            }
        }
        Some(Act::Lock(request)) => stand(look, rights, &request.name, request.lease)?,
        Some(Act::Campaign(request)) => stand(look, rights, &request.name, request.lease)?,
        Some(Act::Unlock(request)) => rights.may(Way::Write, &Keys::One(request.key.clone()))?,
        Some(Act::Proclaim(request)) => candidacy(rights, request.leader.as_ref())?,
        Some(Act::Resign(request)) => candidacy(rights, request.leader.as_ref())?,
        Some(Act::Recipe(request)) => recipe(look, rights, request)?,
        Some(Act::Compaction(_) | Act::Import(_) | Act::Auth(_)) => rights.root()?,
        Some(Act::LeaseGrant(_)) => {}
        // Refused elsewhere, or let through above.
        Some(Act::Sweep(_) | Act::LeaseCheckpoint(_) | Act::LeaseExpire(_)) | None => {}
    }
    Ok(())
}

/// Whether a query asks for hashes and keys, which the node alone may see, even while auth is off.
pub(in super::super) fn is_secret(query: &Query) -> bool {
    matches!(&query.ask, Some(Ask::Auth(query)) if matches!(query.ask, Some(AuthAsk::Credentials(_))))
}

/// Whether a query may be answered while auth is on.
pub(in super::super) fn ask(look: &mut dyn Look, query: &Query) -> Result<(), Stop> {
    if let Some(Ask::Status(_) | Ask::LeaseRecords(_)) = &query.ask {
        return Ok(());
    }
    let rights = &Rights::of(look, query.caller.as_ref())?;
    match &query.ask {
        Some(Ask::Range(request)) => rights.read(&request.key, &request.range_end)?,
        Some(Ask::Txn(request)) => txn(look, rights, request)?,
        Some(Ask::Changes(request)) => rights.read(&request.key, &request.range_end)?,
        Some(Ask::LeaseTimeToLive(request)) if request.keys => {
            rights.lease(look, request.id, Way::Read)?;
        }
        Some(Ask::LeaseKeepAlive(request)) => {
            for id in &request.ids {
                rights.lease(look, *id, Way::Write)?;
            }
        }
        Some(Ask::LeaseLeases(_)) => {
            rights.attached(look, Pages::new(all_attached()), Way::Read)?;
        }
        Some(Ask::Leader(request)) => rights.may(Way::Read, &queue::keys(&request.name))?,
        Some(Ask::Queue(request)) => rights.may(Way::Read, &queue::keys(&request.name))?,
        Some(Ask::Recipe(query)) => {
            recipe::asked(query).iter().try_for_each(|keys| rights.may(Way::Read, keys))?;
        }
        Some(Ask::Auth(query)) => match &query.ask {
            Some(AuthAsk::UserGet(request)) if rights.user == request.name => {}
            Some(AuthAsk::RoleGet(request)) if rights.has(&request.role) => {}
            Some(AuthAsk::May(request)) => may(rights, request)?,
            Some(AuthAsk::Credentials(_)) => rights.node()?,
            _ => rights.root()?,
        },
        Some(Ask::LeaseTimeToLive(_) | Ask::Status(_) | Ask::LeaseRecords(_)) | None => {}
    }
    Ok(())
}

fn may(rights: &Rights, request: &MayRequest) -> Result<(), Stop> {
    match Need::try_from(request.need) {
        Ok(Need::Login) => {}
        Ok(Need::Read) => rights.read(&request.key, &request.range_end)?,
        // What this version does not know is not for everybody.
        Ok(Need::Root) | Err(_) => rights.root()?,
    }
    Ok(())
}

fn put(look: &mut dyn Look, rights: &Rights, request: &PutRequest) -> Result<(), Stop> {
    let key = Keys::One(request.key.clone());
    rights.may(Way::Write, &key)?;
    if request.lease != 0 {
        // Who cannot revoke the lease must not tie anything to it.
        rights.lease(look, request.lease, Way::Write)?;
    }
    if request.prev_kv {
        rights.may(Way::Read, &key)?;
    }
    Ok(())
}

fn txn(look: &mut dyn Look, rights: &Rights, request: &TxnRequest) -> Result<(), Stop> {
    for compare in &request.compare {
        rights.read(&compare.key, &compare.range_end)?;
    }
    request.success.iter().chain(&request.failure).try_for_each(|op| op_of(look, rights, op))
}

fn op_of(look: &mut dyn Look, rights: &Rights, op: &RequestOp) -> Result<(), Stop> {
    match &op.request {
        Some(Request::RequestRange(request)) => {
            rights.read(&request.key, &request.range_end)?;
        }
        Some(Request::RequestPut(request)) => put(look, rights, request)?,
        Some(Request::RequestDeleteRange(request)) => {
            if request.prev_kv {
                rights.read(&request.key, &request.range_end)?;
            }
            rights.write(&request.key, &request.range_end)?;
        }
        Some(Request::RequestTxn(request)) if !planted(Bug::InnerTxnUnchecked) => {
            txn(look, rights, request)?;
        }
        Some(Request::RequestTxn(_)) | None => {}
    }
    Ok(())
}

/// A place in a queue is put and compared, and the queue read.
fn stand(
    look: &mut dyn Look,
    rights: &Rights,
    name: &bytes::Bytes,
    lease: i64,
) -> Result<(), Stop> {
    let place = Keys::One(queue::place(name, lease));
    rights.may(Way::Read, &place)?;
    rights.may(Way::Write, &place)?;
    rights.lease(look, lease, Way::Write)?;
    Ok(rights.may(Way::Read, &queue::keys(name))?)
}

/// A recipe reads keys, writes some of them, and may tie them to a lease.
fn recipe(look: &mut dyn Look, rights: &Rights, request: &RecipeRequest) -> Result<(), Stop> {
    let touch = recipe::touched(request);
    touch.read.iter().try_for_each(|keys| rights.may(Way::Read, keys))?;
    touch.write.iter().try_for_each(|keys| rights.may(Way::Write, keys))?;
    if touch.lease != 0 {
        rights.lease(look, touch.lease, Way::Write)?;
    }
    Ok(())
}

/// A candidacy is compared, and put or removed.
fn candidacy(rights: &Rights, leader: Option<&LeaderKey>) -> Result<(), Stop> {
    let Some(leader) = leader else { return Ok(()) };
    let key = Keys::One(leader.key.clone());
    rights.may(Way::Read, &key)?;
    Ok(rights.may(Way::Write, &key)?)
}
