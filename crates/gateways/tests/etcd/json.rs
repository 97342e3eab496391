//! The JSON gateway.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::fake::start;

async fn send(address: SocketAddr, method: &str, path: &str, body: &str) -> TcpStream {
    send_with(address, method, path, "", body).await
}

/// Sends a request with these headers beside the usual ones.
pub async fn send_with(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: q\r\nconnection: close\r\n\
         content-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Status and body.
pub async fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut text = String::new();
    send(address, method, path, body).await.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
}

pub async fn post(address: SocketAddr, path: &str, body: Value) -> (u16, Value) {
    ask(address, "POST", path, &body.to_string()).await
}

#[tokio::test]
async fn keys_by_json_as_etcd_writes_them() {
    let served = start().await;
    let at = served.address;
    let (status, done) = post(at, "/v3/kv/put", json!({ "key": "Zm9v", "value": "YmFy" })).await;
    let header = json!({ "cluster_id": "9", "member_id": "1", "revision": "2", "raft_term": "4" });
    assert_eq!((status, done), (200, json!({ "header": header })));
    let (_, found) = post(at, "/v3/kv/range", json!({ "key": "Zm9v", "limit": "5" })).await;
    let kv = json!({ "key": "Zm9v", "value": "YmFy", "create_revision": "2", "mod_revision": "2",
                     "version": "1" });
    assert_eq!(found, json!({ "header": header, "kvs": [kv], "count": "1" }));
    let txn = json!({
        "compare": [{ "target": "VALUE", "key": "Zm9v", "value": "YmFy" }],
        "success": [{ "requestPut": { "key": "Zm9v", "value": "YmF6" } }],
    });
    let (_, done) = post(at, "/v3/kv/txn", txn).await;
    assert_eq!(
        (&done["succeeded"], done["responses"].as_array().unwrap().len()),
        (&json!(true), 1)
    );
    let (status, refused) = post(at, "/v3/kv/put", json!({ "value": "YmFy" })).await;
    let text = "etcdserver: key is not provided";
    assert_eq!((status, refused), (400, json!({ "error": text, "code": 3, "message": text })));
    for wrong in [json!({ "nokey": 1 }), json!({ "key": 7 }), json!([]), json!({ "key": "?" })] {
        assert_eq!(post(at, "/v3/kv/put", wrong).await.0, 400);
    }
    assert_eq!(ask(at, "POST", "/v3/kv/put", "{").await.0, 400);
    assert_eq!(ask(at, "GET", "/v3/kv/put", "").await.0, 405);
    assert_eq!(ask(at, "POST", "/v3/nothing", "").await.0, 404);
    let (_, version) = ask(at, "GET", "/version", "").await;
    assert_eq!(version["etcdcluster"], "3.5.0");
    assert_eq!(ask(at, "GET", "/health", "").await.1["health"], "true");
}

#[tokio::test]
async fn a_stream_is_a_line_for_each_message() {
    let served = start().await;
    let at = served.address;
    let watch = json!({ "create_request": { "key": "Zm9v" } }).to_string();
    let mut lines = BufReader::new(send(at, "POST", "/v3/watch", &watch).await).lines();
    let mut line = async || loop {
        // Lengths of chunks stand on lines of their own.
        let line = lines.next_line().await.unwrap().unwrap();
        if line.starts_with('{') {
            return serde_json::from_str::<Value>(&line).unwrap();
        }
    };
    assert_eq!(line().await["result"]["created"], true);
    post(at, "/v3/kv/put", json!({ "key": "Zm9v", "value": "YmFy" })).await;
    assert_eq!(line().await["result"]["events"][0]["kv"]["value"], "YmFy");
    let body = json!({ "ID": 7 }).to_string();
    let mut text = String::new();
    let mut stream = send(at, "POST", "/v3/lease/keepalive", &body).await;
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.contains(r#"{"result":{"ID":"7","header":"#), "{text}");
}
