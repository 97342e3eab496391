//! Counters.

use client::document::Count;
use database::api::Done;
use kernel::Version;
use layers::counter::Reply;

use super::super::{Problem, Response, code::Code};
use super::{Surroundings, internal, json, refused, tag, vouch};

/// An increment and a read are answered alike.
pub fn count(done: &Done, around: &Surroundings<'_>) -> Result<Response, Problem> {
    let reply = carried_out(done)?;
    let version = Version::from_bytes(&reply.version);
    let count = Count { value: reply.value, version: version.map(|version| version.to_string()) };
    let mut response = json(200, &count);
    if let Some(version) = version {
        tag(&mut response, version);
    }
    vouch(&mut response, done, around);
    Ok(response)
}

/// The reply, unless the sum would have left its range.
pub fn carried_out(done: &Done) -> Result<Reply, Problem> {
    let reply = Reply::read(&done.body).map_err(|e| internal(e.to_string()))?;
    match reply.refusal() {
        None => Ok(reply),
        Some(detail) => Err(refused(done, Code::COUNTER_OVERFLOW, detail)),
    }
}
