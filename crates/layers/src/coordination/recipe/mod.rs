//! What etcd leaves to recipes of its clients, each decided by one command at its place in the log.
//!
//! ```text
//!   quorate/semaphores/NAME               → 3                    permits
//!   quorate/semaphores/NAME/LEASE         → 1                    a place: permits that it asks for
//!   quorate/barriers/NAME                 →                      is up while it is there
//!   quorate/double-barriers/NAME          → 3 entering, 3 open   how many it takes, and the phase
//!   quorate/double-barriers/NAME/LEASE    →                      a member
//!   quorate/services/SERVICE/INSTANCE     → anything             what an instance says of itself
//!   quorate/health/SERVICE/INSTANCE       → passing, warning: …  how it is
//! ```
//!
//! Everything is an ordinary key, with revisions, events and a lease, so etcd's clients read and
//! watch it. Leases in keys are hexadecimal, as in locks. A place, a member, an instance ends with
//! its lease, so a dead holder frees what it held. Who writes these keys by hand is taken at his
//! word: what cannot be read counts as the least that it can mean.

mod barrier;
mod gathering;
mod node;
mod semaphore;
mod service;
mod touch;

use bytes::Bytes;

use super::{
    Error,
    draft::Draft,
    error::Stop,
    keys,
    limits::{NOTE_BYTES_MAX, PERMITS_MAX, PLAIN_NAME_BYTES_MAX},
    look::Look,
    meta::Meta,
    past, txn,
    wire::{
        Health, KeyValue, RecipeAct, RecipeAnswer, RecipeAsk, RecipeFound, RecipeOutcome,
        RecipeQuery, RecipeRequest, RecipeResponse, ResponseHeader, Settled,
    },
};
pub(super) use semaphore::{guarded, is_semaphore};
pub(super) use touch::{asked, touched};

/// Where the keys of each kind begin.
mod root {
    pub(super) const SEMAPHORES: &[u8] = b"quorate/semaphores/";
    pub(super) const BARRIERS: &[u8] = b"quorate/barriers/";
    pub(super) const GATHERINGS: &[u8] = b"quorate/double-barriers/";
    pub(super) const SERVICES: &[u8] = b"quorate/services/";
    pub(super) const HEALTH: &[u8] = b"quorate/health/";
}

fn path(root: &[u8], name: &[u8]) -> Bytes {
    [root, name].concat().into()
}

/// Carries a command out.
pub(super) fn carry_out(
    draft: &mut Draft<'_>,
    request: &RecipeRequest,
) -> Result<RecipeResponse, Stop> {
    let settled = |changed| RecipeOutcome::Settled(Settled { changed });
    let outcome = match &request.act {
        Some(RecipeAct::Create(request)) => RecipeOutcome::Created(node::create(draft, request)?),
        Some(RecipeAct::Permits(request)) => settled(semaphore::permits(draft, request)?),
        Some(RecipeAct::Acquire(request)) => {
            RecipeOutcome::Seat(semaphore::acquire(draft, request)?)
        }
        Some(RecipeAct::Release(request)) => settled(semaphore::release(draft, request)?),
        Some(RecipeAct::Raise(request)) => settled(barrier::raise(draft, request)?),
        Some(RecipeAct::Lift(request)) => settled(barrier::lift(draft, request)?),
        Some(RecipeAct::Enter(request)) => {
            RecipeOutcome::Gathering(gathering::enter(draft, request)?)
        }
        Some(RecipeAct::Leave(request)) => {
            RecipeOutcome::Gathering(gathering::leave(draft, request)?)
        }
        Some(RecipeAct::Register(request)) => settled(service::register(draft, request)?),
        Some(RecipeAct::Report(request)) => settled(service::report(draft, request)?),
        Some(RecipeAct::Deregister(request)) => settled(service::deregister(draft, request)?),
        None => return Err(Error::KeyNotFound.into()),
    };
    Ok(RecipeResponse { header: ResponseHeader::at(draft.revision()), outcome: Some(outcome) })
}

/// Answers a question.
pub(super) fn answer(
    look: &mut dyn Look,
    meta: &Meta,
    query: &RecipeQuery,
    room: &mut usize,
) -> Result<RecipeAnswer, Stop> {
    let found = match &query.ask {
        Some(RecipeAsk::Semaphore(request)) => {
            RecipeFound::Semaphore(semaphore::read(look, request, room)?)
        }
        Some(RecipeAsk::Barrier(request)) => RecipeFound::Barrier(barrier::read(look, request)?),
        Some(RecipeAsk::Gathering(request)) => {
            RecipeFound::Gathering(gathering::read(look, request)?)
        }
        Some(RecipeAsk::Services(request)) => {
            RecipeFound::Instances(service::list(look, request, room)?)
        }
        None => return Err(Error::KeyNotFound.into()),
    };
    Ok(RecipeAnswer { header: ResponseHeader::at(meta.revision), found: Some(found) })
}

/// Whether a command takes no lasting space.
pub(super) fn frees(request: &RecipeRequest) -> bool {
    use RecipeAct::{Deregister, Leave, Lift, Release};
    matches!(&request.act, Some(Release(_) | Lift(_) | Leave(_) | Deregister(_)))
}

/// Refuses what is wrong in a command itself.
pub(super) fn check_act(request: &RecipeRequest) -> Result<(), Error> {
    match &request.act {
        Some(RecipeAct::Create(request)) => node::check(request),
        Some(RecipeAct::Permits(request)) => {
            plain(&request.name)?;
            counts(request.limit)
        }
        Some(RecipeAct::Acquire(request)) => {
            plain(&request.name)?;
            counts(request.limit)?;
            counts(request.permits)
        }
        Some(RecipeAct::Release(request)) => plain(&request.name),
        Some(RecipeAct::Raise(request)) => plain(&request.name),
        Some(RecipeAct::Lift(request)) => plain(&request.name),
        Some(RecipeAct::Enter(request)) => {
            plain(&request.name)?;
            if request.count == 0 { Err(Error::NoCount) } else { counts(request.count) }
        }
        Some(RecipeAct::Leave(request)) => plain(&request.name),
        Some(RecipeAct::Register(request)) => {
            instance(&request.service, &request.instance)?;
            state(request.health, &request.note)
        }
        Some(RecipeAct::Report(request)) => {
            instance(&request.service, &request.instance)?;
            state(request.health, &request.note)
        }
        Some(RecipeAct::Deregister(request)) => instance(&request.service, &request.instance),
        None => Err(Error::KeyNotFound),
    }
}

/// Refuses what is wrong in a question itself.
pub(super) fn check_ask(query: &RecipeQuery) -> Result<(), Error> {
    match &query.ask {
        Some(RecipeAsk::Semaphore(request)) => plain(&request.name),
        Some(RecipeAsk::Barrier(request)) => plain(&request.name),
        Some(RecipeAsk::Gathering(request)) => plain(&request.name),
        Some(RecipeAsk::Services(request)) if request.service.is_empty() => Ok(()),
        Some(RecipeAsk::Services(request)) => plain(&request.service),
        None => Err(Error::KeyNotFound),
    }
}

/// A slash in a name would put its keys among those of another one.
fn plain(name: &Bytes) -> Result<(), Error> {
    let fits = (1..=PLAIN_NAME_BYTES_MAX).contains(&name.len()) && !name.contains(&b'/');
    if fits && core::str::from_utf8(name).is_ok() { Ok(()) } else { Err(Error::NameNotPlain) }
}

fn instance(service: &Bytes, instance: &Bytes) -> Result<(), Error> {
    plain(service)?;
    plain(instance)
}

fn counts(number: u64) -> Result<(), Error> {
    if number > PERMITS_MAX { Err(Error::NoCount) } else { Ok(()) }
}

fn state(health: i32, note: &Bytes) -> Result<(), Error> {
    let known = Health::try_from(health).is_ok();
    let fits = note.len() <= NOTE_BYTES_MAX && core::str::from_utf8(note).is_ok();
    if known && fits { Ok(()) } else { Err(Error::NoHealth) }
}

/// A lease that is there: 0 is none.
fn lease(draft: &mut Draft<'_>, lease: i64) -> Result<(), Stop> {
    if lease == 0 {
        return Err(Error::LeaseNotFound.into());
    }
    txn::granted(draft, lease)
}

/// What stands under a key.
fn kv(look: &mut dyn Look, key: &Bytes) -> Result<Option<KeyValue>, Stop> {
    let bytes = look.get(&keys::current(key))?;
    Ok(bytes.map(|bytes| past::record(key.clone(), bytes)).transpose()?)
}

/// Sets a key, unless it says this already; whether it was changed.
fn settle(draft: &mut Draft<'_>, key: &Bytes, value: &Bytes, lease: i64) -> Result<bool, Stop> {
    let same = |kv: &KeyValue| (&kv.value, kv.lease) == (value, lease);
    if draft.kv(key)?.as_ref().is_some_and(same) {
        return Ok(false);
    }
    draft.put(key.clone(), value.clone(), lease)?;
    Ok(true)
}

/// A number as the value of a key.
fn number(value: &[u8]) -> Option<u64> {
    core::str::from_utf8(value).ok()?.parse().ok()
}
