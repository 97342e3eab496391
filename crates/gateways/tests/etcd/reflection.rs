//! Tools that have no definitions ask for them, on the stream that they open first.

use bytes::Bytes;
use prost::Message;

use crate::{client::Client, fake::start};

#[derive(Clone, PartialEq, Message)]
struct Question {
    #[prost(string, tag = "4")]
    symbol: String,
    #[prost(string, optional, tag = "7")]
    list: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Answer {
    #[prost(message, optional, tag = "4")]
    files: Option<Files>,
    #[prost(message, optional, tag = "6")]
    services: Option<Services>,
    #[prost(message, optional, tag = "7")]
    failed: Option<Failed>,
}

#[derive(Clone, PartialEq, Message)]
struct Files {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    files: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
struct Services {
    #[prost(message, repeated, tag = "1")]
    all: Vec<Service>,
}

#[derive(Clone, PartialEq, Message)]
struct Service {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct Failed {
    #[prost(int32, tag = "1")]
    code: i32,
}

#[tokio::test]
async fn services_are_listed_and_described_under_both_names() {
    let served = start().await;
    let client = Client::open(served.address).await;
    for version in ["v1", "v1alpha"] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let mut stream = client.stream(&path).await;
        stream.say(&Question { list: Some(String::new()), ..Question::default() });
        let listed: Answer = stream.next().await.unwrap();
        let names: Vec<String> =
            listed.services.unwrap().all.into_iter().map(|service| service.name).collect();
        assert!(names.contains(&"etcdserverpb.KV".into()), "{names:?}");
        stream.say(&Question { symbol: "etcdserverpb.KV".into(), list: None });
        let described: Answer = stream.next().await.unwrap();
        let files = described.files.unwrap().files;
        assert!(files[0].windows(12).any(|part| part == b"RangeRequest"));
        stream.say(&Question { symbol: "etcdserverpb.Nothing".into(), list: None });
        let unknown: Answer = stream.next().await.unwrap();
        assert_eq!(unknown.failed.map(|failed| failed.code), Some(5));
    }
}
