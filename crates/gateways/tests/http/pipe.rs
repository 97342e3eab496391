//! Pipes through real sockets, in front of a fake database.

use std::{net::SocketAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use client::{
    Client, If, Options,
    pipe::{Action, Answer, Call, Result as Told},
};
use gateways::http::Limits;
use layers::kv::{Get, Query};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::fake::{Fake, exchange, start};

/// A socket behind the upgrade.
struct Raw {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Raw {
    async fn open(address: SocketAddr) -> Raw {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = b"GET /v1/pipe HTTP/1.1\r\nhost: q\r\nconnection: upgrade\r\n\
                     upgrade: quorate-pipe\r\n\r\n";
        stream.write_all(head).await.unwrap();
        let mut buffer = BytesMut::new();
        while !buffer.ends_with(b"\r\n\r\n") {
            assert!(stream.read_buf(&mut buffer).await.unwrap() > 0);
        }
        assert!(buffer.starts_with(b"HTTP/1.1 101"), "{buffer:?}");
        buffer.clear();
        Raw { stream, buffer }
    }

    /// The next answer; `None` once the server has closed.
    async fn answer(&mut self) -> Option<Answer> {
        loop {
            if let Some(answer) = Answer::take(&mut self.buffer).unwrap() {
                return Some(answer);
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The code of the next answer, and which call it is for.
    async fn refusal(&mut self) -> (u64, String) {
        let answer = self.answer().await.expect("an answer");
        match answer.result {
            Some(Told::Failed(failed)) => (answer.number, failed.code),
            other => panic!("{other:?}"),
        }
    }
}

fn get(number: u64, key: &str) -> Call {
    let query = Query::from(Get { key: Bytes::copy_from_slice(key.as_bytes()) });
    Call {
        number,
        keyspace: "default".into(),
        program: "kv".into(),
        action: Some(Action::Query(query.encode_to_vec().into())),
        ..Call::default()
    }
}

fn frames(calls: &[Call]) -> Vec<u8> {
    let mut frames = Vec::new();
    calls.iter().for_each(|call| call.put(&mut frames));
    frames
}

#[tokio::test]
async fn many_callers_share_a_connection_and_each_gets_its_own_answer() {
    let fake = Fake::default();
    let served = start(fake.clone(), Limits::default()).await;
    fake.http.set(served.address.to_string().into()).unwrap();
    let client = Client::new([served.address.to_string()], Options::default());
    let kv = client.kv("default");
    let writes = (0..200).map(|i| {
        let kv = kv.clone();
        tokio::spawn(async move { kv.put(format!("k{i}").as_bytes(), &[i], None, None).await })
    });
    for write in writes.collect::<Vec<_>>() {
        let done = write.await.unwrap().unwrap();
        assert!(done.value, "created");
        assert_eq!(done.evidence.receipt.get("durability").as_deref(), Some("disk"));
        assert!(done.evidence.version.is_some() && done.evidence.request_id.is_some());
    }
    for i in 0..200u8 {
        let read = kv.get(format!("k{i}").as_bytes()).await.unwrap();
        assert_eq!(read.value.unwrap().value, [i][..]);
    }
    assert!(client.session().is_some());
    let gone = kv.delete(b"k1", None).await.unwrap();
    assert!(gone.value);
    assert_eq!(kv.get(b"k1").await.unwrap().value, None);
    let refused = kv.put(b"k2", b"", Some(If::Absent), None).await.unwrap_err();
    assert_eq!(refused.code(), "condition-failed");
    assert!(refused.problem().unwrap().current_version.is_some());
    let missing = client.kv("other").get(b"k").await.unwrap_err();
    assert_eq!(missing.code(), "keyspace-not-found");
    let metrics = b"GET /metrics HTTP/1.1\r\nhost: q\r\nconnection: close\r\n\r\n";
    let text = exchange(served.address, metrics).await;
    assert!(text.contains("quorate_http_connections 2\n"), "one pipe, and this: {text}");
}

#[tokio::test]
async fn calls_are_measured_by_their_kind_also_those_with_the_same_number() {
    let fake = Fake::default();
    let served = start(fake.clone(), Limits::default()).await;
    let mut raw = Raw::open(served.address).await;
    let foreign = Call { keyspace: "other".into(), ..get(7, "a") };
    let nothing = Call { action: None, ..get(9, "a") };
    raw.stream.write_all(&frames(&[get(7, "a"), foreign, nothing])).await.unwrap();
    let mut numbers = Vec::new();
    for _ in 0..3 {
        numbers.push(raw.answer().await.unwrap().number);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [7, 7, 9]);
    let mut took = fake.book.wait(4).await;
    took.sort_unstable();
    assert_eq!(
        took,
        [
            "http GET /v1/pipe ok",
            "pipe none client-error",
            "pipe query client-error",
            "pipe query ok",
        ]
    );
}

#[tokio::test]
async fn an_answer_names_the_trace_of_its_call_or_the_one_that_it_was_given() {
    let served = start(Fake::default(), Limits::default()).await;
    let mut raw = Raw::open(served.address).await;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into();
    let theirs = Call { traceparent, keyspace: "other".into(), ..get(2, "a") };
    let wrong = Call { program: "none".into(), ..get(3, "a") };
    raw.stream.write_all(&frames(&[get(1, "a"), theirs, wrong])).await.unwrap();
    let mut traces = std::collections::BTreeMap::new();
    for _ in 0..3 {
        let answer = raw.answer().await.unwrap();
        traces.insert(answer.number, answer.trace_id());
    }
    let theirs = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
    assert_eq!(traces, [(1, 0xf << 64 | 0xa1), (2, theirs), (3, 0)].into());
}

#[tokio::test]
async fn a_wrong_call_is_refused_alone_and_a_broken_stream_is_closed_with_a_reason() {
    let served = start(Fake::default(), Limits::default()).await;
    let mut raw = Raw::open(served.address).await;
    let wrong = [
        (Call { program: "sql".into(), ..get(1, "a") }, "invalid-request"),
        (Call { action: None, ..get(2, "a") }, "invalid-request"),
        (Call { consistency: "strong".into(), ..get(3, "a") }, "unknown-consistency"),
        (Call { consistency: "bounded".into(), ..get(4, "a") }, "unavailable-consistency"),
        (Call { session: "zz".into(), ..get(5, "a") }, "session-malformed"),
        (Call { request_id: Bytes::from(vec![b'x'; 65]), ..get(6, "a") }, "invalid-request"),
    ];
    for (call, code) in wrong {
        raw.stream.write_all(&frames(std::slice::from_ref(&call))).await.unwrap();
        assert_eq!(raw.refusal().await, (call.number, code.to_owned()));
    }
    // It still serves; behind a call without a number nothing is believed.
    raw.stream.write_all(&frames(&[get(7, "a"), get(0, "a"), get(8, "a")])).await.unwrap();
    let mut last = Vec::new();
    while let Some(answer) = raw.answer().await {
        last.push((answer.number, matches!(answer.result, Some(Told::Done(_)))));
    }
    last.sort_unstable();
    assert_eq!(last, [(0, false), (7, true)]);

    let mut noise = Raw::open(served.address).await;
    noise.stream.write_all(&[0x40, 0, 0, 0]).await.unwrap();
    noise.stream.write_all(&[7; 0x40]).await.unwrap();
    assert_eq!(noise.refusal().await, (0, "invalid-body".to_owned()));
    assert_eq!(noise.answer().await, None);
    let mut long = Raw::open(served.address).await;
    long.stream.write_all(&u32::MAX.to_le_bytes()).await.unwrap();
    assert_eq!(long.refusal().await.0, 0);
    assert_eq!(long.answer().await, None);
}

#[tokio::test]
async fn slow_and_large_calls_meet_the_limits_of_the_gateway() {
    let limits = Limits {
        body_timeout: Duration::from_millis(50),
        bodies_bytes_max: 64 << 10,
        ..Limits::default()
    };
    let served = start(Fake::default(), limits).await;
    let mut slow = Raw::open(served.address).await;
    slow.stream.write_all(&frames(&[get(1, "a")])[..20]).await.unwrap();
    assert_eq!(slow.refusal().await, (0, "request-timeout".to_owned()));
    assert_eq!(slow.answer().await, None);
    let mut large = Raw::open(served.address).await;
    large.stream.write_all(&(1u32 << 20).to_le_bytes()).await.unwrap();
    assert_eq!(large.refusal().await, (0, "overloaded".to_owned()));
    // An idle pipe may stay as long as it likes.
    let mut idle = Raw::open(served.address).await;
    tokio::time::sleep(Duration::from_millis(120)).await;
    idle.stream.write_all(&frames(&[get(9, "a")])).await.unwrap();
    assert_eq!(idle.answer().await.unwrap().number, 9);
}

#[tokio::test]
async fn a_gateway_that_stops_answers_what_it_has_begun_and_closes() {
    let served = start(Fake::default(), Limits::default()).await;
    let mut raw = Raw::open(served.address).await;
    raw.stream.write_all(&frames(&[get(1, "a")])).await.unwrap();
    assert_eq!(raw.answer().await.unwrap().number, 1);
    served.stop.send(()).unwrap();
    assert_eq!(raw.answer().await, None);
    served.ended.await.unwrap();
    let options = Options { timeout: Duration::from_millis(200), ..Options::default() };
    let client = Client::new([served.address.to_string()], options);
    let error = client.kv("default").get(b"a").await.unwrap_err();
    assert!(matches!(error, client::Error::NotDone(_)), "{error}");
}

#[tokio::test]
async fn a_pipe_without_an_upgrade_is_explained() {
    let served = start(Fake::default(), Limits::default()).await;
    let plain = b"GET /v1/pipe HTTP/1.1\r\nhost: q\r\nconnection: close\r\n\r\n";
    let answer = exchange(served.address, plain).await;
    assert!(answer.starts_with("HTTP/1.1 426") && answer.contains("upgrade-required"), "{answer}");
}
