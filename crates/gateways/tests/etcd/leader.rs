//! Clients that want a leader are told when there is none; others wait.

use std::sync::atomic::Ordering;

use gateways::etcd::{
    Limits,
    grpc::frame,
    wire::{RequestUnion, WatchCreateRequest, WatchProgressRequest, WatchResponse},
};
use kernel::Duration;
use layers::coordination::{LeaderRequest, LeaderResponse, PutRequest, PutResponse};

use crate::{
    client::{Client, Failed, answer},
    fake::{join, start_with},
    keys::set,
    watches::{PATH as WATCH, ask, begin, create},
};

const LEADER: (&str, &str) = ("hasleader", "true");
const OBSERVE: &str = "/v3electionpb.Election/Observe";

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
    let mut patient = client.stream(WATCH).await;
    let mut strict = client.stream_with(WATCH, &[LEADER]).await;
    let mut observer = client.stream_with(OBSERVE, &[LEADER]).await;
    observer.say(&LeaderRequest { name: "e".into() });
    for stream in [&mut patient, &mut strict] {
        begin(stream, create("a")).await;
    }
    assert!(strict.is_silent().await, "somebody leads");

    served.fake.leaderless.store(true, Ordering::Relaxed);
    let none = (14, "etcdserver: no leader".to_owned());
    assert_eq!(strict.next::<WatchResponse>().await, Err(none.clone()));
    assert_eq!(observer.next::<LeaderResponse>().await, Err(none.clone()));
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

#[tokio::test]
async fn where_nobody_leads_a_watch_of_the_past_begins_and_one_of_now_waits() {
    let served = start_with(Limits::default()).await;
    let others = join(served.fake.elsewhere(), Limits::default()).await;
    let (client, writer) = (Client::open(served.address).await, Client::open(others.address).await);
    set(&writer, "a", "v").await;
    let mut stream = client.stream(WATCH).await;
    served.fake.cut_off.store(true, Ordering::Relaxed);
    begin(&mut stream, WatchCreateRequest { start_revision: 1, ..create("a") }).await;
    assert_eq!(stream.next::<WatchResponse>().await.unwrap().events.len(), 1);
    stream.say(&ask(RequestUnion::ProgressRequest(WatchProgressRequest {})));
    let far: WatchResponse = stream.next().await.unwrap();
    assert_eq!((far.watch_id, far.header.unwrap().revision), (-1, 2), "as far as this node");

    stream.say(&ask(RequestUnion::CreateRequest(create("a"))));
    assert!(stream.is_silent().await, "nobody knows where now is");
    set(&writer, "a", "w").await;
    let told: WatchResponse = stream.next().await.unwrap();
    assert_eq!((told.watch_id, told.events.len()), (0, 1), "the other watch goes on");

    served.fake.cut_off.store(false, Ordering::Relaxed);
    let began: WatchResponse = stream.next().await.unwrap();
    assert_eq!((began.created, began.watch_id, began.header.unwrap().revision), (true, 1, 3));
}

#[tokio::test]
async fn a_stream_that_ends_says_its_message_to_the_end() {
    let refresh_period = Duration::from_millis(20);
    let served = start_with(Limits { refresh_period, ..Limits::default() }).await;
    let (client, slow) = (Client::open(served.address).await, Client::open(served.address).await);
    let mut strict = slow.stream_with(WATCH, &[LEADER]).await;
    begin(&mut strict, create("a")).await;
    // More than the window of a client that does not read.
    let value = "v".repeat(1 << 18);
    set(&client, "a", &value).await;
    strict.begins().await;

    served.fake.leaderless.store(true, Ordering::Relaxed);
    let mut seen = client.stream_with(WATCH, &[LEADER]).await;
    let none = (14, "etcdserver: no leader".to_owned());
    assert_eq!(seen.next::<WatchResponse>().await, Err(none.clone()));
    let told: WatchResponse = strict.next().await.unwrap();
    assert_eq!(told.events[0].kv.as_ref().unwrap().value.len(), value.len());
    assert_eq!(strict.next::<WatchResponse>().await, Err(none));
}
