//! Snapshot files of etcd.

use std::path::PathBuf;

use gateways::etcd::snapshot::{self, Builder, Snapshot};
use kernel::Rng;
use layers::coordination::{KeyValue, LeaseRecord};

use crate::{Fed, Memory, Target, draw};

/// Bytes of a page: the second meta page lies there.
const PAGE: usize = 4_096;

/// Branches, leaves and what is sorted are held beside the file; a page that many branches name is
/// read again for each.
pub const TARGETS: [Target; 1] = [Target {
    name: "etcd-snapshot",
    sample,
    mend,
    words: &["key", "lease", "meta", "finishedCompactRev", "_", "t"],
    feed,
    memory: Memory { base: 2 << 20, per_byte: 64 },
}];

/// Where files without a name are made.
fn scratch() -> PathBuf {
    std::env::temp_dir()
}

fn sample(rng: &mut Rng) -> Vec<u8> {
    made(rng).unwrap_or_default()
}

fn made(rng: &mut Rng) -> Result<Vec<u8>, snapshot::Error> {
    let revision = 2 + rng.below(300) as i64;
    let mut builder = Builder::new(revision, &scratch())?;
    let long = rng.below(6) == 0;
    for n in 0..rng.below(90) {
        let mod_revision = rng.range(2, revision as u64) as i64;
        builder.key(&KeyValue {
            key: format!("{n}/{}", rng.below(9)).into(),
            create_revision: rng.range(2, mod_revision as u64) as i64,
            mod_revision,
            version: 1 + rng.below(3) as i64,
            value: draw::bytes(rng, if long { 3_000 } else { 90 }),
            lease: rng.below(4) as i64,
        })?;
    }
    for id in 1..=rng.below(4) as i64 {
        builder.lease(&LeaseRecord {
            id,
            ttl: 60,
            remaining_ttl: rng.below(70) as i64,
            renewal: 0,
        })?;
    }
    let (mut download, mut file) = (builder.build()?.finish()?, Vec::new());
    while let Some(piece) = download.piece()? {
        file.extend_from_slice(&piece);
    }
    // Without the digest, or nothing that is changed would be looked at.
    if rng.below(16) != 0 {
        file.truncate(file.len().saturating_sub(32));
    }
    Ok(file)
}

fn mend(file: &mut [u8]) {
    snapshot::mend(file);
    snapshot::mend(file.get_mut(PAGE..).unwrap_or_default());
}

type Contents = (i64, Vec<LeaseRecord>, Vec<KeyValue>);

fn read(file: &[u8]) -> Result<Contents, snapshot::Error> {
    let snapshot = Snapshot::open(file)?;
    snapshot.verify(&mut |_| {})?;
    let (survey, mut keys) = snapshot.survey(&scratch(), &mut |_| {})?;
    let (mut leases, mut found) = (snapshot.leases()?, (survey.revision, Vec::new(), Vec::new()));
    while let Some(lease) = leases.next(&snapshot)? {
        found.1.push(lease);
    }
    while let Some(kv) = keys.next(&snapshot)? {
        found.2.push(kv);
    }
    Ok(found)
}

/// What is read can be imported as far as one looks at it, a key at a time.
fn feed(file: &[u8]) -> Fed {
    let (revision, _, kvs) = match read(file) {
        Ok(found) => found,
        Err(error) if error.to_string().starts_with(&format!("[{}] ", error.code())) => {
            return Ok(false);
        }
        Err(error) => return Err(format!("a refusal without its code: {error}")),
    };
    let ascending = kvs.is_sorted_by(|a, b| a.key < b.key);
    let possible = kvs.iter().all(|kv| {
        2 <= kv.create_revision
            && kv.create_revision <= kv.mod_revision
            && kv.mod_revision <= revision
    });
    if ascending && possible { Ok(true) } else { Err(format!("no keyspace: {kvs:?}")) }
}
