//! Requests become plans, and any request is handled.

use contract::{Consistency, Program};
use database::api::{Action, Call, Control};
use hyper::{Method, header::HeaderName};
use layers::kv;
use proptest::prelude::*;

use super::super::route;
use super::*;

fn run(
    method: Method,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Plan, Problem> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    let limits = Limits::default();
    let body = Bytes::copy_from_slice(body);
    plan(route::parse(&method, path)?, Inbound { query, headers: &map, body, limits: &limits })
}

fn call(plan: Plan) -> (Call, Expect) {
    match plan {
        Plan::Ask(Request::Call(call), expect) | Plan::Either(Request::Call(call), expect, _) => {
            (call, expect)
        }
        other => panic!("{other:?}"),
    }
}

fn command(call: &Call) -> kv::Command {
    match &call.action {
        Action::Mutate { program: Program::Kv, command } => kv::Command::read(command).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_version_in_a_condition_is_for_kv_and_a_revision_for_coordination() {
    let version = [("if-match", "\"1-ff-7\"")];
    for method in [Method::PUT, Method::DELETE] {
        let plan = run(method.clone(), "/v1/kv/carts/a", &version, b"v");
        assert!(matches!(plan, Ok(Plan::Ask(..))), "{plan:?}");
        let plan = run(method.clone(), "/v1/kv/carts/a", &[("if-match", "\"r7\"")], b"v");
        assert!(matches!(plan, Ok(Plan::Recipe(_))), "{plan:?}");
        let guarded = [version[0], ("quorate-guard", "l 7")];
        let plan = run(method, "/v1/kv/carts/a", &guarded, b"v");
        assert_eq!(plan.map(drop).unwrap_err().code, Code::INVALID_HEADER);
    }
}

#[test]
fn a_put_carries_everything_it_was_given() {
    let plan = run(
        Method::PUT,
        "/v1/kv/carts/user/17?ttl=30s&timeout=2s",
        &[("if-none-match", "*"), ("idempotency-key", "order-17")],
        b"\xffvalue",
    );
    let (call, expect) = call(plan.unwrap());
    let expected = kv::Put {
        key: "user/17".into(),
        value: Bytes::from_static(b"\xffvalue"),
        ttl_ms: 30_000,
        condition: Some(kv::Condition::absent()),
    };
    assert_eq!(command(&call), kv::Command::one(expected));
    assert_eq!((call.keyspace.as_str(), expect), ("carts", Expect::Put));
    assert_eq!(call.timeout, Duration::from_secs(2));
    assert_eq!(call.request_id.unwrap().as_str(), "order-17");
}

#[test]
fn a_scan_is_the_overlap_of_prefix_and_range() {
    let scan = |query: &str| {
        let target = format!("/v1/kv/carts?{query}");
        let (call, _) = call(run(Method::GET, &target, &[], b"").unwrap());
        let Action::Query { query, .. } = call.action else { panic!() };
        match kv::Query::read(&query).unwrap().ask {
            Some(kv::Ask::Scan(scan)) => (scan.start.to_vec(), scan.end.to_vec(), scan.limit),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(scan(""), (b"".to_vec(), b"".to_vec(), 100));
    assert_eq!(scan("prefix=a&limit=7"), (b"a".to_vec(), b"b".to_vec(), 7));
    assert_eq!(scan("prefix=b&start=a&end=z"), (b"b".to_vec(), b"c".to_vec(), 100));
    assert_eq!(scan("prefix=b&start=bc&end=bd"), (b"bc".to_vec(), b"bd".to_vec(), 100));
}

#[test]
fn a_level_that_cannot_be_met_is_told_apart_from_a_spelling_mistake() {
    let get = |level| run(Method::GET, &format!("/v1/kv/carts/a?consistency={level}"), &[], b"");
    let (call, _) = call(get("eventual+monotonic-reads").unwrap());
    assert_eq!(call.consistency, Consistency::parse("monotonic").ok());
    assert_eq!(get("bounded").unwrap_err().code, Code::UNAVAILABLE_CONSISTENCY);
    assert_eq!(get("strong").unwrap_err().code, Code::UNKNOWN_CONSISTENCY);
}

#[test]
fn a_batch_reads_both_spellings_of_bytes_and_names_the_wrong_operation() {
    let batch = |body: &str| run(Method::POST, "/v1/kv/carts:batch", &[], body.as_bytes());
    let good = r#"{"operations":[
        {"op":"put","key":"a","value_base64":"/w==","ttl":"1s","if_none_match":"*"},
        {"op":"delete","key_base64":"/w==","if_match":"1-ff-7"}]}"#;
    let (call, _) = call(batch(good).unwrap());
    assert_eq!(command(&call).operations.len(), 2);
    let bad = r#"{"operations":[{"op":"delete","key":"a"},{"op":"put","key":"b"}]}"#;
    let problem = batch(bad).unwrap_err();
    assert!(problem.detail.starts_with("operation 1: "), "{}", problem.detail);
    for body in ["", "[]", r#"{"operations":[]}"#, r#"{"operations":[{"op":"get","key":"a"}]}"#] {
        assert_eq!(batch(body).unwrap_err().code, Code::INVALID_BODY, "{body}");
    }
}

#[test]
fn controls_name_what_they_change() {
    let control = |method, target: &str, body: &str| match run(
        method,
        target,
        &[("content-type", "application/toml")],
        body.as_bytes(),
    ) {
        Ok(Plan::Ask(Request::Control { control, .. }, _)) => Ok(control),
        Ok(other) => panic!("{other:?}"),
        Err(problem) => Err(problem.code),
    };
    let made = control(Method::PUT, "/v1/keyspaces/carts", "program = \"counter\"");
    assert!(matches!(made, Ok(Control::CreateKeyspace { name, .. }) if name == "carts"));
    let moved = control(Method::POST, "/v1/shards/s2/move", r#"{"from":"n1","to":"n4"}"#);
    assert!(matches!(moved, Ok(Control::MoveReplica { shard, .. }) if shard.0 == 2));
    let nobody = control(Method::POST, "/v1/shards/s2/move", "{}");
    assert_eq!(nobody, Err(Code::INVALID_BODY));
    let added =
        control(Method::POST, "/v1/cluster/nodes", r#"{"id":"4","http":"a:1","peer":"a:2"}"#);
    assert!(matches!(added, Ok(Control::AddNode(member)) if member.node.0 == 4));
    let text = run(Method::PUT, "/v1/keyspaces/a", &[("content-type", "text/html")], b"");
    assert_eq!(text.unwrap_err().code, Code::UNSUPPORTED_MEDIA_TYPE);
}

#[test]
fn a_parameter_that_means_nothing_here_is_refused() {
    for target in ["/v1/kv/carts/a?consistancy=eventual", "/v1/cluster?x", "/healthz?a=1"] {
        let problem = run(Method::GET, target, &[], b"").unwrap_err();
        assert_eq!(problem.code, Code::INVALID_PARAMETER, "{target}");
    }
    let long = run(Method::GET, "/v1/kv/carts/a?timeout=1d", &[], b"").unwrap_err();
    assert_eq!(long.code, Code::INVALID_PARAMETER);
}

proptest! {
    #[test]
    fn any_query_and_body_is_handled(query: String, body: Vec<u8>) {
        for (method, template) in route::TABLE {
            let path = template.replace("{id}", "1").replace(['{', '}'], "");
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let _ = run(method, &format!("{path}?{query}"), &[], &body);
        }
    }
}

#[test]
fn reads_of_the_past_carry_their_version() {
    let past = |target: &str| match call(run(Method::GET, target, &[], b"").unwrap()).0.action {
        Action::Past { program, at, query } => (program, at, query),
        other => panic!("{target}: {other:?}"),
    };
    let version = kernel::Version::parse("1-ff-7");
    for target in ["/v1/kv/carts/a?at=1-ff-7", "/v1/kv/carts?at=%221-ff-7%22"] {
        assert_eq!((past(target).0, past(target).1), (Program::Kv, version), "{target}");
    }
    assert_eq!(past("/v1/counters/hits/a?at=1-ff-7").1, version);
    let (_, at, query) = past("/v1/kv/carts:history?key=a%2Fb&before=1-ff-7&limit=3");
    assert_eq!(at, None);
    let history = kv::Query::read(&query).unwrap().ask;
    let Some(kv::Ask::History(history)) = history else { panic!("{history:?}") };
    assert_eq!((&history.key[..], history.limit), (&b"a/b"[..], 3));
    assert_eq!(kernel::Version::from_bytes(&history.before), version);
    for (target, code) in [
        ("/v1/kv/carts/a?at=yesterday", Code::INVALID_PARAMETER),
        ("/v1/kv/carts:history?limit=0", Code::INVALID_PARAMETER),
        ("/v1/kv/carts:history", Code::INVALID_KEY),
        ("/v1/kv/carts:history?key=a&at=1-ff-7", Code::INVALID_PARAMETER),
    ] {
        assert_eq!(run(Method::GET, target, &[], b"").unwrap_err().code, code, "{target}");
    }
}
