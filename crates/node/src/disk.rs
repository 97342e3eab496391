//! The journal's disk: a flat directory of preallocated files.
//!
//! A file is filled with zeros when it is made, not only reserved: `fdatasync` after writing over
//! blocks that were written before need not commit a change of the file's length or extents,
//! which was measured to be 1.7 times as fast as growing the file. It is made under another name
//! and renamed when it is whole, so that a crash leaves no half file; one is made ahead (`blank`).
//! Whole blocks bypass the page cache (`direct`).

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use kernel::disk::{Disk, DiskError};

use crate::chaos::Chaos;

mod blank;
mod direct;

use blank::Blanks;
use direct::{Blocks, Direct};

/// Files whose name ends so are not whole.
const UNFINISHED: &str = ".new";
/// The file that is made ahead: no name for a file begins so.
const AHEAD: &str = ".ahead.new";

/// An open file.
#[derive(Debug)]
struct Open {
    file: File,
    /// The same file, past the page cache.
    direct: Direct,
    len: u64,
}

/// A directory with its open files.
#[derive(Debug)]
pub struct FileDisk {
    path: PathBuf,
    /// The directory itself, for making names durable.
    directory: File,
    files: BTreeMap<String, Open>,
    /// Whole blocks on their way past the page cache.
    blocks: Blocks,
    blanks: Blanks,
    chaos: Arc<Chaos>,
}

impl FileDisk {
    /// Opens a directory, makes it if it does not exist, and removes what a crash left unfinished.
    ///
    /// # Errors
    /// If the directory or a file in it cannot be opened.
    pub fn open(path: &Path) -> Result<FileDisk, DiskError> {
        fs::create_dir_all(path).map_err(failure)?;
        let directory = File::open(path).map_err(failure)?;
        let mut disk = FileDisk {
            path: path.to_owned(),
            directory,
            files: BTreeMap::new(),
            blocks: Blocks::default(),
            blanks: Blanks::new(path.join(AHEAD)),
            chaos: Arc::default(),
        };
        for entry in fs::read_dir(path).map_err(failure)? {
            let entry = entry.map_err(failure)?;
            let kind = entry.file_type().map_err(failure)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.ends_with(UNFINISHED) {
                fs::remove_file(entry.path()).map_err(failure)?;
            } else if kind.is_file() {
                disk.adopt(name)?;
            }
        }
        disk.sync_names()?;
        Ok(disk)
    }

    /// The same disk with faults.
    #[must_use]
    pub fn under(self, chaos: Arc<Chaos>) -> FileDisk {
        FileDisk { chaos, ..self }
    }

    /// Opens a file for reading and writing and remembers it.
    fn adopt(&mut self, name: String) -> Result<(), DiskError> {
        let path = self.path.join(&name);
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(failure)?;
        let len = file.metadata().map_err(failure)?.len();
        self.files.insert(name, Open { file, direct: Direct::open(&path), len });
        Ok(())
    }

    fn file(&self, name: &str) -> Result<&Open, DiskError> {
        self.files.get(name).ok_or(DiskError::Missing)
    }

    /// Makes creations, renames and removals durable.
    fn sync_names(&self) -> Result<(), DiskError> {
        self.directory.sync_all().map_err(failure)
    }
}

/// Names are chosen by the journal; nothing may leave the directory.
fn checked(name: &str) -> Result<(), DiskError> {
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']);
    (plain && !name.ends_with(UNFINISHED))
        .then_some(())
        .ok_or_else(|| DiskError::Io(format!("{name:?} is not a name for a file")))
}

fn failure(error: io::Error) -> DiskError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => DiskError::Full,
        ErrorKind::NotFound => DiskError::Missing,
        _ => DiskError::Io(error.to_string()),
    }
}

impl Disk for FileDisk {
    fn list(&self) -> Result<Vec<(String, u64)>, DiskError> {
        Ok(self.files.iter().map(|(name, open)| (name.clone(), open.len)).collect())
    }

    fn create(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        checked(name)?;
        if self.chaos.full_disk() {
            return Err(DiskError::Full);
        }
        let unfinished = self.path.join(format!("{name}{UNFINISHED}"));
        let filled = self.blanks.make(unfinished.clone(), len).and_then(|(file, path)| {
            fs::rename(path, self.path.join(name))?;
            Ok(file)
        });
        self.blanks.begin(len);
        match filled {
            Ok(file) => {
                let direct = Direct::open(&self.path.join(name));
                self.files.insert(name.to_owned(), Open { file, direct, len });
                self.sync_names()
            }
            Err(error) => {
                // What matters is the first error; the leftover is removed at the next start.
                let _ = fs::remove_file(&unfinished);
                Err(failure(error))
            }
        }
    }

    fn read(&self, name: &str, offset: u64, into: &mut [u8]) -> Result<(), DiskError> {
        self.file(name)?.file.read_exact_at(into, offset).map_err(failure)
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let open = self.files.get(name).ok_or(DiskError::Missing)?;
        let end = offset.checked_add(bytes.len() as u64);
        if end.is_none_or(|end| end > open.len) {
            return Err(DiskError::Io(format!("a write at {offset} passes the end of {name}")));
        }
        if open.direct.write(bytes, offset, &mut self.blocks).map_err(failure)? {
            return Ok(());
        }
        open.file.write_all_at(bytes, offset).map_err(failure)
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        self.file(name)?.file.sync_data().map_err(failure)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        checked(to)?;
        self.file(from)?;
        fs::rename(self.path.join(from), self.path.join(to)).map_err(failure)?;
        if let Some(file) = self.files.remove(from) {
            self.files.insert(to.to_owned(), file);
        }
        self.sync_names()
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.file(name)?;
        fs::remove_file(self.path.join(name)).map_err(failure)?;
        self.files.remove(name);
        self.sync_names()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::Fault;

    #[test]
    fn files_survive_a_reopening_with_names_and_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = FileDisk::open(dir.path()).unwrap();
        disk.create("b", 8192).unwrap();
        disk.create("a", 3).unwrap();
        disk.write("b", 4096, b"hello").unwrap();
        disk.sync("b").unwrap();
        disk.rename("b", "c").unwrap();
        drop(disk);
        let mut disk = FileDisk::open(dir.path()).unwrap();
        assert_eq!(disk.list().unwrap(), [("a".to_owned(), 3), ("c".to_owned(), 8192)]);
        let mut bytes = [1; 7];
        disk.read("c", 4095, &mut bytes).unwrap();
        assert_eq!(&bytes, b"\0hello\0");
        disk.create("c", 16).unwrap();
        let mut bytes = [1; 16];
        disk.read("c", 0, &mut bytes).unwrap();
        assert_eq!(bytes, [0; 16], "a file that exists is replaced");
        disk.remove("c").unwrap();
        assert_eq!(disk.remove("c"), Err(DiskError::Missing));
    }

    #[test]
    fn nothing_is_read_or_written_past_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = FileDisk::open(dir.path()).unwrap();
        disk.create("a", 8).unwrap();
        assert!(matches!(disk.write("a", 4, b"12345"), Err(DiskError::Io(_))));
        assert!(matches!(disk.write("a", u64::MAX, b"1"), Err(DiskError::Io(_))));
        assert!(matches!(disk.read("a", 4, &mut [0; 5]), Err(DiskError::Io(_))));
        assert_eq!(disk.read("b", 0, &mut [0]), Err(DiskError::Missing));
    }

    #[test]
    fn names_stay_inside_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = FileDisk::open(dir.path()).unwrap();
        for name in ["", "../a", "a/b", ".", ".hidden", "a.new"] {
            assert!(matches!(disk.create(name, 1), Err(DiskError::Io(_))), "{name:?}");
        }
        assert_eq!(disk.list().unwrap(), []);
    }

    #[test]
    fn what_a_crash_left_unfinished_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.new"), b"half").unwrap();
        let disk = FileDisk::open(dir.path()).unwrap();
        assert_eq!(disk.list().unwrap(), []);
        assert!(!dir.path().join("a.new").exists());
    }

    #[test]
    fn a_full_disk_has_its_own_error() {
        let full = io::Error::from(ErrorKind::StorageFull);
        assert_eq!(failure(full), DiskError::Full);
        assert_eq!(failure(io::Error::from_raw_os_error(28)), DiskError::Full);
        let (dir, chaos) = (tempfile::tempdir().unwrap(), Arc::new(Chaos::default()));
        let mut disk = FileDisk::open(dir.path()).unwrap().under(Arc::clone(&chaos));
        disk.create("a", 8).unwrap();
        chaos.inject(Fault::FullDisk);
        assert_eq!(disk.create("b", 8), Err(DiskError::Full));
        disk.write("a", 0, b"overlaid").unwrap();
        chaos.inject(Fault::Heal);
        disk.create("b", 8).unwrap();
    }
}
