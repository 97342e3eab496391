//! The directory in which a node keeps everything.
//!
//! ```text
//!   data/
//!     format     which cluster, node and incarnation, in which version, and how this node began
//!     lock       held while a node runs; holds its process id
//!     journal/   segments, see store::journal
//!     engine/    the tree, see lsm
//!     suspect    there if the engine could not be read; quarantine/ what was damaged, see quarantine
//! ```
//!
//! A directory is refused rather than guessed at: whatever is not clearly this node's own stays
//! untouched.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use kernel::{ClusterId, Incarnation, NodeId, Wall};
use serde::{Deserialize, Serialize};

use crate::config::BootMode;

/// The version of the directory's layout. 1 kept outcomes one by one; no release wrote it.
pub const VERSION: u32 = 2;

/// Why a directory was refused.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The system did not let us.
    #[error("[data-io] {}: {error}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Another process holds it.
    #[error("[data-locked] {} is in use by process {pid}: stop it first", path.display())]
    Locked {
        /// Where.
        path: PathBuf,
        /// Who; 0 if it did not say.
        pid: u32,
    },
    /// It is not empty and holds no `format` file.
    #[error(
        "[data-foreign] {} is not empty and not a data directory: choose another one",
        path.display()
    )]
    Foreign {
        /// Where.
        path: PathBuf,
    },
    /// The `format` file makes no sense.
    #[error("[data-format] {}: {text}", path.display())]
    Format {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        text: String,
    },
    /// Written by a newer program.
    #[error(
        "[data-newer] {} has version {found}, this program knows up to {VERSION}: upgrade it",
        path.display()
    )]
    Newer {
        /// Where.
        path: PathBuf,
        /// The version found.
        found: u32,
    },
    /// Written by a program from before the first release.
    #[error(
        "[data-older] {} has version {found}, this program reads {VERSION}: start with a new one",
        path.display()
    )]
    Older {
        /// Where.
        path: PathBuf,
        /// The version found.
        found: u32,
    },
    /// It belongs to another cluster.
    #[error("[data-cluster] {} belongs to cluster {found}, not {wanted}", path.display())]
    Cluster {
        /// Where.
        path: PathBuf,
        /// Whose it is.
        found: ClusterId,
        /// Who asked.
        wanted: ClusterId,
    },
    /// It belongs to another incarnation.
    #[error(
        "[data-incarnation] {} is of incarnation {}, not {}: history was cut, and one of the two is \
         behind it",
        path.display(),
        found.0,
        wanted.0
    )]
    Incarnation {
        /// Where.
        path: PathBuf,
        /// What it is of.
        found: Incarnation,
        /// What was asked for.
        wanted: Incarnation,
    },
    /// A forced recovery stopped half-way.
    #[error(
        "[recover-unfinished] {}: a forced recovery was begun and not finished: run \
         'quorate cluster recover' on it again",
        path.display()
    )]
    Unfinished {
        /// Where.
        path: PathBuf,
    },
    /// It holds nothing, where a node's data was expected.
    #[error("[data-missing] {} holds no node's data", path.display())]
    Missing {
        /// Where.
        path: PathBuf,
    },
    /// It belongs to another node.
    #[error("[data-node] {} belongs to {found}, not {wanted}", path.display())]
    Node {
        /// Where.
        path: PathBuf,
        /// Whose it is.
        found: NodeId,
        /// Who asked.
        wanted: NodeId,
    },
}

/// What the `format` file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Format {
    version: u32,
    cluster: String,
    node: u64,
    incarnation: u64,
    created_ms: u64,
    /// What this node's journal is told from others by; drawn once, and nobody else's business.
    journal: u64,
    /// Written before the first thing that rests on the journal leaves the node: a directory
    /// that says how it began and holds an empty journal has lost its memory.
    began: Option<BootMode>,
    /// The incarnation that a forced recovery makes the next one, while the journal is being
    /// prepared for it: a node must not start on a journal that is half prepared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recovering: Option<u64>,
}

/// An open data directory; the lock is released when it is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    format: Format,
    /// Held, never read.
    _lock: File,
}

impl DataDir {
    /// Opens the directory of a node, or makes it. The secret becomes the identity of a new
    /// directory's journal. A new directory is of the first incarnation if none is given.
    ///
    /// # Errors
    /// If it is not clearly this node's own.
    pub fn open(
        path: &Path,
        cluster: ClusterId,
        node: NodeId,
        incarnation: Option<Incarnation>,
        now: Wall,
        secret: u64,
    ) -> Result<DataDir, DataDirError> {
        let at = |error| DataDirError::Io { path: path.to_owned(), error };
        refuse_foreign(path)?;
        fs::create_dir_all(path).map_err(at)?;
        let lock = lock(path)?;
        let format = match read_format(path)? {
            Some(format) => format,
            None => {
                let format = Format {
                    version: VERSION,
                    cluster: cluster.to_string(),
                    node: node.0,
                    incarnation: incarnation.map_or(1, |incarnation| incarnation.0),
                    created_ms: now.0,
                    // A file of this format holds signed numbers.
                    journal: secret >> 1,
                    began: None,
                    recovering: None,
                };
                write_format(path, &format).map_err(at)?;
                format
            }
        };
        let found = ClusterId::parse(&format.cluster).unwrap_or_default();
        if found != cluster {
            return Err(DataDirError::Cluster { path: path.to_owned(), found, wanted: cluster });
        }
        if format.node != node.0 {
            let found = NodeId(format.node);
            return Err(DataDirError::Node { path: path.to_owned(), found, wanted: node });
        }
        let found = Incarnation(format.incarnation);
        if let Some(wanted) = incarnation.filter(|wanted| *wanted != found) {
            return Err(DataDirError::Incarnation { path: path.to_owned(), found, wanted });
        }
        if format.recovering.is_some() {
            return Err(DataDirError::Unfinished { path: path.to_owned() });
        }
        Ok(DataDir { path: path.to_owned(), format, _lock: lock })
    }

    /// Opens the directory of a node that was, whoever it is.
    ///
    /// # Errors
    /// If it holds none, or a node runs on it.
    pub fn reopen(path: &Path) -> Result<DataDir, DataDirError> {
        let missing = || DataDirError::Missing { path: path.to_owned() };
        read_format(path)?.ok_or_else(missing)?;
        let lock = lock(path)?;
        // What was read before the lock was held may have changed since.
        let format = read_format(path)?.ok_or_else(missing)?;
        Ok(DataDir { path: path.to_owned(), format, _lock: lock })
    }

    /// Whose it is.
    #[must_use]
    pub fn node(&self) -> NodeId {
        NodeId(self.format.node)
    }

    /// Which cluster's it is.
    #[must_use]
    pub fn cluster(&self) -> ClusterId {
        ClusterId::parse(&self.format.cluster).unwrap_or_default()
    }

    /// The incarnation that a forced recovery has begun to make here and not finished.
    #[must_use]
    pub fn recovering(&self) -> Option<Incarnation> {
        self.format.recovering.map(Incarnation)
    }

    /// Begins a forced recovery; durable on return. No node starts here until it is finished.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn begin_recovery(&mut self, next: Incarnation) -> Result<(), DataDirError> {
        self.format.recovering = Some(next.0);
        self.write()
    }

    /// Ends the forced recovery that was begun: its incarnation is the directory's. Durable on
    /// return.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn end_recovery(&mut self) -> Result<(), DataDirError> {
        if let Some(next) = self.format.recovering.take() {
            self.format.incarnation = next;
        }
        self.write()
    }

    fn write(&self) -> Result<(), DataDirError> {
        write_format(&self.path, &self.format)
            .map_err(|error| DataDirError::Io { path: self.path.clone(), error })
    }

    /// The incarnation in which the directory was last written.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        Incarnation(self.format.incarnation)
    }

    /// What the journal is told from others by.
    #[must_use]
    pub fn journal_id(&self) -> u64 {
        self.format.journal
    }

    /// How the node began, if it ever made something durable here.
    #[must_use]
    pub fn began(&self) -> Option<BootMode> {
        self.format.began
    }

    /// Remembers how the node began; durable on return.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn begin(&mut self, mode: BootMode) -> Result<(), DataDirError> {
        if self.format.began != Some(mode) {
            self.format.began = Some(mode);
            self.write()?;
        }
        Ok(())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the journal's files are.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// Where the engine's files are.
    #[must_use]
    pub fn engine(&self) -> PathBuf {
        self.path.join("engine")
    }
}

/// A directory that holds anything but no `format` file is somebody else's. What a crash can
/// leave before that file was written is ours.
fn refuse_foreign(path: &Path) -> Result<(), DataDirError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(DataDirError::Io { path: path.to_owned(), error }),
    };
    let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    let ours = ["lock", "format.new", "lost+found"];
    let foreign = names.iter().any(|name| !ours.iter().any(|own| name == own));
    if foreign && !names.iter().any(|name| name == "format") {
        return Err(DataDirError::Foreign { path: path.to_owned() });
    }
    Ok(())
}

/// Takes the lock and writes the process id into it.
fn lock(path: &Path) -> Result<File, DataDirError> {
    let at = |error| DataDirError::Io { path: path.to_owned(), error };
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(path.join("lock")).map_err(at)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let _ = file.read_to_string(&mut text);
            let pid = text.trim().parse().unwrap_or(0);
            return Err(DataDirError::Locked { path: path.to_owned(), pid });
        }
        Err(TryLockError::Error(error)) => return Err(at(error)),
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(at)?;
    writeln!(file, "{}", std::process::id()).map_err(at)?;
    Ok(file)
}

fn read_format(path: &Path) -> Result<Option<Format>, DataDirError> {
    let file = path.join("format");
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(DataDirError::Io { path: file, error }),
    };
    // A newer version may have fields that we do not know: look at the version first.
    let version = text.parse::<toml::Table>().ok();
    let version = version.and_then(|table| table.get("version")?.as_integer());
    let found = version.and_then(|version| u32::try_from(version).ok());
    if let Some(found) = found.filter(|found| *found > VERSION) {
        return Err(DataDirError::Newer { path: path.to_owned(), found });
    }
    if let Some(found) = found.filter(|found| *found < VERSION) {
        return Err(DataDirError::Older { path: path.to_owned(), found });
    }
    let format = toml::from_str(&text).map_err(|error: toml::de::Error| DataDirError::Format {
        path: file,
        text: error.message().to_owned(),
    })?;
    Ok(Some(format))
}

/// Writes the whole file or nothing, durably.
fn write_format(path: &Path, format: &Format) -> io::Result<()> {
    let text = toml::to_string(format).map_err(io::Error::other)?;
    let unfinished = path.join("format.new");
    let mut file = File::create(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path.join("format"))?;
    File::open(path)?.sync_all()?;
    // The directory's own name has to survive too.
    let parent = fs::canonicalize(path)?.parent().map(Path::to_owned);
    parent.map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: ClusterId = ClusterId(7);

    fn open(path: &Path, cluster: ClusterId, node: u64) -> Result<DataDir, DataDirError> {
        DataDir::open(path, cluster, NodeId(node), None, Wall(5), 8)
    }

    fn code(result: Result<DataDir, DataDirError>) -> String {
        let text = result.unwrap_err().to_string();
        text[1..text.find(']').unwrap()].to_owned()
    }

    #[test]
    fn the_beginning_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/data");
        assert_eq!(open(&path, CLUSTER, 1).unwrap().began(), None);
        let mut again = open(&path, CLUSTER, 1).unwrap();
        assert_eq!(again.began(), None);
        again.begin(BootMode::Bootstrap).unwrap();
        drop(again);
        let third = open(&path, CLUSTER, 1).unwrap();
        assert_eq!(third.began(), Some(BootMode::Bootstrap));
        assert_eq!(third.incarnation(), Incarnation(1));
    }

    #[test]
    fn strangers_are_refused_with_a_code() {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path(), CLUSTER, 1).unwrap());
        assert_eq!(code(open(dir.path(), ClusterId(8), 1)), "data-cluster");
        assert_eq!(code(open(dir.path(), CLUSTER, 2)), "data-node");
        let format = dir.path().join("format");
        let newer = "version = 3\nsomething = \"new\"\n";
        fs::write(&format, newer).unwrap();
        assert_eq!(code(open(dir.path(), CLUSTER, 1)), "data-newer");
        fs::write(&format, "version = 1\n").unwrap();
        assert_eq!(code(open(dir.path(), CLUSTER, 1)), "data-older");
        fs::write(&format, "version = 2\n").unwrap();
        assert_eq!(code(open(dir.path(), CLUSTER, 1)), "data-format");
        fs::remove_file(&format).unwrap();
        fs::write(dir.path().join("holiday.jpg"), "").unwrap();
        assert_eq!(code(open(dir.path(), CLUSTER, 1)), "data-foreign");
        assert!(!format.exists(), "a foreign directory stays as it is");
    }

    #[test]
    fn no_node_starts_on_a_recovery_that_is_half_done() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(code(DataDir::reopen(dir.path())), "data-missing");
        drop(open(dir.path(), CLUSTER, 1).unwrap());
        let before = fs::read_to_string(dir.path().join("format")).unwrap();
        assert!(!before.contains("recovering"), "what older programs read stays as it was");
        let mut data = DataDir::reopen(dir.path()).unwrap();
        assert_eq!((data.node(), data.cluster(), data.recovering()), (NodeId(1), CLUSTER, None));
        data.begin_recovery(Incarnation(2)).unwrap();
        drop(data);
        assert_eq!(code(open(dir.path(), CLUSTER, 1)), "recover-unfinished");
        let mut data = DataDir::reopen(dir.path()).unwrap();
        assert_eq!((data.incarnation(), data.recovering().unwrap().0), (Incarnation(1), 2));
        data.end_recovery().unwrap();
        drop(data);
        assert_eq!(open(dir.path(), CLUSTER, 1).unwrap().incarnation(), Incarnation(2));
    }

    #[test]
    fn a_new_directory_is_of_the_incarnation_that_it_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let open = |wanted: u64| {
            let wanted = Some(Incarnation(wanted));
            DataDir::open(dir.path(), CLUSTER, NodeId(1), wanted, Wall(5), 8)
        };
        assert_eq!(open(2).unwrap().incarnation(), Incarnation(2));
        assert_eq!(code(open(1)), "data-incarnation");
        assert_eq!(super::tests::open(dir.path(), CLUSTER, 1).unwrap().incarnation().0, 2);
    }

    #[test]
    fn one_process_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = open(dir.path(), CLUSTER, 1).unwrap();
        let error = open(dir.path(), CLUSTER, 1).unwrap_err();
        let me = std::process::id();
        assert!(matches!(error, DataDirError::Locked { pid, .. } if pid == me), "{error}");
        drop(first);
        assert!(open(dir.path(), CLUSTER, 1).is_ok());
    }

    #[test]
    fn a_crash_before_the_format_file_leaves_a_directory_that_is_ours() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("format.new"), "vers").unwrap();
        fs::write(dir.path().join("lock"), "99").unwrap();
        assert_eq!(open(dir.path(), CLUSTER, 1).unwrap().began(), None);
    }
}
