//! What is no route of the API goes to whoever shows pages.

use std::{pin::Pin, sync::Arc};

use bytes::Bytes;
use gateways::{Content, Pages, Shown, Visit, http::Limits};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
};

use crate::fake::{Fake, exchange, start};

/// Shows what was asked for; streams under `/live`.
struct Mirror;

impl Pages for Mirror {
    fn visit(&self, visit: Visit) -> Pin<Box<dyn Future<Output = Shown> + Send + '_>> {
        Box::pin(async move {
            let text =
                format!("{} {} {} {:?}", visit.method(), visit.path, visit.query, visit.body);
            let content = if visit.path == "/live" {
                let (send, pieces) = mpsc::channel(1);
                tokio::spawn(async move {
                    while send.send(Bytes::from_static(b"data: tick\n\n")).await.is_ok() {}
                });
                Content::Stream(pieces)
            } else {
                Content::Whole(text.into())
            };
            let headers = vec![("content-type", "text/html".to_owned()), ("bad", "\n".to_owned())];
            Shown { status: 200, headers, content }
        })
    }
}

fn mirrored() -> Fake {
    Fake { pages: Some(Arc::new(Mirror)), ..Fake::default() }
}

async fn ask(fake: Fake, head: &str, body: &str) -> String {
    let served = start(fake, Limits::default()).await;
    let length = body.len();
    let bytes = format!(
        "{head} HTTP/1.1\r\nhost: q\r\naccept: text/html\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    exchange(served.address, bytes.as_bytes()).await
}

#[tokio::test]
async fn pages_get_what_the_api_does_not_know() {
    let answer = ask(mirrored(), "POST /chaos?a=b%20c", "node=n1").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("POST /chaos a=b%20c b\"node=n1\""), "{answer}");
    assert!(answer.contains("content-type: text/html") && !answer.contains("bad:"), "{answer}");
    assert!(ask(mirrored(), "GET /", "").await.contains("GET /  b\"\""));
    let api = ask(mirrored(), "GET /v1/none", "").await;
    assert!(api.contains("route-not-found"), "{api}");
    let nobody = ask(Fake::default(), "GET /chaos", "").await;
    assert!(nobody.contains("route-not-found"), "{nobody}");
    let links = ask(Fake::default(), "GET /", "").await;
    assert!(links.contains("/v1/openapi.json"), "{links}");
}

#[tokio::test]
async fn a_stream_flows_and_does_not_hold_up_the_end_of_the_server() {
    let served = start(mirrored(), Limits::default()).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(b"GET /live HTTP/1.1\r\nhost: q\r\n\r\n").await.unwrap();
    let mut seen = String::new();
    let mut piece = [0; 4096];
    while !seen.contains("data: tick") {
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "the stream ended: {seen}");
        seen.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    let reading =
        tokio::spawn(
            async move { while stream.read(&mut piece).await.is_ok_and(|read| read > 0) {} },
        );
    served.stop.send(()).unwrap();
    // Well before it would give the stream up.
    let soon = Limits::default().drain / 2;
    let ended = tokio::time::timeout(soon, served.ended).await;
    ended.expect("the server waits for the stream").unwrap();
    reading.await.unwrap();
}
