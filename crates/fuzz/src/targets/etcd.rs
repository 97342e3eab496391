//! What etcd's clients send: streams of framed messages, calls, and their JSON.

use bytes::{Bytes, BytesMut};
use gateways::etcd::{
    facts::Facts,
    grpc::{Code, Messages, PREFIX, prefix},
    json::{self, Route},
    map,
    method::Unary,
};
use kernel::Rng;
use layers::coordination::{
    LeaseGrantRequest, LockRequest, PutRequest, RangeRequest, Request, RequestOp, TxnRequest,
};
use prost::Message;

use crate::{Fed, Memory, Target, draw, target::as_it_is};

pub const TARGETS: [Target; 3] = [
    Target {
        name: "etcd-calls",
        sample: calls,
        mend: as_it_is,
        words: &["\0", "\u{1}\0\0\0\u{1}"],
        feed: feed_calls,
        // An empty operation of a transaction is two bytes and some hundred in memory.
        memory: Memory { base: 64 << 10, per_byte: 512 },
    },
    Target {
        name: "etcd-answers",
        sample: answer,
        mend: as_it_is,
        words: &[],
        feed: feed_answer,
        memory: Memory { base: 16 << 10, per_byte: 64 },
    },
    Target {
        name: "etcd-json",
        sample: document,
        mend: as_it_is,
        words: &["\"key\":", "\"Zm9v\"", "[", "{", "null", "-1", "\"9223372036854775807\"", "1e9"],
        feed: feed_json,
        memory: Memory { base: 64 << 10, per_byte: 512 },
    },
];

/// The calls whose messages are read.
const CALLS: [Unary; 12] = [
    Unary::Range,
    Unary::Put,
    Unary::DeleteRange,
    Unary::Txn,
    Unary::Compact,
    Unary::LeaseGrant,
    Unary::LeaseRevoke,
    Unary::Lock,
    Unary::Campaign,
    Unary::Proclaim,
    Unary::Alarm,
    Unary::HashKv,
];

const PATHS: [&str; 6] = [
    "/v3/kv/range",
    "/v3/kv/txn",
    "/v3/watch",
    "/v3/lease/grant",
    "/v3/election/proclaim",
    "/v3/maintenance/alarm",
];

fn put(rng: &mut Rng) -> PutRequest {
    PutRequest { key: draw::key(rng), value: draw::bytes(rng, 24), ..PutRequest::default() }
}

fn message(rng: &mut Rng) -> Vec<u8> {
    let key = draw::key(rng);
    match rng.below(5) {
        0 => put(rng).encode_to_vec(),
        1 => RangeRequest { key, limit: 3, ..RangeRequest::default() }.encode_to_vec(),
        2 => {
            let op = |rng: &mut Rng| RequestOp { request: Some(Request::RequestPut(put(rng))) };
            TxnRequest { success: draw::many(rng, 3, op), ..TxnRequest::default() }.encode_to_vec()
        }
        3 => LeaseGrantRequest { ttl: 5, id: draw::number(rng, 9) as i64 }.encode_to_vec(),
        _ => LockRequest { name: key, lease: 7 }.encode_to_vec(),
    }
}

fn calls(rng: &mut Rng) -> Vec<u8> {
    let mut stream = BytesMut::new();
    for message in draw::many(rng, 4, message) {
        prefix(&mut stream, message.len());
        stream.extend_from_slice(&message);
    }
    stream.to_vec()
}

/// However the bytes are cut, the same messages come out, and each is planned the same way twice.
fn feed_calls(bytes: &[u8]) -> Fed {
    let (whole, cut) = (messages(bytes, bytes.len()), messages(bytes, 7));
    if whole != cut {
        return Err(format!("cut otherwise, other messages: {whole:?} {cut:?}"));
    }
    let mut taken = false;
    for message in &whole {
        for call in CALLS {
            let (plan, again) = (map::plan(call, message, &None), map::plan(call, message, &None));
            if plan != again {
                return Err(format!("one message, two plans: {plan:?} {again:?}"));
            }
            match plan {
                Ok(_) => taken = true,
                Err(status) if status.code == Code::Ok || status.text.is_empty() => {
                    return Err(format!("refused without a reason: {status:?}"));
                }
                Err(_) => {}
            }
        }
    }
    Ok(taken)
}

fn messages(bytes: &[u8], step: usize) -> Vec<Bytes> {
    let mut messages = Messages::new(1 << 16);
    let mut all = Vec::new();
    for chunk in bytes.chunks(step.max(1)) {
        messages.push(Bytes::copy_from_slice(chunk));
        while let Ok(Some(message)) = messages.take() {
            all.push(message);
        }
    }
    all
}

fn answer(rng: &mut Rng) -> Vec<u8> {
    use layers::coordination::{Outcome, PutResponse, Reply, ResponseHeader};
    let header = ResponseHeader::at(draw::number(rng, 99) as i64);
    let outcome = Some(Outcome::Put(PutResponse { header, ..PutResponse::default() }));
    let error = (rng.below(4) == 0).then(|| rng.below(25) as i32);
    let outcome = if error.is_some() { None } else { outcome };
    Reply { error, outcome }.encode_to_vec()
}

/// What is answered is a frame of its own length.
fn feed_answer(bytes: &[u8]) -> Fed {
    let facts = Facts { cluster: 7, member: 1, term: 3, ..Facts::default() };
    match map::answer(&Bytes::copy_from_slice(bytes), &facts, false) {
        Ok(framed) => {
            let length = (framed.len() - PREFIX) as u32;
            if framed[1..PREFIX] != length.to_be_bytes() {
                return Err(format!("a frame of another length: {framed:?}"));
            }
            Ok(true)
        }
        Err(status) if status.code == Code::Ok => Err("failed with code 0".into()),
        Err(_) => Ok(false),
    }
}

fn document(rng: &mut Rng) -> Vec<u8> {
    let texts = [
        r#"{"key":"Zm9v","range_end":"AA==","limit":"5","sort_order":"DESCEND"}"#,
        r#"{"compare":[{"target":"MOD","key":"Zm9v","mod_revision":"7"}],"success":[{"requestPut":{"key":"Zm9v"}}]}"#,
        r#"{"create_request":{"key":"Zm9v","filters":["NODELETE"],"start_revision":1}}"#,
        r#"{"TTL":5,"ID":"-3"}"#,
        r#"{"leader":{"name":"ZQ==","rev":"4"},"value":"YQ=="}"#,
        r#"{"action":"GET","alarm":"NOSPACE"}"#,
    ];
    draw::word(rng, &texts).into_bytes()
}

/// What is read is written as JSON that is read as the same message.
fn feed_json(bytes: &[u8]) -> Fed {
    let Ok(value) = serde_json::from_slice(bytes) else { return Ok(false) };
    let mut taken = false;
    for path in PATHS {
        let Some(Route::Call(call)) = json::route(path) else {
            return Err(format!("{path} leads nowhere"));
        };
        let Ok(message) = json::read(call.request, &value) else { continue };
        let Some(written) = json::write(call.request, message.into()) else {
            return Err(format!("what was read of {value} is no message"));
        };
        let again = json::read(call.request, &written).map_err(|status| status.text.to_string())?;
        if json::write(call.request, again.into()) != Some(written) {
            return Err(format!("read and written twice, {value} differs"));
        }
        taken = true;
    }
    Ok(taken)
}
