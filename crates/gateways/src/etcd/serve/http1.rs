//! One HTTP/1.1 connection: the JSON gateway, and what etcd tells by plain HTTP.

use std::{convert::Infallible, sync::Arc};

use bytes::{Bytes, BytesMut};
use hyper::{
    HeaderMap, Method as Verb, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use layers::coordination::Need;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{
    inbound::Inbound,
    lines::{Body, Lines, failed},
    reply::Reply,
    shared::Shared,
    task,
};
use crate::{
    Backend, ambient,
    etcd::{
        grpc::{self, Code, Messages, PREFIX, Status, prefix},
        guard,
        json::{Call, Route, read, route, write},
        map,
        method::{Method, Stream, Unary},
        service::{self, VERSION},
        terms::Terms,
        watch,
    },
    http::{Patient, insert_trace, read_body, trace},
};

/// The type of metrics.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Watches told of, if nobody says how many, and at most.
const WATCHES: usize = 100;
const WATCHES_MAX: usize = 10_000;
/// Headers of a request.
const HEADERS_MAX: usize = 64;

/// Serves a connection until either side closes it.
pub async fn run<B: Backend>(shared: Arc<Shared<B>>, stream: TcpStream) {
    let io = TokioIo::new(Patient::new(stream, shared.limits.write_timeout));
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(respond(&shared, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.limits.open_timeout)
        .max_headers(HEADERS_MAX)
        .max_buf_size(shared.limits.header_bytes_max as usize * 4)
        .serve_connection(io, service);
    tokio::pin!(connection);
    tokio::select! {
        // An error here is the client's doing.
        _ = connection.as_mut() => {}
        _ = shared.stopped() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn respond<B: Backend>(
    shared: &Arc<Shared<B>>,
    request: Request<Incoming>,
) -> Response<Body> {
    let Some(route) = route(request.uri().path()) else {
        return document(404, &failed(&Status::new(Code::NotFound, "Not Found")));
    };
    let told = match (route, request.method()) {
        (Route::Version, &Verb::GET) => {
            Ok(json!({ "etcdserver": VERSION, "etcdcluster": "3.5.0" }))
        }
        (Route::Health, &Verb::GET) => return health(shared).await,
        (Route::Metrics, &Verb::GET) => {
            let text = shared.backend.metrics();
            let mut response = respond_with(200, Body::Whole(Some(text.into())));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(METRICS));
            return response;
        }
        (Route::Watches, &Verb::GET) => watches(shared, &request).await,
        (Route::Call(call), &Verb::POST) => return carry_out(shared, call, request).await,
        _ => {
            let status = Status::new(Code::Unimplemented, "Method Not Allowed");
            return document(405, &failed(&status));
        }
    };
    answer(told)
}

fn answer(told: Result<Value, Status>) -> Response<Body> {
    match told {
        Ok(value) => document(200, &value),
        Err(status) => document(status.http(), &failed(&status)),
    }
}

fn document(status: u16, value: &Value) -> Response<Body> {
    respond_with(status, Body::Whole(Some(value.to_string().into())))
}

fn respond_with(status: u16, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

async fn health<B: Backend>(shared: &Shared<B>) -> Response<Body> {
    match watch::now(shared).await {
        Ok(_) => document(200, &json!({ "health": "true", "reason": "" })),
        Err(status) => document(503, &json!({ "health": "false", "reason": status.text })),
    }
}

/// The watches of this node that lag most: `?limit=`, 100 if not said. With auth, for root alone.
async fn watches<B: Backend>(
    shared: &Shared<B>,
    request: &Request<Incoming>,
) -> Result<Value, Status> {
    let limit = match request.uri().query().map(|query| query.strip_prefix("limit=")) {
        None => WATCHES,
        Some(said) => said
            .and_then(|said| said.parse().ok())
            .filter(|limit| (1..=WATCHES_MAX).contains(limit))
            .ok_or_else(|| {
                let text = format!("quorate: limit is a number from 1 to {WATCHES_MAX}");
                Status::new(Code::InvalidArgument, text)
            })?,
    };
    let who = shared.who(request.headers()).await?;
    shared.may(&who, Need::Root.into()).await?;
    Ok(shared.hub.survey(watch::now(shared).await?, limit).json())
}

async fn carry_out<B: Backend>(
    shared: &Arc<Shared<B>>,
    call: Call,
    request: Request<Incoming>,
) -> Response<Body> {
    let asked = request.headers().get("grpc-timeout").and_then(|v| grpc::timeout(v.as_bytes()));
    let headers = request.headers().clone();
    let timed = shared.meters.begin(call.method.operation(), ambient::now());
    let message = match receive(shared, call, request).await {
        Ok(message) => message,
        Err(status) => {
            shared.answered(timed, Some(&status), ambient::now());
            let mut response = answer(Err(status));
            insert_trace(response.headers_mut(), trace(&headers));
            return response;
        }
    };
    match call.method {
        Method::Stream(stream) => {
            let (reply, said) = Reply::task(shared.limits.write_timeout, timed);
            begin(shared, stream, headers, &message, reply);
            respond_with(200, Body::Lines(Lines::new(call.response, said)))
        }
        Method::Unary(unary) => {
            let most = shared.limits.timeout_max;
            let trace = shared.trace(&headers);
            let terms = Terms { timeout: asked.map_or(most, |asked| asked.min(most)), trace };
            let told = ask(shared, unary, &headers, &message, terms).await;
            shared.answered(timed, told.as_ref().err(), ambient::now());
            let mut response = answer(told.and_then(|bytes| {
                let broken = || Status::new(Code::Internal, "quorate: an answer that is none");
                write(call.response, bytes).ok_or_else(broken)
            }));
            insert_trace(response.headers_mut(), trace);
            response
        }
    }
}

async fn ask<B: Backend>(
    shared: &Arc<Shared<B>>,
    unary: Unary,
    headers: &HeaderMap,
    message: &Bytes,
    terms: Terms,
) -> Result<Bytes, Status> {
    let who = shared.who(headers).await?;
    let plan = guard::put(map::plan(unary, message, &who)?, guard::of(headers)?)?;
    let framed = service::unary(shared, unary, plan, &who, terms).await?;
    Ok(framed.slice(PREFIX..))
}

/// Reads the body and turns it into the message of the call.
async fn receive<B: Backend>(
    shared: &Shared<B>,
    call: Call,
    request: Request<Incoming>,
) -> Result<Bytes, Status> {
    // Base64 makes four bytes of three, and names come on top.
    let most = shared.limits.message_bytes_max * 2;
    let mut held = shared.room.hold();
    let body = read_body(request.into_body(), most, &mut held, shared.limits.message_timeout).await;
    let body = body.map_err(|problem| Status::new(Code::InvalidArgument, problem.detail))?;
    let value = match body.trim_ascii().is_empty() {
        true => json!({}),
        false => serde_json::from_slice(&body)
            .map_err(|error| Status::new(Code::InvalidArgument, format!("json: {error}")))?,
    };
    Ok(read(call.request, &value)?.into())
}

/// Begins a stream whose client has said everything in one message.
fn begin<B: Backend>(
    shared: &Arc<Shared<B>>,
    stream: Stream,
    headers: HeaderMap,
    message: &Bytes,
    reply: Reply,
) {
    let most = shared.limits.message_bytes_max;
    let mut framed = BytesMut::new();
    prefix(&mut framed, message.len());
    framed.extend_from_slice(message);
    let mut messages = Messages::new(most);
    messages.push(framed.freeze());
    task::run(Arc::clone(shared), stream, headers, Inbound::new(None, messages), reply);
}
