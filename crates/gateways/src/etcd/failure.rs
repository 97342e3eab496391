//! Errors as etcd's clients know them.
//!
//! Clients decide by code and text whether to try again. `Unavailable` means: the connection or the
//! cluster, not the request; etcd's own client then repeats reads, and leaves writes to its caller,
//! as an answer of that kind may hide an effect.

use database::{Code as Kind, Failure, failure::Effect};
use layers::coordination::Error;

use super::grpc::{Code, Status};

/// What clients are told where nobody leads.
pub const NO_LEADER: &str = "etcdserver: no leader";

/// The status of a call that wants a leader where there is none.
#[must_use]
pub fn no_leader() -> Status {
    Status::new(Code::Unavailable, NO_LEADER)
}

/// The status of a call that waits while the gateway stops.
#[must_use]
pub fn stopped() -> Status {
    Status::new(Code::Unavailable, "etcdserver: server stopped")
}

/// The status of a failure of the database.
#[must_use]
pub fn status(failure: Failure) -> Status {
    let (code, text) = match (failure.code, failure.effect) {
        (Kind::Unavailable, Effect::Unknown) => (Code::Unavailable, "etcdserver: leader changed"),
        (Kind::Unavailable | Kind::SessionAhead, _) => return no_leader(),
        (Kind::DeadlineExceeded, _) => (Code::Unavailable, "etcdserver: request timed out"),
        (Kind::Overloaded, _) => (Code::ResourceExhausted, "etcdserver: too many requests"),
        (Kind::DiskFull | Kind::QuotaExceeded, _) => {
            (Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded")
        }
        (Kind::Storage, _) => (Code::DataLoss, "etcdserver: corrupt cluster"),
        // The keyspace was dropped, or is not known here yet.
        (Kind::KeyspaceNotFound | Kind::Shard, _) => {
            return Status::new(Code::Unavailable, format!("quorate: {}", failure.text));
        }
        (Kind::Invalid, _) => return Status::new(Code::InvalidArgument, failure.text),
        _ => {
            let text = format!("quorate: [{}] {}", failure.code.name(), failure.text);
            return Status::new(Code::FailedPrecondition, text);
        }
    };
    Status::new(code, text)
}

impl From<Error> for Status {
    fn from(error: Error) -> Status {
        use layers::coordination::Code as Of;
        let code = match error.code() {
            Of::Unknown => Code::Unknown,
            Of::InvalidArgument => Code::InvalidArgument,
            Of::NotFound => Code::NotFound,
            Of::PermissionDenied => Code::PermissionDenied,
            Of::ResourceExhausted => Code::ResourceExhausted,
            Of::FailedPrecondition => Code::FailedPrecondition,
            Of::OutOfRange => Code::OutOfRange,
            Of::Unauthenticated => Code::Unauthenticated,
        };
        Status::new(code, error.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_status_with_a_text_that_clients_know() {
        for kind in Kind::ALL {
            let told = status(Failure::new(kind, "why"));
            assert!(told.code != Code::Ok && told.text.len() >= 3, "{told:?}");
        }
        let lost = Failure::new(Kind::Unavailable, "").unknown();
        assert_eq!(status(lost).text, "etcdserver: leader changed");
        let late = status(Failure::new(Kind::DeadlineExceeded, ""));
        assert_eq!((late.code, &*late.text), (Code::Unavailable, "etcdserver: request timed out"));
    }

    #[test]
    fn errors_of_the_program_keep_code_and_text() {
        let status = Status::from(Error::LeaseNotFound);
        assert_eq!(status, Status::new(Code::NotFound, "etcdserver: requested lease not found"));
    }
}
