//! Watches: whatever the client does, events come once, in order and whole.

use std::time::Duration;

use bytes::Bytes;
use database::{Code, Failure};
use gateways::etcd::{
    Limits,
    wire::{
        RequestUnion, WatchCancelRequest, WatchCreateRequest, WatchProgressRequest, WatchRequest,
        WatchResponse,
    },
};
use layers::coordination::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, EventType,
    Request, RequestOp, TxnRequest, TxnResponse,
};

use crate::{
    client::{Client, Stream},
    fake::{start, start_with},
    json,
    keys::{put, set},
};

pub const PATH: &str = "/etcdserverpb.Watch/Watch";

pub fn ask(union: RequestUnion) -> WatchRequest {
    WatchRequest { request_union: Some(union) }
}

pub fn create(key: &str) -> WatchCreateRequest {
    WatchCreateRequest { key: key.to_owned().into(), ..WatchCreateRequest::default() }
}

pub async fn begin(stream: &mut Stream, request: WatchCreateRequest) -> WatchResponse {
    stream.say(&ask(RequestUnion::CreateRequest(request)));
    let response: WatchResponse = stream.next().await.unwrap();
    assert!(response.created, "{response:?}");
    response
}

/// Watch, and for each event its kind, key and revision.
fn told(response: &WatchResponse) -> (i64, Vec<(i32, Bytes, i64)>) {
    let event = |event: &layers::coordination::Event| {
        let kv = event.kv.as_ref().unwrap();
        (event.r#type, kv.key.clone(), kv.mod_revision)
    };
    (response.watch_id, response.events.iter().map(event).collect())
}

/// Reads until so many events have come.
async fn events(stream: &mut Stream, count: usize) -> Vec<(i32, Bytes, i64)> {
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(told(&stream.next().await.unwrap()).1);
    }
    all
}

const PUT: i32 = EventType::Put as i32;
const DELETE: i32 = EventType::Delete as i32;

#[tokio::test]
async fn a_watch_sees_what_comes_after_it_began() {
    let served = start().await;
    let client = Client::open(served.address).await;
    set(&client, "a", "before").await;
    let mut stream = client.stream(PATH).await;
    let request = WatchCreateRequest { prev_kv: true, ..create("a") };
    let began = begin(&mut stream, request).await;
    assert_eq!((began.watch_id, began.header.unwrap().revision), (0, 2));
    set(&client, "b", "other").await;
    set(&client, "a", "after").await;
    let response: WatchResponse = stream.next().await.unwrap();
    assert_eq!(told(&response), (0, vec![(PUT, "a".into(), 4)]));
    assert_eq!(response.events[0].prev_kv.as_ref().unwrap().value, "before");
    let delete = DeleteRangeRequest { key: "a".into(), ..DeleteRangeRequest::default() };
    let _: DeleteRangeResponse =
        client.unary("/etcdserverpb.KV/DeleteRange", &delete).await.unwrap();
    assert_eq!(told(&stream.next().await.unwrap()), (0, vec![(DELETE, "a".into(), 5)]));
    assert!(stream.is_silent().await);
}

#[tokio::test]
async fn a_watch_of_the_past_catches_up_and_goes_on() {
    let served = start().await;
    let client = Client::open(served.address).await;
    for i in 0..5_000 {
        set(&client, if i % 2 == 0 { "a" } else { "b" }, "v").await;
    }
    let mut stream = client.stream(PATH).await;
    let writer = tokio::spawn({
        let client = client.clone();
        async move {
            for _ in 0..500 {
                set(&client, "a", "v").await;
            }
        }
    });
    begin(&mut stream, WatchCreateRequest { start_revision: 1, ..create("a") }).await;
    let seen = events(&mut stream, 3_000).await;
    writer.await.unwrap();
    let revisions: Vec<i64> = seen.iter().map(|(_, _, revision)| *revision).collect();
    let wanted: Vec<i64> = (2..5_002).step_by(2).chain(5_002..5_502).collect();
    assert_eq!(revisions, wanted);
}

#[tokio::test]
async fn a_node_with_too_much_to_do_lets_a_new_watch_wait_and_ends_no_other() {
    let served = start().await;
    let client = Client::open(served.address).await;
    let mut stream = client.stream(PATH).await;
    begin(&mut stream, create("a")).await;
    *served.fake.fails.lock().unwrap() = Some(Failure::new(Code::Overloaded, "too much"));
    stream.say(&ask(RequestUnion::CreateRequest(create("b"))));
    assert!(stream.is_silent().await);
    *served.fake.fails.lock().unwrap() = None;
    let began: WatchResponse = stream.next().await.unwrap();
    assert_eq!((began.created, began.watch_id), (true, 1));
    set(&client, "a", "v").await;
    assert_eq!(told(&stream.next().await.unwrap()).0, 0);
}

#[tokio::test]
async fn a_revision_comes_whole() {
    let served = start().await;
    let client = Client::open(served.address).await;
    let mut stream = client.stream(PATH).await;
    begin(&mut stream, WatchCreateRequest { range_end: "\0".into(), ..create("k") }).await;
    let op = |i| RequestOp { request: Some(Request::RequestPut(put(&format!("k{i:03}"), "v"))) };
    let txn = TxnRequest { success: (0..100).map(op).collect(), ..TxnRequest::default() };
    let _: TxnResponse = client.unary("/etcdserverpb.KV/Txn", &txn).await.unwrap();
    let response: WatchResponse = stream.next().await.unwrap();
    assert_eq!(response.events.len(), 100);
}

#[tokio::test]
async fn a_stream_has_many_watches_with_numbers_of_either_side() {
    let served = start().await;
    let client = Client::open(served.address).await;
    let mut stream = client.stream(PATH).await;
    assert_eq!(begin(&mut stream, create("a")).await.watch_id, 0);
    let own = WatchCreateRequest { watch_id: 1, ..create("a") };
    assert_eq!(begin(&mut stream, own.clone()).await.watch_id, 1);
    assert_eq!(begin(&mut stream, create("b")).await.watch_id, 2);
    let twice = begin(&mut stream, own).await;
    assert!(twice.canceled && twice.watch_id == -1 && twice.cancel_reason.contains("duplicate"));
    let empty = WatchCreateRequest { range_end: "a".into(), ..create("b") };
    assert_eq!(begin(&mut stream, empty).await.cancel_reason, "mvcc: watcher range is empty");
    set(&client, "a", "v").await;
    let mut both = [told(&stream.next().await.unwrap()).0, told(&stream.next().await.unwrap()).0];
    both.sort_unstable();
    assert_eq!(both, [0, 1]);
    stream.say(&ask(RequestUnion::CancelRequest(WatchCancelRequest { watch_id: 1 })));
    let ended: WatchResponse = stream.next().await.unwrap();
    assert!(ended.canceled && ended.watch_id == 1);
    set(&client, "a", "v").await;
    assert_eq!(told(&stream.next().await.unwrap()).0, 0);
    assert!(stream.is_silent().await);
}

#[tokio::test]
async fn watches_that_begin_together_share_one_look_at_the_revision() {
    let served = start().await;
    let client = Client::open(served.address).await;
    let mut stream = client.stream(PATH).await;
    let looks = || served.fake.traces.lock().unwrap().len();
    begin(&mut stream, create("first")).await;
    let before = looks();
    for _ in 0..100 {
        stream.say(&ask(RequestUnion::CreateRequest(create("key"))));
    }
    for id in 1..=100 {
        assert_eq!(stream.next::<WatchResponse>().await.unwrap().watch_id, id);
    }
    assert!(looks() - before < 30, "each came in a frame of its own: {}", looks() - before);
}

#[tokio::test]
async fn what_came_before_a_message_that_nobody_can_read_is_answered() {
    let served = start().await;
    let client = Client::open(served.address).await;
    let mut stream = client.stream(PATH).await;
    stream.say(&ask(RequestUnion::CreateRequest(create("key"))));
    stream.send.send_data(Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff]), false).unwrap();
    assert!(stream.next::<WatchResponse>().await.unwrap().created);
    let (code, text) = stream.next::<WatchResponse>().await.unwrap_err();
    assert!(code == 8 && text.starts_with("grpc: received message larger than max"), "{text}");
}

#[tokio::test]
async fn a_watch_of_what_is_compacted_ends_with_the_first_revision_there_is() {
    let served = start().await;
    let client = Client::open(served.address).await;
    for _ in 0..5 {
        set(&client, "a", "v").await;
    }
    let compaction = CompactionRequest { revision: 4, physical: false };
    let _: CompactionResponse =
        client.unary("/etcdserverpb.KV/Compact", &compaction).await.unwrap();
    let mut stream = client.stream(PATH).await;
    begin(&mut stream, WatchCreateRequest { start_revision: 2, ..create("a") }).await;
    let ended: WatchResponse = stream.next().await.unwrap();
    assert!(ended.canceled);
    assert_eq!((ended.compact_revision, ended.cancel_reason.as_str()), (4, ""));
    begin(&mut stream, WatchCreateRequest { start_revision: 5, ..create("a") }).await;
    assert_eq!(events(&mut stream, 2).await.len(), 2);
}

#[tokio::test]
async fn progress_says_how_far_everything_has_come() {
    let period = Duration::from_millis(50);
    let limits = Limits { progress_period: period, ..Limits::default() };
    let served = start_with(limits).await;
    let client = Client::open(served.address).await;
    let mut stream = client.stream(PATH).await;
    stream.say(&ask(RequestUnion::ProgressRequest(WatchProgressRequest {})));
    let none: WatchResponse = stream.next().await.unwrap();
    assert_eq!((none.watch_id, none.header.unwrap().revision), (-1, 1));
    begin(&mut stream, WatchCreateRequest { progress_notify: true, ..create("a") }).await;
    set(&client, "b", "v").await;
    loop {
        let response: WatchResponse = stream.next().await.unwrap();
        assert_eq!(response.watch_id, 0);
        if response.header.unwrap().revision == 2 {
            break;
        }
    }
}

#[tokio::test]
async fn a_slow_reader_holds_little_and_misses_nothing() {
    let limits = Limits { watch_queue_bytes: 4 << 10, ..Limits::default() };
    let served = start_with(limits).await;
    let client = Client::open(served.address).await;
    let mut slow = client.stream(PATH).await;
    begin(&mut slow, create("a")).await;
    let value = "v".repeat(1_000);
    for _ in 0..500 {
        set(&client, "a", &value).await;
    }
    let lag = async || {
        let (status, told) = json::ask(served.address, "GET", "/quorate/watches?limit=1", "").await;
        assert_eq!((status, &told["worst"][0]["key"]), (200, &"YQ==".into()), "{told}");
        told["worst"][0]["lag_revisions"].as_str().unwrap().parse::<u64>().unwrap()
    };
    assert!(lag().await > 100, "nobody has read");
    let seen = events(&mut slow, 500).await;
    let revisions: Vec<i64> = seen.iter().map(|(_, _, revision)| *revision).collect();
    assert_eq!(revisions, (2..502).collect::<Vec<i64>>());
    assert!(!served.figures.text().contains("quorate_etcd_watches_lagged_total 0\n"));
    assert_eq!(lag().await, 0);
    for wrong in ["limit=0", "limit=10001", "limit=x", "most=1"] {
        let path = format!("/quorate/watches?{wrong}");
        assert_eq!(json::ask(served.address, "GET", &path, "").await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_gateway_that_stops_says_so() {
    let served = start().await;
    let client = Client::open(served.address).await;
    let mut stream = client.stream(PATH).await;
    begin(&mut stream, create("a")).await;
    served.stop.send(()).unwrap();
    let ended = stream.next::<WatchResponse>().await.unwrap_err();
    assert_eq!(ended, (14, "etcdserver: server stopped".into()));
    served.ended.await.unwrap();
}
