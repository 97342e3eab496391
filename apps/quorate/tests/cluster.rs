//! A development cluster of real processes, from its start through the death of its leader to
//! its end, seen over raw HTTP, through the client and through the commands.
#![allow(clippy::disallowed_methods, reason = "a test may wait")]

mod common;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use client::{Client, If, Options, document::FateKind};
use kernel::{Duration, Version};
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_quorate");

/// A running `quorate dev`; it takes its nodes along when it ends.
struct Dev {
    child: Child,
    dir: tempfile::TempDir,
    base_port: u16,
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Dev {
    fn start() -> Dev {
        let dir = tempfile::tempdir().unwrap();
        let base_port = common::free_ports();
        let child = Command::new(BINARY)
            .args(["dev", "--json", "--ready", "60s", "--timeout", "30s", "--base-port"])
            .arg(base_port.to_string())
            .arg("--data")
            .arg(dir.path().join("data"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut dev = Dev { child, dir, base_port };
        let mut lines = BufReader::new(dev.child.stdout.take().unwrap()).lines();
        let mut text = String::new();
        while serde_json::from_str::<Value>(&text).is_err() {
            let line = lines.next().unwrap_or_else(|| panic!("dev ended: {text}{}", dev.logs()));
            text.push_str(&line.unwrap());
        }
        dev
    }

    fn address(&self, node: u16) -> String {
        format!("127.0.0.1:{}", self.base_port + node - 1)
    }

    fn data(&self) -> std::path::PathBuf {
        self.dir.path().join("data")
    }

    fn logs(&self) -> String {
        let read = |node| std::fs::read_to_string(self.data().join(format!("n{node}.log")));
        (1..=3).filter_map(|node| read(node).ok()).collect()
    }

    /// Runs a command and tells its exit code and output.
    fn quorate(&self, words: &[&str]) -> (i32, String) {
        let endpoints: Vec<String> = (1..=3).map(|node| self.address(node)).collect();
        let output: Output = Command::new(BINARY)
            .args(words)
            .args(["--timeout", "20s", "-e", &endpoints.join(",")])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
    }

    fn client(&self) -> Client {
        let options = Options {
            timeout: Duration::from_secs(30),
            attempt_timeout: Duration::from_secs(3),
            ..Options::default()
        };
        Client::new((1..=3).map(|node| self.address(node)), options)
    }
}

/// What `curl -i` would show.
fn curl(address: &str, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_leader_dies() {
    let dev = Dev::start();
    speaks_http_on_every_node(&dev);
    commands_tell_by_their_exit_code(&dev);
    let client = dev.client();
    the_past_can_be_read(&dev, &client).await;
    let kv = client.kv("default");
    let created = kv.put(b"binary/\xff", &[0, 255, 10], Some(If::Absent), None).await.unwrap();
    assert_eq!(created.evidence.receipt.get("durability").as_deref(), Some("disk"));
    for number in 0..20 {
        kv.put(format!("before/{number}").as_bytes(), b"v", None, None).await.unwrap();
    }
    client.counters("counters").increment(b"visits", 5).await.unwrap();

    let leader = leader(&client).await;
    let (code, text) = dev.quorate(&["chaos", "kill", &leader]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = dev.quorate(&["cluster", "status"]);
    assert!(
        code == 0 && text.contains("unreachable"),
        "at once, and not as a healthy leader: {text}"
    );
    let once = kv.clone().request_id("after-the-death");
    once.put(b"after", b"the death", None, None).await.unwrap();
    let again = once.put(b"after", b"the death", None, None).await.unwrap();
    assert!(again.evidence.repeated, "a repeat takes effect once");
    let fate = client.control().fate("after-the-death", Some("default")).await.unwrap();
    assert_eq!(fate.fate, FateKind::Done);

    everything_is_there(&client).await;
    assert_ne!(self::leader(&client).await, leader);
    restarts(&dev, &leader).await;
    everything_is_there(&client).await;
    ends_in_good_order(dev);
}

fn speaks_http_on_every_node(dev: &Dev) {
    let put = curl(&dev.address(1), "PUT", "/v1/kv/default/hello", "world");
    assert!(put.starts_with("HTTP/1.1 201"), "{put}");
    assert!(put.contains("quorate-receipt: level=linearizable"), "{put}");
    for node in 1..=3 {
        let got = curl(&dev.address(node), "GET", "/v1/kv/default/hello", "");
        assert!(got.starts_with("HTTP/1.1 200") && got.ends_with("world"), "{got}");
        let cluster = curl(&dev.address(node), "GET", "/v1/cluster", "");
        assert!(cluster.contains("\"leader\":\"n"), "{cluster}");
        becomes_ready(&dev.address(node));
        let metrics = curl(&dev.address(node), "GET", "/metrics", "");
        assert!(metrics.contains("quorate_http_responses_total"), "{metrics}");
        let operation = "api=\"http\",operation=\"GET /metrics\",outcome=\"ok\"";
        let again = curl(&dev.address(node), "GET", "/metrics", "");
        let counted = format!("quorate_api_request_seconds_count{{{operation}}} 1\n");
        assert!(!metrics.contains(&counted) && again.contains(&counted), "{again}");
    }
}

/// A node is ready once it has heard who leads every shard: that follows the first answers soon.
fn becomes_ready(address: &str) {
    let ask = || curl(address, "GET", "/readyz", "");
    let ready = (0..5_000).map(|_| ask()).any(|answer| answer.starts_with("HTTP/1.1 200"));
    assert!(ready, "{}", ask());
}

fn commands_tell_by_their_exit_code(dev: &Dev) {
    let run = |words: &[&str], code: i32, part: &str| {
        let (found, text) = dev.quorate(words);
        assert!(found == code && text.contains(part), "{words:?}: {found} {text}");
    };
    run(&["put", "default", "a", "1"], 0, "created");
    run(&["put", "default", "a", "2", "--if-absent"], 4, "condition-failed");
    run(&["get", "default", "a"], 0, "1");
    run(&["get", "default", "nothing"], 3, "no key");
    run(&["get", "elsewhere", "a"], 3, "keyspace-not-found");
    run(&["get", "default", "a", "--consistency", "bounded"], 2, "unavailable-consistency");
    run(&["scan", "default", "--json"], 0, "\"key\": \"a\"");
    run(&["delete", "default", "a"], 0, "deleted");
    run(&["increment", "counters", "hits", "--by", "-3"], 0, "-3");
    run(&["keyspace", "create", "carts", "--program", "kv"], 0, "created");
    run(&["keyspace", "create", "carts", "--program", "counter"], 4, "keyspace-exists");
    run(&["keyspace", "explain", "carts"], 0, "writes: ");
    run(&["keyspace", "drop", "carts"], 0, "dropped");
    run(&["cluster", "status"], 0, "healthy");
    let (port, other) = (dev.base_port.to_string(), dev.dir.path().join("other"));
    let other = other.display().to_string();
    run(&["dev", "--base-port", &port, "--data", &other], 1, "choose others with --base-port");
}

/// What the client sees through any node, and what a command prints.
async fn the_past_can_be_read(dev: &Dev, client: &Client) {
    let control = client.control();
    control.create("audited", "program = \"kv\"\nhistory = \"1h\"\n").await.unwrap();
    control.create("short", "program = \"kv\"\nhistory = \"3s\"\n").await.unwrap();
    let kv = client.kv("audited");
    let mut versions = Vec::new();
    for value in ["one", "two"] {
        let written = kv.put(b"key", value.as_bytes(), None, None).await.unwrap();
        versions.push(written.evidence.version.unwrap());
    }
    kv.delete(b"key", None).await.unwrap();
    for (version, value) in versions.iter().zip(["one", "two"]) {
        for level in ["linearizable", "eventual"] {
            let read = kv.clone().at(level).as_of(*version).get(b"key").await.unwrap();
            assert_eq!(read.value.unwrap().value, value);
            assert_eq!(read.evidence.receipt.get("version"), Some(version.to_string()));
        }
        let page = kv.clone().as_of(*version).scan(&client::Scan::default()).await.unwrap();
        assert_eq!(page.value.items[0].value.as_deref(), Some(value));
    }
    assert_eq!(kv.get(b"key").await.unwrap().value, None, "it is gone today");
    let history = kv.history(b"key", None, 0).await.unwrap().value;
    let values: Vec<_> = history.versions.iter().map(|v| v.value.as_deref()).collect();
    assert_eq!(values, [Some("two"), Some("one")]);
    assert_eq!(history.versions[1].until, Some(versions[1].to_string()));
    let (code, text) = dev.quorate(&["history", "audited", "key"]);
    assert!(code == 0 && text.contains("one") && text.contains("until"), "{text}");

    let refused = client.kv("default").as_of(versions[0]).get(b"key").await.unwrap_err();
    assert_eq!(refused.code(), "version-not-kept", "{refused}");
    let future = Version { index: u64::MAX, ..versions[1] };
    let refused = kv.clone().as_of(future).get(b"key").await.unwrap_err();
    assert_eq!(refused.code(), "invalid-request", "{refused}");
    below_the_horizon_nothing_is_read(client).await;
}

/// Once the log is three seconds newer than a version, it is refused, and never answered wrongly.
async fn below_the_horizon_nothing_is_read(client: &Client) {
    let kv = client.kv("short");
    let first = kv.put(b"key", b"one", None, None).await.unwrap().evidence.version.unwrap();
    for read in 0..1_000 {
        kv.put(b"key", b"two", None, None).await.unwrap();
        match kv.clone().as_of(first).get(b"key").await {
            Ok(answer) => assert_eq!(answer.value.unwrap().value, "one", "right or refused"),
            Err(error) => {
                assert_eq!(error.code(), "version-not-kept", "{error}");
                assert!(read > 0, "the first reads are in time");
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the version was never refused");
}

async fn leader(client: &Client) -> String {
    for _ in 0..500 {
        if let Ok(cluster) = client.control().cluster().await {
            let shard = cluster.shards.iter().find(|shard| shard.keyspace == "default");
            if let Some(leader) = shard.and_then(|shard| shard.leader.clone()) {
                return leader;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nobody leads");
}

async fn everything_is_there(client: &Client) {
    let kv = client.kv("default");
    let value = |key: Vec<u8>| {
        let kv = kv.clone();
        async move { kv.get(&key).await.unwrap().value.map(|stored| stored.value.to_vec()) }
    };
    for number in 0..20 {
        assert_eq!(value(format!("before/{number}").into()).await, Some(b"v".to_vec()));
    }
    assert_eq!(value(b"binary/\xff".to_vec()).await, Some(vec![0, 255, 10]));
    assert_eq!(value(b"after".to_vec()).await, Some(b"the death".to_vec()));
    assert_eq!(client.counters("counters").count(b"visits").await.unwrap().value, 5);
}

async fn restarts(dev: &Dev, node: &str) {
    let data = dev.data().display().to_string();
    let mut restarted = (1, String::new());
    // `dev` looks at its children a few times a second.
    for _ in 0..50 {
        restarted = dev.quorate(&["chaos", "restart", node, "--data", &data]);
        if restarted.0 == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(restarted.0, 0, "{}", restarted.1);
    let number: u16 = node.trim_start_matches('n').parse().unwrap();
    let one = Client::new([dev.address(number)], Options::default()).control();
    for _ in 0..600 {
        if one.ready().await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{node} is not ready again: {}", dev.logs());
}

fn ends_in_good_order(mut dev: Dev) {
    let pid = dev.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let status = dev.child.wait().unwrap();
    assert!(status.success(), "{status}");
    assert!(TcpStream::connect(dev.address(1)).is_err(), "a node outlived dev");
    assert!(!Path::new(&dev.data().join("control")).exists());
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error_to_report() {
    let history =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/check/histories/bad/stale-read.jsonl");
    let mut child = Command::new(BINARY)
        .args(["check", history])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.is_empty(), "{errors}");
    assert_eq!(output.status.code(), Some(10), "the verdict is told all the same");
}
