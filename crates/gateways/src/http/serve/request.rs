//! One request: read, planned, asked, rendered.

use std::sync::{Arc, OnceLock};

use database::{
    Answer, Request,
    api::{Fate, Trace},
};
use http_body_util::Full;
use hyper::{
    Method, StatusCode,
    body::Incoming,
    header::{ACCEPT, CONNECTION, HeaderValue, UPGRADE},
    http::request::Parts,
    upgrade::OnUpgrade,
};

use super::{Flow, Limits, Shared, body, follow, recipe};
use crate::{
    Backend, Pages, ambient,
    http::{
        Problem, Response,
        code::Code,
        evidence, exposition,
        map::{self, Expect, Inbound, Plan},
        recipe::Place,
        reply::{self, Surroundings},
        route::{self, Route},
    },
    measure::Timed,
    pages::{self, Content, Visit},
};
use vigil::{Outcome, Question};

/// Answers a request, whatever it is. One that makes a pipe of its connection leaves the connection
/// in `upgrade`.
pub async fn respond<B: Backend>(
    shared: &Shared<B>,
    mut request: hyper::Request<Incoming>,
    upgrade: &OnceLock<OnUpgrade>,
) -> hyper::Response<Flow> {
    let mut timed = shared.meters.begin(route::NONE, ambient::now());
    if asks_for_pipe(&request) {
        timed.turns_out(Route::Pipe.operation(request.method()));
        let _ = upgrade.set(hyper::upgrade::on(&mut request));
        told(shared, timed, 101);
        return reply::pipe().map(Flow::from);
    }
    let (head, body) = request.into_parts();
    if let Some(pages) = page(&shared.backend, &head) {
        timed.turns_out(route::PAGE);
        let response = show(shared, &*pages, head, body).await;
        told(shared, timed, response.status().as_u16());
        return response;
    }
    let echo = map::echo(&head.headers);
    let mut trace = echo.trace;
    let mut response = match carry_out(shared, &head, body, &mut timed, &mut trace).await {
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
            response.map(Flow::from)
        }
    };
    evidence::insert_trace(response.headers_mut(), trace);
    told(shared, timed, response.status().as_u16());
    response
}

/// A request was answered.
fn told<B>(shared: &Shared<B>, timed: Timed, status: u16) {
    shared.tally.response(status);
    timed.end(Outcome::of_status(status), ambient::now());
}

/// Who shows a page for this request, if it asks for none of the API's documents. A program that
/// asks for `/` gets the list of links that it always got.
fn page<B: Backend>(backend: &B, head: &Parts) -> Option<Arc<dyn Pages>> {
    let path = head.uri.path();
    let accepts = head.headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let person = accepts.is_some_and(|types| types.contains("text/html"));
    if pages::is_api(path) || path == "/" && !person { None } else { backend.pages() }
}

async fn show<B: Backend>(
    shared: &Shared<B>,
    pages: &dyn Pages,
    head: Parts,
    body: Incoming,
) -> hyper::Response<Flow> {
    let limits = &shared.limits;
    let mut held = shared.bodies.hold();
    let max = limits.document_bytes_max;
    let body = match body::read(body, max, &mut held, limits.body_timeout).await {
        Ok(body) => body,
        Err(problem) => return reply::failed(&problem, &|_| None).map(Flow::from),
    };
    let visit = Visit {
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        method: head.method,
        headers: head.headers,
        body,
    };
    let shown = pages.visit(visit).await;
    let mut response = hyper::Response::new(match shown.content {
        Content::Whole(bytes) => Flow::from(Full::new(bytes)),
        Content::Stream(pieces) => Flow::stream(pieces, shared.stopped.clone()),
    });
    *response.status_mut() = StatusCode::from_u16(shown.status).unwrap_or_default();
    for (name, value) in shown.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn asks_for_pipe(request: &hyper::Request<Incoming>) -> bool {
    let asked = request.headers().get(UPGRADE);
    request.method() == Method::GET
        && request.uri().path() == client::pipe::PATH
        && asked.is_some_and(|name| name.as_bytes() == client::pipe::UPGRADE.as_bytes())
}

async fn carry_out<B: Backend>(
    shared: &Shared<B>,
    head: &Parts,
    body: Incoming,
    timed: &mut Timed,
    trace: &mut Trace,
) -> Result<hyper::Response<Flow>, Problem> {
    let route = route::parse(&head.method, head.uri.path())?;
    timed.turns_out(route.operation(&head.method));
    let limits = &shared.limits;
    let mut held = shared.bodies.hold();
    let body = body::read(body, room(&route, limits), &mut held, limits.body_timeout).await?;
    let inbound = Inbound { query: head.uri.query(), headers: &head.headers, body, limits };
    let backend = &shared.backend;
    let mut plan = map::plan(route, inbound)?;
    name(backend, &mut plan, trace);
    let response = match plan {
        Plan::Observe(Question::Events(filter)) if follow::asked(&head.headers) => {
            return Ok(follow::events(shared, filter, &head.headers));
        }
        Plan::Ask(request, expect) => ask(backend, request, expect).await,
        Plan::Either(request, expect, job) => {
            let answer = backend.ask(request).await;
            match recipe::is_mismatch(&answer) {
                true => recipe::carry_out(shared, *job).await,
                false => {
                    let http_of = &|node| backend.http_of(node);
                    reply::render(expect, answer, &Surroundings { http_of, keyspaces: &[] })
                }
            }
        }
        Plan::Recipe(job) => recipe::carry_out(shared, *job).await,
        Plan::Ready => reply::ready(backend.ask(Request::Cluster).await),
        Plan::Fixed(fixed) => Ok(reply::fixed(fixed)),
        Plan::Metrics => {
            let text = shared.tally.text(&backend.metrics());
            Ok(match exposition::wants_open(&head.headers) {
                true => reply::with_body(200, exposition::OPEN, text.into()),
                false => {
                    reply::with_body(200, exposition::CLASSIC, exposition::classic(&text).into())
                }
            })
        }
        Plan::Observe(question) => match backend.observe(question).await {
            Some(document) => Ok(reply::with_body(200, "application/json", document.into())),
            None => Err(Problem::new(Code::ROUTE_NOT_FOUND, "no node knows of it (any more)")),
        },
        Plan::Chaos(_) if !backend.chaos_on() => {
            Err(Problem::new(Code::CHAOS_OFF, "start the server with chaos on"))
        }
        Plan::Chaos(fault) => match backend.chaos(fault).await {
            Ok(()) => Ok(reply::json(200, &serde_json::json!({ "injected": true }))),
            Err(reason) => Err(Problem::new(Code::CHAOS_FAILED, reason)),
        },
    };
    response.map(|response| response.map(Flow::from))
}

/// Names a request that came without a trace, so that its answer can tell under which it is found.
fn name<B: Backend>(backend: &B, plan: &mut Plan, trace: &mut Trace) {
    if trace.trace_id != 0 {
        return;
    }
    match plan {
        Plan::Ask(Request::Call(call), _) => {
            *trace = backend.trace();
            call.trace = *trace;
        }
        Plan::Either(Request::Call(call), _, job) => {
            *trace = backend.trace();
            (call.trace, job.asked.trace) = (*trace, *trace);
        }
        Plan::Recipe(job) => {
            *trace = backend.trace();
            job.asked.trace = *trace;
        }
        _ => {}
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
        Route::Put { .. } | Route::Recipe(Place::KeyCreate { .. } | Place::Register { .. }) => {
            limits.value_bytes_max
        }
        _ => limits.document_bytes_max,
    }
}
