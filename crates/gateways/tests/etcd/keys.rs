//! Keys, transactions, and how the gateway answers when things are wrong.

use database::{Code, Failure};
use gateways::etcd::wire::{MemberListRequest, MemberListResponse, StatusResponse};
use layers::coordination::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest,
    PutResponse, RangeRequest, RangeResponse, Request, RequestOp, TxnRequest, TxnResponse,
};

use crate::{client::Client, fake::start};

pub fn put(key: &str, value: &str) -> PutRequest {
    PutRequest {
        key: key.to_owned().into(),
        value: value.to_owned().into(),
        ..PutRequest::default()
    }
}

pub async fn set(client: &Client, key: &str, value: &str) -> i64 {
    let done: PutResponse = client.unary("/etcdserverpb.KV/Put", &put(key, value)).await.unwrap();
    done.header.unwrap().revision
}

#[tokio::test]
async fn keys_are_put_read_and_removed_and_the_keyspace_is_made_on_first_use() {
    let served = start().await;
    assert_eq!(served.fake.contract(), None);
    let client = Client::open(served.address).await;
    assert_eq!(set(&client, "a", "1").await, 2);
    let contract = served.fake.contract().unwrap();
    assert_eq!((contract.program.name(), contract.replicas), ("coordination", 3));
    let range = RangeRequest { key: "a".into(), ..RangeRequest::default() };
    let found: RangeResponse = client.unary("/etcdserverpb.KV/Range", &range).await.unwrap();
    let header = found.header.unwrap();
    assert_eq!((header.cluster_id, header.member_id, header.raft_term), (9, 1, 4));
    assert_eq!((found.count, &found.kvs[0].value[..]), (1, &b"1"[..]));
    let delete = DeleteRangeRequest { key: "a".into(), ..DeleteRangeRequest::default() };
    let gone: DeleteRangeResponse =
        client.unary("/etcdserverpb.KV/DeleteRange", &delete).await.unwrap();
    assert_eq!((gone.deleted, gone.header.unwrap().revision), (1, 3));
    let op = |request| RequestOp { request: Some(request) };
    let success = vec![op(Request::RequestPut(put("b", "2"))), op(Request::RequestRange(range))];
    let txn = TxnRequest { success, ..TxnRequest::default() };
    let done: TxnResponse = client.unary("/etcdserverpb.KV/Txn", &txn).await.unwrap();
    assert!(done.succeeded && done.responses.len() == 2);
}

#[tokio::test]
async fn many_calls_at_once_each_get_their_own_answer() {
    let served = start().await;
    let client = Client::open(served.address).await;
    let calls = (0..500).map(|i| {
        let client = client.clone();
        tokio::spawn(async move {
            let key = format!("k{i}");
            set(&client, &key, &key).await;
            let range = RangeRequest { key: key.clone().into(), ..RangeRequest::default() };
            let found: RangeResponse =
                client.unary("/etcdserverpb.KV/Range", &range).await.unwrap();
            assert_eq!(found.kvs[0].value, key);
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    assert!(served.figures.text().contains("quorate_etcd_calls_total 1000\n"));
}

#[tokio::test]
async fn errors_have_etcds_codes_and_texts() {
    let served = start().await;
    let client = Client::open(served.address).await;
    set(&client, "a", "1").await;
    set(&client, "a", "2").await;
    let compaction = CompactionRequest { revision: 3, physical: true };
    let done: CompactionResponse =
        client.unary("/etcdserverpb.KV/Compact", &compaction).await.unwrap();
    assert!(done.swept);
    let range = |revision| RangeRequest { key: "a".into(), revision, ..RangeRequest::default() };
    let failed = |told: Result<RangeResponse, _>| told.unwrap_err();
    let path = "/etcdserverpb.KV/Range";
    assert_eq!(
        failed(client.unary(path, &range(2)).await),
        (11, "etcdserver: mvcc: required revision has been compacted".into())
    );
    assert_eq!(
        failed(client.unary(path, &range(99)).await),
        (11, "etcdserver: mvcc: required revision is a future revision".into())
    );
    let empty: Result<PutResponse, _> = client.unary("/etcdserverpb.KV/Put", &put("", "v")).await;
    assert_eq!(empty.unwrap_err(), (3, "etcdserver: key is not provided".into()));
    let unknown: Result<(), _> = client.unary("/etcdserverpb.KV/Fly", &()).await;
    assert_eq!(unknown.unwrap_err().0, 12);
    let member: Result<(), _> = client.unary("/etcdserverpb.Cluster/MemberAdd", &()).await;
    assert!(member.unwrap_err().1.contains("quorate cluster"));
    let lost = Failure::new(Code::Unavailable, "moved").unknown();
    *served.fake.fails.lock().unwrap() = Some(lost);
    assert_eq!(
        failed(client.unary(path, &range(0)).await),
        (14, "etcdserver: leader changed".into())
    );
}

#[tokio::test]
async fn operators_see_members_and_status() {
    let served = start().await;
    let client = Client::open(served.address).await;
    let list = MemberListRequest { linearizable: true };
    let members: MemberListResponse =
        client.unary("/etcdserverpb.Cluster/MemberList", &list).await.unwrap();
    let urls: Vec<_> = members.members.iter().map(|m| m.client_urls[0].as_str()).collect();
    assert_eq!(urls, ["http://h1:2379", "http://h2:2379", "http://h3:2379"]);
    let status: StatusResponse =
        client.unary("/etcdserverpb.Maintenance/Status", &()).await.unwrap();
    assert_eq!((status.leader, status.raft_term, status.db_size), (1, 4, 7_000));
    assert!(status.version.starts_with("3.5."));
}
