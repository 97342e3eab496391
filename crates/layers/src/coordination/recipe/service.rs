//! Services: instances that say where they are, and how.
//!
//! What an instance says of itself and how it is are two keys under one lease. A change of health
//! writes a few bytes and wakes nobody who watches for members; a heartbeat that changes nothing is
//! a keep-alive of the lease and writes nothing at all. An instance belongs to the lease that it was
//! registered under: nobody else takes its name, or speaks for it, while that lives.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::ops::{Bound, ControlFlow};

use bytes::Bytes;
use kernel::bug::{Bug, planted};

use super::{
    super::{
        Error,
        draft::Draft,
        error::Stop,
        keys::Keys,
        limits::INSTANCES_MAX,
        look::Look,
        past, queue,
        range::take,
        wire::{
            DeregisterRequest, Health, Instance, Instances, KeyValue, RegisterRequest,
            ReportRequest, ServicesRequest,
        },
    },
    kv, lease,
    root::{HEALTH, SERVICES},
    settle,
};

pub(super) fn key(root: &[u8], service: &[u8], instance: &[u8]) -> Bytes {
    [root, service, b"/", instance].concat().into()
}

fn word(health: Health) -> &'static str {
    match health {
        Health::Passing => "passing",
        Health::Warning => "warning",
        Health::Critical => "critical",
    }
}

/// A health as the value of its key.
fn text(health: i32, note: &Bytes) -> Bytes {
    let word = word(Health::try_from(health).unwrap_or(Health::Critical));
    match note.is_empty() {
        true => Bytes::from_static(word.as_bytes()),
        false => [word.as_bytes(), b": ", note].concat().into(),
    }
}

/// The health that a value says, and why. What says nothing is as bad as can be.
fn parse(value: &[u8]) -> (Health, String) {
    let value = String::from_utf8_lossy(value);
    let (first, note) = value.split_once(": ").unwrap_or((&value, ""));
    let all = [Health::Passing, Health::Warning, Health::Critical];
    let health = all.into_iter().find(|health| word(*health) == first);
    (health.unwrap_or(Health::Critical), note.to_string())
}

/// Registers an instance, or changes what it says.
pub(super) fn register(draft: &mut Draft<'_>, request: &RegisterRequest) -> Result<bool, Stop> {
    lease(draft, request.lease)?;
    let at = key(SERVICES, &request.service, &request.instance);
    if draft.kv(&at)?.is_some_and(|kv| kv.lease != request.lease) && !planted(Bug::InstanceStolen) {
        return Err(Error::InstanceTaken.into());
    }
    let says = settle(draft, &at, &request.value, request.lease)?;
    let is = key(HEALTH, &request.service, &request.instance);
    Ok(settle(draft, &is, &text(request.health, &request.note), request.lease)? || says)
}

/// Says how an instance is.
pub(super) fn report(draft: &mut Draft<'_>, request: &ReportRequest) -> Result<bool, Stop> {
    let at = key(SERVICES, &request.service, &request.instance);
    if draft.kv(&at)?.is_none_or(|kv| kv.lease != request.lease) {
        return Err(Error::NotRegistered.into());
    }
    lease(draft, request.lease)?;
    let is = key(HEALTH, &request.service, &request.instance);
    settle(draft, &is, &text(request.health, &request.note), request.lease)
}

/// Takes an instance off; whether it was there.
pub(super) fn deregister(draft: &mut Draft<'_>, request: &DeregisterRequest) -> Result<bool, Stop> {
    let at = key(SERVICES, &request.service, &request.instance);
    let Some(kv) = draft.kv(&at)? else { return Ok(false) };
    if request.lease != 0 && kv.lease != request.lease {
        return Ok(false);
    }
    queue::remove(draft, &at)?;
    queue::remove(draft, &key(HEALTH, &request.service, &request.instance))?;
    Ok(true)
}

/// The instances that a question is about.
pub(super) fn span(service: &Bytes) -> Bytes {
    match service.is_empty() {
        true => Bytes::from_static(SERVICES),
        false => [SERVICES, service, b"/"].concat().into(),
    }
}

/// Lists instances.
pub(super) fn list(
    look: &mut dyn Look,
    request: &ServicesRequest,
    room: &mut usize,
) -> Result<Instances, Stop> {
    let limit = match request.limit {
        0 => INSTANCES_MAX,
        limit => (limit as usize).min(INSTANCES_MAX),
    };
    let mut found = Instances::default();
    let all = Keys::prefix(span(&request.service));
    let range = match (all.current(), request.after.is_empty()) {
        (range, true) => range,
        (mut range, false) => {
            let after = super::keys::current(&request.after);
            range.start = Bound::Excluded(after.max(super::keys::current(all.first())));
            range
        }
    };
    let mut kvs: Vec<KeyValue> = Vec::new();
    past::within(look, range, &mut |key, bytes| {
        if kvs.len() > limit {
            return Ok(ControlFlow::Break(()));
        }
        kvs.push(past::record(key, bytes)?);
        Ok(ControlFlow::Continue(()))
    })?;
    found.more = kvs.len() > limit;
    kvs.truncate(limit);
    found.next = kvs.last().filter(|_| found.more).map_or(Bytes::new(), |kv| kv.key.clone());
    for kv in kvs {
        take(room, &kv)?;
        if planted(Bug::InstanceWhileEnding) && super::super::lease::runs_out(look, kv.lease)? {
            continue;
        }
        let Some(instance) = instance(look, kv)? else { continue };
        if !request.passing || instance.health == Health::Passing as i32 {
            found.instances.push(instance);
        }
    }
    Ok(found)
}

/// A registration with its health. Keys that are none, because somebody put them there, are left out.
fn instance(look: &mut dyn Look, at: KeyValue) -> Result<Option<Instance>, Stop> {
    let Some(name) = at.key.strip_prefix(SERVICES) else { return Ok(None) };
    let Ok(name) = core::str::from_utf8(name) else { return Ok(None) };
    let Some((service, instance)) = name.split_once('/') else { return Ok(None) };
    let health = kv(look, &key(HEALTH, service.as_bytes(), instance.as_bytes()))?;
    let is = health.as_ref().map_or((Health::Passing, String::new()), |kv| parse(&kv.value));
    let changed = health.map_or(0, |kv| kv.mod_revision).max(at.mod_revision);
    Ok(Some(Instance {
        service: service.into(),
        instance: instance.into(),
        key: at.key.clone(),
        lease: at.lease,
        value: at.value,
        health: is.0 as i32,
        note: is.1,
        since: at.create_revision,
        changed,
    }))
}
