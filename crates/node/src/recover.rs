//! Forced recovery of a cluster whose majority is gone for good, on the directory of one node that
//! is left and does not run.
//!
//! ```text
//!   format: recovering = 2  ─▶  journal: all records, one sync  ─▶  format: incarnation = 2
//!          │                             │                                  │
//!      no node starts here any more, this command goes on          starts as usual, alone
//! ```
//!
//! A crash anywhere in between leaves a directory on which this command, and nothing else, goes on.
//! Doing it all again is harmless: a group that is this node alone becomes that once more. What is
//! written, and why it is enough, is [`database::recover`]'s affair.

use std::{path::Path, sync::Arc};

use database::{
    Plan, Why,
    catalog::{CATALOG, CATALOG_NAME},
};
use kernel::{ClusterId, Incarnation, NodeId};
use store::journal::JournalError;

use crate::{
    config::{BootMode, HostLimits},
    data_dir::{DataDir, DataDirError},
    life::StartError,
    lsm::LsmOptions,
    quarantine,
    stores::open_journal,
};

/// Why nothing was recovered.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The directory is not what it should be.
    #[error("{0}")]
    Data(#[from] DataDirError),
    /// The journal or the engine cannot be opened.
    #[error("{0}")]
    Open(#[from] StartError),
    /// The catalog's replica here is no use.
    #[error(
        "[recover-catalog] the {CATALOG_NAME} cannot be recovered here: {}; try another survivor",
        reason(*.0)
    )]
    Catalog(Why),
    /// Nothing is lost.
    #[error("[recover-alone] {0} is the whole cluster already: start it")]
    Alone(NodeId),
    /// The confirmation names another cluster.
    #[error("[recover-confirm] this is cluster {found}, not {confirmed}: nothing was changed")]
    Confirm {
        /// Whose directory it is.
        found: ClusterId,
        /// Which one was named.
        confirmed: ClusterId,
    },
    /// The journal did not take what had to be written.
    #[error("[recover-write] the journal cannot be written: {0}; once it can be, run this again")]
    Write(JournalError),
}

/// Why a shard, or the catalog, stays without a group.
#[must_use]
pub fn reason(why: Why) -> String {
    match why {
        Why::Absent => "no replica is here".into(),
        Why::Forgetful => "the replica here is without memory".into(),
        Why::Damaged(1) => "the replica here has lost an entry".into(),
        Why::Damaged(count) => format!("the replica here has lost {count} entries"),
        Why::Outside => "the replica here had left the group".into(),
    }
}

/// What was recovered, or would be.
#[derive(Debug)]
pub struct Recovered {
    /// The survivor.
    pub node: NodeId,
    /// Its cluster.
    pub cluster: ClusterId,
    /// The incarnation that begins.
    pub incarnation: Incarnation,
    /// What becomes of each shard.
    pub plan: Plan,
    /// Whether it was done.
    pub done: bool,
}

/// Looks at the directory of a node that does not run, and says what would become of its cluster if
/// it went on alone. Does it if the cluster is named.
///
/// Looking does what a start does as well: a torn end of the journal is cut.
///
/// # Errors
/// Says what to do about it; nothing is changed then, but for [`RecoverError::Write`].
pub fn recover(path: &Path, confirmed: Option<ClusterId>) -> Result<Recovered, RecoverError> {
    let mut data = DataDir::reopen(path)?;
    let (node, cluster) = (data.node(), data.cluster());
    let (mut journal, found) = open_journal(&data, &HostLimits::default(), &Arc::default())?;
    let mut engine =
        quarantine::open(&data, &found, LsmOptions::default()).map_err(StartError::Engine)?;
    let begun = data.recovering();
    let incarnation = begun.unwrap_or(Incarnation(data.incarnation().0.saturating_add(1)));
    let wiped = data.began() != Some(BootMode::Bootstrap);
    let plan = database::recover(node, wiped, &found, &mut engine, incarnation)
        .map_err(StartError::Database)?;
    if let Some(catalog) = plan.left.iter().find(|left| left.shard == CATALOG) {
        return Err(RecoverError::Catalog(catalog.why));
    }
    if plan.alone && begun.is_none() {
        return Err(RecoverError::Alone(node));
    }
    let done = match confirmed {
        Some(confirmed) if confirmed != cluster => {
            return Err(RecoverError::Confirm { found: cluster, confirmed });
        }
        confirmed => confirmed.is_some(),
    };
    if done {
        data.begin_recovery(incarnation)?;
        journal.append(&plan.records).map_err(RecoverError::Write)?;
        journal.sync().map_err(RecoverError::Write)?;
        // A witness: rot in what was just written must not look like a torn end.
        journal.mark_idle().map_err(RecoverError::Write)?;
        journal.sync().map_err(RecoverError::Write)?;
        data.end_recovery()?;
    }
    Ok(Recovered { node, cluster, incarnation, plan, done })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Wall;

    fn code(error: &RecoverError) -> String {
        let text = error.to_string();
        text[1..text.find(']').unwrap()].to_owned()
    }

    /// That a whole one is recovered, `apps/quorate/tests/recover.rs` shows.
    #[test]
    fn a_directory_without_a_catalog_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let cluster = ClusterId(7);
        let refused = |path| code(&recover(path, Some(cluster)).unwrap_err());
        assert_eq!(refused(dir.path()), "data-missing");
        let open = || DataDir::open(dir.path(), cluster, NodeId(1), None, Wall(5), 8);
        let held = open().unwrap();
        assert_eq!(refused(dir.path()), "data-locked");
        drop(held);
        assert_eq!(refused(dir.path()), "recover-catalog");
        assert_eq!(open().unwrap().incarnation(), Incarnation(1), "and no recovery was begun");
    }

    #[test]
    fn what_went_wrong_has_a_code() {
        assert_eq!(code(&RecoverError::Write(JournalError::Full)), "recover-write");
        assert_eq!(reason(Why::Damaged(2)), "the replica here has lost 2 entries");
    }
}
