//! Calls of gRPC: messages with five bytes in front, over [`crate::http2`].

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;

use crate::http2::{self, Call};

/// Bytes in front of a message: one that says whether it is compressed, four of length.
const PREFIX: usize = 5;

/// A connection. Cheap to clone: calls of all clones share it.
#[derive(Clone)]
pub struct Connection(http2::Connection);

/// A call whose two directions stay open.
pub struct Stream {
    call: Call,
    buffer: BytesMut,
}

impl Connection {
    /// Connects; must run inside a runtime.
    pub async fn open(address: &str) -> Result<Connection, String> {
        http2::Connection::open(address).await.map(Connection)
    }

    /// Whether requests can still be sent.
    pub fn lives(&self) -> bool {
        self.0.lives()
    }

    /// One request, one answer.
    pub async fn unary<A: Message + Default>(
        &self,
        path: &'static str,
        request: &impl Message,
    ) -> Result<A, String> {
        let mut call = self.0.call(path, Some(frame(request)), true)?;
        let mut answer = call.whole().await?;
        decode(take(&mut answer).ok_or("no answer")?)
    }

    /// Opens a call that goes on.
    pub fn stream(&self, path: &'static str) -> Result<Stream, String> {
        Ok(Stream { call: self.0.call(path, None, false)?, buffer: BytesMut::new() })
    }
}

impl Stream {
    /// Says something.
    pub fn say(&mut self, request: &impl Message) -> Result<(), String> {
        self.call.send(frame(request))
    }

    /// Waits for the next answer.
    pub async fn next<A: Message + Default>(&mut self) -> Result<Option<A>, String> {
        loop {
            if let Some(message) = take(&mut self.buffer) {
                return decode(message).map(Some);
            }
            if !self.call.more(&mut self.buffer).await? {
                return Ok(None);
            }
        }
    }
}

fn decode<A: Message + Default>(message: Bytes) -> Result<A, String> {
    A::decode(message).map_err(|error| error.to_string())
}

fn frame(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut out = BytesMut::with_capacity(PREFIX + length);
    out.put_u8(0);
    out.put_u32(length as u32);
    message.encode_raw(&mut out);
    out.freeze()
}

fn take(buffer: &mut BytesMut) -> Option<Bytes> {
    let length = u32::from_be_bytes(buffer.get(1..PREFIX)?.try_into().ok()?) as usize;
    if buffer.len() < PREFIX + length {
        return None;
    }
    buffer.advance(PREFIX);
    Some(buffer.split_to(length).freeze())
}
