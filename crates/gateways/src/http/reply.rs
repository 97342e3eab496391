//! From an answer to a response: pure, total.

mod catalog;
mod cluster;
mod counter;
mod fate;
mod kv;

use bytes::Bytes;
use database::{
    Answer,
    api::{Done, Keyspace},
};
use http_body_util::Full;
use hyper::{
    StatusCode,
    header::{CONNECTION, CONTENT_TYPE, ETAG, HeaderValue, UPGRADE},
};
use kernel::Version;
use serde::Serialize;

use super::{
    Problem, Response,
    code::Code,
    evidence::{self, HttpOf},
    map::{Expect, Fixed},
    openapi, problem,
};

pub use cluster::ready;

/// The room that rendering needs beside the answer.
pub struct Surroundings<'a> {
    /// Where nodes are.
    pub http_of: HttpOf<'a>,
    /// All keyspaces; only rendering a fate reads them.
    pub keyspaces: &'a [Keyspace],
}

/// Renders an answer.
///
/// # Errors
/// If the answer is a failure, or the reply of a program says that nothing was changed.
pub fn render(
    expect: Expect,
    answer: Answer,
    around: &Surroundings<'_>,
) -> Result<Response, Problem> {
    match (expect, answer) {
        (_, Answer::Failed(failure)) => Err(failure.into()),
        (Expect::Put, Answer::Done(done)) => kv::put(&done, around),
        (Expect::Get { matches, none_match }, Answer::Done(done)) => {
            kv::get(&done, matches, none_match, around)
        }
        (Expect::Delete, Answer::Done(done)) => kv::delete(&done, around),
        (Expect::Scan { keys_only, incarnation }, Answer::Done(done)) => {
            kv::scan(&done, keys_only, incarnation, around)
        }
        (Expect::History { key }, Answer::Done(done)) => kv::history(&done, &key, around),
        (Expect::Batch, Answer::Done(done)) => kv::batch(&done, around),
        (Expect::Increment | Expect::Count, Answer::Done(done)) => counter::count(&done, around),
        (Expect::Keyspaces, Answer::Keyspaces(all)) => Ok(catalog::list(&all)),
        (Expect::Keyspace { name }, Answer::Keyspaces(all)) => catalog::one(&name, &all),
        (Expect::Explain { name }, Answer::Keyspaces(all)) => catalog::explain(&name, &all),
        (Expect::KeyspacePut, Answer::Control { keyspace: Some(keyspace), changed }) => {
            Ok(catalog::put(&keyspace, changed))
        }
        (Expect::Control | Expect::KeyspacePut, Answer::Control { changed, .. }) => {
            Ok(catalog::changed(changed))
        }
        (Expect::Control, Answer::Ok) => Ok(catalog::changed(true)),
        (Expect::Fate { id }, Answer::Fate(fate)) => fate::render(&id, fate, around.keyspaces),
        (Expect::Cluster, Answer::Cluster(status)) => Ok(cluster::render(&status)),
        (_, other) => Err(internal(format!("unexpected answer: {other:?}"))),
    }
}

/// The connection goes on as a pipe.
pub fn pipe() -> Response {
    let mut response = empty(101);
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(client::pipe::UPGRADE));
    response
}

/// Renders what is always the same.
pub fn fixed(fixed: Fixed) -> Response {
    match fixed {
        Fixed::Index => text("text/plain; charset=utf-8", INDEX),
        Fixed::Health => text("text/plain; charset=utf-8", "ok\n"),
        Fixed::OpenApi => text("application/json", openapi::DOCUMENT),
        Fixed::Page(page) => text("text/markdown; charset=utf-8", page),
    }
}

const INDEX: &str = "\
Quorate: a distributed data platform.

  /v1/openapi.json        every route
  /v1/cluster             nodes and shards
  /v1/keyspaces           keyspaces and their contracts
  /v1/errors/{code}       what an error code means and what to do
  /healthz  /readyz       whether the process lives, whether it can serve
  /metrics                for Prometheus

  curl -X PUT  localhost:7070/v1/kv/default/hello -d world
  curl -i      localhost:7070/v1/kv/default/hello
  curl -X POST localhost:7070/v1/counters/counters/visits/increment
";

/// A response with a JSON body.
pub fn json(status: u16, document: &impl Serialize) -> Response {
    match serde_json::to_vec(document) {
        Ok(body) => with_body(status, "application/json", body.into()),
        Err(_) => with_body(500, "application/json", Bytes::from_static(b"{}")),
    }
}

/// A response with a body that never changes.
fn text(media: &'static str, body: &'static str) -> Response {
    with_body(200, media, Bytes::from_static(body.as_bytes()))
}

/// A response with a body.
pub fn with_body(status: u16, media: &'static str, body: Bytes) -> Response {
    let mut response = empty(status);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    *response.body_mut() = Full::new(body);
    response
}

pub(super) fn empty(status: u16) -> Response {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    response
}

/// Writes the evidence of an answer.
pub(super) fn vouch(response: &mut Response, done: &Done, around: &Surroundings<'_>) {
    let headers = response.headers_mut();
    headers.reserve(8);
    evidence::insert(headers, evidence::RECEIPT, &done.receipt.header());
    evidence::insert(headers, evidence::SESSION, &done.session.token());
    if let Some(id) = &done.request_id {
        evidence::insert(headers, evidence::IDEMPOTENCY_KEY, id.as_str());
    }
    if done.repeated {
        headers.insert(evidence::REPEATED, HeaderValue::from_static("true"));
    }
    evidence::insert_leader(headers, done.leader, around.http_of);
}

/// A problem found in the reply of a mutation that was carried out.
pub(super) fn refused(done: &Done, code: Code, detail: impl Into<String>) -> Problem {
    Problem {
        leader: done.leader,
        request_id: done.request_id.as_ref().map(Into::into),
        ..Problem::new(code, detail)
    }
}

fn tag(response: &mut Response, version: Version) {
    evidence::insert(response.headers_mut(), ETAG, &format!("\"{version}\""));
}

fn internal(detail: impl Into<String>) -> Problem {
    Problem::new(Code::INTERNAL, detail)
}

/// Renders a problem.
pub fn failed(problem: &problem::Problem, http_of: HttpOf<'_>) -> Response {
    problem.response(http_of)
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
