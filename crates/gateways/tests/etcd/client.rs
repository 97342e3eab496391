//! A client of gRPC that takes nothing for granted.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use gateways::etcd::grpc::{Messages, frame};
use h2::{
    RecvStream, SendStream,
    client::{self, ResponseFuture, SendRequest},
};
use hyper::{HeaderMap, Request};
use prost::Message;
use tokio::{net::TcpStream, time::timeout};

/// Nothing in a test takes longer.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How a call failed: its code and text.
pub type Failed = (u8, String);

#[derive(Clone)]
pub struct Client {
    pub send: SendRequest<Bytes>,
    /// Goes along with every call.
    pub token: Option<String>,
}

impl Client {
    pub async fn open(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).await.unwrap();
        let (send, connection) = client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Client { send, token: None }
    }

    /// Opens a call with these headers beside the usual ones.
    pub async fn call(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (ResponseFuture, SendStream<Bytes>) {
        let mut request = Request::post(format!("http://q{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("token", token);
        }
        let mut ready = self.send.clone().ready().await.unwrap();
        ready.send_request(request.body(()).unwrap(), false).unwrap()
    }

    pub async fn unary<R: Message + Default>(
        &self,
        path: &str,
        message: &impl Message,
    ) -> Result<R, Failed> {
        let (response, mut send) = self.call(path, &[]).await;
        send.send_data(frame(message), true).unwrap();
        timeout(PATIENCE, answer(response)).await.expect("an answer in time")
    }

    pub async fn stream(&self, path: &str) -> Stream {
        self.stream_with(path, &[]).await
    }

    /// A stream with these headers beside the usual ones.
    pub async fn stream_with(&self, path: &str, headers: &[(&str, &str)]) -> Stream {
        let (response, send) = self.call(path, headers).await;
        Stream { send, response: Some(response), body: None, messages: Messages::new(1 << 30) }
    }
}

/// The answer to a call with one message.
pub async fn answer<R: Message + Default>(response: ResponseFuture) -> Result<R, Failed> {
    let response = response.await.unwrap();
    assert_eq!(response.status(), 200);
    if response.headers().contains_key("grpc-status") {
        return Err(failed(response.headers()));
    }
    let mut body = response.into_body();
    let mut messages = Messages::new(1 << 30);
    while let Some(chunk) = body.data().await {
        let chunk = chunk.unwrap();
        body.flow_control().release_capacity(chunk.len()).unwrap();
        messages.push(chunk);
    }
    let trailers = body.trailers().await.unwrap().expect("trailers");
    if trailers["grpc-status"] != "0" {
        return Err(failed(&trailers));
    }
    let message = messages.take().unwrap().expect("a message");
    Ok(R::decode(message).unwrap())
}

fn failed(headers: &HeaderMap) -> Failed {
    let text = |name| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    (text("grpc-status").parse().unwrap(), text("grpc-message"))
}

/// A call with streams in both directions.
pub struct Stream {
    pub send: SendStream<Bytes>,
    response: Option<ResponseFuture>,
    body: Option<RecvStream>,
    messages: Messages,
}

impl Stream {
    pub fn say(&mut self, message: &impl Message) {
        self.send.send_data(frame(message), false).unwrap();
    }

    /// The next message, or how the stream ended.
    pub async fn next<R: Message + Default>(&mut self) -> Result<R, Failed> {
        timeout(PATIENCE, self.read()).await.expect("a message in time")
    }

    /// Whether nothing comes for a while.
    pub async fn is_silent(&mut self) -> bool {
        timeout(Duration::from_millis(150), self.read::<()>()).await.is_err()
    }

    /// Waits for the first bytes of a message and no longer.
    pub async fn begins(&mut self) {
        let body = self.body.as_mut().expect("a stream that was answered");
        let chunk = timeout(PATIENCE, body.data()).await.expect("bytes in time");
        self.messages.push(chunk.expect("more").unwrap());
    }

    async fn read<R: Message + Default>(&mut self) -> Result<R, Failed> {
        if let Some(response) = self.response.take() {
            let response = response.await.unwrap();
            if response.headers().contains_key("grpc-status") {
                return Err(failed(response.headers()));
            }
            self.body = Some(response.into_body());
        }
        let body = self.body.as_mut().expect("a stream that has not ended");
        loop {
            if let Some(message) = self.messages.take().unwrap() {
                return Ok(R::decode(message).unwrap());
            }
            match body.data().await {
                Some(Ok(chunk)) => {
                    body.flow_control().release_capacity(chunk.len()).unwrap();
                    self.messages.push(chunk);
                }
                Some(Err(error)) => return Err((1, error.to_string())),
                None => return Err(failed(&body.trailers().await.unwrap().expect("trailers"))),
            }
        }
    }
}
