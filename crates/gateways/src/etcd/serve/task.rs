//! Calls that get a task of their own.

use std::{future::poll_fn, sync::Arc};

use bytes::Bytes;
use h2::RecvStream;
use hyper::HeaderMap;
use layers::coordination::Outcome;

use super::{
    connection::{Call, Open, Queued},
    inbound::{Inbound, ended_early},
    leader,
    reply::{Ended, Reply},
    shared::Shared,
};
use crate::{
    Backend,
    ambient::{self, Moment},
    etcd::{
        auth::{Doubt, Who},
        grpc::{Code, Messages, Status},
        guard,
        map::{self, Plan},
        method::Stream,
        service, watch,
    },
};

/// Serves a call with a stream.
pub fn stream<B: Backend>(
    shared: Arc<Shared<B>>,
    stream: Stream,
    headers: HeaderMap,
    body: RecvStream,
    reply: Reply,
) {
    let inbound = Inbound::new(Some(body), Messages::new(shared.limits.message_bytes_max));
    run(shared, stream, headers, inbound, reply);
}

/// The same, wherever its messages come from and its answer goes.
pub fn run<B: Backend>(
    shared: Arc<Shared<B>>,
    stream: Stream,
    headers: HeaderMap,
    inbound: Inbound,
    mut reply: Reply,
) {
    ambient::spawn(async move {
        let who = match shared.who(&headers).await {
            Ok(who) => who,
            Err(status) => return reply.end(status),
        };
        let led = leader::is_required(&headers);
        drop(headers);
        let ended = tokio::select! {
            ended = serve(&shared, stream, who, inbound, &mut reply) => ended,
            status = shared.leader.lost(), if led => Err(status.into()),
            status = shared.stopped() => Err(status.into()),
        };
        match ended {
            Ok(()) => reply.end(Status::new(Code::Ok, "")),
            Err(Ended::With(status)) => reply.end(status),
            Err(Ended::Gone) => {}
        }
    });
}

/// Serves a stream until its client ends it.
async fn serve<B: Backend>(
    shared: &Arc<Shared<B>>,
    stream: Stream,
    who: Who,
    inbound: Inbound,
    reply: &mut Reply,
) -> Result<(), Ended> {
    match stream {
        Stream::Watch => watch::serve(Arc::clone(shared), who, inbound, reply).await,
        Stream::LeaseKeepAlive => service::keep_alive(shared, who, inbound, reply).await,
        Stream::Observe => service::observe(shared, who, inbound, reply).await,
        Stream::HealthWatch => service::watch_health(shared, inbound, reply).await,
        Stream::Reflect => service::reflect(inbound, reply).await,
        Stream::Snapshot => service::download(shared, who, reply).await,
    }
}

/// Finds out who calls, then carries the call out.
pub fn doubtful<B: Backend>(
    shared: Arc<Shared<B>>,
    doubt: Doubt,
    mut call: Call,
    body: RecvStream,
) {
    ambient::spawn(async move {
        match shared.settle(doubt).await {
            Ok(who) => {
                call.who = who;
                let messages = Messages::new(shared.limits.message_bytes_max);
                late(shared, call, body, messages);
            }
            Err(status) => shared.answer(call.open, Err(status), ambient::now()),
        }
    });
}

/// Carries a call out that is more than one question.
pub fn unary<B: Backend>(shared: Arc<Shared<B>>, call: Call, plan: Plan) {
    ambient::spawn(async move {
        let Call { unary, who, terms, until, open, .. } = call;
        let work = service::unary(&shared, unary, plan, &who, terms);
        carry(&shared, until, open, work).await;
    });
}

/// Lets a call wait that has queued; `outcome` is what the program said to that.
pub fn queued<B: Backend>(shared: Arc<Shared<B>>, queued: Queued, open: Open, outcome: Outcome) {
    let Queued { task, who, until } = queued;
    let work = service::goes_on(&shared, task, &who, outcome);
    ambient::spawn(async move { carry(&shared, until, open, work).await });
}

/// Waits for the answer of a call; stops when the caller goes away.
async fn carry<B: Backend>(
    shared: &Shared<B>,
    until: Option<Moment>,
    mut open: Open,
    work: impl Future<Output = Result<Bytes, Status>>,
) {
    let told = tokio::select! {
        told = within(until, work) => told,
        _ = poll_fn(|cx| open.respond.poll_reset(cx)) => return,
        status = shared.stopped() => Err(status),
    };
    let told = told.map_err(|status| shared.known.refused(status));
    shared.answer(open, told, ambient::now());
}

/// A call waits as long as its caller does.
async fn within<T>(
    until: Option<Moment>,
    work: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    let Some(until) = until else { return work.await };
    let patience = until.saturating_duration_since(ambient::now());
    let late = || Err(Status::new(Code::DeadlineExceeded, "context deadline exceeded"));
    ambient::within(patience, work).await.unwrap_or_else(late)
}

/// Waits for a message that comes in pieces, then carries its call out.
pub fn late<B: Backend>(
    shared: Arc<Shared<B>>,
    mut call: Call,
    body: RecvStream,
    mut messages: Messages,
) {
    ambient::spawn(async move {
        let arrived = arrive(&shared, body, &mut messages);
        let late = || {
            let text = "quorate: the message did not arrive in time";
            Err(Status::new(Code::DeadlineExceeded, text))
        };
        let read = ambient::within(shared.limits.message_timeout, arrived).await;
        match read
            .unwrap_or_else(late)
            .and_then(|message| map::plan(call.unary, &message, &call.who))
            .and_then(|plan| guard::put(plan, std::mem::take(&mut call.guards)))
        {
            Ok(plan) => unary(Arc::clone(&shared), call, plan),
            Err(status) => shared.answer(call.open, Err(status), ambient::now()),
        }
    });
}

/// Reads one message; what has come of it counts against what all may hold.
async fn arrive<B: Backend>(
    shared: &Shared<B>,
    mut body: RecvStream,
    messages: &mut Messages,
) -> Result<Bytes, Status> {
    let mut held = shared.room.hold();
    loop {
        if let Some(message) = messages.take()? {
            return Ok(message);
        }
        let chunk = body.data().await.and_then(Result::ok).ok_or_else(ended_early)?;
        let _ = body.flow_control().release_capacity(chunk.len());
        if !held.grow(chunk.len()) {
            return Err(Status::new(Code::ResourceExhausted, "etcdserver: too many requests"));
        }
        messages.push(chunk);
    }
}
