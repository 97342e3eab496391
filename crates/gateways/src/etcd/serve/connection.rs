//! One HTTP/2 connection, and its calls with one message and one answer.
//!
//! ```text
//!   socket ─▶ h2 ─▶ calls that are whole ─▶ plan ─▶ Backend::post ─▶ … node …
//!     ▲                                                                 │
//!     └── h2 ◀── answers that are there ◀── outbox ◀────────────────────┘
//! ```
//!
//! All of it is one task: what one read brought goes to the node with one hand-over, and the
//! answers that are there leave in one write. Nothing is spawned and no channel is made for a call
//! of this kind. What is more than that (a message in pieces, a stream, a lock that others hold)
//! gets a task.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use database::{Answer, Request as Asking, api::Trace};
use h2::{
    RecvStream,
    server::{self, SendResponse},
};
use hyper::{Method as Verb, Request, header::CONTENT_TYPE};
use kernel::process::Sink;
use layers::coordination::Guard;
use tokio::net::TcpStream;

use super::{
    gather::Gather,
    inbound, leader,
    outbox::Outbox,
    reply::{self, Reply},
    shared::Shared,
    task,
};
use crate::{
    Backend,
    ambient::{self, Moment},
    etcd::{
        auth::{self, Who},
        failure,
        grpc::{self, Code, Messages, Status},
        guard,
        limits::Limits,
        map::{self, Asked, Plan, Task},
        method::{Method, Unary},
        operation::NONE,
        service,
        terms::Terms,
    },
    http::Patient,
    measure::Timed,
    slots::Slots,
};

/// The connection as HTTP/2 sees it.
type Http = server::Connection<Gather<Patient<TcpStream>>, Bytes>;

struct Connection<B> {
    shared: Arc<Shared<B>>,
    http: Http,
    /// Calls under way, by the number under which they were posted.
    calls: Slots<Posted>,
    batch: Vec<(u64, Asking)>,
    outbox: Arc<Outbox>,
    answers: Vec<(u64, Answer)>,
}

/// Serves a connection until either side closes it.
pub async fn run<B: Backend>(shared: Arc<Shared<B>>, stream: TcpStream) {
    let io = Gather::new(Patient::new(stream, shared.limits.write_timeout));
    let opened = builder(&shared.limits).handshake(io);
    let Some(Ok(http)) = ambient::within(shared.limits.open_timeout, opened).await else { return };
    let mut connection = Connection {
        shared: Arc::clone(&shared),
        http,
        calls: Slots::default(),
        batch: Vec::new(),
        outbox: Arc::default(),
        answers: Vec::new(),
    };
    let stop = tokio::select! {
        biased;
        () = poll_fn(|cx| connection.poll(cx)) => false,
        _ = shared.stopped() => true,
    };
    if stop {
        connection.http.graceful_shutdown();
        poll_fn(|cx| connection.poll(cx)).await;
    }
}

fn builder(limits: &Limits) -> server::Builder {
    let mut builder = server::Builder::new();
    builder
        .initial_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(limits.header_bytes_max)
        .max_send_buffer_size(1 << 20);
    builder
}

impl<B: Backend> Connection<B> {
    /// Writes what has come from the node, takes what has come from the client.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // All of it together looks at the clock once.
        let now = ambient::now();
        self.answer(cx, now);
        // This sends what was just answered, too.
        while let Poll::Ready(accepted) = self.http.poll_accept(cx) {
            match accepted {
                Some(Ok((request, respond))) => self.open(request, respond, cx, now),
                Some(Err(_)) | None => return Poll::Ready(()),
            }
        }
        if !self.batch.is_empty() {
            let sink: Arc<dyn Sink<Answer>> = Arc::<Outbox>::clone(&self.outbox);
            self.shared.backend.post(std::mem::take(&mut self.batch), sink);
        }
        Poll::Pending
    }

    fn answer(&mut self, cx: &Context<'_>, now: Moment) {
        self.outbox.take(&mut self.answers, cx.waker());
        if self.answers.is_empty() {
            return;
        }
        let facts = self.shared.facts();
        for (tag, answer) in self.answers.drain(..) {
            let Some(Posted { unary, open, queued }) = self.calls.remove(tag as usize) else {
                continue;
            };
            let told = match (answer, queued) {
                (Answer::Done(done), None) => map::answer(&done.body, &facts, unary.is_recipe()),
                (Answer::Done(done), Some(queued)) => match service::at_once(&done.body, &facts) {
                    Ok(Ok(framed)) => Ok(framed),
                    Ok(Err(outcome)) => {
                        task::queued(Arc::clone(&self.shared), *queued, open, outcome);
                        continue;
                    }
                    Err(status) => Err(status),
                },
                (other, None) => Err(self.shared.failed(other)),
                (other, Some(_)) => Err(service::unknown(self.shared.failed(other))),
            };
            let told = told.map_err(|status| self.shared.known.refused(status));
            self.shared.answer(open, told, now);
        }
    }

    fn open(
        &mut self,
        request: Request<RecvStream>,
        respond: SendResponse<Bytes>,
        cx: &mut Context<'_>,
        now: Moment,
    ) {
        let (head, body) = request.into_parts();
        let asks = head.headers.get(CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
        if head.method != Verb::POST || !asks.starts_with(b"application/grpc") {
            return reply::not_grpc(respond);
        }
        let max = self.shared.limits.timeout_max;
        let asked = head.headers.get("grpc-timeout").and_then(|v| grpc::timeout(v.as_bytes()));
        let method = Method::parse(head.uri.path());
        let timed = self.shared.meters.begin(method.map_or(NONE, Method::operation), now);
        match method {
            Some(Method::Unary(unary)) => {
                let trace = self.shared.trace(&head.headers);
                let terms = Terms { timeout: asked.map_or(max, |asked| asked.min(max)), trace };
                let open = Open { timed, trace, respond };
                let guards = match guard::of(&head.headers) {
                    Ok(guards) => guards,
                    Err(status) => return self.refuse(open, status),
                };
                if leader::is_required(&head.headers) && self.shared.leader.is_lost() {
                    return self.refuse(open, failure::no_leader());
                }
                let until = asked.and_then(|asked| now.checked_add(asked));
                let call = |who| Call { unary, who, guards, terms, until, open };
                match auth::caller_of(&self.shared.known, &head.headers) {
                    Ok(who) => self.unary(call(who), body, cx),
                    Err(doubt) => {
                        task::doubtful(Arc::clone(&self.shared), doubt, call(None), body);
                    }
                }
            }
            Some(Method::Stream(stream)) => {
                let reply = Reply::new(respond, self.shared.limits.write_timeout, timed);
                task::stream(Arc::clone(&self.shared), stream, head.headers, body, reply);
            }
            None => {
                let text = format!("unknown method {}", head.uri.path());
                let open = Open { timed, trace: Trace::default(), respond };
                self.refuse(open, Status::new(Code::Unimplemented, text));
            }
        }
    }

    /// Takes the message if it is there already, which it nearly always is.
    fn unary(&mut self, call: Call, mut body: RecvStream, cx: &mut Context<'_>) {
        let mut messages = Messages::new(self.shared.limits.message_bytes_max);
        loop {
            match messages.take() {
                Ok(Some(message)) => return self.begin(call, &message),
                Ok(None) => {}
                Err(status) => return self.refuse(call.open, status),
            }
            match Pin::new(&mut body).poll_data(cx) {
                Poll::Ready(Some(Ok(chunk))) => {
                    let _ = body.flow_control().release_capacity(chunk.len());
                    messages.push(chunk);
                }
                Poll::Ready(Some(Err(_))) => return,
                Poll::Ready(None) => {
                    return self.refuse(call.open, inbound::ended_early());
                }
                Poll::Pending => break,
            }
        }
        task::late(Arc::clone(&self.shared), call, body, messages);
    }

    fn begin(&mut self, mut call: Call, message: &Bytes) {
        let guards = std::mem::take(&mut call.guards);
        let plan = map::plan(call.unary, message, &call.who);
        match plan.and_then(|plan| guard::put(plan, guards)) {
            Ok(Plan::Ask(asked)) if self.shared.keyspace.is_ready() => self.post(call, asked, None),
            Ok(Plan::Queue(asked, task)) if self.shared.keyspace.is_ready() => {
                let queued = Queued { task, who: call.who.clone(), until: call.until };
                self.post(call, asked, Some(queued.into()));
            }
            Ok(plan) => task::unary(Arc::clone(&self.shared), call, plan),
            Err(status) => self.refuse(call.open, status),
        }
    }

    fn post(&mut self, call: Call, asked: Asked, queued: Option<Box<Queued>>) {
        let request = self.shared.request(asked, call.terms);
        let tag = self.calls.insert(Posted { unary: call.unary, open: call.open, queued });
        self.batch.push((tag as u64, request));
    }

    fn refuse(&self, call: Open, status: Status) {
        self.shared.answer(call, Err(status), ambient::now());
    }
}

/// A call with one message and one answer.
pub struct Call {
    /// What is called.
    pub unary: Unary,
    /// Who calls.
    pub who: Who,
    /// What must hold.
    pub guards: Vec<Guard>,
    /// How a question is asked.
    pub terms: Terms,
    /// How long the caller waits, if it says.
    pub until: Option<Moment>,
    /// Where the answer goes.
    pub open: Open,
}

/// A call that the node has.
struct Posted {
    unary: Unary,
    open: Open,
    queued: Option<Box<Queued>>,
}

/// What a call that queues goes on with if it has to wait.
pub struct Queued {
    /// What it is.
    pub task: Task,
    /// Who calls.
    pub who: Who,
    /// How long the caller waits, if it says.
    pub until: Option<Moment>,
}

/// A call that has no answer yet.
pub struct Open {
    /// Since when.
    pub timed: Timed,
    /// Under which trace it is found.
    pub trace: Trace,
    /// Where the answer goes.
    pub respond: SendResponse<Bytes>,
}
