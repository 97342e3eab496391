//! Leases, and keep-alives in order.

use gateways::etcd::wire::LeaseKeepAliveRequest;
use layers::coordination::{LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAlive};

use crate::{client::Client, fake::start};

#[tokio::test]
async fn keep_alives_are_answered_in_order_and_what_does_not_live_has_no_time() {
    let served = start().await;
    let client = Client::open(served.address).await;
    for id in [7, 8] {
        let grant = LeaseGrantRequest { ttl: 10 * id, id };
        let granted: LeaseGrantResponse =
            client.unary("/etcdserverpb.Lease/LeaseGrant", &grant).await.unwrap();
        assert_eq!((granted.id, granted.ttl), (id, 10 * id));
    }
    let mut stream = client.stream("/etcdserverpb.Lease/LeaseKeepAlive").await;
    let asked = [8, 9, 7, 8];
    asked.into_iter().for_each(|id| stream.say(&LeaseKeepAliveRequest { id }));
    for (id, ttl) in [(8, 80), (9, 0), (7, 70), (8, 80)] {
        let kept: LeaseKeepAlive = stream.next().await.unwrap();
        assert_eq!((kept.id, kept.ttl), (id, ttl));
        assert_eq!(kept.header.unwrap().member_id, 1);
    }
    stream.send.send_data(bytes::Bytes::new(), true).unwrap();
    assert_eq!(stream.next::<LeaseKeepAlive>().await.unwrap_err().0, 0);
}

#[tokio::test]
async fn many_streams_keep_their_leases_alive() {
    let served = start().await;
    let client = Client::open(served.address).await;
    let streams = (1..200).map(|id| {
        let client = client.clone();
        tokio::spawn(async move {
            let grant = LeaseGrantRequest { ttl: 60, id };
            let _: LeaseGrantResponse =
                client.unary("/etcdserverpb.Lease/LeaseGrant", &grant).await.unwrap();
            let mut stream = client.stream("/etcdserverpb.Lease/LeaseKeepAlive").await;
            for _ in 0..5 {
                stream.say(&LeaseKeepAliveRequest { id });
                let kept: LeaseKeepAlive = stream.next().await.unwrap();
                assert_eq!((kept.id, kept.ttl), (id, 60));
            }
        })
    });
    for stream in streams.collect::<Vec<_>>() {
        stream.await.unwrap();
    }
}
