//! How calls are measured: by their methods, each once, however it ends.

use serde_json::json;

use crate::{
    client::Client,
    fake::start,
    json::post,
    keys::{put, set},
};
use layers::coordination::{LockRequest, PutResponse, ResignRequest};

#[tokio::test]
async fn calls_and_streams_are_measured_once_by_method_and_end() {
    let served = start().await;
    let client = Client::open(served.address).await;
    set(&client, "a", "1").await;
    client.unary::<PutResponse>("/etcdserverpb.KV/Put", &put("", "1")).await.unwrap_err();
    client.unary::<PutResponse>("/a/b", &put("b", "1")).await.unwrap_err();
    let resign = ResignRequest::default();
    let _ = client.unary::<PutResponse>("/v3electionpb.Election/Resign", &resign).await;
    post(served.address, "/v3/kv/range", json!({ "key": "YQ==" })).await;
    let (watch, _send) = client.call("/etcdserverpb.Watch/Watch", &[]).await;
    drop((watch, _send));
    let took = served.fake.book.wait(6).await;
    assert_eq!(
        took[..3],
        [
            "etcd etcdserverpb.KV/Put ok",
            "etcd etcdserverpb.KV/Put client-error",
            "etcd none server-error",
        ]
    );
    assert!(took[3].starts_with("etcd v3electionpb.Election/Resign "), "{took:?}");
    assert_eq!(took[4], "etcd etcdserverpb.KV/Range ok");
    assert!(took[5].starts_with("etcd etcdserverpb.Watch/Watch "), "{took:?}");
    assert_eq!(took.len(), 6, "{took:?}");
}

#[tokio::test]
async fn a_call_whose_client_goes_away_is_cancelled() {
    let served = start().await;
    let client = Client::open(served.address).await;
    let lock = LockRequest { name: "l".into(), lease: 0 };
    let held: Result<layers::coordination::LockResponse, _> =
        client.unary("/v3lockpb.Lock/Lock", &lock).await;
    held.unwrap();
    let (waiting, mut send) = client.call("/v3lockpb.Lock/Lock", &[]).await;
    send.send_data(gateways::etcd::grpc::frame(&lock), true).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    drop((waiting, send));
    let took = served.fake.book.wait(2).await;
    assert_eq!(took, ["etcd v3lockpb.Lock/Lock ok", "etcd v3lockpb.Lock/Lock cancelled"]);
}
