//! The router and its table agree, and any path is handled.

use proptest::prelude::*;

use super::*;

fn example(template: &str) -> String {
    template
        .replace("{id}", if template.contains("shards") { "s1" } else { "n1" })
        .replace("{trace}", "0af7651916cd43dd8448eb211c80319c")
        .replace("{keyspace}", "carts")
        .replace("{lease}", "7a")
        .replace("{key}", "user/17")
        .replace(['{', '}'], "")
}

fn put(path: &str) -> Result<Route, Problem> {
    parse(&Method::PUT, path)
}

#[test]
fn every_row_of_the_table_is_routed_and_every_other_method_is_refused() {
    for (_, template) in TABLE {
        let path = example(template);
        for method in ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"] {
            let routed = parse(&Method::from_bytes(method.as_bytes()).unwrap(), &path);
            if TABLE.contains(&(method, template)) {
                assert!(routed.is_ok(), "{method} {path}: {routed:?}");
            } else {
                let problem = routed.unwrap_err();
                assert_eq!(problem.code, Code::METHOD_NOT_ALLOWED, "{method} {path}");
                assert!(problem.allow.is_some());
            }
        }
    }
}

#[test]
fn every_row_of_the_table_is_an_operation_of_its_own() {
    for (at, (method, template)) in TABLE.iter().enumerate() {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let route = parse(&method, &example(template)).unwrap();
        assert_eq!(route.operation(&method), at, "{method} {template}");
    }
    let names: Vec<String> = operations().collect();
    assert_eq!((names[PAGE].as_str(), names[NONE].as_str()), ("page", "none"));
    assert_eq!(names.len(), TABLE.len() + 2);
}

#[test]
fn a_key_is_the_rest_of_the_path() {
    let key = |path| match put(path) {
        Ok(Route::Put { keyspace, key }) => (keyspace, key.to_vec()),
        other => panic!("{other:?}"),
    };
    assert_eq!(key("/v1/kv/carts/a/b//c"), ("carts".into(), b"a/b//c".to_vec()));
    assert_eq!(key("/v1/kv/carts/%ff+%20"), ("carts".into(), b"\xff+ ".to_vec()));
    assert_eq!(key("/v1/kv/carts/:batch"), ("carts".into(), b":batch".to_vec()));
}

#[test]
fn wrong_names_are_told_apart_from_missing_routes() {
    let code = |path: &str| put(path).unwrap_err().code;
    assert_eq!(code("/v1/kv/carts/"), Code::INVALID_KEY);
    assert_eq!(code(&format!("/v1/kv/carts/{}", "k".repeat(KEY_BYTES_MAX + 1))), Code::INVALID_KEY);
    assert_eq!(code("/v1/kv/carts/%f"), Code::INVALID_PATH);
    assert_eq!(code("/v1/kv/%ff/key"), Code::INVALID_PATH);
    assert_eq!(code("/v1/shards/first/move"), Code::INVALID_PATH);
    assert_eq!(code("/v1/cluster/nodes/n0"), Code::INVALID_PATH);
    assert_eq!(code("/v1/traces/7"), Code::INVALID_PATH);
    for path in ["", "/v2/kv/a/b", "/v1", "/v1/", "/v1/keyspaces/a/b", "/v1/kv", "//"] {
        assert_eq!(code(path), Code::ROUTE_NOT_FOUND, "{path}");
    }
}

proptest! {
    #[test]
    fn any_path_is_handled(path: String) {
        for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE] {
            let _ = parse(&method, &path);
            let _ = parse(&method, &format!("/v1/{path}"));
            let _ = parse(&method, &format!("/v1/kv/{path}"));
        }
    }
}
