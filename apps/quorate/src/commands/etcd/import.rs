//! `quorate etcd import`.
//!
//! ```text
//!   verify ─▶ survey ─▶ keyspace, made if missing ─▶ empty piece: how far? ─▶ pieces ─▶ last piece
//! ```
//!
//! The order of leases and keys follows from the file, so a second run skips what the first one
//! brought. The program refuses pieces of another file, and counts those of this one.

use std::{fs::File, path::PathBuf};

use clap::Args;
use client::{Control, Coordination};
use gateways::etcd::snapshot::{Digest, Keys, Snapshot, Survey};
use layers::coordination::{
    Act, Command, Error, ImportRequest, ImportResponse, KeyValue, LeaseRecord, Outcome,
    limits::{IMPORT_BYTES_MAX, KEY_BYTES_MAX},
};
use prost::Message;
use serde_json::json;

use super::{bar, beside, failure};
use crate::{cli::Global, exit::Failure};

/// Bytes of keys and values that a piece is filled up to.
const PIECE: usize = 512 << 10;
/// The most leases and keys of a piece.
const ITEMS: usize = 2_000;
/// Bytes of a piece that are no key or value, at most.
const AROUND: usize = 256;

/// Load a snapshot of etcd into an empty keyspace.
#[derive(Debug, Args)]
pub struct Import {
    /// What `etcdctl snapshot save` wrote.
    snapshot: PathBuf,
    /// Into which keyspace; it is created if it does not exist.
    #[arg(long, default_value = "etcd")]
    keyspace: String,
    /// Where to sort what does not fit into memory; beside the snapshot if not said.
    #[arg(long, value_name = "DIRECTORY")]
    scratch: Option<PathBuf>,
}

impl Import {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let snapshot = Snapshot::open(File::open(&self.snapshot)?).map_err(|e| failure(&e))?;
        let (digest, survey, keys) = self.read(&snapshot)?;
        let client = global.client();
        self.prepare(&client.control()).await?;
        let keyspace = client.coordination(&self.keyspace);
        let mut sender = Sender::begin(keyspace, &digest, survey.revision).await?;
        let (before, already) = (sender.there, sender.finished);
        if !already {
            sender.send_all(&snapshot, &survey, keys).await?;
        }
        self.summary(global, &digest, &survey, &sender, if already { None } else { Some(before) })
    }

    /// Reads the file to its end, so that nothing is sent of one that is damaged.
    fn read(&self, snapshot: &Snapshot<File>) -> Result<(Digest, Survey, Keys), Failure> {
        let reading = bar(snapshot.length(), "{bar:30} {bytes}/{total_bytes} verified");
        let digest = snapshot.verify(&mut |at| reading.set_position(at));
        reading.finish_and_clear();
        let digest = digest.map_err(|error| failure(&error))?;
        let scratch = beside(&self.snapshot, self.scratch.clone());
        let looking = bar(0, "{spinner} {pos} pairs looked at");
        let found = snapshot.survey(&scratch, &mut |pairs| looking.set_position(pairs));
        looking.finish_and_clear();
        let (survey, keys) = found.map_err(|error| failure(&error))?;
        Ok((digest, survey, keys))
    }

    /// Creates the keyspace unless it exists, on as many nodes as there are, three at most.
    async fn prepare(&self, control: &Control) -> Result<(), Failure> {
        let exists =
            control.keyspaces().await?.keyspaces.into_iter().find(|k| k.name == self.keyspace);
        let Some(keyspace) = exists else {
            let replicas = if control.cluster().await?.nodes.len() >= 3 { 3 } else { 1 };
            let contract = format!("program = \"coordination\"\nreplicas = {replicas}\n");
            control.create(&self.keyspace, &contract).await?;
            return Ok(());
        };
        match keyspace.contract["program"].as_str() {
            Some("coordination") => Ok(()),
            program => Err(Failure::usage(format!(
                "the keyspace {} has the program {}: choose one with coordination, or a new name",
                self.keyspace,
                program.unwrap_or("?"),
            ))),
        }
    }

    /// `before` is what an earlier run had brought; none if it had finished.
    fn summary(
        &self,
        global: &Global,
        digest: &Digest,
        survey: &Survey,
        sender: &Sender,
        before: Option<u64>,
    ) -> Result<(), Failure> {
        let keys = sender.there - survey.leases;
        let Survey { hash, pairs, revision, leases, users, .. } = *survey;
        let sha256: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let document = json!({
            "keyspace": self.keyspace, "keys": keys, "leases": leases, "revision": revision,
            "hash": hash, "total_keys": pairs, "sha256": sha256, "users": users,
            "already_there": before.unwrap_or(sender.there),
        });
        let word = match before {
            None => "was imported before",
            Some(0) => "imported",
            Some(_) => "imported, from where it had stopped",
        };
        global.show().print(&document, || {
            let left = match users {
                0 => String::new(),
                users => format!("\nnot taken over: {users} users and what they may do"),
            };
            format!(
                "{} {word} into {}: {keys} keys and {leases} leases at revision {revision}; what \
                 came before is compacted\nhash {hash:x} of {pairs} total keys (etcdutl snapshot \
                 status), SHA-256 {sha256}{left}",
                self.snapshot.display(),
                self.keyspace,
            )
        })
    }
}

/// Sends pieces.
struct Sender {
    keyspace: Coordination,
    /// What comes next, and what all pieces have in common.
    piece: ImportRequest,
    bytes: usize,
    /// Leases and keys that are there.
    there: u64,
    finished: bool,
}

impl Sender {
    /// Asks how far an import of this file has come; begins one if none has.
    async fn begin(
        keyspace: Coordination,
        digest: &Digest,
        revision: i64,
    ) -> Result<Sender, Failure> {
        let source = bytes::Bytes::copy_from_slice(digest);
        let piece = ImportRequest { source, revision, ..ImportRequest::default() };
        let mut sender = Sender { keyspace, piece, bytes: 0, there: 0, finished: false };
        sender.send().await?;
        Ok(sender)
    }

    /// Sends what is there to be sent, and begins the next piece behind it.
    async fn send(&mut self) -> Result<(), Failure> {
        let command = Command::new(Act::Import(self.piece.clone()));
        let outcome = self.keyspace.act(&command).await?;
        let ImportResponse { done, finished, .. } = match outcome {
            Ok(Outcome::Import(response)) => response,
            Ok(_) => return Err(Failure::new("the keyspace answered something else")),
            Err(error) => return Err(refused(error)),
        };
        (self.there, self.finished) = (done, finished);
        let items = self.piece.leases.len() + self.piece.kvs.len();
        self.piece.at += items as u64;
        self.piece.leases.clear();
        self.piece.kvs.clear();
        self.bytes = 0;
        Ok(())
    }

    /// Sends the piece under way if it has no room for so many bytes more. What is there already is
    /// only counted; false says so.
    async fn room(&mut self, bytes: usize) -> Result<bool, Failure> {
        let items = self.piece.leases.len() + self.piece.kvs.len();
        if items == 0 && self.piece.at < self.there {
            self.piece.at += 1;
            return Ok(false);
        }
        if items > 0 && (self.bytes + bytes > PIECE || items == ITEMS) {
            self.send().await?;
        }
        self.bytes += bytes;
        Ok(true)
    }

    async fn lease(&mut self, lease: LeaseRecord) -> Result<(), Failure> {
        if self.room(lease.encoded_len()).await? {
            self.piece.leases.push(lease);
        }
        Ok(())
    }

    async fn key(&mut self, kv: KeyValue) -> Result<(), Failure> {
        let bytes = kv.encoded_len();
        if kv.key.len() > KEY_BYTES_MAX || bytes + AROUND > IMPORT_BYTES_MAX {
            let key = String::from_utf8_lossy(&kv.key[..kv.key.len().min(80)]).into_owned();
            let what = format!("key {key:?} and its value have {bytes} bytes: too many");
            return Err(failure(&gateways::etcd::snapshot::Error::Limit(what)));
        }
        if self.room(bytes).await? {
            self.piece.kvs.push(kv);
        }
        Ok(())
    }

    async fn send_all(
        &mut self,
        snapshot: &Snapshot<File>,
        survey: &Survey,
        mut keys: Keys,
    ) -> Result<(), Failure> {
        let sending = bar(survey.revisions, "{bar:30} {percent} % sent, {eta} left");
        let mut leases = snapshot.leases().map_err(|error| failure(&error))?;
        while let Some(lease) = leases.next(snapshot).map_err(|error| failure(&error))? {
            self.lease(lease).await?;
        }
        while let Some(kv) = keys.next(snapshot).map_err(|error| failure(&error))? {
            self.key(kv).await?;
            sending.set_position(keys.taken());
        }
        self.piece.last = true;
        self.send().await?;
        sending.finish_and_clear();
        Ok(())
    }
}

/// Why the keyspace does not take it.
fn refused(error: Error) -> Failure {
    let advice = match error {
        Error::NotEmpty => "drop the keyspace, or choose a new name with --keyspace",
        Error::Importing => "it is one of another file: finish that one, or drop the keyspace",
        _ => "drop the keyspace and import again",
    };
    Failure::conflict(format!("{error}\n  {advice}"))
}
