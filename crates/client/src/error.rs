//! How a call may fail. What matters to the caller is whether it may have happened.

use std::{fmt, io};

use crate::document::Problem;

/// A call without an answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It did not take effect and will not.
    #[error("not done: {0}")]
    NotDone(Cause),
    /// It may have taken effect, or may yet: repeat it with the same id, or ask for its fate.
    #[error("nobody knows whether request {request_id} took effect: {cause}")]
    Unknown {
        /// The request id of all attempts.
        request_id: String,
        /// What the last attempt met.
        cause: Cause,
    },
}

/// What the last attempt met.
#[derive(Debug)]
pub enum Cause {
    /// The server said so.
    Problem(Box<Problem>),
    /// The connection could not be made or broke.
    Io(String, io::Error),
    /// The answer is not what the API promises.
    Protocol(String),
    /// The time was over.
    Deadline,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Problem(problem) => write!(f, "{}: {}", problem.code, problem.detail),
            Cause::Io(address, error) => write!(f, "{address}: {error}"),
            Cause::Protocol(text) => write!(f, "unexpected answer: {text}"),
            Cause::Deadline => f.write_str("the deadline passed"),
        }
    }
}

impl Error {
    /// What the last attempt met.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        match self {
            Error::NotDone(cause) | Error::Unknown { cause, .. } => cause,
        }
    }

    /// The server's problem, if there was one.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self.cause() {
            Cause::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// The server's code; empty if no server answered.
    #[must_use]
    pub fn code(&self) -> &str {
        self.problem().map_or("", |problem| &problem.code)
    }

    pub(crate) fn protocol(text: impl Into<String>) -> Error {
        Error::NotDone(Cause::Protocol(text.into()))
    }
}
