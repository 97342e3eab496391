//! The messages of a stream, as they come.

use bytes::Bytes;
use h2::RecvStream;

use crate::etcd::grpc::{Code, Messages, Status};

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

    /// Waits for at least one message and gives all that are whole; `None` when no more will come.
    /// What has come is not lost if nobody waits any more.
    ///
    /// # Errors
    /// If what came is no stream of messages.
    pub async fn next(&mut self) -> Result<Option<Vec<Bytes>>, Status> {
        loop {
            let mut whole = Vec::new();
            while let Some(message) = self.messages.take()? {
                whole.push(message);
            }
            if !whole.is_empty() {
                return Ok(Some(whole));
            }
            let Some(body) = &mut self.body else { return Ok(None) };
            match body.data().await {
                Some(Ok(chunk)) => {
                    let _ = body.flow_control().release_capacity(chunk.len());
                    self.messages.push(chunk);
                }
                Some(Err(_)) => return Err(Status::new(Code::Cancelled, "the stream was reset")),
                None if self.messages.is_empty() => self.body = None,
                None => {
                    let text = "grpc: the call ended before its message did";
                    return Err(Status::new(Code::Internal, text));
                }
            }
        }
    }
}
