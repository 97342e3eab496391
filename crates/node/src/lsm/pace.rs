//! Has the kernel write tables to the disk while they grow.
//!
//! The tree syncs a table once, at its end: up to 64 MiB at a time. An append to the journal that
//! comes then waits behind all of it. So the writing is begun every [`STEP`], and what the sync
//! finds left is little. (RocksDB does the same, and calls it `bytes_per_sync`.) The tree has no
//! place to ask for that, so a thread watches the directory of its tables.
//!
//! ```text
//!   table    ▁▂▃▄▅▆▇█ sync        ▁▂▃▄▅▆▇█ sync
//!   disk              ████████     ▪ ▪ ▪ ▪ ▪      an append waits for one ▪ at most
//!            without               with
//! ```

use std::{
    collections::BTreeMap,
    ffi::{CStr, OsStr},
    fs::File,
    io,
    mem::MaybeUninit,
    num::NonZeroU64,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::{
    fs::{
        Advice, fadvise,
        inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags},
    },
    io::Errno,
};

use crate::ambient;

/// Bytes after which the writing of a table begins.
const STEP: u64 = 256 << 10;

/// Between two looks at what has grown: a table grows by about a step in it.
const PAUSE: Duration = Duration::from_millis(1);

/// Watches a directory of tables until it is dropped.
#[derive(Debug)]
pub struct Pacer {
    inotify: Arc<OwnedFd>,
    watch: i32,
}

impl Pacer {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the directory is not there, or the machine has no room for one more watch or thread.
    pub fn start(tables: &Path) -> io::Result<Pacer> {
        let pacer = Pacer::watch(tables)?;
        let (growing, events) = (Growing::new(tables), Arc::clone(&pacer.inotify));
        ambient::spawn("quorate-pace", move || growing.follow(&events))?;
        Ok(pacer)
    }

    fn watch(tables: &Path) -> io::Result<Pacer> {
        let inotify = Arc::new(inotify::init(CreateFlags::CLOEXEC)?);
        let flags = WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE | WatchFlags::ONLYDIR;
        let watch = inotify::add_watch(&inotify, tables, flags)?;
        Ok(Pacer { inotify, watch })
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        // The thread is told that the watch is gone.
        let _ = inotify::remove_watch(&self.inotify, self.watch);
    }
}

/// The tables that are being written, with how much of each is on its way.
struct Growing {
    tables: PathBuf,
    files: BTreeMap<Box<CStr>, (File, u64)>,
}

impl Growing {
    fn new(tables: &Path) -> Growing {
        Growing { tables: tables.to_owned(), files: BTreeMap::new() }
    }

    fn follow(mut self, events: &OwnedFd) {
        let mut buffer = [MaybeUninit::uninit(); 4_096];
        let mut events = Reader::new(events, &mut buffer);
        loop {
            let event = match events.next() {
                Err(Errno::INTR) => continue,
                Err(_) => return,
                Ok(event) => event,
            };
            if event.events().contains(ReadFlags::IGNORED) {
                return;
            }
            match event.file_name() {
                Some(name) if event.events().contains(ReadFlags::CLOSE_WRITE) => {
                    self.files.remove(name);
                }
                // A table that cannot be looked at is synced at its end, as without us.
                Some(name) => drop(self.grown(name)),
                // Events were lost, perhaps those that tables were closed.
                None => self.files.clear(),
            }
            if events.is_buffer_empty() {
                ambient::sleep(PAUSE);
            }
        }
    }

    fn grown(&mut self, name: &CStr) -> io::Result<()> {
        if !self.files.contains_key(name) {
            let file = File::open(self.tables.join(OsStr::from_bytes(name.to_bytes())))?;
            self.files.insert(name.into(), (file, 0));
        }
        let Some((file, begun)) = self.files.get_mut(name) else { return Ok(()) };
        let whole = file.metadata()?.len() / STEP * STEP;
        if let Some(more) = NonZeroU64::new(whole.saturating_sub(*begun)) {
            // What is not written yet cannot be let go of: the kernel begins to write it.
            fadvise(&*file, *begun, Some(more), Advice::DontNeed)?;
            *begun = whole;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn whole_steps_are_begun_once_and_the_rest_is_left_to_the_sync() {
        let dir = tempfile::tempdir().unwrap();
        let mut table = File::create(dir.path().join("7")).unwrap();
        let mut growing = Growing::new(dir.path());
        for (bytes, begun) in [(1_000, 0), (STEP, STEP), (5 * STEP, 6 * STEP), (1, 6 * STEP)] {
            table.write_all(&vec![7; bytes as usize]).unwrap();
            growing.grown(c"7").unwrap();
            assert_eq!(growing.files[c"7"].1, begun);
        }
        assert!(growing.grown(c"8").is_err(), "not there");
    }

    #[test]
    fn the_thread_follows_tables_and_ends_with_the_pacer() {
        let dir = tempfile::tempdir().unwrap();
        let pacer = Pacer::watch(dir.path()).unwrap();
        let (growing, events) = (Growing::new(dir.path()), Arc::clone(&pacer.inotify));
        let thread = ambient::spawn("pace", move || growing.follow(&events)).unwrap();
        std::fs::write(dir.path().join("7"), vec![7; 3 << 20]).unwrap();
        drop(pacer);
        thread.join().unwrap();
    }
}
