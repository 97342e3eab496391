//! What the client does when answers are lost, refused or late, against a scripted server.
#![allow(clippy::disallowed_methods, reason = "a test may start tasks and wait")]

use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use client::{
    Client, Error, If, Options,
    document::Batch,
    pipe::{Answer, Call, Done, Failed, Result as Told},
};
use kernel::Duration;
use layers::kv::Reply;
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What a server does with a call.
#[derive(Clone)]
enum Line {
    /// Hangs up.
    Drop,
    /// Says nothing.
    Hang,
    /// Carries it out, and hangs up if `true`.
    Done(bool),
    /// Refuses it; says after how many milliseconds to come again, and where the leader is, if it
    /// knows.
    Refuse { code: &'static str, unknown: bool, retry: Option<u64>, leader: String },
}

/// Opens pipes and treats each call as the next line of its script says; the last line is used for
/// ever.
#[derive(Clone, Default)]
struct Server {
    seen: Arc<Mutex<Vec<Call>>>,
}

impl Server {
    async fn start(script: &[Line]) -> (Server, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = Server::default();
        let (own, script) = (server.clone(), script.to_vec());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(own.clone().serve(stream, script.clone()));
            }
        });
        (server, address)
    }

    async fn serve(self, mut stream: TcpStream, script: Vec<Line>) {
        let mut buffer = BytesMut::new();
        while !buffer.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let asked = String::from_utf8(buffer.split().to_vec()).unwrap();
        assert!(asked.starts_with("GET /v1/pipe HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("\r\nupgrade: quorate-pipe\r\n"), "{asked}");
        let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\
                    upgrade: quorate-pipe\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        loop {
            while let Some(call) = Call::take(&mut buffer).unwrap() {
                let (number, line) = {
                    let mut seen = self.seen.lock().unwrap();
                    let number = call.number;
                    seen.push(call);
                    (number, script[(seen.len() - 1).min(script.len() - 1)].clone())
                };
                let (answer, last) = match line {
                    Line::Drop => return,
                    Line::Hang => continue,
                    Line::Done(last) => (done(number), last),
                    Line::Refuse { code, unknown, retry, leader } => {
                        let retry_after_plus_one = retry.map_or(0, |millis| millis + 1);
                        let code = code.into();
                        let failed =
                            Failed { code, unknown, retry_after_plus_one, ..Failed::default() };
                        let result = Some(Told::Failed(failed));
                        (Answer { number, leader, result, ..Answer::default() }, false)
                    }
                };
                let mut frame = Vec::new();
                answer.put(&mut frame);
                stream.write_all(&frame).await.unwrap();
                if last {
                    return;
                }
            }
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
        }
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

fn done(number: u64) -> Answer {
    let body = Reply { outcomes: vec![Default::default()], ..Reply::default() };
    let done = Done {
        body: body.encode_to_vec().into(),
        session: "seen".into(),
        consistency: "linearizable".into(),
        acks: 2,
        ..Done::default()
    };
    Answer { number, result: Some(Told::Done(done)), ..Answer::default() }
}

fn refuse(code: &'static str, unknown: bool, retry: bool) -> Line {
    Line::Refuse { code, unknown, retry: retry.then_some(1), leader: String::new() }
}

/// Longer than any call has: the client gives up at once, without waiting for its deadline.
fn never(code: &'static str) -> Line {
    Line::Refuse { code, unknown: false, retry: Some(3_600_000), leader: String::new() }
}

/// Nothing here waits for a deadline, however busy the machine is.
fn options() -> Options {
    timeouts(Duration::from_secs(60), Duration::from_secs(30))
}

/// Where a server says nothing.
fn timeouts(timeout: Duration, attempt_timeout: Duration) -> Options {
    Options { timeout, attempt_timeout, ..Options::default() }
}

#[tokio::test]
async fn all_attempts_of_a_mutation_carry_one_id_and_calls_carry_different_ones() {
    let script = [Line::Drop, refuse("unavailable", true, true), Line::Done(false)];
    let (server, address) = Server::start(&script).await;
    let client = Client::new([address], options());
    let answer = client.kv("default").put(b"a", b"v", None, None).await.unwrap();
    assert!(answer.value);
    assert_eq!(answer.evidence.attempts, 3);
    assert_eq!(answer.evidence.receipt.get("acks").as_deref(), Some("2"));
    client.kv("default").put(b"b", b"v", None, None).await.unwrap();
    let seen = server.seen.lock().unwrap().clone();
    let ids: Vec<_> = seen.iter().map(|call| call.request_id.clone()).collect();
    assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[2] != ids[3], "{ids:?}");
    assert_eq!(ids[0].len(), 32);
    let sessions: Vec<_> = seen.iter().map(|call| call.session.as_str()).collect();
    assert_eq!(sessions, ["", "", "", "seen"]);
}

#[tokio::test]
async fn what_may_have_happened_stays_unknown_whatever_comes_later() {
    let script = [Line::Drop, refuse("unavailable", false, true), never("overloaded")];
    let (_server, address) = Server::start(&script).await;
    let error = Client::new([address], options()).kv("d").delete(b"a", None).await.unwrap_err();
    let Error::Unknown { request_id, .. } = &error else { panic!("{error}") };
    assert_eq!(request_id.len(), 32);
    assert_eq!(error.code(), "overloaded");
}

#[tokio::test]
async fn an_answer_that_knows_the_id_settles_it() {
    let script = [Line::Drop, refuse("request-cancelled", false, false)];
    let (_server, address) = Server::start(&script).await;
    let kv = Client::new([address], options()).kv("d");
    let error = kv.put(b"a", b"v", Some(If::Absent), None).await.unwrap_err();
    assert!(matches!(error, Error::NotDone(_)), "{error}");
    assert_eq!(error.code(), "request-cancelled");
}

#[tokio::test]
async fn a_refusal_at_the_door_is_not_done_and_final_ones_are_not_repeated() {
    let refused = refuse("overloaded", false, true);
    let script = [refused.clone(), refused, never("overloaded")];
    let (server, address) = Server::start(&script).await;
    let client = Client::new([address], options());
    let error = client.kv("d").put(b"a", b"v", None, None).await.unwrap_err();
    assert!(matches!(error, Error::NotDone(_)), "{error}");
    assert_eq!(server.count(), 3, "it was tried again, as long as there was time");
    let (server, address) = Server::start(&[refuse("invalid-request", false, false)]).await;
    let client = Client::new([address], options());
    assert!(client.kv("d").put(b"a", b"v", None, None).await.is_err());
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_hint_is_followed_and_a_silent_leader_is_left() {
    let (good, good_address) = Server::start(&[Line::Done(false)]).await;
    let hint = Line::Refuse {
        code: "unavailable",
        unknown: false,
        retry: Some(1),
        leader: good_address.clone(),
    };
    let (first, first_address) = Server::start(&[hint]).await;
    let client = Client::new([first_address], options());
    client.kv("d").put(b"a", b"v", None, None).await.unwrap();
    client.kv("d").put(b"a", b"v", None, None).await.unwrap();
    assert_eq!(first.count(), 1);
    assert_eq!(good.count(), 2);
    assert_eq!(client.addresses().len(), 2);

    let (silent, silent_address) = Server::start(&[Line::Hang]).await;
    let short = timeouts(Duration::from_secs(60), Duration::from_secs(1));
    let client = Client::new([silent_address, good_address], short);
    client.kv("d").put(b"a", b"v", None, None).await.unwrap();
    client.kv("d").put(b"a", b"v", None, None).await.unwrap();
    assert!(silent.count() <= 2);
}

#[tokio::test]
async fn a_leader_that_is_cut_off_is_left() {
    let (cut, leader) = Server::start(&[refuse("deadline-exceeded", true, true)]).await;
    let hint = Line::Refuse { code: "unavailable", unknown: false, retry: Some(1), leader };
    let (_, address) = Server::start(&[hint, Line::Done(false)]).await;
    let client = Client::new([address], options());
    client.kv("d").put(b"a", b"v", None, None).await.unwrap();
    assert!((1..=2).contains(&cut.count()), "{}", cut.count());
}

#[tokio::test]
async fn an_idle_pipe_that_was_closed_costs_no_attempt() {
    let (server, address) = Server::start(&[Line::Done(true), Line::Done(false)]).await;
    let kv = Client::new([address], options()).kv("d");
    for _ in 0..2 {
        let answer = kv.put(b"a", b"v", None, None).await.unwrap();
        assert_eq!(answer.evidence.attempts, 1);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn a_caller_that_gives_up_leaves_the_others_of_its_pipe_alone() {
    let script = [Line::Hang, Line::Done(false)];
    let (server, address) = Server::start(&script).await;
    let two = Duration::from_secs(2);
    let client = Client::new([address], Options { retry: false, ..timeouts(two, two) });
    let (kv, other) = (client.kv("d"), client.kv("d"));
    let slow = tokio::spawn(async move { kv.put(b"a", b"v", None, None).await });
    while server.count() == 0 {
        tokio::task::yield_now().await;
    }
    other.put(b"b", b"v", None, None).await.unwrap();
    assert!(matches!(slow.await.unwrap(), Err(Error::Unknown { .. })));
    assert_eq!(server.count(), 2);
}

/// Documents travel as HTTP requests: a server that closes each connection after one answer.
#[tokio::test]
async fn an_idle_http_connection_that_was_closed_costs_no_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let body = "{\"version\":\"1-ff-7\",\"outcomes\":[]}";
        let length = body.len();
        let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let read = stream.read(&mut [0; 4096]).await.unwrap();
            assert!(read > 0, "a connection without a request");
            stream.write_all(text.as_bytes()).await.unwrap();
        }
    });
    let kv = Client::new([address], options()).kv("d");
    for _ in 0..2 {
        let answer = kv.batch(&Batch::default()).await.unwrap();
        assert_eq!(answer.evidence.attempts, 1);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn nobody_there_is_not_done() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let client = Client::new([address], Options { retry: false, ..options() });
    let error = client.kv("d").put(b"a", b"v", None, None).await;
    assert!(matches!(error.unwrap_err(), Error::NotDone(_)));
}
