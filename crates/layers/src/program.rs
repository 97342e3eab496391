//! Which program runs, and what all of them share.

use alloc::string::String;
use core::fmt;

use bytes::Bytes;
use contract::Program;
use kernel::Incarnation;
use store::{
    engine::{EngineError, Read},
    mvcc::Reader,
    view::View,
};

use crate::{
    coordination::{self, Told},
    counter, kv,
};

/// Bytes that are no command or query of the program, or beyond its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected(pub String);

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Rejected {}

/// Checks a client's command before it is replicated, so that the log holds nothing unreadable.
///
/// # Errors
/// If the bytes do not decode or a limit is passed.
pub fn check(program: Program, command: &Bytes) -> Result<(), Rejected> {
    match program {
        Program::Kv => kv::Command::of_client(command).map(drop),
        Program::Counter => counter::Command::read(command).map(drop),
        Program::Coordination => coordination::Command::read(command).map(drop),
    }
}

/// Applies a replicated command. Total: a command that does not decode (it was checked before it
/// was replicated) changes nothing and is answered with an empty reply. What a command of a
/// coordination program changes is added to `told`.
///
/// # Errors
/// Only if the engine fails.
pub fn apply(
    program: Program,
    command: &Bytes,
    view: &mut dyn View,
    told: Option<&mut Told>,
) -> Result<Bytes, EngineError> {
    match program {
        Program::Kv => match kv::Command::read(command) {
            Ok(command) => command.apply(view),
            Err(_) => Ok(Bytes::new()),
        },
        Program::Counter => match counter::Command::read(command) {
            Ok(command) => command.apply(view),
            Err(_) => Ok(Bytes::new()),
        },
        Program::Coordination => match coordination::Command::read(command) {
            Ok(command) => command.apply(view, told),
            Err(_) => Ok(Bytes::new()),
        },
    }
}

/// Cuts history: what was answered in the part that is lost must not be taken for what follows.
///
/// # Errors
/// Only if the engine fails.
pub fn cut(program: Program, view: &mut dyn View, next: Incarnation) -> Result<(), EngineError> {
    match program {
        // Their versions name the incarnation, and nothing in them lives by itself.
        Program::Kv | Program::Counter => Ok(()),
        Program::Coordination => coordination::cut(view, next),
    }
}

/// Answers a query from a replica's state.
///
/// # Errors
/// The outer if the query is not one of the program's, the inner if the engine fails.
pub fn query<R: Read>(
    program: Program,
    query: &Bytes,
    reader: &Reader<'_, R>,
) -> Result<Result<Bytes, EngineError>, Rejected> {
    match program {
        Program::Kv => Ok(kv::Query::read(query)?.answer(reader)),
        Program::Counter => Ok(counter::Query::read(query)?.answer(reader)),
        Program::Coordination => Ok(coordination::Query::read(query)?.answer(reader)),
    }
}

/// Whether a command only gives space back: such commands are let in when the disk is full.
#[must_use]
pub fn frees(program: Program, command: &Bytes) -> bool {
    match program {
        Program::Kv => kv::Command::read(command).is_ok_and(|command| command.frees()),
        Program::Counter => false,
        Program::Coordination => {
            coordination::Command::read(command).is_ok_and(|command| command.frees())
        }
    }
}
