//! What may be wrong with a snapshot, or go wrong while one is made.

use std::{fmt, io};

use layers::coordination;

/// Why a snapshot cannot be read or made. The text begins with a code that has a page.
#[derive(Debug)]
pub enum Error {
    /// A file could not be read or written.
    Io(io::Error),
    /// The file is not a snapshot of etcd 3.
    Foreign(String),
    /// A page of the file contradicts the format.
    Damaged {
        /// The number of the page.
        page: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The file is not what was saved: its SHA-256 differs.
    Digest,
    /// It holds more than can be taken over.
    Limit(String),
    /// The keyspace refused to be read.
    Refused(coordination::Error),
    /// The keyspace did not answer.
    Unanswered(String),
}

impl Error {
    /// The code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Error::Io(_) => "snapshot-io",
            Error::Foreign(_) => "snapshot-foreign",
            Error::Damaged { .. } => "snapshot-damaged",
            Error::Digest => "snapshot-digest",
            Error::Limit(_) => "snapshot-limit",
            Error::Refused(_) | Error::Unanswered(_) => "snapshot-keyspace",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] ", self.code())?;
        match self {
            Error::Io(error) => write!(f, "{error}"),
            Error::Foreign(what) => write!(f, "not a snapshot of etcd 3: {what}"),
            Error::Damaged { page, what } => write!(f, "page {page}: {what}"),
            Error::Digest => f.write_str("the file's SHA-256 is not the one at its end"),
            Error::Limit(what) | Error::Unanswered(what) => f.write_str(what),
            Error::Refused(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::Io(error)
    }
}
