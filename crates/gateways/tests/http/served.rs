//! The gateway through a real socket, in front of a fake database.

use std::time::Duration;

use crate::fake::{Fake, exchange, start};
use gateways::http::Limits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

fn request(method: &str, target: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {target} HTTP/1.1\r\nhost: q\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

#[tokio::test]
async fn a_key_is_written_read_and_removed_over_one_pipelined_connection() {
    let served = start(Fake::default(), Limits::default()).await;
    let path = "/v1/kv/default/user/17";
    let put = request("PUT", path, "idempotency-key: order-17\r\n", "hello");
    let all = [
        put.as_str(),
        &request("GET", path, "", ""),
        &request("HEAD", path, "", ""),
        &request("DELETE", path, "", ""),
        &request("GET", path, "connection: close\r\n", ""),
    ]
    .concat();
    let answer = exchange(served.address, all.as_bytes()).await;
    let statuses: Vec<&str> =
        answer.split("HTTP/1.1 ").skip(1).filter_map(|part| part.get(..3)).collect();
    assert_eq!(statuses, ["201", "200", "200", "204", "404"], "{answer}");
    assert!(answer.contains("idempotency-key: order-17"), "{answer}");
    assert!(answer.contains("etag: \"1-ff-7\"") && answer.contains("hello"), "{answer}");
    assert!(answer.contains("quorate-existed: true"), "{answer}");
    assert!(answer.contains("\"code\":\"key-not-found\""), "{answer}");
}

#[tokio::test]
async fn fixed_pages_and_problems_have_their_types() {
    let served = start(Fake::default(), Limits::default()).await;
    let get = |target: &str| {
        let bytes = request("GET", target, "connection: close\r\n", "");
        async move { exchange(served.address, bytes.as_bytes()).await }
    };
    assert!(get("/").await.contains("/v1/openapi.json"));
    assert!(get("/v1/openapi.json").await.contains("\"openapi\": \"3.1.0\""));
    assert!(get("/v1/errors/overloaded").await.contains("# overloaded"));
    assert!(get("/metrics").await.contains("quorate_http_connections 1"));
    assert!(get("/readyz").await.starts_with("HTTP/1.1 200"));
    let missing = get("/v1/kv/other/a").await;
    assert!(missing.starts_with("HTTP/1.1 404") && missing.contains("keyspace-not-found"));
    assert!(missing.contains("content-type: application/problem+json"), "{missing}");
}

#[tokio::test]
async fn an_unavailable_shard_says_when_and_where_to_go() {
    let served = start(Fake::default(), Limits::default()).await;
    let trace = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
    let headers = format!("connection: close\r\nidempotency-key: k1\r\n{trace}");
    let bytes = request("PUT", "/v1/keyspaces/carts", &headers, "{}");
    let answer = exchange(served.address, bytes.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1"), "{answer}");
    assert!(answer.contains("quorate-leader: \"n2\";http=\"127.0.0.1:7071\""), "{answer}");
    assert!(answer.contains("\"request_id\":\"k1\"") && answer.contains(trace), "{answer}");
}

#[tokio::test]
async fn an_answer_names_the_trace_also_of_a_request_that_named_none() {
    let served = start(Fake::default(), Limits::default()).await;
    let answer = |target: &'static str| async move {
        let bytes = request("GET", target, "connection: close\r\n", "");
        exchange(served.address, bytes.as_bytes()).await
    };
    let ours = "traceparent: 00-000000000000000f00000000000000a1-00000000000000a1-01\r\n";
    let failed = answer("/v1/kv/other/a").await;
    assert!(failed.starts_with("HTTP/1.1 404") && failed.contains(ours), "{failed}");
    assert!(answer("/v1/kv/carts?limit=1").await.contains(ours));
    let document = answer("/v1/events?limit=1").await;
    assert!(!document.contains("traceparent"), "nothing is kept of it: {document}");
}

#[tokio::test]
async fn every_request_is_measured_by_its_route_whatever_becomes_of_it() {
    let fake = Fake::default();
    let served = start(fake.clone(), Limits::default()).await;
    let all = [
        request("PUT", "/v1/kv/default/secret", "", "hello"),
        request("HEAD", "/v1/kv/default/secret", "", ""),
        request("GET", "/v1/kv/other/secret", "", ""),
        request("PUT", "/v1/keyspaces/secret", "", "{}"),
        request("GET", "/secret", "", ""),
        request("GET", "/v1/locks/default/secret", "connection: close\r\n", ""),
    ];
    exchange(served.address, all.concat().as_bytes()).await;
    assert_eq!(
        fake.book.read(),
        [
            "http PUT /v1/kv/{keyspace}/{key} ok",
            "http HEAD /v1/kv/{keyspace}/{key} ok",
            "http GET /v1/kv/{keyspace}/{key} client-error",
            "http PUT /v1/keyspaces/{keyspace} server-error",
            "http none client-error",
            "http GET /v1/locks/{keyspace}/{name} client-error",
        ]
    );
}

#[tokio::test]
async fn chaos_is_refused_unless_it_is_on() {
    for (chaos, fault, status) in
        [(false, "heal", "403"), (true, "heal", "200"), (true, "partition", "400")]
    {
        let served = start(Fake { chaos, ..Fake::default() }, Limits::default()).await;
        let nodes = if fault == "heal" { "" } else { ",\"nodes\":[\"n2\"]" };
        let body = format!("{{\"fault\":\"{fault}\"{nodes}}}");
        let bytes = request("POST", "/v1/chaos", "connection: close\r\n", &body);
        let answer = exchange(served.address, bytes.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
}

#[tokio::test]
async fn a_value_over_the_limit_is_refused_before_and_while_it_is_read() {
    let limits = Limits { value_bytes_max: 10, ..Limits::default() };
    let served = start(Fake::default(), limits).await;
    let declared = request("PUT", "/v1/kv/default/a", "", "elevenbytes");
    let chunked = "PUT /v1/kv/default/a HTTP/1.1\r\nhost: q\r\ntransfer-encoding: chunked\r\n\r\n\
                   6\r\nsixsix\r\n6\r\nsixsix\r\n0\r\n\r\n";
    for bytes in [declared.as_str(), chunked] {
        let answer = exchange(served.address, bytes.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        assert!(answer.contains("too-large") && answer.contains("connection: close"), "{answer}");
    }
}

#[tokio::test]
async fn bodies_that_do_not_fit_beside_each_other_are_refused() {
    let limits = Limits { bodies_bytes_max: 15, ..Limits::default() };
    let served = start(Fake::default(), limits).await;
    let mut first = TcpStream::connect(served.address).await.unwrap();
    let start = request("PUT", "/v1/kv/default/a", "", "0123456789");
    first.write_all(&start.as_bytes()[..start.len() - 1]).await.unwrap();
    let second = request("PUT", "/v1/kv/default/b", "connection: close\r\n", "0123456789");
    let refused = async {
        loop {
            let answer = exchange(served.address, second.as_bytes()).await;
            if answer.starts_with("HTTP/1.1 503") && answer.contains("overloaded") {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), refused).await.unwrap();
    drop(first);
    let served_again = async {
        while exchange(served.address, second.as_bytes()).await.starts_with("HTTP/1.1 503") {}
    };
    tokio::time::timeout(Duration::from_secs(5), served_again).await.unwrap();
}

#[tokio::test]
async fn slow_heads_and_slow_bodies_are_cut() {
    let limits = Limits {
        header_timeout: Duration::from_millis(50),
        body_timeout: Duration::from_millis(50),
        ..Limits::default()
    };
    let served = start(Fake::default(), limits).await;
    let mut head = TcpStream::connect(served.address).await.unwrap();
    head.write_all(b"GET / HTTP/1.1\r\nhos").await.unwrap();
    let mut answer = String::new();
    let _ = head.read_to_string(&mut answer).await;
    assert!(!answer.contains("200"), "{answer}");
    let mut body = TcpStream::connect(served.address).await.unwrap();
    let start = request("PUT", "/v1/kv/default/a", "", "0123456789");
    body.write_all(&start.as_bytes()[..start.len() - 1]).await.unwrap();
    let mut answer = String::new();
    let _ = body.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_at_once() {
    let limits = Limits { connections_max: 1, ..Limits::default() };
    let served = start(Fake::default(), limits).await;
    let mut first = TcpStream::connect(served.address).await.unwrap();
    first.write_all(request("GET", "/healthz", "", "").as_bytes()).await.unwrap();
    let mut bytes = [0; 15];
    first.read_exact(&mut bytes).await.unwrap();
    let answer = exchange(served.address, b"").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("too-many-connections"), "{answer}");
    drop(first);
    let mut tries = 0;
    while !exchange(
        served.address,
        request("GET", "/healthz", "connection: close\r\n", "").as_bytes(),
    )
    .await
    .starts_with("HTTP/1.1 200")
    {
        tries += 1;
        assert!(tries < 100, "the place is never given back");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn stopping_closes_idle_connections_and_ends() {
    let served = start(Fake::default(), Limits::default()).await;
    let mut idle = TcpStream::connect(served.address).await.unwrap();
    idle.write_all(request("GET", "/healthz", "", "").as_bytes()).await.unwrap();
    let mut bytes = [0; 15];
    idle.read_exact(&mut bytes).await.unwrap();
    served.stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(2), served.ended).await.unwrap().unwrap();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(TcpStream::connect(served.address).await.is_err());
}
