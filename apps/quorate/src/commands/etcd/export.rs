//! `quorate etcd export`.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::PathBuf,
};

use clap::Args;
use client::Coordination;
use gateways::etcd::snapshot::{self, Download};
use layers::coordination::{Answer, Ask};
use serde_json::json;

use super::{bar, beside, failure};
use crate::{cli::Global, exit::Failure};

/// Write what a keyspace holds as a snapshot of etcd.
#[derive(Debug, Args)]
pub struct Export {
    /// The file; it appears when it is whole.
    file: PathBuf,
    /// Which keyspace.
    #[arg(long, default_value = "etcd")]
    keyspace: String,
    /// Where to sort what does not fit into memory; beside the file if not said.
    #[arg(long, value_name = "DIRECTORY")]
    scratch: Option<PathBuf>,
}

/// A keyspace that is asked by the client.
struct Asked(Coordination);

impl snapshot::Keyspace for Asked {
    async fn ask(&self, ask: Ask) -> Result<Answer, snapshot::Error> {
        let lost = |error: client::Error| snapshot::Error::Unanswered(error.to_string());
        self.0.ask(ask).await.map_err(lost)?.map_err(snapshot::Error::Refused)
    }
}

impl Export {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let scratch = beside(&self.file, self.scratch.clone());
        let keyspace = Asked(global.client().coordination(&self.keyspace));
        let (reading, mut keys) = (bar(0, "{spinner} {pos} keys read"), 0);
        let mut progress = |read| {
            keys = read;
            reading.set_position(read);
        };
        let taken = snapshot::take(&keyspace, &scratch, &mut progress).await;
        reading.finish_and_clear();
        let mut download = taken.map_err(|error| failure(&error))?;
        self.write(&mut download)?;
        let (revision, bytes) = (download.revision(), download.length());
        let document = json!({
            "file": self.file, "keyspace": self.keyspace, "keys": keys, "revision": revision,
            "bytes": bytes,
        });
        global.show().print(&document, || {
            format!(
                "{} of {}: {keys} keys at revision {revision}, {bytes} bytes",
                self.file.display(),
                self.keyspace
            )
        })
    }

    fn write(&self, download: &mut Download) -> Result<(), Failure> {
        let writing = bar(download.length(), "{bar:30} {bytes}/{total_bytes} written");
        let mut part = self.file.clone().into_os_string();
        part.push(".part");
        let mut out = BufWriter::new(File::create(&part)?);
        while let Some(piece) = download.piece().map_err(|error| failure(&error))? {
            out.write_all(&piece)?;
            writing.inc(piece.len() as u64);
        }
        out.into_inner().map_err(|error| error.into_error())?.sync_all()?;
        writing.finish_and_clear();
        Ok(fs::rename(&part, &self.file)?)
    }
}
