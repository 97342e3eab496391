//! The two streams of a pipe: calls to a server, answers to a client.

use bytes::{Bytes, BytesMut};
use client::pipe::{Action, Answer, Call, Done, Failed, Past, Result as Told};
use gateways::{http::Limits, pipe};
use kernel::Rng;

use super::sealed;
use crate::{Fed, Memory, Target, draw, target::same};

/// An empty frame is a dozen bytes on the wire and some hundred in memory.
const MEMORY: Memory = Memory { base: 8 << 10, per_byte: 64 };

pub const TARGETS: [Target; 2] = [
    Target {
        name: "pipe-calls",
        sample: calls,
        mend: sealed::mend_frames,
        words: &["kv", "counter", "linearizable", "eventual+monotonic-reads"],
        feed: feed_calls,
        memory: MEMORY,
    },
    Target {
        name: "pipe-answers",
        sample: answers,
        mend: sealed::mend_frames,
        words: &["linearizable", "disk", "unavailable"],
        feed: feed_answers,
        memory: MEMORY,
    },
];

fn call(rng: &mut Rng) -> Call {
    let action = match rng.below(4) {
        0 => Action::Mutate(draw::key(rng)),
        1 => Action::Query(draw::key(rng)),
        2 => Action::Past(Past { query: draw::key(rng), at: Bytes::from_static(&[1; 24]) }),
        _ => Action::Past(Past { query: draw::key(rng), at: Bytes::new() }),
    };
    Call {
        number: draw::number(rng, 9),
        keyspace: "carts".into(),
        program: draw::word(rng, &["kv", "counter", "sql"]),
        timeout_ms: draw::number(rng, 5000),
        consistency: draw::word(rng, &["", "eventual", "linearizable+read-your-writes"]),
        session: draw::word(rng, &["", "5d2c5d9b0153000008011201021a0102"]),
        request_id: draw::key(rng),
        traceparent: String::new(),
        action: Some(action),
    }
}

fn calls(rng: &mut Rng) -> Vec<u8> {
    let mut stream = Vec::new();
    draw::many(rng, 4, call).iter().for_each(|call| call.put(&mut stream));
    stream
}

fn answer(rng: &mut Rng) -> Answer {
    let result = if rng.chance(0.5) {
        let done = Done {
            body: draw::key(rng),
            replica: draw::number(rng, 3),
            staleness_plus_one: draw::number(rng, 2),
            durability: "disk".into(),
            ..Done::default()
        };
        Told::Done(done)
    } else {
        Told::Failed(Failed { code: "unavailable".into(), unknown: true, ..Failed::default() })
    };
    let (number, leader) = (draw::number(rng, 9), "h:7070".into());
    Answer { number, leader, result: Some(result), ..Answer::default() }
}

fn answers(rng: &mut Rng) -> Vec<u8> {
    let mut stream = Vec::new();
    draw::many(rng, 4, answer).iter().for_each(|answer| answer.put(&mut stream));
    stream
}

/// What is a call is one again, and asks for something or is refused with a code.
fn feed_calls(bytes: &[u8]) -> Fed {
    let mut buffer = BytesMut::from(bytes);
    loop {
        let call = match Call::take(&mut buffer) {
            Ok(Some(call)) => call,
            Ok(None) => return Ok(true),
            Err(_) => return Ok(false),
        };
        let mut frame = Vec::new();
        call.put(&mut frame);
        let again = Call::take(&mut BytesMut::from(&frame[..]));
        same("call", &Ok(Some(call.clone())), &again)?;
        if let Err(problem) = pipe::request(call, &Limits::default()) {
            let (code, status) = (problem.code.name, problem.code.status);
            if code.is_empty() || !(400..500).contains(&status) {
                return Err(format!("refused as {code} with status {status}"));
            }
        }
    }
}

fn feed_answers(bytes: &[u8]) -> Fed {
    let mut buffer = BytesMut::from(bytes);
    loop {
        let answer = match Answer::take(&mut buffer) {
            Ok(Some(answer)) => answer,
            Ok(None) => return Ok(true),
            Err(_) => return Ok(false),
        };
        let mut frame = Vec::new();
        answer.put(&mut frame);
        let again = Answer::take(&mut BytesMut::from(&frame[..]));
        same("answer", &Ok(Some(answer)), &again)?;
    }
}
