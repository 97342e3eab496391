//! The doctor and a real cluster: troubles are injected one after another, and each must be found
//! with its node, and no other node named.

mod ambient;
#[path = "../common/mod.rs"]
mod common;

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_quorate");

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
        let (dir, base_port) = (tempfile::tempdir().unwrap(), common::free_ports());
        let child = Command::new(BINARY)
            .args(["dev", "--ready", "60s", "--base-port", &base_port.to_string(), "--data"])
            .arg(dir.path().join("data"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let dev = Dev { child, dir, base_port };
        dev.until("the cluster is ready", || dev.get(0, "/readyz", "").starts_with("HTTP/1.1 200"));
        dev
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn until(&self, what: &str, holds: impl FnMut() -> bool) {
        assert!(ambient::holds_within(Duration::from_secs(60), holds), "in vain: {what}");
    }

    /// What node `at` answers, with more headers; empty if it does not.
    fn get(&self, at: u16, path: &str, headers: &str) -> String {
        self.ask(at, &format!("GET {path} HTTP/1.1\r\n{headers}"), "")
    }

    fn ask(&self, at: u16, head: &str, body: &str) -> String {
        let exchange = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.base_port + at))?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            let length = body.len();
            let rest = format!("host: q\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all(format!("{head}{rest}{body}").as_bytes())?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        };
        exchange().unwrap_or_default()
    }

    fn put(&self, at: u16, key: &str, headers: &str) {
        self.ask(at, &format!("PUT /v1/kv/default/{key} HTTP/1.1\r\n{headers}"), "value");
    }

    fn quorate(&self, words: &[&str]) -> String {
        let nodes: Vec<_> = (0..3).map(|at| format!("127.0.0.1:{}", self.base_port + at)).collect();
        let ran = Command::new(BINARY).args(words).args(["-e", &nodes.join(",")]).output().unwrap();
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }

    /// Cause, node and fault of everything that the doctor finds.
    fn found(&self) -> Vec<(String, String, String)> {
        let told: Value =
            serde_json::from_str(&self.quorate(&["doctor", "--json"])).unwrap_or_default();
        let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or("").to_owned();
        let all = told["findings"].as_array().cloned().unwrap_or_default();
        all.iter().map(|f| (text(f, "cause"), text(f, "node"), text(f, "fault"))).collect()
    }

    /// Waits until the trouble is found, and holds that no node but this one is ever blamed.
    fn finds(&self, cause: &str, node: &str, mut meanwhile: impl FnMut()) {
        self.until(&format!("{cause} of {node}"), || {
            meanwhile();
            let found = self.found();
            let blamed = found.iter().filter(|(_, _, fault)| fault == "node");
            for (other, who, _) in blamed {
                assert!(node.split(' ').any(|node| who.contains(node)), "{other} laid to {who}");
            }
            found.iter().any(|(c, n, _)| c == cause && n == node)
        });
        println!("found: {cause} {node}");
    }

    fn well(&self) {
        self.quorate(&["chaos", "heal"]);
        self.until("the cluster is well", || self.found().is_empty());
    }
}

#[test]
#[ignore = "takes minutes: cargo test -p quorate --test doctor -- --ignored --nocapture"]
fn every_trouble_that_can_be_injected_is_found_and_nobody_else_is_blamed() {
    let dev = Dev::start();
    dev.well();
    let some = || (0..5).for_each(|n| dev.put(0, &format!("k{n}"), ""));
    for (words, cause, node) in [
        (&["chaos", "slow", "n2", "--by", "80ms", "--disk"][..], "slow-disk", "n2"),
        (&["chaos", "slow", "n3", "--by", "60ms"], "slow-link", "n3"),
        (&["chaos", "partition", "n2", "--outgoing"], "one-way-cut", "n2"),
        (&["chaos", "partition", "n3", "--incoming"], "one-way-cut", "n3"),
        (&["chaos", "partition", "n1"], "cut-off", "n1"),
        (&["chaos", "skew", "n1", "--by-ms", "-3000"], "clock", "n1"),
    ] {
        dev.quorate(words);
        dev.finds(cause, node, some);
        dev.well();
    }
    dev.finds("hot-key", &leader(&dev), || {
        (0..400).for_each(|n| drop(dev.get(1, &format!("/v1/kv/default/{}", hot(n)), "")));
    });
    stranger(&dev);
    let data = dev.data();
    let data = data.to_str().unwrap();
    for node in ["n1", "n2"] {
        dev.quorate(&["chaos", "kill", node]);
    }
    dev.finds("quorum-lost", "n1 n2", || {});
    for node in ["n1", "n2"] {
        dev.quorate(&["chaos", "restart", node, "--data", data]);
    }
    dev.until("nobody is blamed any more", || !dev.found().iter().any(|(.., f)| f == "node"));
    // Last: it stays true for ten minutes.
    dev.finds("restart-loop", "n3", || {
        dev.quorate(&["chaos", "kill", "n3"]);
        dev.quorate(&["chaos", "restart", "n3", "--data", data]);
        dev.until("n3 serves again", || dev.get(2, "/readyz", "").starts_with("HTTP/1.1 200"));
    });
}

#[test]
#[ignore = "takes a minute: cargo test -p quorate --test doctor -- --ignored --nocapture"]
fn deadlines_that_nobody_can_meet_are_the_clients() {
    let dev = Dev::start();
    dev.well();
    dev.until("a deadline storm", || {
        (0..60).for_each(|n| dev.put(2, &format!("d{n}"), "quorate-timeout: 1ms\r\n"));
        let found = dev.found();
        assert!(found.iter().all(|(_, _, fault)| fault == "clients"), "{found:?}");
        found.iter().any(|(cause, node, _)| cause == "deadline-storm" && node == "n3")
    });
}

fn hot(n: u32) -> String {
    if n.is_multiple_of(5) { format!("cold{n}") } else { "celebrity".into() }
}

fn leader(dev: &Dev) -> String {
    let text = dev.get(0, "/v1/cluster", "");
    let body = text.split("\r\n\r\n").nth(1).unwrap_or_default();
    let cluster: Value = serde_json::from_str(body).unwrap();
    let shards = cluster["shards"].as_array().unwrap();
    let default = shards.iter().find(|shard| shard["keyspace"] == "default").unwrap();
    default["leader"].as_str().unwrap().to_owned()
}

/// Somebody who speaks another protocol connects to a port for peers.
fn stranger(dev: &Dev) {
    let mut stream = TcpStream::connect(("127.0.0.1", dev.base_port + 101)).unwrap();
    let _ = stream.write_all(&b"GET / HTTP/1.1\r\nhost: somebody\r\n\r\n".repeat(9));
    dev.until("a foreign node", || {
        dev.found().iter().any(|(cause, _, fault)| cause == "foreign-node" && fault == "stranger")
    });
    println!("found: foreign-node");
}
