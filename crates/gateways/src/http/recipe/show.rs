//! From outcomes and answers to responses.

use bytes::Bytes;
use client::document::split;
use database::api::Done;
use layers::coordination::{
    Answer, CampaignResponse, Gathering, Health, Instance, KeyValue, LockResponse, Outcome,
    RangeResponse, RecipeFound, RecipeOutcome, Response as OpResponse, ResponseHeader, Seat,
    TxnResponse,
};
use serde_json::{Map, Value, json};

use super::super::{
    Problem, Response,
    code::Code,
    evidence,
    reply::{self, Surroundings},
};
use super::{Goal, goal};

/// What was seen.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "each is moved once")]
pub enum Seen {
    /// A place in the queue of a lock.
    Lock(LockResponse),
    /// A candidacy.
    Campaign(CampaignResponse),
    /// A recipe, at a revision.
    Recipe(i64, RecipeOutcome),
    /// Another command.
    Outcome(Outcome),
    /// The answer to a question.
    Answer(Answer),
    /// A lease was kept alive for so many seconds, and whether anything was changed beside.
    Kept(i64, i64, bool),
    /// A lease was granted for what was registered.
    Granted(i64, i64),
}

impl From<Outcome> for Seen {
    fn from(outcome: Outcome) -> Seen {
        match outcome {
            Outcome::Lock(lock) => Seen::Lock(lock),
            Outcome::Campaign(campaign) => Seen::Campaign(campaign),
            Outcome::Recipe(recipe) if recipe.outcome.is_some() => {
                let at = at(recipe.header);
                recipe.outcome.map_or(Seen::Granted(0, 0), |outcome| Seen::Recipe(at, outcome))
            }
            other => Seen::Outcome(other),
        }
    }
}

fn at(header: Option<ResponseHeader>) -> i64 {
    header.map_or(0, |header| header.revision)
}

/// A lease as it stands in keys.
pub fn hex(lease: i64) -> String {
    let sign = if lease < 0 { "-" } else { "" };
    format!("{sign}{:x}", lease.unsigned_abs())
}

/// Renders what was seen.
///
/// # Errors
/// If it says that nothing was changed, or that what was asked for is not there.
pub fn show(
    seen: Seen,
    goal: Option<&Goal>,
    done: &Done,
    around: &Surroundings<'_>,
) -> Result<Response, Problem> {
    let mut response = match seen {
        Seen::Lock(lock) => place(&lock.key, lock.token, lock.held, at(lock.header)),
        Seen::Campaign(campaign) => {
            let leader = campaign.leader.unwrap_or_default();
            place(&leader.key, leader.rev, campaign.elected, at(campaign.header))
        }
        Seen::Recipe(revision, outcome) => recipe(revision, outcome, goal),
        Seen::Outcome(outcome) => outcome_of(outcome, done)?,
        Seen::Answer(answer) => answer_of(answer, goal)?,
        Seen::Kept(lease, ttl_s, changed) => {
            reply::json(200, &json!({ "lease": hex(lease), "ttl_s": ttl_s, "changed": changed }))
        }
        Seen::Granted(lease, ttl_s) => {
            reply::json(201, &json!({ "lease": hex(lease), "ttl_s": ttl_s, "changed": true }))
        }
    };
    reply::vouch(&mut response, done, around);
    Ok(response)
}

/// 200 for who has what he asked for, 202 for who has a place and waits.
fn waiting(ready: bool, document: &Value) -> Response {
    reply::json(if ready { 200 } else { 202 }, document)
}

fn bytes(map: &mut Map<String, Value>, name: &str, bytes: &[u8]) {
    match split(bytes) {
        (Some(text), _) => map.insert(name.into(), text.into()),
        (None, encoded) => map.insert(format!("{name}_base64"), encoded.into()),
    };
}

fn with(name: &str, value: &[u8], document: Value) -> Value {
    match document {
        Value::Object(mut map) => {
            bytes(&mut map, name, value);
            Value::Object(map)
        }
        other => other,
    }
}

fn place(key: &[u8], token: i64, held: bool, revision: i64) -> Response {
    let document = json!({ "held": held, "token": token, "revision": revision });
    waiting(held, &with("key", key, document))
}

fn seat(seat: &Seat) -> Value {
    let document = json!({
        "held": seat.held,
        "token": seat.token,
        "permits": seat.permits,
        "lease": hex(seat.lease),
    });
    with("key", &seat.key, document)
}

fn recipe(revision: i64, outcome: RecipeOutcome, goal: Option<&Goal>) -> Response {
    match outcome {
        RecipeOutcome::Created(created) => {
            let document = json!({ "token": revision, "revision": revision });
            let mut response = reply::json(201, &with("key", &created.key, document));
            revision_tag(&mut response, revision);
            response
        }
        RecipeOutcome::Seat(found) => waiting(found.held, &seat(&found)),
        RecipeOutcome::Gathering(found) => gathering(&found, goal, revision),
        RecipeOutcome::Settled(settled) => {
            reply::json(200, &json!({ "changed": settled.changed, "revision": revision }))
        }
    }
}

fn gathering(found: &Gathering, goal: Option<&Goal>, revision: i64) -> Response {
    let ready = match goal {
        Some(Goal::Left { .. }) => found.members == 0,
        Some(_) => found.open,
        None => true,
    };
    let document = json!({
        "members": found.members,
        "count": found.count,
        "open": found.open,
        "member": found.member,
        "revision": revision,
    });
    waiting(ready, &document)
}

fn revision_tag(response: &mut Response, revision: i64) {
    let tag = format!("\"r{revision}\"");
    evidence::insert(response.headers_mut(), hyper::header::ETAG, &tag);
}

fn outcome_of(outcome: Outcome, done: &Done) -> Result<Response, Problem> {
    Ok(match outcome {
        Outcome::Put(put) => {
            let mut response = reply::empty(204);
            revision_tag(&mut response, at(put.header));
            response
        }
        Outcome::DeleteRange(deleted) => existed(deleted.deleted > 0),
        Outcome::Txn(txn) => conditional(&txn, done)?,
        Outcome::LeaseGrant(lease) => {
            reply::json(201, &json!({ "lease": hex(lease.id), "ttl_s": lease.ttl }))
        }
        _ => reply::empty(204),
    })
}

fn existed(existed: bool) -> Response {
    let mut response = reply::empty(204);
    let text = if existed { "true" } else { "false" };
    evidence::insert(response.headers_mut(), evidence::EXISTED, text);
    response
}

fn conditional(txn: &TxnResponse, done: &Done) -> Result<Response, Problem> {
    if !txn.succeeded {
        let detail = "the key has another revision, or does not exist; nothing was changed";
        return Err(reply::refused(done, Code::CONDITION_FAILED, detail));
    }
    let first = txn.responses.first().and_then(|op| op.response.as_ref());
    if let Some(OpResponse::ResponseDeleteRange(deleted)) = first {
        return Ok(existed(deleted.deleted > 0));
    }
    let mut response = reply::empty(204);
    revision_tag(&mut response, at(txn.header));
    Ok(response)
}

fn answer_of(answer: Answer, goal: Option<&Goal>) -> Result<Response, Problem> {
    Ok(match answer {
        Answer::Range(range) => return key(range),
        Answer::LeaseLeases(all) => {
            let leases: Vec<String> = all.leases.iter().map(|lease| hex(lease.id)).collect();
            reply::json(200, &json!({ "leases": leases }))
        }
        Answer::LeaseTimeToLive(left) if left.ttl < 0 => {
            return Err(Problem::new(Code::LEASE_NOT_FOUND, "there is no such lease"));
        }
        Answer::LeaseTimeToLive(left) => {
            let text = |key: &Bytes| String::from_utf8_lossy(key).into_owned();
            let keys: Vec<String> = left.keys.iter().map(text).collect();
            let (lease, granted) = (hex(left.id), left.granted_ttl);
            let left = left.ttl;
            let document =
                json!({ "lease": lease, "granted_s": granted, "left_s": left, "keys": keys });
            reply::json(200, &document)
        }
        Answer::Queue(queue) => {
            let revision = at(queue.header);
            return places(&queue.places, revision, goal);
        }
        Answer::Recipe(answer) => {
            let revision = at(answer.header);
            found(answer.found, revision, goal)?
        }
        _ => return Err(Problem::new(Code::INTERNAL, "an answer to another question")),
    })
}

/// A key as it is.
fn key(range: RangeResponse) -> Result<Response, Problem> {
    let missing = || Problem::new(Code::KEY_NOT_FOUND, "the key does not exist");
    let kv = range.kvs.into_iter().next().ok_or_else(missing)?;
    let mut response = reply::with_body(200, "application/octet-stream", kv.value);
    revision_tag(&mut response, kv.mod_revision);
    let headers = response.headers_mut();
    evidence::insert(headers, evidence::TOKEN, &kv.create_revision.to_string());
    if kv.lease != 0 {
        evidence::insert(headers, evidence::LEASE, &hex(kv.lease));
    }
    Ok(response)
}

fn standing(kv: &KeyValue) -> Value {
    let document = json!({
        "token": kv.create_revision,
        "lease": hex(kv.lease),
        "changed": kv.mod_revision,
    });
    with("value", &kv.value, with("key", &kv.key, document))
}

fn gone() -> Problem {
    let detail = "the place is gone: its lease has ended, or somebody gave it up";
    Problem::new(Code::LEASE_NOT_FOUND, detail)
}

/// A queue: of who waited for a place in it, that place; else all of it.
fn places(all: &[KeyValue], revision: i64, goal: Option<&Goal>) -> Result<Response, Problem> {
    match goal {
        Some(Goal::First { name, lease }) => {
            let key = goal::place(name, *lease);
            let at = all.iter().position(|kv| kv.key == key).ok_or_else(gone)?;
            Ok(place(&key, all[at].create_revision, at == 0, revision))
        }
        Some(Goal::Leader { after, .. }) => {
            let leader = all
                .first()
                .ok_or_else(|| Problem::new(Code::NO_CANDIDATE, "nobody stands in the election"))?;
            let (new, waits) = (leader.mod_revision > *after, all.len() - 1);
            let document = json!({ "leader": standing(leader), "waiting": waits });
            Ok(waiting(new, &revised(document, revision)))
        }
        _ => {
            let document = json!({
                "holder": all.first().map(standing),
                "waiting": all.iter().skip(1).map(standing).collect::<Vec<_>>(),
            });
            Ok(reply::json(200, &revised(document, revision)))
        }
    }
}

fn revised(mut document: Value, revision: i64) -> Value {
    document["revision"] = revision.into();
    document
}

fn found(
    found: Option<RecipeFound>,
    revision: i64,
    goal: Option<&Goal>,
) -> Result<Response, Problem> {
    Ok(match found {
        Some(RecipeFound::Semaphore(semaphore)) => match goal {
            Some(Goal::Permits { lease, .. }) => {
                let own = semaphore.seats.iter().find(|seat| seat.lease == *lease);
                let own = own.ok_or_else(gone)?;
                waiting(own.held, &seat(own))
            }
            _ if semaphore.limit == 0 && semaphore.seats.is_empty() => {
                let detail = "there is no such semaphore: say how many permits it has";
                return Err(Problem::new(Code::SEMAPHORE_NOT_FOUND, detail));
            }
            _ => {
                let seats: Vec<Value> = semaphore.seats.iter().map(seat).collect();
                let document = json!({ "permits": semaphore.limit, "places": seats });
                reply::json(200, &revised(document, revision))
            }
        },
        Some(RecipeFound::Barrier(barrier)) => {
            let lease = (barrier.lease != 0).then(|| hex(barrier.lease));
            let document =
                json!({ "raised": barrier.raised, "since": barrier.since, "lease": lease });
            waiting(goal.is_none() || !barrier.raised, &revised(document, revision))
        }
        Some(RecipeFound::Gathering(found)) => match goal {
            Some(Goal::Open { .. }) if !found.member => return Err(gone()),
            _ => gathering(&found, goal, revision),
        },
        Some(RecipeFound::Instances(page)) => {
            let instances: Vec<Value> = page.instances.iter().map(instance).collect();
            let cursor = page.more.then(|| String::from_utf8_lossy(&page.next).into_owned());
            let document = json!({ "instances": instances, "cursor": cursor });
            reply::json(200, &revised(document, revision))
        }
        None => return Err(Problem::new(Code::INTERNAL, "an answer that says nothing")),
    })
}

fn instance(instance: &Instance) -> Value {
    let health = match Health::try_from(instance.health) {
        Ok(Health::Passing) => "passing",
        Ok(Health::Warning) => "warning",
        Ok(Health::Critical) | Err(_) => "critical",
    };
    let document = json!({
        "service": instance.service,
        "instance": instance.instance,
        "health": health,
        "note": instance.note,
        "lease": hex(instance.lease),
        "since": instance.since,
        "changed": instance.changed,
    });
    with("value", &instance.value, document)
}
