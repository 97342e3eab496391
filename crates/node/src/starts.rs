//! When this node started and stopped: a short list in its data directory.
//!
//! What restarts in a loop would never be seen to do so, if nothing outlived it.
//!
//! ```text
//!   start 1767225600000
//!   stop  1767229200000        absent if the node was killed
//! ```

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Lines that are kept.
const LINES_MAX: usize = 64;
/// Starts within so many milliseconds are counted.
const LATELY_MS: u64 = 10 * 60 * 1000;

/// The list of one data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Starts {
    path: PathBuf,
    lines: Vec<(Word, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Start,
    Stop,
}

impl Starts {
    /// Reads the list of a directory and enters this start. A list that cannot be read or written
    /// is no reason not to start.
    #[must_use]
    pub fn begin(data: &Path, unix_ms: u64) -> Starts {
        let path = data.join("starts");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let mut starts = Starts { path, lines: text.lines().filter_map(read).collect() };
        starts.enter(Word::Start, unix_ms);
        starts
    }

    /// Enters a stop in good order.
    pub fn end(&mut self, unix_ms: u64) {
        self.enter(Word::Stop, unix_ms);
    }

    /// Starts within the last ten minutes, this one included.
    #[must_use]
    pub fn lately(&self, unix_ms: u64) -> u64 {
        let lately = |line: &&(Word, u64)| {
            line.0 == Word::Start && unix_ms.saturating_sub(line.1) <= LATELY_MS
        };
        self.lines.iter().filter(lately).count() as u64
    }

    /// Whether the run before this one stopped in good order, or there was none.
    #[must_use]
    pub fn clean(&self) -> bool {
        let start = self.lines.iter().rposition(|(word, _)| *word == Word::Start);
        let before = start.and_then(|at| at.checked_sub(1)).and_then(|at| self.lines.get(at));
        before.is_none_or(|(word, _)| *word == Word::Stop)
    }

    fn enter(&mut self, word: Word, unix_ms: u64) {
        self.lines.push((word, unix_ms));
        let excess = self.lines.len().saturating_sub(LINES_MAX);
        self.lines.drain(..excess);
        if let Err(error) = self.write() {
            tracing::warn!(path = %self.path.display(), %error, "starts are not counted");
        }
    }

    fn write(&self) -> io::Result<()> {
        let name = |word| if word == Word::Start { "start" } else { "stop" };
        let line = |(word, at): &(Word, u64)| format!("{} {at}\n", name(*word));
        let fresh = self.path.with_extension("new");
        fs::write(&fresh, self.lines.iter().map(line).collect::<String>())?;
        fs::rename(fresh, &self.path)
    }
}

fn read(line: &str) -> Option<(Word, u64)> {
    let (word, at) = line.split_once(' ')?;
    let word = match word {
        "start" => Word::Start,
        "stop" => Word::Stop,
        _ => return None,
    };
    Some((word, at.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_counted_across_lives_and_a_kill_is_told_from_a_stop() {
        let dir = tempfile::tempdir().unwrap();
        let minute = 60_000;
        let mut first = Starts::begin(dir.path(), 100 * minute);
        assert!(first.clean() && first.lately(100 * minute) == 1, "the first life");
        first.end(101 * minute);
        let second = Starts::begin(dir.path(), 102 * minute);
        assert!(second.clean() && second.lately(102 * minute) == 2);
        let third = Starts::begin(dir.path(), 111 * minute);
        assert!(!third.clean(), "the second life did not stop");
        assert_eq!(third.lately(111 * minute), 2, "the first is eleven minutes ago");
        fs::write(dir.path().join("starts"), "start soon\n\u{fffd}\nstart 5\n").unwrap();
        assert_eq!(Starts::begin(dir.path(), 6).lately(6), 2, "what cannot be read is left out");
        for at in 0..200 {
            let _ = Starts::begin(dir.path(), at);
        }
        assert!(Starts::begin(dir.path(), 7).lines.len() <= LINES_MAX);
    }
}
