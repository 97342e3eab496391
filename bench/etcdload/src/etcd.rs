//! The two calls of etcd's `KV` service that are measured, as messages of its public protocol.
//! Written by hand, because generating them would need protoc.

use prost::Message;
use tonic::{Request, client::Grpc, codegen::http::uri::PathAndQuery, transport::Channel};
use tonic_prost::ProstCodec;

/// `etcdserverpb.PutRequest`
#[derive(Clone, PartialEq, Message)]
struct PutRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `etcdserverpb.PutResponse`; its header is skipped.
#[derive(Clone, PartialEq, Message)]
struct PutResponse {}

/// `etcdserverpb.RangeRequest`; linearizable unless it says otherwise.
#[derive(Clone, PartialEq, Message)]
struct RangeRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
}

/// `etcdserverpb.RangeResponse`
#[derive(Clone, PartialEq, Message)]
struct RangeResponse {
    #[prost(message, repeated, tag = "2")]
    kvs: Vec<KeyValue>,
}

/// `mvccpb.KeyValue`
#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    value: Vec<u8>,
}

/// One client. A put is answered when a majority has synced it.
pub struct Etcd {
    grpc: Grpc<Channel>,
    put: PathAndQuery,
    range: PathAndQuery,
}

impl Etcd {
    /// A client on a connection.
    pub fn new(channel: Channel) -> Etcd {
        let path = PathAndQuery::from_static;
        Etcd {
            grpc: Grpc::new(channel),
            put: path("/etcdserverpb.KV/Put"),
            range: path("/etcdserverpb.KV/Range"),
        }
    }

    async fn call<Q, A>(&mut self, path: PathAndQuery, request: Q) -> Result<A, String>
    where
        Q: Message + Default + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        self.grpc.ready().await.map_err(|error| error.to_string())?;
        let codec = ProstCodec::<Q, A>::default();
        let answer = self.grpc.unary(Request::new(request), path, codec).await;
        answer.map(tonic::Response::into_inner).map_err(|status| status.to_string())
    }
}

impl load::Target for Etcd {
    async fn write(&mut self, key: &str, value: &[u8]) -> Result<(), String> {
        let request = PutRequest { key: key.into(), value: value.to_vec() };
        let path = self.put.clone();
        self.call::<_, PutResponse>(path, request).await.map(drop)
    }

    async fn read(&mut self, key: &str) -> Result<(), String> {
        let path = self.range.clone();
        self.call::<_, RangeResponse>(path, RangeRequest { key: key.into() }).await.map(drop)
    }
}
