//! A damaged engine: found, set aside, and given back by the group.
//!
//! Every block of the tree carries a checksum, so rot is found by whoever reads the block. Then the
//! node stops and leaves a mark, and the next start reads everything once. The journal goes on from
//! what the engine held and is of no use without it: both are set aside, and the node is one whose
//! disk was wiped, which recovers from its peers before it votes.
//!
//! ```text
//!   a read fails ─▶ mark, stop ─▶ start: read all ─┬─ whole ───▶ no mark, go on
//!                                                  └─ damaged ─▶ quarantine/, join, recover
//! ```
//!
//! What nobody else can give back is not set aside: a node alone does not start.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use store::{
    engine::{Engine, EngineError, Read, ScanRange},
    journal::Recovery,
};
use tracing::{info, warn};

use crate::{
    data_dir::DataDir,
    lsm::{LsmEngine, LsmOptions},
};

/// So often a node sets aside what is damaged until somebody deletes it: what it holds may be the last
/// copy if several nodes are damaged at once, and a disk that rots again and again is to be replaced.
pub const TIMES_MAX: u32 = 3;

/// Says that the engine may be damaged: a file in the data directory, with the reason.
#[derive(Clone, Debug)]
pub struct Mark(PathBuf);

impl Mark {
    /// The mark of a data directory.
    #[must_use]
    pub fn of(data: &Path) -> Mark {
        Mark(data.join("suspect"))
    }

    /// Leaves it. Where that fails, the next start finds what this one did, and tries again.
    pub fn leave(&self, why: &str) {
        if let Err(error) = fs::write(&self.0, why) {
            warn!(%error, "the engine is not marked as suspect");
        }
    }

    fn is_there(&self) -> bool {
        self.0.exists()
    }

    fn take_away(&self) -> io::Result<()> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Opens the engine of a directory whose journal is known.
///
/// # Errors
/// [`EngineError::Corrupt`] if it is damaged or gone.
pub fn open(
    data: &DataDir,
    journal: &Recovery,
    options: LsmOptions,
) -> Result<LsmEngine, EngineError> {
    if !data.engine().exists() && !journal.records.is_empty() {
        return Err(EngineError::Corrupt("the journal goes on from an engine that is gone".into()));
    }
    let engine = LsmEngine::open(&data.engine(), options)?;
    let mark = Mark::of(data.path());
    if mark.is_there() {
        warn!(bytes = engine.approximate_bytes(), "the engine is suspect: all of it is read");
        let pairs = read_all(&engine)?;
        info!(pairs, "all of the engine can be read: it is suspect no more");
        mark.take_away().map_err(|error| EngineError::Io(error.to_string()))?;
    }
    Ok(engine)
}

/// Reads everything; how many pairs there are. What cannot be read for the second time is damaged.
fn read_all(engine: &LsmEngine) -> Result<u64, EngineError> {
    let damaged = |error| match error {
        EngineError::Io(text) => EngineError::Corrupt(text),
        other => other,
    };
    engine.scan(ScanRange::all()).try_fold(0, |pairs, pair| {
        pair.map_err(damaged)?;
        Ok(pairs + 1)
    })
}

/// Sets engine and journal aside, each time in a folder of its own. A crash in between leaves a
/// journal without an engine, and the next start goes on here.
///
/// # Errors
/// If the files cannot be moved, or [`TIMES_MAX`] were set aside and nobody has looked.
pub fn set_aside(data: &DataDir) -> io::Result<PathBuf> {
    let all = data.path().join("quarantine");
    let free = |number: &u32| !all.join(number.to_string()).join("journal").exists();
    let aside = (1..=TIMES_MAX).find(free).map(|number| all.join(number.to_string()));
    let aside = aside.ok_or_else(|| {
        let text = format!("{} is full: delete what is not needed any more", all.display());
        io::Error::other(text)
    })?;
    fs::create_dir_all(&aside)?;
    if data.engine().exists() {
        fs::rename(data.engine(), aside.join("engine"))?;
    }
    fs::rename(data.journal(), aside.join("journal"))?;
    Mark::of(data.path()).take_away()?;
    for directory in [&aside, &all, data.path()] {
        fs::File::open(directory)?.sync_all()?;
    }
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use kernel::{ClusterId, NodeId, Wall};

    use super::*;

    fn data(dir: &Path) -> DataDir {
        DataDir::open(dir, ClusterId(1), NodeId(1), None, Wall(0), 7).unwrap()
    }

    fn make(data: &DataDir, parts: &[&str]) {
        parts.iter().for_each(|part| fs::create_dir_all(data.path().join(part)).unwrap());
    }

    #[test]
    fn nothing_that_was_set_aside_is_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let data = data(dir.path());
        for time in 1..=TIMES_MAX {
            make(&data, &["engine", "journal"]);
            Mark::of(dir.path()).leave("a test");
            let aside = set_aside(&data).unwrap();
            assert_eq!(aside, dir.path().join(format!("quarantine/{time}")));
            assert!(aside.join("engine").exists() && aside.join("journal").exists());
            assert!(!Mark::of(dir.path()).is_there());
        }
        make(&data, &["engine", "journal"]);
        assert!(set_aside(&data).unwrap_err().to_string().contains("quarantine is full"));
        assert!(data.engine().exists() && data.journal().exists());
    }

    #[test]
    fn a_crash_in_between_is_gone_on_from() {
        let dir = tempfile::tempdir().unwrap();
        let data = data(dir.path());
        make(&data, &["quarantine/1/engine", "journal"]);
        let aside = set_aside(&data).unwrap();
        assert!(aside.join("engine").exists() && aside.join("journal").exists());
    }
}
