//! Trace contexts, in and out: as metadata of gRPC and as headers of HTTP.

use database::api::Trace;
use gateways::etcd::grpc::frame;
use tokio::io::AsyncReadExt;

use crate::{
    client::Client,
    fake::{Served, start},
    json::send_with,
    keys::put,
};

const THEIRS: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const OURS: &str = "00-000000000000000f00000000000000a1-00000000000000a1-01";

/// The `traceparent` of the answer to a put with these headers.
async fn answered(served: &Served, headers: &[(&str, &str)], key: &str) -> Option<String> {
    let client = Client::open(served.address).await;
    let (response, mut send) = client.call("/etcdserverpb.KV/Put", headers).await;
    send.send_data(frame(&put(key, "1")), true).unwrap();
    let response = response.await.unwrap();
    response.headers().get("traceparent").map(|value| value.to_str().unwrap().to_owned())
}

/// The trace of the question that was asked last.
fn last(served: &Served) -> Trace {
    *served.fake.traces.lock().unwrap().last().unwrap()
}

#[tokio::test]
async fn a_call_is_asked_under_its_trace_and_its_answer_names_it() {
    let served = start().await;
    // The first call makes the keyspace, in a task of its own.
    for _ in 0..2 {
        assert_eq!(answered(&served, &[], "a").await.as_deref(), Some(OURS));
        assert_eq!(last(&served).trace_id, 0xf << 64 | 0xa1);
    }
    let theirs = [("traceparent", THEIRS)];
    assert_eq!(answered(&served, &theirs, "a").await.as_deref(), Some(THEIRS));
    let asked = last(&served);
    assert_eq!((asked.trace_id, asked.sampled), (0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, true));
    assert_eq!(asked.span_id, 0x00f0_67aa_0ba9_02b7);
    let failed = answered(&served, &theirs, "").await;
    assert_eq!(failed.as_deref(), Some(THEIRS), "of a call that failed, too");
    let wrong = [("traceparent", "00-0-0-01")];
    assert_eq!(answered(&served, &wrong, "a").await.as_deref(), Some(OURS));
}

#[tokio::test]
async fn a_document_that_cannot_be_read_is_answered_under_its_clients_trace() {
    let served = start().await;
    let mut text = String::new();
    let headers = format!("traceparent: {THEIRS}\r\n");
    let mut stream = send_with(served.address, "POST", "/v3/kv/put", &headers, "{").await;
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 400") && text.contains(THEIRS), "{text}");
}

#[tokio::test]
async fn the_json_gateway_says_it_in_a_header() {
    let served = start().await;
    for (headers, told) in [(String::new(), OURS), (format!("traceparent: {THEIRS}\r\n"), THEIRS)] {
        for body in [r#"{"key":"YQ==","value":"MQ=="}"#, r#"{"value":"MQ=="}"#] {
            let mut text = String::new();
            let mut stream = send_with(served.address, "POST", "/v3/kv/put", &headers, body).await;
            stream.read_to_string(&mut text).await.unwrap();
            assert!(text.contains(&format!("traceparent: {told}\r\n")), "{text}");
        }
    }
}
