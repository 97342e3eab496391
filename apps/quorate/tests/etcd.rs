//! From a snapshot of etcd into a keyspace and back, with a real process and the real commands.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use client::{Client, Options};
use gateways::etcd::snapshot::{Builder, Snapshot};
use kernel::Duration;
use layers::coordination::{
    Act, Command as Coordinate, Error, ImportRequest, KeyValue, LeaseRecord, PutRequest,
};
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_quorate");
const KEYS: i64 = 5_000;

/// A cluster of one node.
struct Server {
    directory: tempfile::TempDir,
    http: String,
    process: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start() -> Server {
        let directory = tempfile::tempdir().unwrap();
        let held: Vec<_> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let [http, peer] = [0, 1].map(|at| held[at].local_addr().unwrap().to_string());
        drop(held);
        let process = Command::new(BINARY)
            .args([
                "server",
                "--cluster",
                "0123456789abcdef0123456789abcdef",
                "--boot",
                "bootstrap",
            ])
            .args(["--members", &format!("[{{ node = 1, peer = \"{peer}\", http = \"{http}\" }}]")])
            .args(["--node", "1", "--http", &http, "--peer", &peer, "--data"])
            .arg(directory.path().join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(directory.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        Server { directory, http, process }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs a command and tells its exit code, its output and its errors.
    fn quorate(&self, words: &[&str]) -> (i32, Value, String) {
        let output = Command::new(BINARY)
            .args(words)
            .args(["--json", "--timeout", "30s", "-e", &self.http])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap_or(-1), json, said)
    }

    fn import(&self, file: &Path) -> (i32, Value, String) {
        self.quorate(&["etcd", "import", file.to_str().unwrap()])
    }
}

fn kvs() -> Vec<KeyValue> {
    let kv = |n: i64| KeyValue {
        key: format!("key/{n:05}").into(),
        create_revision: n + 2,
        mod_revision: 3 * n + 5,
        version: n % 9 + 1,
        value: vec![n as u8; 300].into(),
        lease: if n % 100 == 0 { 77 } else { 0 },
    };
    (0..KEYS).map(kv).collect()
}

const LEASE: LeaseRecord = LeaseRecord { id: 77, ttl: 9_000, remaining_ttl: 8_000, renewal: 0 };

fn make(file: &Path, revision: i64) {
    let mut builder = Builder::new(revision, &std::env::temp_dir()).unwrap();
    kvs().iter().for_each(|kv| builder.key(kv).unwrap());
    builder.lease(&LEASE).unwrap();
    let mut download = builder.build().unwrap().finish().unwrap();
    let pieces = std::iter::from_fn(|| download.piece().unwrap());
    fs::write(file, pieces.flatten().collect::<Vec<u8>>()).unwrap();
}

fn read(file: &Path) -> (i64, Vec<LeaseRecord>, Vec<KeyValue>) {
    let snapshot = Snapshot::open(File::open(file).unwrap()).unwrap();
    snapshot.verify(&mut |_| {}).unwrap();
    let (survey, mut keys) = snapshot.survey(&std::env::temp_dir(), &mut |_| {}).unwrap();
    let mut leases = snapshot.leases().unwrap();
    let leases = std::iter::from_fn(|| leases.next(&snapshot).unwrap()).collect();
    let keys = std::iter::from_fn(|| keys.next(&snapshot).unwrap()).collect();
    (survey.revision, leases, keys)
}

#[tokio::test]
async fn an_import_goes_on_where_it_stopped_and_what_it_brought_can_be_exported() {
    let server = Server::start();
    let (file, revision) = (server.path("etcd.db"), 3 * KEYS + 50);
    make(&file, revision);
    let (code, _, said) = server.quorate(&[
        "keyspace",
        "create",
        "etcd",
        "--program",
        "coordination",
        "--replicas",
        "1",
    ]);
    assert_eq!(code, 0, "{said}");

    // An import that was interrupted after the lease and some keys.
    let digest = Snapshot::open(File::open(&file).unwrap()).unwrap().verify(&mut |_| {}).unwrap();
    let piece = ImportRequest {
        source: digest.to_vec().into(),
        revision,
        leases: vec![LEASE],
        kvs: kvs()[..120].to_vec(),
        ..ImportRequest::default()
    };
    let options = Options { timeout: Duration::from_secs(30), ..Options::default() };
    let keyspace = Client::new([server.http.clone()], options).coordination("etcd");
    keyspace.act(&Coordinate::new(Act::Import(piece))).await.unwrap().unwrap();
    let put = PutRequest { key: "key/00000".into(), ..PutRequest::default() };
    let put = Coordinate::new(Act::Put(put));
    assert_eq!(keyspace.act(&put).await.unwrap(), Err(Error::Importing));
    let other = server.path("other.db");
    make(&other, revision + 1);
    let (code, _, said) = server.import(&other);
    assert!(code == 4 && said.contains("an import is under way"), "{code} {said}");

    let (code, json, said) = server.import(&file);
    assert_eq!(code, 0, "{said}");
    assert_eq!((&json["keys"], &json["already_there"]), (&KEYS.into(), &121.into()));
    let (code, json, _) = server.import(&file);
    assert_eq!((code, &json["already_there"]), (0, &(KEYS + 1).into()));
    let (code, _, said) = server.import(&other);
    assert!(code == 4 && said.contains("only an empty keyspace"), "{code} {said}");

    let exported = server.path("again.db");
    let (code, json, said) = server.quorate(&["etcd", "export", exported.to_str().unwrap()]);
    assert!(code == 0 && json["revision"] == revision, "{json} {said}");
    let (found, leases, keys) = read(&exported);
    assert!(found == revision && keys == kvs(), "{found}");
    assert!(leases.len() == 1 && leases[0].ttl == LEASE.ttl && leases[0].remaining_ttl <= 8_000);
    keyspace.act(&put).await.unwrap().unwrap();
    let (code, ..) = server.quorate(&["etcd", "export", exported.to_str().unwrap()]);
    let (found, _, keys) = read(&exported);
    assert_eq!((code, found, keys[0].version), (0, revision + 1, 2));
}

#[test]
fn a_file_that_is_damaged_changes_nothing() {
    let server = Server::start();
    let file = server.path("etcd.db");
    make(&file, 3 * KEYS + 50);
    let mut bytes = fs::read(&file).unwrap();
    bytes[20_000] ^= 1;
    fs::write(&file, bytes).unwrap();
    let (code, _, said) = server.import(&file);
    assert!(code == 2 && said.contains("[snapshot-digest]"), "{code} {said}");
    fs::write(&file, "no snapshot").unwrap();
    let (code, _, said) = server.import(&file);
    assert!(code == 2 && said.contains("[snapshot-foreign]"), "{code} {said}");
    let (code, json, said) = server.quorate(&["keyspace", "list"]);
    assert!(code == 0 && !json.to_string().contains("etcd"), "{json} {said}");
}
