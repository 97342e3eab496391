//! How a command may end: exit codes that a script can act on.

use std::{fmt, process::ExitCode};

use client::{Cause, Error};

/// The part of `--help` that documents the codes.
pub const HELP: &str = "\
Exit codes:
   0  done
   1  failed
   2  the command or the request is wrong
   3  not found: no such key, keyspace, node or shard
   4  conflict: a condition did not hold, or something exists already
   5  unavailable: no node, no majority, or no time left; nothing was changed
   6  unknown outcome: the change may have happened (see `quorate fate`)
  10  the history that was checked is invalid
  11  the history that was checked could not be judged";

/// Why a command did not end well.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    /// It failed.
    pub fn new(text: impl Into<String>) -> Failure {
        Failure { code: 1, text: text.into() }
    }

    /// The command is wrong.
    pub fn usage(text: impl Into<String>) -> Failure {
        Failure { code: 2, text: text.into() }
    }

    /// What was asked for does not exist.
    pub fn not_found(text: impl Into<String>) -> Failure {
        Failure { code: 3, text: text.into() }
    }

    /// Something exists already, or stands in the way.
    pub fn conflict(text: impl Into<String>) -> Failure {
        Failure { code: 4, text: text.into() }
    }

    /// Nobody could do it in time.
    pub fn unavailable(text: impl Into<String>) -> Failure {
        Failure { code: 5, text: text.into() }
    }

    /// The command that was run ended with this code; it has said why itself.
    pub fn of_child(code: u8) -> Failure {
        Failure { code, text: String::new() }
    }

    /// A verdict that is not "valid"; its report was printed already.
    pub fn verdict(invalid: bool) -> Failure {
        Failure { code: if invalid { 10 } else { 11 }, text: String::new() }
    }

    /// To standard error.
    pub fn print(&self) {
        if !self.text.is_empty() {
            eprintln!("quorate: {}", self.text);
        }
    }

    /// For the shell.
    pub fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let code = match &error {
            Error::Unknown { .. } => 6,
            Error::NotDone(Cause::Problem(problem)) => match problem.status {
                404 => 3,
                409 | 412 | 422 => 4,
                503 | 504 | 507 => 5,
                400..500 => 2,
                _ => 1,
            },
            Error::NotDone(Cause::Io(..) | Cause::Deadline) => 5,
            Error::NotDone(Cause::Protocol(_)) => 1,
        };
        let text = match &error {
            Error::Unknown { request_id, .. } => {
                format!("{error}\n  ask for its fate: quorate fate {request_id}")
            }
            Error::NotDone(Cause::Problem(problem)) => {
                format!("{}: {}\n  see /v1/errors/{}", problem.code, problem.detail, problem.code)
            }
            Error::NotDone(_) => error.to_string(),
        };
        Failure { code, text }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        match error.kind() {
            // Whoever read our output has gone: there is nobody to tell.
            std::io::ErrorKind::BrokenPipe => Failure::new(""),
            _ => Failure::new(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::document::Problem;

    #[test]
    fn a_script_can_tell_conflicts_from_outages() {
        let code = |status, effect: &str| {
            let problem = Problem { status, effect: effect.into(), ..Problem::default() };
            Failure::from(Error::NotDone(Cause::Problem(Box::new(problem)))).code
        };
        assert_eq!([404, 412, 503, 400, 500].map(|s| code(s, "none")), [3, 4, 5, 2, 1]);
        let lost = Error::Unknown { request_id: "k1".into(), cause: Cause::Deadline };
        let failure = Failure::from(lost);
        assert_eq!(failure.code, 6);
        assert!(failure.text.ends_with("quorate fate k1"));
    }
}
