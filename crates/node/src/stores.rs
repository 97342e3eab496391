//! What a data directory holds, opened: the journal, and the engine that it goes on from.

use std::sync::Arc;

use kernel::{Duration, disk::DiskError};
use store::{
    engine::EngineError,
    journal::{self as log, Journal, JournalError, Recovery, Tail},
};
use tracing::{error, info, warn};

use crate::{
    ambient,
    chaos::Chaos,
    config::{Config, HostLimits},
    data_dir::{DataDir, DataDirError},
    disk::FileDisk,
    life::StartError,
    lsm::{LsmEngine, LsmOptions},
    quarantine,
};

/// A journal that cannot be read is tried so often before what is unreadable counts as lost …
const READS_MAX: u32 = 5;
/// … and so long apart.
const READ_PAUSE: Duration = Duration::from_secs(1);

/// What the disk holds.
pub struct Stored {
    /// Open, and read to its end.
    pub journal: Journal<FileDisk>,
    /// What was in it.
    pub recovery: Recovery,
    /// The state that the journal goes on from.
    pub engine: LsmEngine,
    /// Why what was there before is in quarantine, if it is.
    pub set_aside: Option<String>,
}

/// Opens the journal and the engine; new ones, if what is there is damaged and others hold it too.
///
/// # Errors
/// If either cannot be opened, and nobody else could give back what it holds.
pub fn open(config: &Config, data: &DataDir, chaos: &Arc<Chaos>) -> Result<Stored, StartError> {
    let options = LsmOptions { cache: config.limits.cache, ..LsmOptions::default() };
    let mut set_aside = None;
    loop {
        let (journal, recovery) = open_journal(data, &config.limits, chaos)?;
        report_recovery(&recovery);
        match quarantine::open(data, &recovery, options) {
            Ok(engine) => return Ok(Stored { journal, recovery, engine, set_aside }),
            Err(EngineError::Corrupt(why)) if config.members.len() > 1 && set_aside.is_none() => {
                let aside = quarantine::set_aside(data)
                    .map_err(|error| DataDirError::Io { path: data.path().to_owned(), error })?;
                let text = format!(
                    "the engine is damaged: it is in {}, and its state comes from other nodes: {why}",
                    aside.display()
                );
                error!("[engine-damaged] {text}");
                set_aside = Some(text);
            }
            Err(error) => return Err(StartError::Engine(error)),
        }
    }
}

/// Opens the journal. What the disk refuses to read is given up as lost only after several tries.
///
/// # Errors
/// If it is none, or its directory cannot be used.
pub fn open_journal(
    data: &DataDir,
    limits: &HostLimits,
    chaos: &Arc<Chaos>,
) -> Result<(Journal<FileDisk>, Recovery), StartError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let settings = log::Config {
            id: data.journal_id(),
            segment_bytes: limits.journal_segment,
            bytes_limit: limits.journal,
            unreadable_is_lost: tries == READS_MAX,
            ..log::Config::default()
        };
        let disk = FileDisk::open(&data.journal()).map_err(StartError::Disk)?;
        let disk = disk.under(Arc::clone(chaos));
        match Journal::open(disk, settings) {
            Err(error @ JournalError::Disk(DiskError::Io(_))) if tries < READS_MAX => {
                warn!(%error, tries, "the journal cannot be read; trying again");
                ambient::sleep(READ_PAUSE);
            }
            opened => return opened.map_err(StartError::Journal),
        }
    }
}

fn report_recovery(recovery: &Recovery) {
    info!(records = recovery.records.len(), "the journal was read");
    if let Tail::Torn { segment, offset, bytes_cut } = recovery.tail {
        info!(segment, offset, bytes_cut, "a torn end of the journal was cut: nothing is lost");
    }
    for damage in &recovery.damage {
        error!(?damage, "[journal-damage] records are gone: their shards recover from peers");
    }
}
