//! Answers become responses.

use contract::{Consistency, Contract, Durability, Program, Receipt, Session};
use database::{
    Failure,
    api::{Cluster, Fate, LogStatus, Member, NodeStatus, Role, ShardStatus},
};
use http_body_util::BodyExt;
use kernel::{Incarnation, KeyspaceId, NodeId, RequestId, ShardId, clock::hybrid::Timestamp};
use layers::{
    counter,
    kv::{self, Outcome, QueryReply, Reply, Status},
};
use prost::Message;
use serde_json::Value;

use super::*;
use crate::http::evidence::Tag;

fn version(index: u64) -> Version {
    Version { incarnation: Incarnation(1), timestamp: Timestamp(255), index }
}

fn bytes(version: Version) -> Bytes {
    Bytes::copy_from_slice(&version.to_bytes())
}

fn done(body: &impl Message) -> Done {
    Done {
        body: body.encode_to_vec().into(),
        receipt: Receipt {
            consistency: Consistency::LINEARIZABLE,
            version: version(7),
            staleness_ms: Some(0),
            replica: NodeId(1),
            acks: 2,
            durability: Durability::Disk,
            incarnation: Incarnation(1),
        },
        shard: ShardId(2),
        request_id: RequestId::new(b"order-17"),
        repeated: false,
        session: Session::new(Incarnation(1)),
        leader: NodeId(2),
    }
}

fn keyspace(program: Program) -> Keyspace {
    Keyspace {
        id: KeyspaceId(1),
        name: "carts".into(),
        contract: Contract::new(program),
        shards: vec![ShardId(2)],
    }
}

fn show(expect: Expect, answer: Answer, keyspaces: &[Keyspace]) -> Result<Response, Problem> {
    render(expect, answer, &Surroundings { http_of: &|_| Some("h:1".into()), keyspaces })
}

fn body(response: Response) -> Value {
    let mut body = response.into_body();
    let frame = futures_free(&mut body);
    serde_json::from_slice(&frame).unwrap()
}

/// A whole body is always there at once.
fn futures_free(body: &mut Full<Bytes>) -> Bytes {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(&mut body.frame()).poll(&mut cx) {
        std::task::Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap(),
        _ => Bytes::new(),
    }
}

fn written(existed: bool) -> Reply {
    let outcome = Outcome { existed, previous: Bytes::new() };
    Reply { version: bytes(version(7)), outcomes: vec![outcome], ..Reply::default() }
}

#[test]
fn a_put_says_whether_it_created_and_shows_its_evidence() {
    let answer = |existed| Answer::Done(Done { repeated: existed, ..done(&written(existed)) });
    let created = show(Expect::Put, answer(false), &[]).unwrap();
    assert_eq!(created.status(), 201);
    let headers = created.headers();
    assert_eq!(headers["etag"], "\"1-ff-7\"");
    assert_eq!(headers["idempotency-key"], "order-17");
    assert_eq!(headers["quorate-leader"], "\"n2\";http=\"h:1\"");
    assert!(headers["quorate-receipt"].to_str().unwrap().contains("acks=2, durability=disk"));
    assert!(headers.contains_key("quorate-session") && !headers.contains_key("quorate-repeated"));
    let replaced = show(Expect::Put, answer(true), &[]).unwrap();
    assert_eq!(
        (replaced.status().as_u16(), &replaced.headers()["quorate-repeated"]),
        (204, &HeaderValue::from_static("true"))
    );
}

#[test]
fn a_failed_condition_names_what_it_found() {
    let outcome = Outcome { existed: true, previous: bytes(version(5)) };
    let reply = Reply {
        status: Status::Conflict as i32,
        outcomes: vec![outcome],
        conflict: 1,
        ..Reply::default()
    };
    for expect in [Expect::Put, Expect::Delete, Expect::Batch] {
        let problem = show(expect, Answer::Done(done(&reply)), &[]).unwrap_err();
        assert_eq!(problem.code, Code::CONDITION_FAILED);
        assert_eq!((problem.current, problem.operation), (Some(version(5)), Some(1)));
    }
}

#[test]
fn a_get_is_the_value_or_a_404_that_still_shows_its_evidence() {
    let get = |matches, none_match, items: Vec<kv::Item>| {
        let answer = Answer::Done(done(&QueryReply { items, more: false }));
        show(Expect::Get { matches, none_match }, answer, &[])
    };
    let item = kv::Item {
        key: "a".into(),
        value: "v".into(),
        version: bytes(version(5)),
        deadline: Timestamp::new(99, 0).0,
        until: Bytes::new(),
    };
    let found = get(None, None, vec![item.clone()]).unwrap();
    assert_eq!(
        (found.status().as_u16(), &found.headers()["etag"]),
        (200, &HeaderValue::from_static("\"1-ff-5\""))
    );
    assert_eq!(found.headers()["quorate-expires"], "99");
    let missing = get(None, None, vec![]).unwrap();
    assert_eq!(missing.status(), 404);
    assert!(missing.headers().contains_key("quorate-receipt"));
    assert_eq!(body(missing)["code"], "key-not-found");
    let known = get(None, Some(Tag::Version(version(5))), vec![item.clone()]).unwrap();
    assert_eq!(known.status(), 304);
    let other = get(Some(Tag::Version(version(4))), None, vec![item]).unwrap_err();
    assert_eq!(other.code, Code::CONDITION_FAILED);
}

#[test]
fn a_page_ends_with_a_cursor_of_its_incarnation() {
    let item = kv::Item {
        key: Bytes::from_static(&[0xff]),
        value: "v".into(),
        version: bytes(version(5)),
        deadline: 0,
        until: Bytes::new(),
    };
    let reply = QueryReply { items: vec![item], more: true };
    let scan = |incarnation| {
        let expect = Expect::Scan { keys_only: false, incarnation };
        show(expect, Answer::Done(done(&reply)), &[])
    };
    let page = body(scan(None).unwrap());
    assert_eq!(page["items"][0]["key_base64"], "/w==");
    assert_eq!(page["items"][0]["value"], "v");
    assert!(page["cursor"].is_string());
    assert_eq!(scan(Some(Incarnation(2))).unwrap_err().code, Code::CURSOR_INCARNATION);
}

#[test]
fn a_counter_that_would_overflow_is_a_conflict() {
    let ok = counter::Reply { status: 0, value: -3, version: bytes(version(7)) };
    let shown = show(Expect::Increment, Answer::Done(done(&ok)), &[]).unwrap();
    assert_eq!(body(shown)["value"], -3);
    let full = counter::Reply { status: 1, value: i64::MAX, version: Bytes::new() };
    let problem = show(Expect::Increment, Answer::Done(done(&full)), &[]).unwrap_err();
    assert_eq!(problem.code, Code::COUNTER_OVERFLOW);
}

#[test]
fn a_fate_reads_the_lost_answer_by_the_program_of_its_keyspace() {
    let fate = |fate, keyspaces: &[Keyspace]| {
        let id = RequestId::new(b"order-17").unwrap();
        body(show(Expect::Fate { id }, Answer::Fate(fate), keyspaces).unwrap())
    };
    let sum = counter::Reply { status: 0, value: 5, version: bytes(version(7)) };
    let counted = fate(Fate::Done(done(&sum)), &[keyspace(Program::Counter)]);
    assert_eq!((&counted["fate"], &counted["value"]), (&"done".into(), &5.into()));
    let put = fate(Fate::Done(done(&written(false))), &[keyspace(Program::Kv)]);
    assert_eq!((&put["version"], &put["keyspace"]), (&"1-ff-7".into(), &"carts".into()));
    assert_eq!(fate(Fate::Done(done(&sum)), &[])["keyspace"], Value::Null);
    assert_eq!(fate(Fate::NotDone, &[])["fate"], "not-done");
    assert_eq!(fate(Fate::UnknownYet, &[])["fate"], "unknown-yet");
}

#[test]
fn keyspaces_are_found_by_name() {
    let all = || Answer::Keyspaces(vec![keyspace(Program::Kv)]);
    let one = |name: &str| show(Expect::Keyspace { name: name.into() }, all(), &[]);
    assert_eq!(body(one("carts").unwrap())["contract"]["program"], "kv");
    assert_eq!(one("cart").unwrap_err().code, Code::KEYSPACE_NOT_FOUND);
    let explained = body(show(Expect::Explain { name: "carts".into() }, all(), &[]).unwrap());
    assert!(explained["lines"][0].as_str().unwrap().starts_with("writes: "));
    let put = |changed| {
        let keyspace = Some(keyspace(Program::Kv));
        show(Expect::KeyspacePut, Answer::Control { keyspace, changed }, &[]).unwrap().status()
    };
    assert_eq!((put(true).as_u16(), put(false).as_u16()), (201, 200));
}

fn cluster(leader: NodeId) -> Cluster {
    let member = Member {
        node: NodeId(1),
        http: "h:1".into(),
        peer: "h:2".into(),
        labels: vec![("zone".into(), "a".into())],
        ..Member::default()
    };
    Cluster {
        cluster: Default::default(),
        incarnation: Incarnation(1),
        node: NodeId(1),
        nodes: vec![NodeStatus {
            member,
            pid: 42,
            silent_ms: Some(0),
            disk_full: false,
            pace: None,
        }],
        shards: vec![ShardStatus {
            shard: ShardId(1),
            keyspace: "_catalog".into(),
            leader,
            term: 3,
            commit_index: 9,
            bytes: 70,
            quota_bytes: 0,
            leaving: Vec::new(),
            replicas: vec![database::api::ReplicaStatus {
                node: NodeId(1),
                role: Role::Leader,
                applied_index: 9,
                lag_ms: None,
                log: Some(LogStatus { term: 3, first: 2, commit: 9, last: 11 }),
                fetching: true,
            }],
        }],
    }
}

#[test]
fn the_cluster_has_the_shape_that_tools_rely_on() {
    let shown = body(show(Expect::Cluster, Answer::Cluster(cluster(NodeId(1))), &[]).unwrap());
    let node = &shown["nodes"][0];
    for (field, value) in [("id", "n1"), ("http", "h:1"), ("peer", "h:2"), ("health", "healthy")] {
        assert_eq!(node[field], value);
    }
    assert_eq!((&node["pid"], &node["labels"]["zone"]), (&42.into(), &"a".into()));
    let shard = &shown["shards"][0];
    assert_eq!((&shard["leader"], &shard["commit_index"]), (&"n1".into(), &9.into()));
    let replica = &shard["replicas"][0];
    assert_eq!((&replica["role"], &replica["lag_ms"]), (&"leader".into(), &Value::Null));
    let log =
        serde_json::json!({ "term": 3, "first_index": 2, "commit_index": 9, "last_index": 11 });
    assert_eq!((&replica["log"], &replica["fetching"]), (&log, &true.into()));
}

#[test]
fn a_node_is_ready_once_every_shard_it_knows_is_led() {
    assert!(ready(Answer::Cluster(cluster(NodeId(1)))).is_ok());
    assert_eq!(ready(Answer::Cluster(cluster(NodeId::NONE))).unwrap_err().code.status, 503);
    let empty = Cluster { shards: vec![], ..cluster(NodeId(1)) };
    assert_eq!(ready(Answer::Cluster(empty)).unwrap_err().code, Code::UNAVAILABLE);
}

#[test]
fn failures_and_answers_to_other_questions_are_problems() {
    let failure = Failure::new(database::Code::DiskFull, "full").led_by(NodeId(3));
    let problem = show(Expect::Put, Answer::Failed(failure), &[]).unwrap_err();
    assert_eq!((problem.code, problem.leader), (Code::DISK_FULL, NodeId(3)));
    assert_eq!(show(Expect::Put, Answer::Ok, &[]).unwrap_err().code, Code::INTERNAL);
    let garbage = Done { body: Bytes::from_static(&[0xff]), ..done(&written(true)) };
    assert_eq!(show(Expect::Put, Answer::Done(garbage), &[]).unwrap_err().code, Code::INTERNAL);
}
