//! Files of zeros: the journal asks for its next file in the middle of an append, and everybody who
//! waits for a sync would wait until it is filled too. So one is filled ahead, by a thread.
//!
//! ```text
//!   create ─▶ one is ready?  yes: it gets its name
//!                            no:  filled here and now
//!             and the next one is begun
//! ```

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    thread::JoinHandle,
};

use super::direct::{Blocks, Direct};
use crate::ambient;

/// Zeros are written in pieces of this many bytes; files that are smaller are not made ahead.
const PIECE: u64 = 1 << 20;

/// Makes files of zeros in a directory.
#[derive(Debug)]
pub struct Blanks {
    /// Where the next one is made.
    path: PathBuf,
    next: Option<Next>,
}

/// One that is made ahead.
#[derive(Debug)]
struct Next {
    len: u64,
    filling: JoinHandle<io::Result<File>>,
}

impl Blanks {
    /// None yet. The path is for a file that nobody else uses, in the directory where they get
    /// their names.
    pub fn new(path: PathBuf) -> Blanks {
        Blanks { path, next: None }
    }

    /// A durable file of `len` zeros and where it lies now.
    ///
    /// # Errors
    /// Those of the disk. There may be a file at `unfinished` then.
    pub fn make(&mut self, unfinished: PathBuf, len: u64) -> io::Result<(File, PathBuf)> {
        if self.next.as_ref().is_some_and(|next| next.filling.is_finished())
            && let Some(Next { len: there, filling }) = self.next.take()
            && let (true, Ok(Ok(file))) = (there == len, filling.join())
        {
            return Ok((file, self.path.clone()));
        }
        fill(&unfinished, len, false).map(|file| (file, unfinished))
    }

    /// Begins the next one, unless one is on its way. What a disk without room refuses here, it
    /// refuses again where it is asked for.
    pub fn begin(&mut self, len: u64) {
        if self.next.is_some() || len < PIECE {
            return;
        }
        let path = self.path.clone();
        let filling = ambient::spawn("quorate-blank", move || {
            // Half a file on a disk without room would keep what the journal needs.
            fill(&path, len, true).inspect_err(|_| drop(fs::remove_file(&path)))
        });
        self.next = filling.ok().map(|filling| Next { len, filling });
    }
}

/// Nothing writes in the directory afterwards: somebody may open it anew.
impl Drop for Blanks {
    fn drop(&mut self) {
        if let Some(next) = self.next.take() {
            // What became of it does not matter: opening removes it.
            let _ = next.filling.join();
        }
    }
}

/// Writes `len` zeros to a new file and makes them durable, past the page cache where that goes:
/// what lies there would have to go before the journal writes over it. In the background each piece
/// is made durable on its own: a sync of the journal in between waits for a piece at most.
fn fill(path: &Path, len: u64, background: bool) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
    let (direct, mut blocks) = (Direct::open(path), Blocks::default());
    let zeros = vec![0; usize::try_from(PIECE.min(len)).unwrap_or_default()];
    let mut offset = 0;
    while offset < len {
        let piece = PIECE.min(len - offset);
        let bytes = &zeros[..usize::try_from(piece).unwrap_or_default()];
        if !direct.write(bytes, offset, &mut blocks)? {
            file.write_all_at(bytes, offset)?;
        }
        if background {
            file.sync_data()?;
        }
        offset += piece;
    }
    file.sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(blanks: &mut Blanks, dir: &Path, len: u64) -> PathBuf {
        let (file, path) = blanks.make(dir.join("a"), len).unwrap();
        assert_eq!(file.metadata().unwrap().len(), len);
        let mut last = [1];
        file.read_exact_at(&mut last, len - 1).unwrap();
        assert_eq!(last, [0]);
        path
    }

    #[test]
    fn what_was_made_ahead_is_taken_once_and_only_in_its_length() {
        let dir = tempfile::tempdir().unwrap();
        let (dir, ahead) = (dir.path(), dir.path().join("ahead"));
        let mut blanks = Blanks::new(ahead.clone());
        assert_eq!(made(&mut blanks, dir, PIECE), dir.join("a"), "none was begun");
        for (len, from) in [(PIECE + 1, ahead.clone()), (PIECE, dir.join("a"))] {
            blanks.begin(PIECE + 1);
            let clock = ambient::Clock::start();
            let begun = clock.instant();
            while !blanks.next.as_ref().unwrap().filling.is_finished() {
                let waited = clock.instant().since(begun);
                assert!(waited < kernel::Duration::from_secs(60), "never filled");
                std::thread::yield_now();
            }
            assert_eq!(made(&mut blanks, dir, len), from);
            assert!(blanks.next.is_none());
            fs::rename(from, dir.join("named")).unwrap();
        }
    }

    #[test]
    fn small_files_and_those_that_cannot_be_made_are_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let mut blanks = Blanks::new(dir.path().join("no such directory/ahead"));
        blanks.begin(PIECE - 1);
        assert!(blanks.next.is_none());
        blanks.begin(PIECE);
        for _ in 0..2 {
            assert_eq!(made(&mut blanks, dir.path(), PIECE), dir.path().join("a"));
        }
    }
}
