//! One request: read, planned, asked, rendered.

use bytes::Bytes;
use database::{Answer, Request, api::Fate};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    body::{Body, Incoming},
    header::{CONNECTION, HeaderValue},
    http::request::Parts,
};
use kernel::Duration;

use super::{Limits, Shared};
use crate::{
    Backend, ambient,
    http::{
        Problem, Response,
        code::Code,
        evidence,
        map::{self, Expect, Inbound, Plan},
        reply::{self, Surroundings},
        route::{self, Route},
    },
};

/// Answers a request, whatever it is.
pub async fn respond<B: Backend>(
    shared: &Shared<B>,
    request: hyper::Request<Incoming>,
) -> Response {
    let (head, body) = request.into_parts();
    let echo = map::echo(&head.headers);
    let mut response = match carry_out(shared, &head, body).await {
        Ok(response) => response,
        Err(mut problem) => {
            if problem.request_id.is_none() {
                problem.request_id = echo.request_id.as_ref().map(Into::into);
            }
            let mut response = reply::failed(&problem, &|node| shared.backend.http_of(node));
            if [Code::TOO_LARGE, Code::REQUEST_TIMEOUT].contains(&problem.code) {
                // The rest of the body is not worth reading.
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        }
    };
    evidence::insert_trace(response.headers_mut(), echo.trace);
    shared.tally.response(response.status().as_u16());
    response
}

async fn carry_out<B: Backend>(
    shared: &Shared<B>,
    head: &Parts,
    body: Incoming,
) -> Result<Response, Problem> {
    let route = route::parse(&head.method, head.uri.path())?;
    let limits = &shared.limits;
    let body = read(body, room(&route, limits), limits.body_timeout).await?;
    let inbound = Inbound { query: head.uri.query(), headers: &head.headers, body, limits };
    let backend = &shared.backend;
    match map::plan(route, inbound)? {
        Plan::Ask(request, expect) => ask(backend, request, expect).await,
        Plan::Ready => reply::ready(backend.ask(Request::Cluster).await),
        Plan::Fixed(fixed) => Ok(reply::fixed(fixed)),
        Plan::Metrics => {
            let text = shared.tally.text(&backend.metrics());
            Ok(reply::with_body(200, "text/plain; version=0.0.4; charset=utf-8", text.into()))
        }
        Plan::Chaos(_) if !backend.chaos_on() => {
            Err(Problem::new(Code::CHAOS_OFF, "start the server with chaos on"))
        }
        Plan::Chaos(fault) => match backend.chaos(fault).await {
            Ok(()) => Ok(reply::json(200, &serde_json::json!({ "injected": true }))),
            Err(reason) => Err(Problem::new(Code::CHAOS_FAILED, reason)),
        },
    }
}

async fn ask<B: Backend>(
    backend: &B,
    request: Request,
    expect: Expect,
) -> Result<Response, Problem> {
    let answer = backend.ask(request).await;
    // Only the keyspace knows how the reply of a lost answer reads.
    let keyspaces = match answer {
        Answer::Fate(Fate::Done(_)) => match backend.ask(Request::Keyspaces).await {
            Answer::Keyspaces(all) => all,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let around = Surroundings { http_of: &|node| backend.http_of(node), keyspaces: &keyspaces };
    reply::render(expect, answer, &around)
}

/// How many bytes the body of a route may have.
fn room(route: &Route, limits: &Limits) -> usize {
    match route {
        Route::Put { .. } => limits.value_bytes_max,
        _ => limits.document_bytes_max,
    }
}

async fn read(body: Incoming, max: usize, patience: Duration) -> Result<Bytes, Problem> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let too_large =
        || Problem::new(Code::TOO_LARGE, format!("a body here has at most {max} bytes"));
    if body.size_hint().lower() > max as u64 {
        return Err(too_large());
    }
    match ambient::within(patience, Limited::new(body, max).collect()).await {
        Some(Ok(body)) => Ok(body.to_bytes()),
        Some(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Some(Err(error)) => {
            Err(Problem::new(Code::INVALID_BODY, format!("the body ends: {error}")))
        }
        None => Err(Problem::new(Code::REQUEST_TIMEOUT, "the body did not arrive in time")),
    }
}
