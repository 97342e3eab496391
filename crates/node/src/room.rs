//! Whether the disk has room, decided early and with a gap between no and yes.
//!
//! An engine that runs out of space in the middle of a write may be beyond repair, so writes are
//! refused while there is still some: the alarm rises below the reserve and clears by itself
//! above one and a half times the reserve.

use std::path::{Path, PathBuf};

use crate::chaos::Chaos;

/// Watches the free space of one file system.
#[derive(Debug)]
pub struct Room {
    path: PathBuf,
    reserve: u64,
    full: bool,
}

/// Free bytes of the file system that holds `path`; `None` if the system does not tell.
#[must_use]
pub fn free_bytes(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Bytes of all files under `path`; what cannot be looked at counts nothing.
#[must_use]
pub fn used_bytes(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    let bytes = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => used_bytes(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.flatten().map(bytes).sum()
}

impl Room {
    /// Watches the disk under `path`; `reserve` is in bytes.
    #[must_use]
    pub fn new(path: &Path, reserve: u64) -> Room {
        Room { path: path.to_owned(), reserve, full: false }
    }

    /// Looks; `Some` if the answer to "is it full?" changed.
    pub fn look(&mut self, chaos: &Chaos) -> Option<bool> {
        chaos.free_bytes(&self.path).and_then(|free| self.judge(free))
    }

    /// A write found no space, whatever the figures say; `true` if that is news.
    pub fn hit(&mut self) -> bool {
        !std::mem::replace(&mut self.full, true)
    }

    fn judge(&mut self, free: u64) -> Option<bool> {
        let clear = self.reserve.saturating_add(self.reserve / 2);
        let full = if self.full { free < clear } else { free < self.reserve };
        (std::mem::replace(&mut self.full, full) != full).then_some(full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alarm_has_a_gap() {
        let mut room = Room::new(Path::new("/"), 100);
        assert_eq!(room.judge(100), None);
        assert_eq!(room.judge(99), Some(true));
        assert_eq!(room.judge(120), None, "not enough to clear");
        assert_eq!(room.judge(150), Some(false));
        assert!(room.hit());
        assert!(!room.hit());
        assert_eq!(room.judge(149), None);
        assert_eq!(room.judge(1000), Some(false));
    }

    #[test]
    fn all_files_count() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("inside")).unwrap();
        std::fs::write(dir.path().join("a"), [0; 10]).unwrap();
        std::fs::write(dir.path().join("inside/b"), [0; 7]).unwrap();
        assert_eq!(used_bytes(dir.path()), 17);
        assert_eq!(used_bytes(&dir.path().join("missing")), 0);
    }

    #[test]
    fn the_system_tells_how_much_is_free() {
        let dir = tempfile::tempdir().unwrap();
        assert!(free_bytes(dir.path()).is_some_and(|free| free > 0));
        assert_eq!(free_bytes(&dir.path().join("missing")), None);
    }
}
