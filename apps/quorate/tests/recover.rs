//! Forced recovery with real processes: two of three disks are lost, the third goes on.
#![allow(clippy::disallowed_methods, reason = "a test may wait")]

#[path = "common/servers.rs"]
mod servers;

use std::fs;

use servers::{CLUSTER, Cluster, rest};

const KEYS: usize = 20;

impl Cluster {
    fn recover(&self, node: usize, confirm: &[&str]) -> (i32, String) {
        let data = self.data(node).display().to_string();
        self.once(&["cluster", "recover", "--data", &data], confirm)
    }

    fn eventually(&self, node: usize, part: &str) {
        for _ in 0..600 {
            if self.log(node).contains(part) {
                return;
            }
            rest();
        }
        panic!("never said {part}: {}", self.log(node));
    }

    fn every_key_is_there(&self, node: usize) {
        for key in 0..KEYS {
            let value = self.quorate(node, &["get", "a", &format!("key/{key}")]);
            assert_eq!(value.trim(), format!("value {key}"));
        }
    }
}

fn header(answer: &str, name: &str) -> String {
    let found = answer.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    found.unwrap_or_else(|| panic!("no {name}: {answer}")).trim().to_owned()
}

#[test]
fn the_last_of_three_goes_on_with_everything_that_it_holds() {
    let mut cluster = Cluster::new(3);
    (1..=3).for_each(|node| cluster.start(node, "bootstrap", &[]));
    cluster.quorate(3, &["keyspace", "create", "a", "--program", "kv"]);
    for key in 0..KEYS {
        cluster.quorate(3, &["put", "a", &format!("key/{key}"), &format!("value {key}")]);
    }
    let token = somebody_holds_a_lock(&cluster);
    let before = cluster.curl(3, "GET", "/v1/kv/a/key/0", "", "");
    let session = header(&before, "quorate-session");
    let version = header(&before, "etag");
    assert!(header(&before, "quorate-receipt").contains("incarnation=1"), "{before}");
    let (code, text) = cluster.recover(3, &["--confirm", CLUSTER]);
    assert!(code == 1 && text.contains("data-locked"), "a node that runs: {text}");

    (1..=3).for_each(|node| cluster.kill(node));
    fs::rename(cluster.data(1), cluster.dir.path().join("left behind")).unwrap();
    fs::remove_dir_all(cluster.data(2)).unwrap();
    says_what_it_would_do(&cluster);
    stops_half_way(&mut cluster);
    let (code, text) = cluster.recover(3, &["--confirm", CLUSTER]);
    assert!(
        code == 0 && text.contains("now of incarnation 2") && text.contains("n1, n2"),
        "{text}"
    );
    stops_half_way(&mut cluster);
    let (code, text) = cluster.recover(3, &["--confirm", CLUSTER]);
    assert!(
        code == 0 && text.contains("now of incarnation 2"),
        "finished by running it again: {text}"
    );
    let (code, text) = cluster.recover(3, &["--confirm", CLUSTER]);
    assert!(code == 1 && text.contains("recover-alone"), "once is enough: {text}");

    cluster.start(3, "bootstrap", &[]);
    cluster.every_key_is_there(3);
    history_is_cut(&cluster, &session, &version);
    nobody_holds_it_any_more(&cluster, token);
    the_old_history_is_shut_out(&mut cluster);
    empty_nodes_take_the_lost_places(&mut cluster);
}

/// Takes a lock in a keyspace with etcd's model; its token.
fn somebody_holds_a_lock(cluster: &Cluster) -> i64 {
    cluster.quorate(3, &["keyspace", "create", "c", "--program", "coordination"]);
    // The last entry is what the survivor may lack: more than one write follows those that matter.
    let token = lock(cluster, &lease(cluster));
    let guard = format!("quorate-guard: l {token}\r\n");
    for value in ["one", "two", "three"] {
        let done = cluster.curl(3, "PUT", "/v1/kv/c/g", &guard, value);
        assert!(done.starts_with("HTTP/1.1 204"), "{done}");
    }
    token
}

fn lease(cluster: &Cluster) -> String {
    let granted = cluster.curl(3, "POST", "/v1/leases/c", "", "{\"ttl\":\"1h\"}");
    member(&granted, "lease").trim_matches('"').to_owned()
}

fn lock(cluster: &Cluster, lease: &str) -> i64 {
    let body = format!("{{\"lease\":\"{lease}\",\"wait\":\"1s\"}}");
    let held = cluster.curl(3, "POST", "/v1/locks/c/l", "", &body);
    assert!(held.starts_with("HTTP/1.1 200"), "{held}");
    member(&held, "token").parse().unwrap()
}

/// A member of the JSON document of an answer, as it is written there.
fn member(answer: &str, name: &str) -> String {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let document: serde_json::Value = serde_json::from_str(body).unwrap();
    document[name].to_string()
}

/// The lock is free, its token good for nothing, and every token from now on greater than any that
/// may have been given in the history that is lost.
fn nobody_holds_it_any_more(cluster: &Cluster, before: i64) {
    let late = |token: i64| {
        let guard = format!("quorate-guard: l {token}\r\n");
        cluster.curl(3, "PUT", "/v1/kv/c/g", &guard, "late")
    };
    for token in [before, before + 1] {
        let refused = late(token);
        assert!(refused.contains("guard-failed"), "{refused}");
    }
    let token = lock(cluster, &lease(cluster));
    assert!(token > 1_000_000_000_000, "{token}");
    assert!(late(before).contains("guard-failed"));
    assert!(cluster.curl(3, "GET", "/v1/kv/c/g", "", "").contains("quorate-token"));
}

fn says_what_it_would_do(cluster: &Cluster) {
    let format = || fs::read_to_string(cluster.data(3).join("format")).unwrap();
    let before = format();
    let (code, text) = cluster.recover(3, &[]);
    assert!(code == 0 && text.contains("nothing was changed"), "{text}");
    assert!(text.contains("_catalog") && text.contains("Lost: "), "{text}");
    let (code, text) = cluster.recover(3, &["--confirm", &CLUSTER.replace('0', "1")]);
    assert!(code == 1 && text.contains("recover-confirm"), "{text}");
    assert_eq!(format(), before);
    let (code, text) = cluster.recover(2, &["--confirm", CLUSTER]);
    assert!(code == 1 && text.contains("data-missing"), "{text}");
}

/// What a crash leaves before the journal is written, and after: no node starts on it.
fn stops_half_way(cluster: &mut Cluster) {
    let path = cluster.data(3).join("format");
    let format = fs::read_to_string(&path).unwrap().replace("incarnation = 2", "incarnation = 1");
    fs::write(path, format + "recovering = 2\n").unwrap();
    let said = cluster.log(3).matches("[recover-unfinished]").count();
    cluster.start(3, "bootstrap", &[]);
    let child = cluster.running[2].as_mut().unwrap();
    assert!(!child.wait().unwrap().success());
    assert_eq!(cluster.log(3).matches("[recover-unfinished]").count(), said + 1);
}

fn history_is_cut(cluster: &Cluster, session: &str, version: &str) {
    let token = format!("quorate-session: {session}\r\n");
    let refused = cluster.curl(3, "GET", "/v1/kv/a/key/0", &token, "");
    assert!(refused.starts_with("HTTP/1.1 409"), "{refused}");
    assert!(refused.contains("session-incarnation"), "{refused}");
    let kept = cluster.curl(3, "GET", "/v1/kv/a/key/0", "", "");
    assert_eq!(header(&kept, "etag"), version, "what was written then keeps its version");
    assert!(header(&kept, "quorate-receipt").contains("incarnation=2"), "{kept}");
    let new = cluster.curl(3, "PUT", "/v1/kv/a/new", "", "after the cut");
    assert!(new.starts_with("HTTP/1.1 201"), "{new}");
    assert!(header(&new, "etag").starts_with("\"2-"), "{new}");
    assert!(header(&new, "quorate-receipt").contains("acks=1"), "{new}");
    let once =
        cluster.curl(3, "PUT", "/v1/kv/a/key/0", &format!("if-match: {version}\r\n"), "value 0");
    assert!(once.starts_with("HTTP/1.1 204"), "{once}");
    cluster.quorate(3, &["keyspace", "create", "later", "-f", &contract(cluster)]);
    let later = cluster.curl(3, "PUT", "/v1/kv/later/key", "", "x");
    assert!(header(&later, "etag").starts_with("\"2-"), "made in this incarnation: {later}");
}

fn contract(cluster: &Cluster) -> String {
    let path = cluster.dir.path().join("later.toml");
    fs::write(&path, "program = \"kv\"\nreplicas = 1\n").unwrap();
    path.display().to_string()
}

/// Node 1 comes back on its old disk.
fn the_old_history_is_shut_out(cluster: &mut Cluster) {
    fs::rename(cluster.dir.path().join("left behind"), cluster.data(1)).unwrap();
    cluster.start(1, "bootstrap", &[]);
    cluster.eventually(3, "the peer lives in incarnation 1");
    let alone = cluster.curl(1, "GET", "/readyz", "", "");
    assert!(alone.starts_with("HTTP/1.1 503"), "{alone}");
    cluster.kill(1);
    cluster.start(1, "join", &["--incarnation", "2"]);
    cluster.eventually(1, "[data-incarnation]");
    cluster.kill(1);
    fs::remove_dir_all(cluster.data(1)).unwrap();
}

fn empty_nodes_take_the_lost_places(cluster: &mut Cluster) {
    for node in [1, 2] {
        cluster.start(node, "bootstrap", &["--incarnation", "2"]);
        let (http, peer) = (cluster.http(node), cluster.peer(node));
        cluster
            .quorate(3, &["cluster", "add", &format!("n{node}"), "--http", &http, "--peer", &peer]);
    }
    // Both have to be heard of before they count as free.
    let full = |text: &str| text.matches("follower").count() >= 4;
    let refilled = (0..20).any(|_| {
        cluster.quorate(3, &["cluster", "refill"]);
        full(&cluster.quorate(3, &["cluster", "status"]))
    });
    assert!(refilled, "{}", cluster.quorate(3, &["cluster", "status"]));
    cluster.kill(3);
    cluster.every_key_is_there(1);
    assert_eq!(cluster.quorate(2, &["get", "a", "new"]).trim(), "after the cut");
}
