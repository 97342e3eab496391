//! Strangers at the ports for peers.

use std::{
    io::Write,
    net::TcpStream,
    process::{Command, Stdio},
};

use crate::{
    common,
    dev::{BINARY, Dev},
};

/// The cluster of the other node.
const ELSEWHERE: &str = "00000000000000000000000000c0ffee";

/// Somebody who speaks another protocol connects to a port for peers.
pub fn speaks_another_protocol(dev: &Dev) {
    let mut stream = TcpStream::connect(("127.0.0.1", dev.base_port + 101)).unwrap();
    let _ = stream.write_all(&b"GET / HTTP/1.1\r\nhost: somebody\r\n\r\n".repeat(9));
    found(dev, "too-long");
}

/// A node of another cluster has the addresses of this one's nodes for those of its own.
pub fn is_of_another_cluster(dev: &Dev) {
    let (data, port) = (tempfile::tempdir().unwrap(), common::free_ports());
    let member = |node: u16, port: u16| {
        format!(
            "{{ node = {node}, peer = \"127.0.0.1:{}\", http = \"127.0.0.1:{port}\" }}",
            port + 100
        )
    };
    let ours = (0..3).map(|at| member(at + 1, dev.base_port + at));
    let members: Vec<String> = ours.chain([member(4, port)]).collect();
    let (http, peer) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{}", port + 100));
    let mut other = Command::new(BINARY)
        .args(["server", "--node", "4", "--cluster", ELSEWHERE, "--boot", "bootstrap"])
        .args(["--http", &http, "--peer", &peer, "--members", &format!("[{}]", members.join(", "))])
        .arg("--data")
        .arg(data.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    found(dev, ELSEWHERE);
    other.kill().unwrap();
    other.wait().unwrap();
}

/// Waits until the doctor speaks of a stranger, names this, and blames nobody.
fn found(dev: &Dev, names: &str) {
    dev.until("a foreign node", || {
        let found = dev.blames_only("");
        let stranger = |(cause, _, fault): &(String, String, String)| {
            cause == "foreign-node" && fault == "stranger"
        };
        found.iter().any(stranger) && dev.quorate(&["doctor"]).contains(names)
    });
    println!("found: foreign-node {names}");
}
