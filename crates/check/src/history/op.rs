//! An operation: an invocation paired with its completion.

use kernel::Version;

use super::{Promise, ValueId};

/// The end of an operation whose completion never came.
pub const OPEN: u64 = u64::MAX;

/// A part of one of the history's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub start: u32,
    /// How many elements.
    pub len: u32,
}

impl Span {
    /// As a range of indices.
    #[must_use]
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }
}

/// What a read returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nothing is known: the read did not succeed.
    Nothing,
    /// One value.
    Value(ValueId),
    /// A JSON array, in [`super::History::lists`].
    List(Span),
}

/// What the client asked for and, where it succeeded, what it saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A register's value, a counter's total, the elements of a set or list.
    Read(Seen),
    /// Sets a register; null deletes it.
    Write(ValueId),
    /// Sets a register to the second value if it holds the first.
    Cas(ValueId, ValueId),
    /// Adds to a counter or a set; the total that a counter returned, if it did.
    Add(ValueId, Option<i64>),
    /// Appends to a list.
    Append(ValueId),
    /// Several parts at once, in [`super::History::micros`]. Never exactly one part.
    Txn(Span),
    /// A request to a keyspace with etcd's model, in [`super::History::deeds`].
    Etcd(u32),
}

/// One part of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Micro {
    /// Of which key.
    pub key: ValueId,
    /// Never [`Action::Txn`].
    pub action: Action,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It happened.
    Ok,
    /// It did not happen.
    Fail,
    /// Nobody knows.
    Info,
}

/// An operation of a client.
#[derive(Clone, Copy, Debug)]
pub struct Op {
    /// Who.
    pub process: u64,
    /// The session, if it is not the process.
    pub session: Option<ValueId>,
    /// The key; null where the history has only one.
    pub key: ValueId,
    /// What.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
    /// Position of the invocation among all events, from 1.
    pub start: u64,
    /// Position of the completion; [`OPEN`] unless the outcome is ok or fail.
    pub end: u64,
    /// Nanoseconds; the line number where the file has no times.
    pub start_time: i64,
    /// Nanoseconds; the start's where it never completed.
    pub end_time: i64,
    /// The line of the invocation, from 1.
    pub line: u64,
    /// Evidence: the version written, or the version of the value read.
    pub version: Option<Version>,
    /// What it was promised.
    pub promise: Promise,
}

impl Op {
    /// It happened, for sure.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.outcome == Outcome::Ok
    }

    /// It did not happen, for sure.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.outcome == Outcome::Fail
    }

    /// Whether linearizability was promised.
    #[must_use]
    pub fn linearizable(&self) -> bool {
        self.promise.includes(Promise::LINEARIZABLE)
    }

    /// Whether it completed before the other was invoked.
    #[must_use]
    pub fn precedes(&self, other: &Op) -> bool {
        self.end < other.start
    }
}
