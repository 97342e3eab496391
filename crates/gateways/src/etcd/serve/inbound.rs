//! The messages of a stream, as they come.

use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use bytes::Bytes;
use h2::RecvStream;

use crate::etcd::grpc::{Code, Messages, Status};

/// So many messages are given together at most.
const TOGETHER: usize = 256;

/// What a client says on a stream.
pub struct Inbound {
    /// Where more comes from, until it ends.
    body: Option<RecvStream>,
    messages: Messages,
}

impl Inbound {
    /// Messages of a call; without a body, all of them have come.
    pub fn new(body: Option<RecvStream>, messages: Messages) -> Inbound {
        Inbound { body, messages }
    }

    /// Waits for the message of a client that has one thing to say.
    ///
    /// # Errors
    /// If it says nothing, or what came is no stream of messages.
    pub async fn one(&mut self) -> Result<Bytes, Status> {
        let first = self.next().await?.and_then(|messages| messages.into_iter().next());
        first.ok_or_else(ended_early)
    }

    /// Waits for at least one message and gives all that have come; `None` when no more will come.
    /// What has come is not lost if nobody waits any more.
    ///
    /// # Errors
    /// If what came is no stream of messages.
    pub async fn next(&mut self) -> Result<Option<Vec<Bytes>>, Status> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// A client may send each message in a frame of its own: those that wait here share what is
    /// done for one.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Vec<Bytes>>, Status>> {
        let mut whole = Vec::new();
        loop {
            while whole.len() < TOGETHER {
                match self.messages.take() {
                    Ok(Some(message)) => whole.push(message),
                    Ok(None) => break,
                    Err(status) if whole.is_empty() => return Poll::Ready(Err(status)),
                    // What came before is answered first; the next call finds this again.
                    Err(_) => return Poll::Ready(Ok(Some(whole))),
                }
            }
            let Some(body) = self.body.as_mut().filter(|_| whole.len() < TOGETHER) else { break };
            match body.poll_data(context) {
                Poll::Ready(Some(Ok(chunk))) => {
                    let _ = body.flow_control().release_capacity(chunk.len());
                    self.messages.push(chunk);
                }
                Poll::Ready(Some(Err(_))) => {
                    return Poll::Ready(Err(Status::new(Code::Cancelled, "the stream was reset")));
                }
                Poll::Ready(None) => self.body = None,
                Poll::Pending if whole.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        if whole.is_empty() && !self.messages.is_empty() {
            return Poll::Ready(Err(ended_early()));
        }
        Poll::Ready(Ok(Some(whole).filter(|whole| !whole.is_empty())))
    }
}

/// The status of a call that was ended before it had said what it wants.
pub fn ended_early() -> Status {
    Status::new(Code::Internal, "grpc: the call ended before its message did")
}
