//! From a place to what has to be done there.

use bytes::Bytes;
use client::{document::join, text::duration};
use hyper::HeaderMap;
use kernel::Duration;
use layers::coordination::{
    AcquireRequest, Act, Ask, BarrierRequest, CampaignRequest, Compare, CompareResult,
    CompareTarget, CreateRequest, DeleteRangeRequest, DeregisterRequest, EnterRequest,
    GatheringRequest, Guard, Health, LeaderKey, LeaseGrantRequest, LeaseLeasesRequest,
    LeaseRevokeRequest, LeaseTimeToLiveRequest, LeaveRequest, LiftRequest, LockRequest,
    PermitsRequest, PutRequest, QueueRequest, RaiseRequest, RangeRequest, RecipeAct, RecipeAsk,
    RecipeQuery, RecipeRequest, RegisterRequest, ReleaseRequest, ReportRequest, Request, RequestOp,
    ResignRequest, SemaphoreRequest, ServicesRequest, TargetUnion, TxnRequest,
};
use serde::Deserialize;

use super::super::{
    Problem,
    code::Code,
    evidence::{self, Tag},
    map::{Asked, Inbound, json},
    query::Query,
};
use super::{Goal, Place, goal, place::lease_id};

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Which keyspace.
    pub keyspace: String,
    /// What the request asks beside: request id, timeout, session, trace.
    pub asked: Asked,
    /// Locks that must be held.
    pub guards: Vec<Guard>,
    /// The work.
    pub work: Work,
    /// What to wait for after it, and how long.
    pub wait: Option<(Goal, Duration)>,
}

/// The work itself.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "each is moved once")]
pub enum Work {
    /// A command.
    Act(Act),
    /// A question.
    Ask(Ask),
    /// Nothing: only what is waited for.
    Look,
    /// A lease that was or was not granted for this, and a command under it.
    Under { grant: LeaseGrantRequest, act: Act },
    /// Keeps a lease alive, then says how an instance is, if it says so.
    Beat { lease: i64, report: Option<ReportRequest> },
}

/// The body of a request; which fields have a meaning depends on the route.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Body {
    lease: Option<String>,
    ttl: Option<String>,
    id: Option<String>,
    wait: Option<String>,
    value: Option<String>,
    value_base64: Option<String>,
    permits: Option<u64>,
    limit: Option<u64>,
    count: Option<u64>,
    health: Option<String>,
    note: Option<String>,
}

impl Body {
    fn read(inbound: &Inbound<'_>) -> Result<Body, Problem> {
        if inbound.body.is_empty() { Ok(Body::default()) } else { json(&inbound.body) }
    }

    fn lease(&self) -> Result<i64, Problem> {
        self.lease.as_deref().map(lease_id).transpose()?.ok_or_else(|| {
            let detail = "give the lease that it ends with: POST /v1/leases/KEYSPACE grants one";
            Problem::new(Code::INVALID_BODY, detail)
        })
    }

    fn wait(&self, inbound: &Inbound<'_>) -> Result<Duration, Problem> {
        let read = |text: &str| duration::parse(text).ok_or_else(|| wrong("wait"));
        within(self.wait.as_deref().map(read).transpose()?, inbound)
    }

    fn value(&self) -> Result<Bytes, Problem> {
        match (&self.value, &self.value_base64) {
            (None, None) => Ok(Bytes::new()),
            (plain, encoded) => join(plain.as_deref(), encoded.as_deref())
                .map(Bytes::from)
                .ok_or_else(|| wrong("value")),
        }
    }
}

fn wrong(name: &str) -> Problem {
    Problem::new(Code::INVALID_BODY, format!("{name} cannot be read"))
}

fn within(wait: Option<Duration>, inbound: &Inbound<'_>) -> Result<Duration, Problem> {
    let max = inbound.limits.timeout_max;
    match wait.unwrap_or_default() {
        wait if wait <= max => Ok(wait),
        _ => {
            let detail = format!("wait: at most {}; ask again then", duration::format(max));
            Err(Problem::new(Code::INVALID_PARAMETER, detail))
        }
    }
}

/// Whole seconds, and what is more counts as one.
fn seconds(text: &str) -> Result<i64, Problem> {
    let ttl = duration::parse(text).filter(|ttl| !ttl.is_zero()).ok_or_else(|| wrong("ttl"))?;
    i64::try_from(ttl.as_millis().div_ceil(1_000)).map_err(|_| wrong("ttl"))
}

fn health(text: Option<&str>) -> Result<i32, Problem> {
    match text {
        None | Some("passing") => Ok(Health::Passing as i32),
        Some("warning") => Ok(Health::Warning as i32),
        Some("critical") => Ok(Health::Critical as i32),
        Some(other) => {
            let detail = format!("health={other}: passing, warning or critical");
            Err(Problem::new(Code::INVALID_PARAMETER, detail))
        }
    }
}

fn recipe(act: RecipeAct) -> Work {
    Work::Act(Act::Recipe(RecipeRequest { act: Some(act) }))
}

fn question(ask: RecipeAsk) -> Work {
    Work::Ask(Ask::Recipe(RecipeQuery { ask: Some(ask) }))
}

/// The guards of a request.
pub fn guards(headers: &HeaderMap) -> Result<Vec<Guard>, Problem> {
    crate::etcd::guards(headers).map_err(|status| Problem::new(Code::INVALID_HEADER, status.text))
}

/// A lease in the query string.
fn lease(query: &mut Query) -> Result<Option<i64>, Problem> {
    query.text("lease")?.as_deref().map(lease_id).transpose()
}

fn needed(query: &mut Query) -> Result<i64, Problem> {
    lease(query)?.ok_or_else(|| {
        Problem::new(Code::INVALID_PARAMETER, "lease: say whose place, in hexadecimal")
    })
}

fn revision(query: &mut Query, name: &str) -> Result<i64, Problem> {
    let read = |text: String| {
        let number = text.parse().ok().filter(|number: &i64| *number >= 0);
        let detail = format!("{name}={text}: not a revision");
        number.ok_or_else(|| Problem::new(Code::INVALID_PARAMETER, detail))
    };
    Ok(query.text(name)?.map(read).transpose()?.unwrap_or(0))
}

/// Makes the job of a place.
///
/// # Errors
/// If a parameter, a header or the body is wrong.
pub fn plan(
    place: Place,
    asked: Asked,
    inbound: &Inbound<'_>,
    query: &mut Query,
) -> Result<Job, Problem> {
    let keyspace = place.keyspace().to_owned();
    let guards = guards(inbound.headers)?;
    let (work, wait) = match place {
        Place::KeyCreate { key, .. } => {
            let (sequential, lease) = (query.switch("sequential")?, lease(query)?.unwrap_or(0));
            let value = inbound.body.clone();
            (recipe(RecipeAct::Create(CreateRequest { key, value, lease, sequential })), None)
        }
        Place::LeaseGrant { .. } | Place::LeaseList { .. } => (leases(&place, inbound)?, None),
        Place::LeaseRead { lease: id, .. } => {
            (Work::Ask(Ask::LeaseTimeToLive(LeaseTimeToLiveRequest { id, keys: true })), None)
        }
        Place::LeaseRevoke { lease: id, .. } => {
            (Work::Act(Act::LeaseRevoke(LeaseRevokeRequest { id })), None)
        }
        Place::LeaseKeep { lease, .. } => (Work::Beat { lease, report: None }, None),
        Place::Lock { .. } | Place::LockRead { .. } | Place::Unlock { .. } => {
            locks(place, inbound, query)?
        }
        Place::Campaign { .. } | Place::Leader { .. } | Place::Resign { .. } => {
            elections(place, inbound, query)?
        }
        Place::Permits { .. }
        | Place::Acquire { .. }
        | Place::SemaphoreRead { .. }
        | Place::Release { .. } => semaphores(place, inbound, query)?,
        Place::Raise { .. } | Place::BarrierRead { .. } | Place::Lift { .. } => {
            barriers(place, inbound, query)?
        }
        Place::Enter { .. } | Place::GatheringRead { .. } | Place::Leave { .. } => {
            gatherings(place, inbound, query)?
        }
        Place::Services { .. }
        | Place::Register { .. }
        | Place::Deregister { .. }
        | Place::Heartbeat { .. } => services(place, inbound, query)?,
    };
    Ok(Job { keyspace, asked, guards, work, wait })
}

/// The work, and what to wait for.
type Planned = (Work, Option<(Goal, Duration)>);

fn leases(place: &Place, inbound: &Inbound<'_>) -> Result<Work, Problem> {
    if matches!(place, Place::LeaseList { .. }) {
        return Ok(Work::Ask(Ask::LeaseLeases(LeaseLeasesRequest {})));
    }
    let body = Body::read(inbound)?;
    let ttl = seconds(body.ttl.as_deref().ok_or_else(|| wrong("ttl"))?)?;
    let id = body.id.as_deref().map(lease_id).transpose()?.unwrap_or(0);
    Ok(Work::Act(Act::LeaseGrant(LeaseGrantRequest { ttl, id })))
}

fn locks(place: Place, inbound: &Inbound<'_>, query: &mut Query) -> Result<Planned, Problem> {
    Ok(match place {
        Place::Lock { name, .. } => {
            let body = Body::read(inbound)?;
            let (lease, wait) = (body.lease()?, body.wait(inbound)?);
            let goal = Goal::First { name: name.clone(), lease };
            (Work::Act(Act::Lock(LockRequest { name, lease })), Some((goal, wait)))
        }
        Place::Unlock { name, .. } => (leave(name, query)?, None),
        Place::LockRead { name, .. } => (Work::Ask(Ask::Queue(QueueRequest { name })), None),
        _ => (Work::Look, None),
    })
}

/// Gives up the place of a lease, if it still is the one that a token names.
fn leave(name: Bytes, query: &mut Query) -> Result<Work, Problem> {
    let (lease, token) = (needed(query)?, revision(query, "token")?);
    let key = Bytes::from(goal::place(&name, lease));
    Ok(Work::Act(match token {
        0 => Act::DeleteRange(DeleteRangeRequest { key, ..DeleteRangeRequest::default() }),
        rev => Act::Resign(ResignRequest { leader: Some(LeaderKey { name, key, rev, lease }) }),
    }))
}

fn elections(place: Place, inbound: &Inbound<'_>, query: &mut Query) -> Result<Planned, Problem> {
    Ok(match place {
        Place::Campaign { name, .. } => {
            let body = Body::read(inbound)?;
            let (lease, value, wait) = (body.lease()?, body.value()?, body.wait(inbound)?);
            let goal = Goal::First { name: name.clone(), lease };
            (Work::Act(Act::Campaign(CampaignRequest { name, lease, value })), Some((goal, wait)))
        }
        Place::Resign { name, .. } => (leave(name, query)?, None),
        Place::Leader { name, .. } => {
            let after = revision(query, "after")?;
            let wait = within(query.duration("wait")?, inbound)?;
            (Work::Look, Some((Goal::Leader { name, after }, wait)))
        }
        _ => (Work::Look, None),
    })
}

fn semaphores(place: Place, inbound: &Inbound<'_>, query: &mut Query) -> Result<Planned, Problem> {
    Ok(match place {
        Place::Permits { name, .. } => {
            let limit = Body::read(inbound)?.permits.ok_or_else(|| wrong("permits"))?;
            (recipe(RecipeAct::Permits(PermitsRequest { name, limit })), None)
        }
        Place::Acquire { name, .. } => {
            let body = Body::read(inbound)?;
            let (lease, wait) = (body.lease()?, body.wait(inbound)?);
            let (permits, limit) = (body.permits.unwrap_or(1), body.limit.unwrap_or(0));
            let goal = Goal::Permits { name: name.clone(), lease };
            let acquire = AcquireRequest { name, lease, permits, limit };
            (recipe(RecipeAct::Acquire(acquire)), Some((goal, wait)))
        }
        Place::Release { name, .. } => {
            let (lease, token) = (needed(query)?, revision(query, "token")?);
            (recipe(RecipeAct::Release(ReleaseRequest { name, lease, token })), None)
        }
        Place::SemaphoreRead { name, .. } => {
            (question(RecipeAsk::Semaphore(SemaphoreRequest { name })), None)
        }
        _ => (Work::Look, None),
    })
}

fn barriers(place: Place, inbound: &Inbound<'_>, query: &mut Query) -> Result<Planned, Problem> {
    Ok(match place {
        Place::Raise { name, .. } => {
            let lease = lease(query)?.unwrap_or(0);
            (recipe(RecipeAct::Raise(RaiseRequest { name, lease })), None)
        }
        Place::Lift { name, .. } => (recipe(RecipeAct::Lift(LiftRequest { name })), None),
        Place::BarrierRead { name, .. } => match query.duration("wait")? {
            None => (question(RecipeAsk::Barrier(BarrierRequest { name })), None),
            wait => (Work::Look, Some((Goal::Down { name }, within(wait, inbound)?))),
        },
        _ => (Work::Look, None),
    })
}

fn gatherings(place: Place, inbound: &Inbound<'_>, query: &mut Query) -> Result<Planned, Problem> {
    Ok(match place {
        Place::Enter { name, .. } => {
            let body = Body::read(inbound)?;
            let (lease, wait) = (body.lease()?, body.wait(inbound)?);
            let count = body.count.ok_or_else(|| wrong("count"))?;
            let goal = Goal::Open { name: name.clone(), lease };
            (recipe(RecipeAct::Enter(EnterRequest { name, lease, count })), Some((goal, wait)))
        }
        Place::Leave { name, .. } => {
            let (lease, wait) = (needed(query)?, within(query.duration("wait")?, inbound)?);
            let goal = Goal::Left { name: name.clone() };
            (recipe(RecipeAct::Leave(LeaveRequest { name, lease })), Some((goal, wait)))
        }
        Place::GatheringRead { name, .. } => {
            let lease = lease(query)?.unwrap_or(0);
            (question(RecipeAsk::Gathering(GatheringRequest { name, lease })), None)
        }
        _ => (Work::Look, None),
    })
}

fn services(place: Place, inbound: &Inbound<'_>, query: &mut Query) -> Result<Planned, Problem> {
    Ok(match place {
        Place::Services { service, .. } => {
            let (passing, after) = (query.switch("passing")?, revision(query, "after")?);
            let cursor = query.bytes("cursor").unwrap_or_default();
            let limit = query.number("limit")?.unwrap_or(0);
            let request = ServicesRequest { service, passing, after: cursor.into(), limit };
            match within(query.duration("wait")?, inbound)? {
                wait if after > 0 => (Work::Look, Some((Goal::Newer { request, after }, wait))),
                _ => (question(RecipeAsk::Services(request)), None),
            }
        }
        Place::Register { service, instance, .. } => {
            let health = health(query.text("health")?.as_deref())?;
            let note = query.bytes("note").unwrap_or_default().into();
            let (lease, ttl) = (lease(query)?, query.text("ttl")?);
            let value = inbound.body.clone();
            let register = RegisterRequest { service, instance, lease: 0, value, health, note };
            let act = |lease| RecipeAct::Register(RegisterRequest { lease, ..register.clone() });
            match (lease, ttl) {
                (Some(lease), None) => (recipe(act(lease)), None),
                (None, Some(ttl)) => {
                    let grant = LeaseGrantRequest { ttl: seconds(&ttl)?, id: 0 };
                    let act = Act::Recipe(RecipeRequest { act: Some(act(0)) });
                    (Work::Under { grant, act }, None)
                }
                _ => {
                    let detail = "give either the lease that it ends with, or a ttl for a new one";
                    return Err(Problem::new(Code::INVALID_PARAMETER, detail));
                }
            }
        }
        Place::Deregister { service, instance, .. } => {
            let lease = lease(query)?.unwrap_or(0);
            let request = DeregisterRequest { service, instance, lease };
            (recipe(RecipeAct::Deregister(request)), None)
        }
        Place::Heartbeat { service, instance, .. } => {
            let body = Body::read(inbound)?;
            let lease = body.lease()?;
            let note = Bytes::from(body.note.clone().unwrap_or_default());
            let is = body.health.as_deref().map(|text| health(Some(text))).transpose()?;
            let report = is.map(|health| ReportRequest { service, instance, lease, health, note });
            (Work::Beat { lease, report }, None)
        }
        _ => (Work::Look, None),
    })
}

/// Reads a key.
pub fn key_get(asked: Asked, keyspace: String, key: Bytes) -> Job {
    let ask = Ask::Range(RangeRequest { key, ..RangeRequest::default() });
    Job { keyspace, asked, guards: Vec::new(), work: Work::Ask(ask), wait: None }
}

/// Sets a key, under a lease if one is given, if the conditions hold. `None` if only a keyspace of
/// another program can do it: the condition names a version.
pub fn key_put(
    asked: Asked,
    inbound: &Inbound<'_>,
    query: &mut Query,
    keyspace: String,
    key: Bytes,
) -> Result<Option<Job>, Problem> {
    let (matches, none) = evidence::conditions(inbound.headers)?;
    let (guards, lease) = (guards(inbound.headers)?, lease(query)?.unwrap_or(0));
    if matches!(matches.or(none), Some(Tag::Version(_))) && guards.is_empty() && lease == 0 {
        return Ok(None);
    }
    let value = inbound.body.clone();
    let put = PutRequest { key: key.clone(), value, lease, ..PutRequest::default() };
    let work = match none {
        Some(Tag::Any) => {
            let (value, sequential) = (put.value, false);
            recipe(RecipeAct::Create(CreateRequest { key, value, lease, sequential }))
        }
        Some(_) => return Err(evidence::refuse("If-None-Match of a write is * and alone")),
        None => Work::Act(conditional(matches, key, Request::RequestPut(put))?),
    };
    Ok(Some(Job { keyspace, asked, guards, work, wait: None }))
}

/// Removes a key, if the condition holds. `None` as above.
pub fn key_delete(
    asked: Asked,
    inbound: &Inbound<'_>,
    keyspace: String,
    key: Bytes,
) -> Result<Option<Job>, Problem> {
    let (matches, _) = evidence::conditions(inbound.headers)?;
    let guards = guards(inbound.headers)?;
    if matches!(matches, Some(Tag::Version(_))) && guards.is_empty() {
        return Ok(None);
    }
    let delete = DeleteRangeRequest { key: key.clone(), ..DeleteRangeRequest::default() };
    let work = Work::Act(conditional(matches, key, Request::RequestDeleteRange(delete))?);
    Ok(Some(Job { keyspace, asked, guards, work, wait: None }))
}

/// An operation, alone or if its key is as a tag says.
fn conditional(matches: Option<Tag>, key: Bytes, request: Request) -> Result<Act, Problem> {
    let (target, result, operand) = match matches {
        None => {
            return Ok(match request {
                Request::RequestPut(put) => Act::Put(put),
                Request::RequestDeleteRange(delete) => Act::DeleteRange(delete),
                other => Act::Txn(TxnRequest {
                    success: vec![RequestOp { request: Some(other) }],
                    ..TxnRequest::default()
                }),
            });
        }
        Some(Tag::Any) => (CompareTarget::Version, CompareResult::Greater, TargetUnion::Version(0)),
        Some(Tag::Revision(at)) => {
            (CompareTarget::Mod, CompareResult::Equal, TargetUnion::ModRevision(at))
        }
        Some(Tag::Version(_)) => {
            return Err(evidence::refuse("a key of a coordination keyspace has ETags like \"r7\""));
        }
    };
    let compare = Compare {
        target: target as i32,
        result: result as i32,
        key,
        target_union: Some(operand),
        range_end: Bytes::new(),
    };
    let success = vec![RequestOp { request: Some(request) }];
    Ok(Act::Txn(TxnRequest { compare: vec![compare], success, failure: Vec::new() }))
}
