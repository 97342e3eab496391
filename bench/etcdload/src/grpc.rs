//! Calls over HTTP/2, as thin as they can be: the generator shares the cores with what it measures.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::{
    RecvStream, SendStream,
    client::{ResponseFuture, SendRequest},
};
use http::{HeaderMap, Request, Uri};
use prost::Message;
use tokio::net::TcpStream;

/// Bytes in front of a message: one that says whether it is compressed, four of length.
const PREFIX: usize = 5;

/// A connection. Cheap to clone: calls of all clones share it.
#[derive(Clone)]
pub struct Connection {
    send: SendRequest<Bytes>,
    authority: std::sync::Arc<str>,
}

/// A call whose two directions stay open.
pub struct Stream {
    send: SendStream<Bytes>,
    answers: Answers,
}

/// The answers of a stream.
pub struct Answers {
    response: Option<ResponseFuture>,
    body: Option<RecvStream>,
    buffer: BytesMut,
}

impl Connection {
    /// Connects; must run inside a runtime.
    pub async fn open(address: &str) -> Result<Connection, String> {
        let stream = TcpStream::connect(address).await.map_err(|e| format!("{address}: {e}"))?;
        stream.set_nodelay(true).map_err(text)?;
        let (send, connection) = h2::client::Builder::new()
            .initial_window_size(1 << 20)
            .initial_connection_window_size(8 << 20)
            .max_concurrent_reset_streams(0)
            .handshake(stream)
            .await
            .map_err(text)?;
        tokio::spawn(connection);
        Ok(Connection { send, authority: address.into() })
    }

    /// Whether requests can still be sent.
    pub async fn lives(&self) -> bool {
        self.send.clone().ready().await.is_ok()
    }

    fn request(&self, path: &'static str) -> Result<Request<()>, String> {
        let uri = Uri::builder().scheme("http").authority(&*self.authority).path_and_query(path);
        Request::post(uri.build().map_err(text)?)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .map_err(text)
    }

    /// One request, one answer.
    pub async fn unary<A: Message + Default>(
        &self,
        path: &'static str,
        request: &impl Message,
    ) -> Result<A, String> {
        let mut ready = self.send.clone().ready().await.map_err(text)?;
        let (response, mut send) = ready.send_request(self.request(path)?, false).map_err(text)?;
        send.send_data(frame(request), true).map_err(text)?;
        let mut answers = Answers { response: Some(response), body: None, buffer: BytesMut::new() };
        let answer = answers.next().await?.ok_or("no answer")?;
        answers.end().await?;
        Ok(answer)
    }

    /// Opens a call that goes on.
    pub async fn stream(&self, path: &'static str) -> Result<Stream, String> {
        let mut ready = self.send.clone().ready().await.map_err(text)?;
        let (response, send) = ready.send_request(self.request(path)?, false).map_err(text)?;
        let answers = Answers { response: Some(response), body: None, buffer: BytesMut::new() };
        Ok(Stream { send, answers })
    }
}

impl Stream {
    /// Says something.
    pub fn say(&mut self, request: &impl Message) -> Result<(), String> {
        self.send.send_data(frame(request), false).map_err(text)
    }

    /// Waits for the next answer.
    pub async fn next<A: Message + Default>(&mut self) -> Result<Option<A>, String> {
        self.answers.next().await
    }
}

impl Answers {
    async fn next<A: Message + Default>(&mut self) -> Result<Option<A>, String> {
        loop {
            if let Some(message) = take(&mut self.buffer) {
                return A::decode(message).map(Some).map_err(text);
            }
            if let Some(response) = self.response.take() {
                let (parts, body) = response.await.map_err(text)?.into_parts();
                status(&parts.headers)?;
                self.body = Some(body);
            }
            let Some(body) = &mut self.body else { return Ok(None) };
            let Some(data) = body.data().await else {
                self.end().await?;
                return Ok(None);
            };
            let data = data.map_err(text)?;
            body.flow_control().release_capacity(data.len()).map_err(text)?;
            self.buffer.put(data);
        }
    }

    /// Reads on until the call's status.
    async fn end(&mut self) -> Result<(), String> {
        let Some(body) = &mut self.body else { return Ok(()) };
        while let Some(data) = body.data().await {
            let length = data.map_err(text)?.len();
            body.flow_control().release_capacity(length).map_err(text)?;
        }
        body.trailers().await.map_err(text)?.map_or(Ok(()), |trailers| status(&trailers))
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
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

fn status(headers: &HeaderMap) -> Result<(), String> {
    match headers.get("grpc-status") {
        Some(code) if code != "0" => {
            let message = headers.get("grpc-message").and_then(|message| message.to_str().ok());
            Err(format!("{code:?}: {}", message.unwrap_or_default()))
        }
        _ => Ok(()),
    }
}
