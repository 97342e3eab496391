//! Locks and elections that wait.

use std::time::Duration;

use layers::coordination::{
    CampaignRequest, CampaignResponse, LeaderRequest, LeaderResponse, LeaseGrantRequest,
    LeaseGrantResponse, LeaseRevokeRequest, LeaseRevokeResponse, LockRequest, LockResponse,
    ProclaimRequest, ProclaimResponse, PutResponse, RangeRequest, RangeResponse, ResignRequest,
    ResignResponse, UnlockRequest, UnlockResponse,
};
use tokio::time::sleep;

use crate::{
    client::{Client, answer},
    fake::start,
};
use gateways::etcd::grpc::frame;

const LOCK: &str = "/v3lockpb.Lock/Lock";

async fn grant(client: &Client, id: i64) {
    let grant = LeaseGrantRequest { ttl: 60, id };
    let _: LeaseGrantResponse =
        client.unary("/etcdserverpb.Lease/LeaseGrant", &grant).await.unwrap();
}

fn lock(lease: i64) -> LockRequest {
    LockRequest { name: "l".into(), lease }
}

async fn places(client: &Client) -> i64 {
    let (key, range_end) = ("l/".into(), "l0".into());
    let range = RangeRequest { key, range_end, count_only: true, ..RangeRequest::default() };
    let found: RangeResponse = client.unary("/etcdserverpb.KV/Range", &range).await.unwrap();
    found.count
}

async fn until_places(client: &Client, count: i64) {
    while places(client).await != count {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_lock_is_held_by_one_after_the_other() {
    let served = start().await;
    let client = Client::open(served.address).await;
    grant(&client, 1).await;
    grant(&client, 2).await;
    let first: LockResponse = client.unary(LOCK, &lock(1)).await.unwrap();
    assert_eq!(first.key, "l/1");
    let waits = tokio::spawn({
        let client = client.clone();
        async move { client.unary::<LockResponse>(LOCK, &lock(2)).await.unwrap() }
    });
    until_places(&client, 2).await;
    sleep(Duration::from_millis(30)).await;
    assert!(!waits.is_finished());
    let unlock = UnlockRequest { key: first.key };
    let _: UnlockResponse = client.unary("/v3lockpb.Lock/Unlock", &unlock).await.unwrap();
    let second = waits.await.unwrap();
    assert_eq!(second.key, "l/2");
    assert!(second.token > first.token);
}

#[tokio::test]
async fn who_goes_away_gives_up_its_place_and_a_lease_is_granted_to_who_has_none() {
    let served = start().await;
    let client = Client::open(served.address).await;
    let first: LockResponse = client.unary(LOCK, &lock(0)).await.unwrap();
    assert!(first.key.starts_with(b"l/"));
    grant(&client, 7).await;
    for lease in [0, 7] {
        let (response, mut send) = client.call(LOCK, &[]).await;
        send.send_data(frame(&lock(lease)), true).unwrap();
        until_places(&client, 2).await;
        drop((response, send));
        until_places(&client, 1).await;
        let (response, mut send) = client.call(LOCK, &[("grpc-timeout", "50m")]).await;
        send.send_data(frame(&lock(lease)), true).unwrap();
        let late = answer::<LockResponse>(response).await.unwrap_err();
        assert_eq!(late, (4, "context deadline exceeded".into()));
        until_places(&client, 1).await;
    }
    let missing = client.unary::<LockResponse>(LOCK, &lock(99)).await.unwrap_err();
    assert_eq!(missing, (2, "etcdserver: requested lease not found".into()));
}

#[tokio::test]
async fn a_place_that_is_taken_away_is_not_taken_again() {
    let served = start().await;
    let client = Client::open(served.address).await;
    for lease in 1..4 {
        grant(&client, lease).await;
    }
    let _: LockResponse = client.unary(LOCK, &lock(1)).await.unwrap();
    let (response, mut send) = client.call(LOCK, &[]).await;
    send.send_data(frame(&lock(2)), true).unwrap();
    until_places(&client, 2).await;
    let revoke = LeaseRevokeRequest { id: 2 };
    let _: LeaseRevokeResponse =
        client.unary("/etcdserverpb.Lease/LeaseRevoke", &revoke).await.unwrap();
    let unlock = UnlockRequest { key: "l/1".into() };
    let _: UnlockResponse = client.unary("/v3lockpb.Lock/Unlock", &unlock).await.unwrap();
    let lost = answer::<LockResponse>(response).await.unwrap_err();
    assert_eq!(lost, (2, "mutex: session is expired".into()));
    assert_eq!(places(&client).await, 0);
    let nameless = UnlockRequest::default();
    let empty = client.unary::<UnlockResponse>("/v3lockpb.Lock/Unlock", &nameless).await;
    assert_eq!(empty.unwrap_err(), (2, "etcdserver: key is not provided".into()));
    let next: LockResponse = client.unary(LOCK, &lock(3)).await.unwrap();
    assert_eq!(next.key, "l/3");
}

#[tokio::test]
async fn observers_see_every_leader_and_what_it_says() {
    let served = start().await;
    let client = Client::open(served.address).await;
    grant(&client, 1).await;
    grant(&client, 2).await;
    let mut observer = client.stream("/v3electionpb.Election/Observe").await;
    observer.say(&LeaderRequest { name: "e".into() });
    let campaign = |lease, value: &str| CampaignRequest {
        name: "e".into(),
        lease,
        value: value.to_owned().into(),
    };
    let path = "/v3electionpb.Election/Campaign";
    let elected: CampaignResponse = client.unary(path, &campaign(1, "one")).await.unwrap();
    let leader = elected.leader.unwrap();
    let mut said = async || {
        let response: LeaderResponse = observer.next().await.unwrap();
        String::from_utf8(response.kv.unwrap().value.to_vec()).unwrap()
    };
    assert_eq!(said().await, "one");
    let proclaim = ProclaimRequest { leader: Some(leader.clone()), value: "more".into() };
    let _: ProclaimResponse =
        client.unary("/v3electionpb.Election/Proclaim", &proclaim).await.unwrap();
    assert_eq!(said().await, "more");
    let next = tokio::spawn({
        let (client, campaign) = (client.clone(), campaign(2, "two"));
        async move { client.unary::<CampaignResponse>(path, &campaign).await.unwrap() }
    });
    let resign = ResignRequest { leader: Some(leader.clone()) };
    let _: ResignResponse = client.unary("/v3electionpb.Election/Resign", &resign).await.unwrap();
    assert_eq!(said().await, "two");
    assert_eq!(next.await.unwrap().leader.unwrap().lease, 2);
    let stale: Result<ProclaimResponse, _> =
        client.unary("/v3electionpb.Election/Proclaim", &proclaim).await;
    assert_eq!(stale.unwrap_err(), (2, "election: not leader".into()));
}

#[tokio::test]
async fn a_guarded_write_of_a_former_holder_is_refused() {
    let served = start().await;
    let client = Client::open(served.address).await;
    grant(&client, 1).await;
    let held: LockResponse = client.unary(LOCK, &lock(1)).await.unwrap();
    let guard = format!("l {}", held.token);
    let guarded = async |path: &str, guard: &str| {
        let (response, mut send) = client.call(path, &[("quorate-guard", guard)]).await;
        send.send_data(frame(&crate::keys::put("k", "v")), true).unwrap();
        answer::<PutResponse>(response).await
    };
    let put = "/etcdserverpb.KV/Put";
    guarded(put, &guard).await.unwrap();
    assert_eq!(guarded(put, "l").await.unwrap_err().0, 3, "no guard");
    assert_eq!(guarded("/etcdserverpb.KV/Range", &guard).await.unwrap_err().0, 3, "no write");
    let revoke = LeaseRevokeRequest { id: 1 };
    let _: LeaseRevokeResponse =
        client.unary("/etcdserverpb.Lease/LeaseRevoke", &revoke).await.unwrap();
    let refused = (9, "quorate: the lock is not held at the guard's token".to_owned());
    assert_eq!(guarded(put, &guard).await.unwrap_err(), refused);
}
