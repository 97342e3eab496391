//! Answers, as HTTP/2 takes them.

use std::future::poll_fn;

use bytes::Bytes;
use database::api::Trace;
use h2::{Reason, SendStream, server::SendResponse};
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};
use kernel::Duration;
use tokio::sync::mpsc;

use crate::{
    ambient,
    etcd::{
        grpc::{Code, Status},
        limits::Limits,
    },
    http,
    measure::Timed,
};

/// Answers a call. What the client's windows take at once is sent at once; for the rest a task
/// waits.
pub fn send(
    limits: &Limits,
    mut respond: SendResponse<Bytes>,
    trace: Trace,
    told: Result<Bytes, Status>,
) {
    // Errors here say that the client has gone.
    let framed = match told {
        Ok(framed) => framed,
        Err(status) => return fail(&mut respond, trace, &status),
    };
    let Ok(mut stream) = respond.send_response(head(trace), false) else { return };
    stream.reserve_capacity(framed.len());
    if stream.capacity() >= framed.len() {
        let _ = stream.send_data(framed, false);
        let _ = stream.send_trailers(Status::ok());
        return;
    }
    let patience = limits.write_timeout;
    ambient::spawn(async move {
        let to = To::Call(respond, Some(stream));
        // Whoever answers has said how the call ended.
        let reply = Reply { to, rest: framed, patience, timed: Timed::default() };
        reply.end(Status::new(Code::Ok, ""));
    });
}

/// Answers a request that is none of gRPC.
pub fn not_grpc(mut respond: SendResponse<Bytes>) {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    let _ = respond.send_response(response, true);
}

/// The first headers. They tell the trace of a call, if it has one.
fn head(trace: Trace) -> Response<()> {
    let mut response = Response::new(());
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    http::insert_trace(&mut headers, trace);
    *response.headers_mut() = headers;
    response
}

/// Headers and trailers in one.
fn fail(respond: &mut SendResponse<Bytes>, trace: Trace, status: &Status) {
    let mut response = head(trace);
    status.put(response.headers_mut());
    let _ = respond.send_response(response, true);
}

/// What a stream asks are questions of their own, each with a trace that the node names.
const NO_TRACE: Trace = Trace { trace_id: 0, span_id: 0, sampled: false };

/// The client has gone, or does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// Why a stream ends before its client has ended it.
#[derive(Debug)]
pub enum Ended {
    /// The client has gone, or does not read.
    Gone,
    /// The client is told why.
    With(Status),
}

impl From<Gone> for Ended {
    fn from(_: Gone) -> Ended {
        Ended::Gone
    }
}

impl From<Status> for Ended {
    fn from(status: Status) -> Ended {
        Ended::With(status)
    }
}

/// An answer of several messages.
pub struct Reply {
    to: To,
    /// What is being sent and was not taken yet: a stream may end in between, and a message is said
    /// to its end.
    rest: Bytes,
    patience: Duration,
    /// A stream takes until it ends.
    timed: Timed,
}

/// Where it goes.
enum To {
    /// To a call of HTTP/2.
    Call(SendResponse<Bytes>, Option<SendStream<Bytes>>),
    /// To whoever makes something else of it.
    Task(mpsc::Sender<Said>),
}

/// What was said to a task.
#[derive(Debug)]
pub enum Said {
    /// Framed messages.
    Messages(Bytes),
    /// The end.
    End(Status),
}

impl Reply {
    /// An answer to a call; nothing is said yet.
    pub fn new(respond: SendResponse<Bytes>, patience: Duration, timed: Timed) -> Reply {
        Reply { to: To::Call(respond, None), rest: Bytes::new(), patience, timed }
    }

    /// An answer to a task.
    pub fn task(patience: Duration, timed: Timed) -> (Reply, mpsc::Receiver<Said>) {
        let (to, said) = mpsc::channel(1);
        (Reply { to: To::Task(to), rest: Bytes::new(), patience, timed }, said)
    }

    /// Says that an answer will come, as clients of a stream like to know early.
    ///
    /// # Errors
    /// If the client has gone.
    pub fn open(&mut self) -> Result<(), Gone> {
        if let To::Call(respond, stream @ None) = &mut self.to {
            *stream = Some(respond.send_response(head(NO_TRACE), false).map_err(|_| Gone)?);
        }
        Ok(())
    }

    /// Sends framed messages, as the client's windows open.
    ///
    /// # Errors
    /// If the client has gone, or has not read for too long.
    pub async fn send(&mut self, bytes: Bytes) -> Result<(), Gone> {
        self.open()?;
        self.rest = bytes;
        self.send_rest().await
    }

    async fn send_rest(&mut self) -> Result<(), Gone> {
        let rest = &mut self.rest;
        let stream = match &mut self.to {
            To::Call(_, stream) => stream.as_mut().ok_or(Gone)?,
            To::Task(to) => {
                let room = ambient::within(self.patience, to.reserve()).await;
                room.and_then(Result::ok).ok_or(Gone)?.send(Said::Messages(std::mem::take(rest)));
                return Ok(());
            }
        };
        while !rest.is_empty() {
            stream.reserve_capacity(rest.len());
            if stream.capacity() == 0 {
                let room = ambient::within(self.patience, poll_fn(|cx| stream.poll_capacity(cx)));
                match room.await {
                    Some(Some(Ok(_))) => continue,
                    Some(_) => return Err(Gone),
                    None => {
                        stream.send_reset(Reason::CANCEL);
                        return Err(Gone);
                    }
                }
            }
            let part = rest.split_to(stream.capacity().min(rest.len()));
            stream.send_data(part, false).map_err(|_| Gone)?;
        }
        Ok(())
    }

    /// Ends the call, after what it was saying.
    pub fn end(mut self, status: Status) {
        std::mem::take(&mut self.timed).end(status.outcome(), ambient::now());
        if self.rest.is_empty() {
            return self.close(status);
        }
        ambient::spawn(async move {
            if self.send_rest().await.is_ok() {
                self.close(status);
            }
        });
    }

    fn close(self, status: Status) {
        match self.to {
            To::Call(mut respond, None) => fail(&mut respond, NO_TRACE, &status),
            To::Call(_, Some(mut stream)) => {
                let ok = status.code == Code::Ok;
                let _ = stream.send_trailers(if ok { Status::ok() } else { status.trailers() });
            }
            To::Task(to) => ambient::spawn(async move { to.send(Said::End(status)).await }),
        }
    }

    /// Waits until the client takes the call back.
    pub async fn gone(&mut self) {
        let _ = match &mut self.to {
            To::Call(_, Some(stream)) => poll_fn(|cx| stream.poll_reset(cx)).await,
            To::Call(respond, None) => poll_fn(|cx| respond.poll_reset(cx)).await,
            To::Task(to) => return to.closed().await,
        };
    }
}
