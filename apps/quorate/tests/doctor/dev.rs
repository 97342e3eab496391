//! A development cluster, its doctor, and what can be done to both.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::{ambient, common};

pub const BINARY: &str = env!("CARGO_BIN_EXE_quorate");

pub struct Dev {
    child: Child,
    dir: tempfile::TempDir,
    pub base_port: u16,
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Dev {
    /// Three nodes with these settings.
    pub fn start(settings: &[&str]) -> Dev {
        let (dir, base_port) = (tempfile::tempdir().unwrap(), common::free_ports());
        let child = Command::new(BINARY)
            .args(["dev", "--ready", "60s", "--base-port", &base_port.to_string(), "--data"])
            .arg(dir.path().join("data"))
            .args(settings.iter().flat_map(|setting| ["--set", setting]))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let dev = Dev { child, dir, base_port };
        dev.until("the cluster is ready", || dev.get(0, "/readyz", "").starts_with("HTTP/1.1 200"));
        dev
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn until(&self, what: &str, holds: impl FnMut() -> bool) {
        assert!(ambient::holds_within(Duration::from_secs(60), holds), "in vain: {what}");
    }

    /// What node `at` answers, with more headers; empty if it does not.
    pub fn get(&self, at: u16, path: &str, headers: &str) -> String {
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

    pub fn put(&self, at: u16, key: &str, headers: &str) {
        self.put_value(at, key, headers, "value");
    }

    /// A fault at one node.
    pub fn inject(&self, at: u16, fault: &str) {
        let head = "POST /v1/chaos HTTP/1.1\r\ncontent-type: application/json\r\n";
        let answer = self.ask(at, head, fault);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    pub fn put_value(&self, at: u16, key: &str, headers: &str, value: &str) {
        self.ask(at, &format!("PUT /v1/kv/default/{key} HTTP/1.1\r\n{headers}"), value);
    }

    pub fn quorate(&self, words: &[&str]) -> String {
        let nodes: Vec<_> = (0..3).map(|at| format!("127.0.0.1:{}", self.base_port + at)).collect();
        let ran = Command::new(BINARY).args(words).args(["-e", &nodes.join(",")]).output().unwrap();
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }

    /// Cause, node and fault of everything that the doctor finds.
    pub fn found(&self) -> Vec<(String, String, String)> {
        let told: Value =
            serde_json::from_str(&self.quorate(&["doctor", "--json"])).unwrap_or_default();
        let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or("").to_owned();
        let all = told["findings"].as_array().cloned().unwrap_or_default();
        all.iter().map(|f| (text(f, "cause"), text(f, "node"), text(f, "fault"))).collect()
    }

    /// What the doctor finds, of which no other node than these may be blamed.
    pub fn blames_only(&self, nodes: &str) -> Vec<(String, String, String)> {
        let found = self.found();
        for (cause, who, _) in found.iter().filter(|(_, _, fault)| fault == "node") {
            let one_of = nodes.split(' ').any(|node| !node.is_empty() && who.contains(node));
            assert!(one_of, "{cause} laid to {who}, not to {nodes}: {found:?}");
        }
        found
    }

    /// Waits until the trouble is found, and holds that no node but this one is ever blamed.
    pub fn finds(&self, cause: &str, node: &str, mut meanwhile: impl FnMut()) {
        self.until(&format!("{cause} of {node}"), || {
            meanwhile();
            self.blames_only(node).iter().any(|(c, n, _)| c == cause && n == node)
        });
        println!("found: {cause} {node}");
    }

    /// Ends all faults and waits until nothing is found; meanwhile only this node may be blamed.
    pub fn heals(&self, node: &str) {
        self.quorate(&["chaos", "heal"]);
        self.until("the cluster is well", || self.blames_only(node).is_empty());
    }

    /// Who leads the keyspace `default`.
    pub fn leader(&self) -> String {
        let mut leader = String::new();
        self.until("somebody leads", || {
            leader = self.default()["leader"].as_str().unwrap_or("").to_owned();
            !leader.is_empty()
        });
        leader
    }

    /// Somebody who does not lead it.
    pub fn follower(&self) -> String {
        let leader = self.leader();
        ["n3", "n2"].into_iter().find(|node| *node != leader).unwrap().to_owned()
    }

    /// The shard of the keyspace `default`, as the first node knows it.
    pub fn default(&self) -> Value {
        let text = self.get(0, "/v1/cluster", "");
        let body = text.split("\r\n\r\n").nth(1).unwrap_or_default();
        let cluster: Value = serde_json::from_str(body).unwrap_or_default();
        let shards = cluster["shards"].as_array().cloned().unwrap_or_default();
        shards.into_iter().find(|shard| shard["keyspace"] == "default").unwrap_or_default()
    }
}
