//! `quorate etcd import | export`.

mod export;
mod import;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use gateways::etcd::snapshot;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{cli::Global, exit::Failure};

/// Move from etcd, and back.
#[derive(Debug, Subcommand)]
pub enum Etcd {
    /// Load a snapshot of etcd into an empty keyspace; repeat it to go on after an interruption.
    Import(import::Import),
    /// Write what a keyspace holds as a snapshot of etcd.
    Export(export::Export),
}

impl Etcd {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        match self {
            Etcd::Import(command) => command.run(global).await,
            Etcd::Export(command) => command.run(global).await,
        }
    }
}

/// A failure of the file, with its code.
fn failure(error: &snapshot::Error) -> Failure {
    let text = format!("{error}\n  see /v1/errors/{}", error.code());
    match error {
        snapshot::Error::Io(_) => Failure::new(text),
        snapshot::Error::Refused(_) | snapshot::Error::Unanswered(_) => Failure::unavailable(text),
        _ => Failure::usage(text),
    }
}

/// Where files are made that something is sorted in: beside the snapshot, where there is room for
/// one of its length.
fn beside(file: &Path, chosen: Option<PathBuf>) -> PathBuf {
    let beside = || file.parent().filter(|parent| !parent.as_os_str().is_empty());
    chosen.or_else(|| beside().map(Into::into)).unwrap_or_else(|| ".".into())
}

fn bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
