//! The disk as the journal sees it: a flat directory of preallocated files.
//!
//! This is one of the seams at which faults are injected: the node implements it with files,
//! the simulator with blocks that can be lost, torn, rotten, misdirected or full.

use alloc::{string::String, vec::Vec};
use core::fmt;

/// What went wrong with a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskError {
    /// No space left. Nothing of the call was done.
    Full,
    /// No such file.
    Missing,
    /// Anything else; what the call did is unknown.
    Io(String),
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DiskError::Full => f.write_str("no space left on the disk"),
            DiskError::Missing => f.write_str("no such file"),
            DiskError::Io(text) => write!(f, "disk error: {text}"),
        }
    }
}

impl core::error::Error for DiskError {}

/// A flat directory of files. Calls may block; they are made off the worker thread.
pub trait Disk {
    /// Name and length in bytes of every file, sorted by name.
    ///
    /// # Errors
    /// If the directory cannot be read.
    fn list(&self) -> Result<Vec<(String, u64)>, DiskError>;

    /// Makes a file of `len` zero bytes whose space is reserved; name and length are durable on
    /// return. A file that exists is replaced.
    ///
    /// # Errors
    /// [`DiskError::Full`] leaves no file behind.
    fn create(&mut self, name: &str, len: u64) -> Result<(), DiskError>;

    /// Fills `into` from `offset`. Reading past the end is an error.
    ///
    /// # Errors
    /// If the file is missing, too short or unreadable.
    fn read(&self, name: &str, offset: u64, into: &mut [u8]) -> Result<(), DiskError>;

    /// Writes at `offset`, inside the file's length. Durable only after [`Disk::sync`].
    ///
    /// # Errors
    /// Some of the bytes may have been written.
    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError>;

    /// Makes all earlier writes to this file durable.
    ///
    /// # Errors
    /// After an error the file's unsynced writes may be lost for good: a second try proves
    /// nothing.
    fn sync(&mut self, name: &str) -> Result<(), DiskError>;

    /// Gives a file another name; durable on return.
    ///
    /// # Errors
    /// If the file is missing.
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError>;

    /// Removes a file; durable on return.
    ///
    /// # Errors
    /// If the file is missing.
    fn remove(&mut self, name: &str) -> Result<(), DiskError>;
}
