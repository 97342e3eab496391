//! What the client does when answers are lost, refused or late, against a scripted server.
#![allow(clippy::disallowed_methods, reason = "a test may start tasks and wait")]

use std::sync::{Arc, Mutex};

use client::{Client, Error, If, Options};
use kernel::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const CREATED: &str = "HTTP/1.1 201 Created\r\netag: \"1-ff-7\"\r\nquorate-session: seen\r\n\
    quorate-receipt: level=linearizable, acks=2\r\ncontent-length: 0\r\n\r\n";

/// Answers each request with the next line of its script: `drop` hangs up, `hang` says nothing,
/// `close:` sends the rest of the line and hangs up, anything else is sent as it is. The last line
/// is used for ever.
#[derive(Clone, Default)]
struct Server {
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(script: &[String]) -> (Server, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = Server::default();
        let (seen, script) = (Arc::clone(&server.seen), script.to_vec());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (seen, script) = (Arc::clone(&seen), script.clone());
                tokio::spawn(async move {
                    let mut bytes = vec![0; 4096];
                    loop {
                        let read = stream.read(&mut bytes).await.unwrap_or(0);
                        if read == 0 {
                            return;
                        }
                        let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
                        let line = {
                            let mut seen = seen.lock().unwrap();
                            seen.push(text);
                            script[(seen.len() - 1).min(script.len() - 1)].clone()
                        };
                        match line.as_str() {
                            "drop" => return,
                            "hang" => std::future::pending().await,
                            answer => {
                                let last = answer.strip_prefix("close:");
                                let answer = last.unwrap_or(answer);
                                stream.write_all(answer.as_bytes()).await.unwrap();
                                if last.is_some() {
                                    return;
                                }
                            }
                        }
                    }
                });
            }
        });
        (server, address)
    }

    fn header(&self, name: &str) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let find = |request: &String| {
            let line = request.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
            line.unwrap_or("").to_owned()
        };
        seen.iter().map(find).collect()
    }
}

fn problem(status: u16, code: &str, effect: &str, retry: bool, leader: &str) -> String {
    let after = if retry { ",\"retry_after_ms\":1" } else { "" };
    let body = format!(
        "{{\"status\":{status},\"code\":\"{code}\",\"effect\":\"{effect}\",\"detail\":\"\"{after}}}"
    );
    let hint = match leader {
        "" => String::new(),
        address => format!("quorate-leader: \"n2\";http=\"{address}\"\r\n"),
    };
    let length = body.len();
    format!("HTTP/1.1 {status} Problem\r\n{hint}content-length: {length}\r\n\r\n{body}")
}

fn options() -> Options {
    Options {
        timeout: Duration::from_millis(800),
        attempt_timeout: Duration::from_millis(150),
        ..Options::default()
    }
}

#[tokio::test]
async fn all_attempts_of_a_mutation_carry_one_id_and_calls_carry_different_ones() {
    let unavailable = problem(503, "unavailable", "unknown", true, "");
    let script = ["drop".into(), unavailable, CREATED.into()];
    let (server, address) = Server::start(&script).await;
    let client = Client::new([address], options());
    let answer = client.kv("default").put(b"a", b"v", None, None).await.unwrap();
    assert!(answer.value);
    assert_eq!(answer.evidence.attempts, 3);
    assert_eq!(answer.evidence.receipt.get("acks"), Some("2"));
    client.kv("default").put(b"b", b"v", None, None).await.unwrap();
    let ids = server.header("idempotency-key");
    assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[2] != ids[3], "{ids:?}");
    assert_eq!(ids[0].len(), 32);
    assert_eq!(server.header("quorate-session"), ["", "", "", "seen"]);
}

#[tokio::test]
async fn what_may_have_happened_stays_unknown_whatever_comes_later() {
    let late = problem(503, "unavailable", "none", true, "");
    let (_server, address) = Server::start(&["drop".into(), late]).await;
    let error = Client::new([address], options()).kv("d").delete(b"a", None).await.unwrap_err();
    let Error::Unknown { request_id, .. } = &error else { panic!("{error}") };
    assert_eq!(request_id.len(), 32);
    assert_eq!(error.code(), "unavailable");
}

#[tokio::test]
async fn an_answer_that_knows_the_id_settles_it() {
    let failed = problem(412, "condition-failed", "none", false, "");
    let (_server, address) = Server::start(&["drop".into(), failed]).await;
    let kv = Client::new([address], options()).kv("d");
    let error = kv.put(b"a", b"v", Some(If::Absent), None).await.unwrap_err();
    assert!(matches!(error, Error::NotDone(_)), "{error}");
    assert_eq!(error.code(), "condition-failed");
}

#[tokio::test]
async fn a_refusal_at_the_door_is_not_done_and_final_ones_are_not_repeated() {
    let late = problem(503, "overloaded", "none", true, "");
    let (server, address) = Server::start(&[late]).await;
    let client = Client::new([address], options());
    let error = client.kv("d").put(b"a", b"v", None, None).await.unwrap_err();
    assert!(matches!(error, Error::NotDone(_)), "{error}");
    assert!(server.seen.lock().unwrap().len() > 2, "it was tried again");
    let wrong = problem(400, "invalid-request", "none", false, "");
    let (server, address) = Server::start(&[wrong]).await;
    let client = Client::new([address], options());
    assert!(client.kv("d").put(b"a", b"v", None, None).await.is_err());
    assert_eq!(server.seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_hint_is_followed_and_a_silent_leader_is_left() {
    let (good, good_address) = Server::start(&[CREATED.into()]).await;
    let hint = problem(503, "unavailable", "none", true, &good_address);
    let (first, first_address) = Server::start(&[hint]).await;
    let client = Client::new([first_address], options());
    client.kv("d").put(b"a", b"v", None, None).await.unwrap();
    client.kv("d").put(b"a", b"v", None, None).await.unwrap();
    assert_eq!(first.seen.lock().unwrap().len(), 1);
    assert_eq!(good.seen.lock().unwrap().len(), 2);
    assert_eq!(client.addresses().len(), 2);

    let (silent, silent_address) = Server::start(&["hang".into()]).await;
    let client = Client::new([silent_address, good_address], options());
    client.kv("d").put(b"a", b"v", None, None).await.unwrap();
    client.kv("d").put(b"a", b"v", None, None).await.unwrap();
    assert!(silent.seen.lock().unwrap().len() <= 2);
}

#[tokio::test]
async fn an_idle_connection_that_was_closed_costs_no_attempt() {
    let (server, address) = Server::start(&[format!("close:{CREATED}"), CREATED.into()]).await;
    let kv = Client::new([address], options()).kv("d");
    for _ in 0..2 {
        let answer = kv.put(b"a", b"v", None, None).await.unwrap();
        assert_eq!(answer.evidence.attempts, 1);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn nobody_there_is_not_done() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = Client::new([address], options()).kv("d").put(b"a", b"v", None, None).await;
    assert!(matches!(error.unwrap_err(), Error::NotDone(_)));
}
