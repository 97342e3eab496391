//! Clients that want a leader are told when there is none; others wait.

use std::sync::atomic::Ordering;

use gateways::etcd::{
    Limits,
    grpc::frame,
    wire::{RequestUnion, WatchCreateRequest, WatchRequest, WatchResponse},
};
use kernel::Duration;
use layers::coordination::{PutRequest, PutResponse};

use crate::{
    client::{Client, Failed, answer},
    fake::start_with,
    keys::set,
};

const LEADER: (&str, &str) = ("hasleader", "true");
const WATCH: &str = "/etcdserverpb.Watch/Watch";

async fn put(client: &Client, headers: &[(&str, &str)]) -> Result<PutResponse, Failed> {
    let request = PutRequest { key: "a".into(), value: "v".into(), ..PutRequest::default() };
    let (response, mut send) = client.call("/etcdserverpb.KV/Put", headers).await;
    send.send_data(frame(&request), true).unwrap();
    answer(response).await
}

#[tokio::test]
async fn who_wants_a_leader_is_told_when_there_is_none() {
    let refresh_period = Duration::from_millis(20);
    let served = start_with(Limits { refresh_period, ..Limits::default() }).await;
    let client = Client::open(served.address).await;
    set(&client, "a", "v").await;
    let request = WatchCreateRequest { key: "a".into(), ..WatchCreateRequest::default() };
    let request = WatchRequest { request_union: Some(RequestUnion::CreateRequest(request)) };
    let mut patient = client.stream(WATCH).await;
    let mut strict = client.stream_with(WATCH, &[LEADER]).await;
    for stream in [&mut patient, &mut strict] {
        stream.say(&request);
        assert!(stream.next::<WatchResponse>().await.unwrap().created);
    }
    assert!(strict.is_silent().await, "somebody leads");

    served.fake.leaderless.store(true, Ordering::Relaxed);
    let none = (14, "etcdserver: no leader".to_owned());
    assert_eq!(strict.next::<WatchResponse>().await, Err(none.clone()));
    assert_eq!(put(&client, &[LEADER]).await, Err(none));
    assert!(put(&client, &[]).await.is_ok(), "the shard itself says who is served");
    assert_eq!(patient.next::<WatchResponse>().await.unwrap().events.len(), 1);

    served.fake.leaderless.store(false, Ordering::Relaxed);
    let again = async {
        while put(&client, &[LEADER]).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::client::PATIENCE, again).await.expect("a leader is seen again");
}
