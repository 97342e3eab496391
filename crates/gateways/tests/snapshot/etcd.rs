//! An etcd of its own, and its tools.

use std::{
    env,
    io::{Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

/// A running etcd; it ends with its owner.
pub struct Etcd {
    process: Child,
    endpoint: String,
}

fn program(name: &str) -> Command {
    let directory = env::var("ETCD_BIN").expect("ETCD_BIN=where etcd, etcdctl and etcdutl are");
    Command::new(PathBuf::from(directory).join(name))
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap()
}

/// What a command prints, as JSON if it is; it has to succeed.
fn json(command: &mut Command) -> Value {
    let output = output(command);
    assert!(output.status.success(), "{command:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// Runs one of etcd's tools.
pub fn tool(name: &str, arguments: &[&str]) -> Value {
    json(program(name).args(arguments))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Etcd {
    /// Starts an etcd on a data directory and waits until it answers.
    pub fn start(data: &Path) -> Etcd {
        let (client, peer) = (free_port(), free_port());
        let endpoint = format!("http://127.0.0.1:{client}");
        let process = program("etcd")
            .arg(format!("--data-dir={}", data.display()))
            .args(["--listen-client-urls", &endpoint, "--advertise-client-urls", &endpoint])
            .args(["--listen-peer-urls", &format!("http://127.0.0.1:{peer}")])
            .args(["--log-level", "error"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let etcd = Etcd { process, endpoint };
        // etcdctl itself waits for a connection, up to five seconds.
        let answers = |_: &usize| output(etcd.control().args(["get", "nothing"])).status.success();
        assert!((0..10).any(|attempt| answers(&attempt)), "etcd does not answer");
        etcd
    }

    fn control(&self) -> Command {
        let mut command = program("etcdctl");
        command.args(["--endpoints", &self.endpoint]);
        command
    }

    /// Runs a command of etcdctl.
    pub fn run(&self, arguments: &[&str]) {
        json(self.control().args(arguments));
    }

    /// Runs a command of etcdctl and reads what it answers.
    pub fn json(&self, arguments: &[&str]) -> Value {
        json(self.control().args(["-w", "json"]).args(arguments))
    }

    /// Runs a command that has to fail, and tells what it says.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let output = output(self.control().args(arguments));
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Puts a value that is too long for a command line.
    pub fn put(&self, key: &str, value: &str) {
        self.feed(&["put", key], value);
    }

    /// Carries a transaction out: compares, what to do if they hold, what otherwise.
    pub fn txn(&self, text: &str) {
        self.feed(&["txn"], text);
    }

    fn feed(&self, arguments: &[&str], input: &str) {
        let mut command = self.control();
        let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let mut said = String::new();
        process.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(process.wait().unwrap().success(), "{arguments:?}: {said}");
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
