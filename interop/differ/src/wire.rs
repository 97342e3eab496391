//! Calls with bytes: what a server says is looked at as it was sent, so that no field gets lost
//! because nobody here knows it.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use futures_util::stream;
use prost::Message;
use tokio::sync::mpsc;
use tonic::{
    Request, Status, Streaming,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::Channel,
};

/// How long a server may take for an answer that has to come.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The nodes of one server, asked in turn.
#[derive(Clone)]
pub struct Server {
    nodes: Vec<Channel>,
    turn: usize,
}

/// The requests of a call that goes on.
pub type Requests = mpsc::UnboundedSender<Bytes>;

impl Server {
    /// Connects to all nodes.
    pub async fn open(endpoints: &[String]) -> Result<Server, String> {
        let mut nodes = Vec::new();
        for endpoint in endpoints {
            let channel = Channel::from_shared(format!("http://{endpoint}"));
            let channel = channel.map_err(|e| format!("{endpoint}: {e}"))?.connect().await;
            nodes.push(channel.map_err(|e| format!("{endpoint}: {e}"))?);
        }
        Ok(Server { nodes, turn: 0 })
    }

    async fn next(&mut self) -> Result<Grpc<Channel>, Status> {
        self.turn = (self.turn + 1) % self.nodes.len();
        let mut grpc = Grpc::new(self.nodes[self.turn].clone()).max_decoding_message_size(64 << 20);
        grpc.ready().await.map_err(|e| Status::unavailable(e.to_string()))?;
        Ok(grpc)
    }

    /// One request, one answer, whenever it comes.
    pub async fn wait(&mut self, path: &'static str, body: Bytes) -> Result<Bytes, Status> {
        let path = PathAndQuery::from_static(path);
        let answer = self.next().await?.unary(Request::new(body), path, Raw).await?;
        Ok(answer.into_inner())
    }

    /// One request, one answer, soon.
    pub async fn ask(
        &mut self,
        path: &'static str,
        request: &impl Message,
    ) -> Result<Bytes, Status> {
        let answer = self.wait(path, request.encode_to_vec().into());
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(Status::deadline_exceeded("the harness waited long enough")),
        }
    }

    /// One request, many answers.
    pub async fn listen(
        &mut self,
        path: &'static str,
        request: &impl Message,
    ) -> Result<Streaming<Bytes>, Status> {
        let body: Bytes = request.encode_to_vec().into();
        let path = PathAndQuery::from_static(path);
        let answer = self.next().await?.server_streaming(Request::new(body), path, Raw).await?;
        Ok(answer.into_inner())
    }

    /// Many requests, many answers.
    pub async fn talk(
        &mut self,
        path: &'static str,
        first: Bytes,
    ) -> Result<(Requests, Streaming<Bytes>), Status> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let _ = sender.send(first);
        let bodies = stream::unfold(receiver, async |mut receiver| {
            let body = receiver.recv().await?;
            Some((body, receiver))
        });
        let path = PathAndQuery::from_static(path);
        let mut node = self.next().await?;
        let answer = node.streaming(Request::new(Box::pin(bodies)), path, Raw);
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        let answer = answer.map_err(|_| Status::deadline_exceeded("no stream"))??;
        Ok((sender, answer.into_inner()))
    }
}

/// Bytes in, bytes out.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
