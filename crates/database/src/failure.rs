//! Failures: what could not be done, whether it may have happened, and what to do next.

use alloc::string::String;
use core::fmt;

use kernel::{Duration, NodeId};

/// Why a request was not carried out. Each code has a page under `docs/errors`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// No leader is known, or a majority cannot be reached.
    Unavailable,
    /// The deadline passed first.
    DeadlineExceeded,
    /// A queue is full.
    Overloaded,
    /// The disk is full: reads and deletes go on, writes wait for room.
    DiskFull,
    /// The keyspace is at its quota: reads and deletes go on, writes wait for room.
    QuotaExceeded,
    /// No keyspace of this name.
    KeyspaceNotFound,
    /// A keyspace of this name exists with another contract.
    KeyspaceExists,
    /// Not a name for a keyspace.
    KeyspaceName,
    /// The keyspace's program does not understand this request.
    ProgramMismatch,
    /// The contract was refused.
    ContractRefused,
    /// The session token belongs to another incarnation.
    SessionIncarnation,
    /// No reachable replica has reached the session's position.
    SessionAhead,
    /// The request id was used before for another request.
    RequestIdReused,
    /// `fate` has declared this request not done; it will not be carried out.
    RequestCancelled,
    /// The request itself is wrong.
    Invalid,
    /// No such node, or one that cannot take part in this change.
    Node,
    /// No such shard, or the shard cannot be changed now.
    Shard,
    /// The program's state on this node cannot be read.
    Storage,
    /// The history that a read needs is not kept, or not any more.
    VersionNotKept,
}

impl Code {
    /// Every code.
    pub const ALL: [Code; 19] = [
        Code::Unavailable,
        Code::DeadlineExceeded,
        Code::Overloaded,
        Code::DiskFull,
        Code::QuotaExceeded,
        Code::KeyspaceNotFound,
        Code::KeyspaceExists,
        Code::KeyspaceName,
        Code::ProgramMismatch,
        Code::ContractRefused,
        Code::SessionIncarnation,
        Code::SessionAhead,
        Code::RequestIdReused,
        Code::RequestCancelled,
        Code::Invalid,
        Code::Node,
        Code::Shard,
        Code::Storage,
        Code::VersionNotKept,
    ];

    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Code::Unavailable => "unavailable",
            Code::DeadlineExceeded => "deadline-exceeded",
            Code::Overloaded => "overloaded",
            Code::DiskFull => "disk-full",
            Code::QuotaExceeded => "quota-exceeded",
            Code::KeyspaceNotFound => "keyspace-not-found",
            Code::KeyspaceExists => "keyspace-exists",
            Code::KeyspaceName => "keyspace-name",
            Code::ProgramMismatch => "program-mismatch",
            Code::ContractRefused => "contract-refused",
            Code::SessionIncarnation => "session-incarnation",
            Code::SessionAhead => "session-ahead",
            Code::RequestIdReused => "request-id-reused",
            Code::RequestCancelled => "request-cancelled",
            Code::Invalid => "invalid-request",
            Code::Node => "node",
            Code::Shard => "shard",
            Code::Storage => "storage",
            Code::VersionNotKept => "version-not-kept",
        }
    }

    /// The inverse of [`Code::name`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Code> {
        Code::ALL.into_iter().find(|code| code.name() == name)
    }

    /// Whether the same request may succeed a moment later.
    #[must_use]
    pub fn retryable(self) -> bool {
        matches!(
            self,
            Code::Unavailable
                | Code::DeadlineExceeded
                | Code::Overloaded
                | Code::DiskFull
                | Code::SessionAhead
        )
    }
}

/// Whether a failed mutation may have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It did not take effect and will not.
    None,
    /// It may have, or may yet: retry with the same request id, or ask for its fate.
    Unknown,
}

/// A request that was not carried out, or of which nobody knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Which kind.
    pub code: Code,
    /// For the person who must act.
    pub text: String,
    /// Whether a mutation may have happened.
    pub effect: Effect,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
    /// Who leads the shard, if known.
    pub leader: NodeId,
}

impl Failure {
    /// A failure that left nothing behind.
    #[must_use]
    pub fn new(code: Code, text: impl Into<String>) -> Failure {
        Failure {
            code,
            text: text.into(),
            effect: Effect::None,
            retry_after: code.retryable().then_some(Duration::from_millis(200)),
            leader: NodeId::NONE,
        }
    }

    /// The same, of a mutation that may have happened.
    #[must_use]
    pub fn unknown(self) -> Failure {
        Failure { effect: Effect::Unknown, ..self }
    }

    /// The same, with a hint who leads.
    #[must_use]
    pub fn led_by(self, leader: NodeId) -> Failure {
        Failure { leader, ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.text)
    }
}

impl core::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_name() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.name()), Some(code));
        }
    }
}
