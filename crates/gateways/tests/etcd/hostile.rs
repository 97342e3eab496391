//! Clients that mean harm, or do it.

use std::time::Duration;

use bytes::Bytes;
use gateways::etcd::{Limits, grpc::frame};
use layers::coordination::{PutResponse, RangeRequest, RangeResponse};
use proptest::{prelude::*, test_runner::TestRunner};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    client::{Client, PATIENCE, answer},
    fake::{start, start_with},
    keys::{put, set},
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[test]
fn the_gateway_outlives_any_bytes() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let served = runtime.block_on(start());
    let noise = proptest::collection::vec(any::<u8>(), 0..300);
    let mut runner = TestRunner::new(ProptestConfig { cases: 200, ..Default::default() });
    let outcome = runner.run(&(any::<bool>(), noise), |(preface, noise)| {
        runtime.block_on(async {
            let mut stream = TcpStream::connect(served.address).await.unwrap();
            let head = if preface { PREFACE } else { b"" };
            let _ = stream.write_all(&[head, &noise].concat()).await;
            let _ = stream.shutdown().await;
            let mut rest = Vec::new();
            let read = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
            assert!(read.is_ok(), "the connection is closed");
        });
        Ok(())
    });
    outcome.unwrap();
    runtime.block_on(async {
        let client = Client::open(served.address).await;
        set(&client, "a", "still there").await;
    });
}

#[tokio::test]
async fn a_message_that_is_too_long_is_refused_before_it_is_read() {
    let served = start().await;
    let client = Client::open(served.address).await;
    let (response, mut send) = client.call("/etcdserverpb.KV/Put", &[]).await;
    send.send_data(Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff]), false).unwrap();
    let (code, text) = answer::<PutResponse>(response).await.unwrap_err();
    assert_eq!(code, 8);
    assert!(text.starts_with("grpc: received message larger than max"), "{text}");
    let large = put("a", &"v".repeat(1_600_000));
    let refused = client.unary::<PutResponse>("/etcdserverpb.KV/Put", &large).await.unwrap_err();
    assert_eq!(refused, (3, "etcdserver: request is too large".into()));
}

#[tokio::test]
async fn a_message_in_pieces_arrives_and_one_that_stops_is_given_up() {
    let limits = Limits { message_timeout: Duration::from_secs(2), ..Limits::default() };
    let served = start_with(limits).await;
    let client = Client::open(served.address).await;
    let bytes = frame(&put("a", &"v".repeat(1_000)));
    let (response, mut send) = client.call("/etcdserverpb.KV/Put", &[]).await;
    for piece in bytes.chunks(100) {
        send.send_data(Bytes::copy_from_slice(piece), false).unwrap();
        sleep(Duration::from_millis(2)).await;
    }
    assert!(answer::<PutResponse>(response).await.is_ok());
    let (response, mut send) = client.call("/etcdserverpb.KV/Put", &[]).await;
    send.send_data(bytes.slice(..50), false).unwrap();
    assert_eq!(answer::<PutResponse>(response).await.unwrap_err().0, 4);
    let (response, mut send) = client.call("/etcdserverpb.KV/Put", &[]).await;
    send.send_data(bytes.slice(..50), true).unwrap();
    assert_eq!(answer::<PutResponse>(response).await.unwrap_err().0, 13);
}

#[tokio::test]
async fn ten_thousand_open_streams_stop_nobody() {
    let served = start().await;
    let (client, other) = (Client::open(served.address).await, Client::open(served.address).await);
    let mut open = Vec::new();
    for _ in 0..10_000 {
        open.push(client.call("/etcdserverpb.KV/Put", &[]).await);
    }
    set(&other, "a", "v").await;
    drop(open);
    set(&client, "a", "v").await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_given_up_and_others_are_served() {
    let limits = Limits { write_timeout: Duration::from_millis(200), ..Limits::default() };
    let served = start_with(limits).await;
    let client = Client::open(served.address).await;
    for i in 0..20 {
        set(&client, &format!("k{i}"), &"v".repeat(100_000)).await;
    }
    let all = RangeRequest { key: "k".into(), range_end: "l".into(), ..RangeRequest::default() };
    let (response, mut send) = client.call("/etcdserverpb.KV/Range", &[]).await;
    send.send_data(frame(&all), true).unwrap();
    let mut body = response.await.unwrap().into_body();
    sleep(Duration::from_millis(400)).await;
    let mut ended = false;
    while let Some(chunk) = body.data().await {
        ended |= chunk.is_err();
        if ended {
            break;
        }
    }
    assert!(ended, "the call was taken back");
    let other = Client::open(served.address).await;
    let found: RangeResponse = other.unary("/etcdserverpb.KV/Range", &all).await.unwrap();
    assert_eq!(found.count, 20);
}

#[tokio::test]
async fn connections_over_the_limit_are_closed() {
    let served = start_with(Limits { connections_max: 1, ..Limits::default() }).await;
    let client = Client::open(served.address).await;
    set(&client, "a", "v").await;
    let mut second = TcpStream::connect(served.address).await.unwrap();
    let mut byte = [0];
    assert!(matches!(second.read(&mut byte).await, Ok(0) | Err(_)));
    assert!(served.figures.text().contains("quorate_etcd_connections_refused_total 1\n"));
}
