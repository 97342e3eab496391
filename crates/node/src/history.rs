//! What outlives the flight recorder: its newest events, in two files of the data directory.
//!
//! ```text
//!   events      grows about once a second, up to a mebibyte; then it becomes
//!   events.old  the one before it
//!
//!   frame (kernel::wire) ┤ JSON of an event ├ …     version 1, kind E
//! ```
//!
//! Nothing is synced: what the system has been given survives the end of the process, and no more
//! is promised. Whatever is wrong with these files, a node starts and runs without them.

mod keeper;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    mem,
    path::{Path, PathBuf},
};

use bytes::BytesMut;
use kernel::wire::{FrameError, Framing, SealError};
use tracing::{info, warn};
use vigil::{Event, event::Filter};

pub use self::keeper::Keeper;
use crate::flight::{EVENTS_MAX, Flight};

/// Bytes of one file.
const FILE_MAX: u64 = 1 << 20;
/// An event that takes more than this is not kept.
const FRAMING: Framing = Framing { version: 1, bytes_max: 64 << 10 };
const KIND: u8 = b'E';

/// The files of one data directory.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    /// Bytes of the file that grows; what lies beyond them is what a failed write left.
    size: u64,
    /// The id of the newest event that is in a file.
    written: u64,
    failing: bool,
    before: Vec<Event>,
}

impl History {
    /// Reads what earlier starts left.
    #[must_use]
    pub fn open(data: &Path) -> History {
        let path = data.join("events");
        let (mut before, _) = recall(&path.with_extension("old"));
        let (newest, size) = recall(&path);
        before.extend(newest);
        History { path, size, written: 0, failing: false, before }
    }

    /// Gives the recorder what was read, and so begins a start.
    pub fn resume(&mut self, flight: &Flight) {
        flight.resume(mem::take(&mut self.before));
        self.written = *flight.newest().borrow();
    }

    /// Writes what was recorded since. What cannot be written is tried again the next time, as far
    /// as the recorder still holds it.
    pub fn keep(&mut self, flight: &Flight) {
        let filter = Filter { after: self.written, limit: EVENTS_MAX, ..Filter::default() };
        let (events, newest) = flight.read(&filter);
        if events.is_empty() {
            return;
        }
        match self.append(&events) {
            Ok(()) => {
                self.written = newest;
                if mem::take(&mut self.failing) {
                    info!("events are kept again");
                }
            }
            Err(error) if !mem::replace(&mut self.failing, true) => {
                warn!(path = %self.path.display(), %error, "events are not kept for now");
            }
            Err(_) => {}
        }
    }

    fn append(&mut self, events: &[Event]) -> io::Result<()> {
        let (mut frames, mut frame) = (Vec::new(), Vec::new());
        for event in events {
            frame.clear();
            FRAMING.put(KIND, &serde_json::to_string(event)?, &mut frame);
            if !matches!(FRAMING.announced(&frame), Ok(Some(_))) {
                continue;
            }
            if self.size + (frames.len() + frame.len()) as u64 > FILE_MAX {
                self.write(&mem::take(&mut frames))?;
                fs::rename(&self.path, self.path.with_extension("old"))?;
                self.size = 0;
            }
            frames.extend_from_slice(&frame);
        }
        self.write(&frames)
    }

    fn write(&mut self, frames: &[u8]) -> io::Result<()> {
        let mut file = File::options().write(true).create(true).truncate(false).open(&self.path)?;
        // Somebody may have removed it: a file must not begin with a hole.
        self.size = self.size.min(file.metadata()?.len());
        file.set_len(self.size)?;
        file.seek(SeekFrom::Start(self.size))?;
        file.write_all(frames)?;
        self.size += frames.len() as u64;
        Ok(())
    }
}

/// The events of a file, and how many of its bytes they are. The rest is cut off.
fn recall(path: &Path) -> (Vec<Event>, u64) {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FILE_MAX).read_to_end(&mut bytes));
    match read {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (Vec::new(), 0),
        Err(error) => warn!(path = %path.display(), %error, "old events cannot be read"),
    }
    let (events, good, error) = decode(&bytes);
    if let Some(FrameError::Seal(SealError::Newer { found, .. })) = error {
        let aside = path.with_added_extension("newer");
        warn!(path = %aside.display(), found, "events of a newer program are set aside");
        if let Err(error) = fs::rename(path, aside) {
            warn!(path = %path.display(), %error, "they cannot be set aside");
        }
        return (events, 0);
    }
    if good < fs::metadata(path).map_or(0, |found| found.len()) {
        let why = error.map_or_else(|| "torn".to_owned(), |error| error.to_string());
        warn!(path = %path.display(), good, why, "the end of the old events is cut off");
        if let Err(error) = File::options().write(true).open(path).and_then(|f| f.set_len(good)) {
            warn!(path = %path.display(), %error, "it cannot be cut off");
        }
    }
    (events, good)
}

/// The events that lie whole at the head of some bytes, how many bytes they are, and what ended them
/// if it was neither the end nor a torn frame.
fn decode(bytes: &[u8]) -> (Vec<Event>, u64, Option<FrameError>) {
    let mut rest = BytesMut::from(bytes);
    let (mut events, mut good) = (Vec::new(), 0);
    loop {
        let json: String = match FRAMING.take(KIND, &mut rest) {
            Ok(Some(json)) => json,
            Ok(None) => return (events, good, None),
            Err(error) => return (events, good, Some(error)),
        };
        let Ok(event) = serde_json::from_str(&json) else {
            return (events, good, Some(FrameError::Body));
        };
        events.push(event);
        good = (bytes.len() - rest.len()) as u64;
    }
}
