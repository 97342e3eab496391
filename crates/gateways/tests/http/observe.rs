//! What a node knows of itself, through a socket.

use gateways::http::Limits;

use crate::fake::{Fake, exchange, start};

async fn get(target: &str, accept: &str) -> String {
    let served = start(Fake::default(), Limits::default()).await;
    let head = format!("GET {target} HTTP/1.1\r\nhost: q\r\naccept: {accept}\r\nconnection: close");
    exchange(served.address, format!("{head}\r\n\r\n").as_bytes()).await
}

#[tokio::test]
async fn documents_come_as_they_are_and_unknown_traces_are_not_found() {
    let events = get("/v1/events?limit=5", "*/*").await;
    assert!(events.contains("application/json") && events.contains("\"next\":7"), "{events}");
    assert!(get("/v1/slo", "*/*").await.ends_with("\r\n{}"));
    let trace = get("/v1/traces/0af7651916cd43dd8448eb211c80319c", "*/*").await;
    assert!(trace.starts_with("HTTP/1.1 404") && trace.contains("route-not-found"), "{trace}");
}

#[tokio::test]
async fn events_are_streamed_to_whoever_asks_for_a_stream() {
    let served = start(Fake::default(), Limits::default()).await;
    let mut stream = tokio::net::TcpStream::connect(served.address).await.unwrap();
    let head = "GET /v1/events HTTP/1.1\r\nhost: q\r\naccept: text/event-stream\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"\n\n\r\n") {
        let mut piece = [0; 4096];
        let read = tokio::io::AsyncReadExt::read(&mut stream, &mut piece).await.unwrap();
        assert!(read > 0, "the stream stays open: {}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&piece[..read]);
    }
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("text/event-stream") && text.contains("id: 7\n"), "{text}");
}
