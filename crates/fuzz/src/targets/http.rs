//! HTTP requests, from their text to what the database is asked.

use bytes::Bytes;
use gateways::http::{self, Limits};
use kernel::{Incarnation, Rng};

use super::sealed;
use crate::{Fed, Memory, Target, draw, target::as_it_is};

pub const TARGETS: [Target; 2] = [
    Target {
        name: "http",
        sample: request,
        mend: as_it_is,
        words: &[
            "/",
            "%",
            "%00",
            "?",
            "&",
            "=",
            ":",
            "\r\n",
            "\"",
            "*",
            "{",
            "}",
            "[",
            ",",
            "null",
            "if-match: ",
            "quorate-timeout: ",
            "limit=4294967295",
            "at=",
            "ttl=",
            "key_base64",
        ],
        feed,
        // Operations of a batch are three bytes in JSON and some hundred in memory.
        memory: Memory { base: 64 << 10, per_byte: 512 },
    },
    Target {
        name: "cursor",
        sample: cursor,
        mend: sealed::mend,
        words: &[],
        feed: feed_cursor,
        memory: Memory { base: 16 << 10, per_byte: 64 },
    },
];

const LINES: [(&str, &str); 31] = [
    ("PUT /v1/kv/carts/a?ttl=30s", "value"),
    ("GET /v1/kv/carts/a%2Fb?consistency=eventual+monotonic-reads", ""),
    ("GET /v1/kv/carts/a?at=1-ff-7", ""),
    ("DELETE /v1/kv/carts/a", ""),
    ("GET /v1/kv/carts?prefix=a&limit=10&keys_only", ""),
    ("GET /v1/kv/carts?start=a&end=b&limit=10", ""),
    ("GET /v1/kv/carts:history?key=a&limit=3", ""),
    (
        "POST /v1/kv/carts:batch",
        r#"{"operations":[{"op":"put","key":"a","value":"1","ttl":"30s","if_none_match":"*"},
           {"op":"delete","key_base64":"/w==","if_match":"1-ff-7"}]}"#,
    ),
    ("POST /v1/counters/sums/visits/increment", r#"{"by":1}"#),
    ("GET /v1/counters/sums/visits?consistency=eventual", ""),
    ("POST /v1/kv/jobs/task-?sequential&lease=7a", "value"),
    ("POST /v1/leases/jobs", r#"{"ttl":"10s","id":"7a"}"#),
    ("POST /v1/leases/jobs/7a/keep-alive", ""),
    ("POST /v1/locks/jobs/nightly", r#"{"lease":"7a","wait":"30s"}"#),
    ("DELETE /v1/locks/jobs/nightly?lease=7a&token=9", ""),
    ("POST /v1/elections/jobs/chief", r#"{"lease":"7a","value":"n1"}"#),
    ("GET /v1/elections/jobs/chief?after=9&wait=30s", ""),
    ("POST /v1/semaphores/jobs/gpu", r#"{"lease":"7a","permits":1,"limit":2}"#),
    ("GET /v1/barriers/jobs/go?wait=30s", ""),
    ("POST /v1/double-barriers/jobs/round", r#"{"lease":"7a","count":3}"#),
    ("PUT /v1/services/jobs/web/a?ttl=10s&health=warning&note=disk", "10.0.0.1:80"),
    ("POST /v1/services/jobs/web/a/heartbeat", r#"{"lease":"7a","health":"passing"}"#),
    ("GET /v1/services/jobs/web?passing&after=9&wait=30s", ""),
    ("PUT /v1/keyspaces/audited", r#"{"program":"kv","replicas":3,"history":"1h"}"#),
    ("PUT /v1/keyspaces/audited", "program = \"kv\"\nreplicas = 3\n"),
    ("GET /v1/fate/request-1?keyspace=carts", ""),
    (
        "POST /v1/cluster/nodes",
        r#"{"id":"n4","peer":"h4:7170","http":"h4:7070","labels":{"zone":"a"}}"#,
    ),
    ("DELETE /v1/cluster/nodes/n3", ""),
    ("POST /v1/shards/s2/transfer", r#"{"to":"n2"}"#),
    ("POST /v1/shards/s2/move", r#"{"from":"n1","to":"n4"}"#),
    ("POST /v1/chaos", r#"{"fault":"delay","ms":10}"#),
];

const HEADERS: [&str; 9] = [
    "if-match: \"1-ff-7\"",
    "if-none-match: *",
    "idempotency-key: order-17",
    "quorate-timeout: 250ms",
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "content-type: application/toml",
    "content-type: application/json",
    "quorate-session: 5d2c5d9b0153000008011201021a0102",
    "accept: text/html",
];

fn request(rng: &mut Rng) -> Vec<u8> {
    let (line, body) = rng.pick(&LINES).copied().unwrap_or_default();
    let headers = draw::many(rng, 3, |rng| draw::word(rng, &HEADERS));
    let head = [&[line.to_owned()], &headers[..]].concat().join("\n");
    format!("{head}\n\n{body}").into_bytes()
}

/// A method, a blank, a target; lines of headers; an empty line; the body.
fn feed(bytes: &[u8]) -> Fed {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap_or(bytes.len());
    let body = bytes.get(end + 2..).unwrap_or_default();
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.split('\n');
    let line = lines.next().unwrap_or_default();
    let (method, target) = line.split_once(' ').unwrap_or(("GET", line));
    let headers: Vec<(&str, &[u8])> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name, value.as_bytes()))
        .collect();
    judge(method, target, &headers, body)
}

/// The same request gives the same plan, or the same refusal with a code and a status.
fn judge(method: &str, target: &str, headers: &[(&str, &[u8])], body: &[u8]) -> Fed {
    let limits = Limits::default();
    let body = Bytes::copy_from_slice(body);
    let ask = || http::plan(method, target, headers, body.clone(), &limits).map_err(Box::new);
    match (ask(), ask()) {
        (Ok(plan), Ok(again)) if plan == again => Ok(true),
        (Err(problem), Err(again)) if problem == again => {
            let (code, status) = (problem.code.name, problem.code.status);
            if code.is_empty() || !(400..500).contains(&status) {
                return Err(format!("refused as {code} with status {status}"));
            }
            Ok(false)
        }
        (first, again) => Err(format!("one request, two plans: {first:?} {again:?}")),
    }
}

/// The sealed bytes of a cursor.
fn cursor(rng: &mut Rng) -> Vec<u8> {
    let body = [&Incarnation(draw::number(rng, 3)).0.to_be_bytes()[..], &draw::key(rng)].concat();
    kernel::wire::seal(1, b'C', &body)
}

fn feed_cursor(bytes: &[u8]) -> Fed {
    let target = format!("/v1/kv/carts?cursor={}", sealed::hex(bytes));
    judge("GET", &target, &[], b"")
}
