//! Why the program did nothing, as a problem.

use layers::coordination::Error;

use super::super::{Problem, code::Code};

/// The problem of an error.
pub fn problem(error: Error) -> Problem {
    let code = match error {
        Error::LeaseNotFound => Code::LEASE_NOT_FOUND,
        Error::LeaseExist => Code::LEASE_EXISTS,
        Error::GuardFailed => Code::GUARD_FAILED,
        Error::KeyExists => Code::CONDITION_FAILED,
        Error::NoSemaphore => Code::SEMAPHORE_NOT_FOUND,
        Error::PermitsDiffer | Error::TooManyPermits | Error::PermitsInUse => {
            Code::SEMAPHORE_PERMITS
        }
        Error::CountDiffers | Error::BarrierOpen => Code::BARRIER_STATE,
        Error::InstanceTaken => Code::INSTANCE_TAKEN,
        Error::NotRegistered => Code::INSTANCE_NOT_FOUND,
        Error::NoLeader | Error::NotLeader => Code::NO_CANDIDATE,
        Error::TooManyWait
        | Error::TooManyLeases
        | Error::TooManyChanges
        | Error::AnswerTooLarge => Code::COORDINATION_LIMIT,
        Error::RequestTooLarge => Code::TOO_LARGE,
        Error::Importing => Code::KEYSPACE_IMPORTING,
        Error::UserEmpty
        | Error::PermissionDenied
        | Error::InvalidAuthToken
        | Error::AuthOldRevision => Code::AUTH_REQUIRED,
        Error::NameNotPlain | Error::NoCount | Error::NoHealth | Error::LeaseTtlTooLarge => {
            Code::INVALID_PARAMETER
        }
        _ => Code::INVALID_REQUEST,
    };
    let text = error.text();
    Problem::new(code, text.strip_prefix("quorate: ").unwrap_or(text))
}
