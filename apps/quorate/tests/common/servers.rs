//! Servers that a test starts and kills one by one.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use kernel::Duration;

const BINARY: &str = env!("CARGO_BIN_EXE_quorate");
pub const CLUSTER: &str = "0123456789abcdef0123456789abcdef";

/// Servers, each of which may run. The first three found the cluster.
pub struct Cluster {
    pub dir: tempfile::TempDir,
    ports: Vec<u16>,
    pub running: Vec<Option<Child>>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        (1..=self.running.len()).for_each(|node| self.kill(node));
    }
}

impl Cluster {
    pub fn new(nodes: usize) -> Cluster {
        // Held together, so that all are different.
        let held: Vec<_> =
            (0..2 * nodes).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports = held.iter().map(|held| held.local_addr().unwrap().port()).collect();
        let running = (0..nodes).map(|_| None).collect();
        Cluster { dir: tempfile::tempdir().unwrap(), ports, running }
    }

    pub fn http(&self, node: usize) -> String {
        format!("127.0.0.1:{}", self.ports[node - 1])
    }

    pub fn peer(&self, node: usize) -> String {
        format!("127.0.0.1:{}", self.ports[self.running.len() + node - 1])
    }

    pub fn data(&self, node: usize) -> PathBuf {
        self.dir.path().join(format!("n{node}"))
    }

    pub fn log(&self, node: usize) -> String {
        fs::read_to_string(self.dir.path().join(format!("n{node}.log"))).unwrap_or_default()
    }

    pub fn start(&mut self, node: usize, boot: &str, more: &[&str]) {
        let member = |node| {
            let (peer, http) = (self.peer(node), self.http(node));
            format!("{{ node = {node}, peer = \"{peer}\", http = \"{http}\" }}")
        };
        let members = format!("[{}, {}, {}]", member(1), member(2), member(3));
        let log = self.dir.path().join(format!("n{node}.log"));
        let log = File::options().create(true).append(true).open(log).unwrap();
        let child = Command::new(BINARY)
            .args(["server", "--cluster", CLUSTER, "--boot", boot, "--members", &members])
            .args(["--node", &node.to_string(), "--data"])
            .arg(self.data(node))
            .args(["--http", &self.http(node), "--peer", &self.peer(node)])
            .args(more)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        self.running[node - 1] = Some(child.unwrap());
    }

    pub fn kill(&mut self, node: usize) {
        if let Some(mut child) = self.running[node - 1].take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Runs a command against one node until it ends as it should.
    pub fn quorate(&self, node: usize, words: &[&str]) -> String {
        let mut text = String::new();
        for _ in 0..120 {
            let (code, said) = self.once(words, &["--timeout", "20s", "-e", &self.http(node)]);
            if code == 0 {
                return said;
            }
            text = said;
            rest();
        }
        panic!("{words:?}: {text}\n{}", self.log(node));
    }

    pub fn once(&self, words: &[&str], more: &[&str]) -> (i32, String) {
        let output = Command::new(BINARY).args(words).args(more).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
    }

    /// What `curl -i` would show.
    pub fn curl(&self, node: usize, method: &str, path: &str, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.http(node)).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: n{node}\r\nconnection: close\r\n{headers}\
             content-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

/// Between two looks.
pub fn rest() {
    let clock = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    clock.block_on(async { tokio::time::sleep(Duration::from_millis(50)).await });
}
