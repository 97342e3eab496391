//! Keys and values.

use client::document::{self, split};
use database::api::Done;
use kernel::{Incarnation, Version, clock::hybrid::Timestamp};
use layers::kv::{Item, QueryReply, Reply};

use super::super::{
    Problem, Response,
    code::Code,
    cursor::Cursor,
    evidence::{self, Tag},
};
use super::{Surroundings, empty, internal, json, refused, tag, vouch, with_body};

pub fn put(done: &Done, around: &Surroundings<'_>) -> Result<Response, Problem> {
    let reply = carried_out(done)?;
    let existed = reply.outcomes.first().is_some_and(|outcome| outcome.existed);
    let mut response = empty(if existed { 204 } else { 201 });
    if let Some(version) = Version::from_bytes(&reply.version) {
        tag(&mut response, version);
    }
    vouch(&mut response, done, around);
    Ok(response)
}

pub fn delete(done: &Done, around: &Surroundings<'_>) -> Result<Response, Problem> {
    let reply = carried_out(done)?;
    let existed = reply.outcomes.first().is_some_and(|outcome| outcome.existed);
    let mut response = empty(204);
    let text = if existed { "true" } else { "false" };
    evidence::insert(response.headers_mut(), evidence::EXISTED, text);
    vouch(&mut response, done, around);
    Ok(response)
}

pub fn batch(done: &Done, around: &Surroundings<'_>) -> Result<Response, Problem> {
    let reply = carried_out(done)?;
    let outcome = |outcome: &layers::kv::Outcome| document::Outcome {
        existed: outcome.existed,
        previous: Version::from_bytes(&outcome.previous).map(|version| version.to_string()),
    };
    let version = Version::from_bytes(&reply.version).unwrap_or_default();
    let document = document::BatchReply {
        version: version.to_string(),
        outcomes: reply.outcomes.iter().map(outcome).collect(),
    };
    let mut response = json(200, &document);
    vouch(&mut response, done, around);
    Ok(response)
}

/// The reply, unless a condition did not hold.
pub fn carried_out(done: &Done) -> Result<Reply, Problem> {
    let reply = Reply::read(&done.body).map_err(|e| internal(e.to_string()))?;
    match reply.refusal() {
        None => Ok(reply),
        Some(detail) => Err(Problem {
            current: reply.found(),
            operation: Some(reply.conflict),
            ..refused(done, Code::CONDITION_FAILED, detail)
        }),
    }
}

pub fn get(
    done: &Done,
    matches: Option<Tag>,
    none_match: Option<Tag>,
    around: &Surroundings<'_>,
) -> Result<Response, Problem> {
    let reply = QueryReply::read(&done.body).map_err(|e| internal(e.to_string()))?;
    let item = reply.items.into_iter().next();
    let version = item.as_ref().map(version);
    let same = |tag: Tag| match tag {
        Tag::Any => version.is_some(),
        Tag::Version(asked) => version == Some(asked),
        Tag::Revision(_) => false,
    };
    if matches.is_some_and(|tag| !same(tag)) {
        let detail = "the key has another version or does not exist";
        return Err(Problem { current: version, ..refused(done, Code::CONDITION_FAILED, detail) });
    }
    let mut response = match item {
        None => refused(done, Code::KEY_NOT_FOUND, "the key does not exist").response(&|_| None),
        Some(_) if none_match.is_some_and(same) => empty(304),
        Some(item) => {
            let deadline = item.deadline;
            let mut response = with_body(200, "application/octet-stream", item.value);
            if deadline > 0 {
                let millis = Timestamp(deadline).millis().to_string();
                evidence::insert(response.headers_mut(), evidence::EXPIRES, &millis);
            }
            response
        }
    };
    if let Some(version) = version {
        tag(&mut response, version);
    }
    vouch(&mut response, done, around);
    Ok(response)
}

pub fn scan(
    done: &Done,
    keys_only: bool,
    incarnation: Option<Incarnation>,
    around: &Surroundings<'_>,
) -> Result<Response, Problem> {
    if incarnation.is_some_and(|of| of != done.receipt.incarnation) {
        let detail = "history was cut since the first page was read: start the scan again";
        return Err(refused(done, Code::CURSOR_INCARNATION, detail));
    }
    let reply = QueryReply::read(&done.body).map_err(|e| internal(e.to_string()))?;
    let last = reply.items.last().filter(|_| reply.more);
    let cursor = last.map(|item| {
        Cursor { incarnation: done.receipt.incarnation, after: item.key.clone() }.text()
    });
    let items = reply.items.iter().map(|item| page_item(item, keys_only)).collect();
    let mut response = json(200, &document::Page { items, cursor });
    vouch(&mut response, done, around);
    Ok(response)
}

pub fn history(done: &Done, key: &[u8], around: &Surroundings<'_>) -> Result<Response, Problem> {
    let reply = QueryReply::read(&done.body).map_err(|e| internal(e.to_string()))?;
    let revision = |item: &Item| {
        let (value, value_base64) = split(&item.value);
        let until = Version::from_bytes(&item.until).map(|version| version.to_string());
        let (version, expires_ms) = (version(item).to_string(), expires(item));
        document::Revision { value, value_base64, version, until, expires_ms }
    };
    let last = reply.items.last().filter(|_| reply.more);
    let (key, key_base64) = split(key);
    let before = last.map(|item| version(item).to_string());
    let versions = reply.items.iter().map(revision).collect();
    let mut response = json(200, &document::History { key, key_base64, versions, before });
    vouch(&mut response, done, around);
    Ok(response)
}

fn expires(item: &Item) -> Option<u64> {
    (item.deadline > 0).then(|| Timestamp(item.deadline).millis())
}

fn page_item(item: &Item, keys_only: bool) -> document::Item {
    let (key, key_base64) = split(&item.key);
    let (value, value_base64) = if keys_only { (None, None) } else { split(&item.value) };
    let expires_ms = expires(item);
    let version = version(item).to_string();
    document::Item { key, key_base64, value, value_base64, version, expires_ms }
}

fn version(item: &Item) -> Version {
    Version::from_bytes(&item.version).unwrap_or_default()
}
