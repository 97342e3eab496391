//! What every request may ask, whatever its route: level, session, request id, timeout, trace.

use bytes::Bytes;
use client::text::duration;
use contract::{Consistency, LevelError, Program, Session};
use database::{
    Request,
    api::{Action, Call, Trace},
};
use kernel::{Duration, RequestId, Version};
use prost::Message;

use super::super::{Problem, code::Code, evidence, query::Query};
use super::Inbound;

/// The common part of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    consistency: Option<Consistency>,
    session: Option<Session>,
    pub(in super::super) request_id: Option<RequestId>,
    pub(in super::super) timeout: Duration,
    pub(in super::super) trace: Trace,
}

impl Asked {
    /// Reads the common headers and parameters.
    pub fn read(query: &mut Query, inbound: &Inbound<'_>) -> Result<Asked, Problem> {
        let headers = inbound.headers;
        let timeout = match query.duration("timeout")? {
            Some(timeout) => Some(timeout),
            None => evidence::timeout(headers)?,
        };
        let limits = inbound.limits;
        let timeout = timeout.unwrap_or(limits.timeout_default);
        if timeout.is_zero() || timeout > limits.timeout_max {
            let detail = format!("a timeout is 1ms to {}", duration::format(limits.timeout_max));
            return Err(Problem::new(Code::INVALID_PARAMETER, detail));
        }
        Ok(Asked {
            consistency: query.text("consistency")?.map(|text| level(&text)).transpose()?,
            session: evidence::session(headers)?,
            request_id: evidence::request_id(headers)?,
            timeout,
            trace: evidence::trace(headers),
        })
    }

    /// A mutation of a program.
    pub fn mutate(self, keyspace: String, program: Program, command: &impl Message) -> Request {
        let command = Bytes::from(command.encode_to_vec());
        self.call(keyspace, Action::Mutate { program, command })
    }

    /// A query of a program.
    pub fn query(self, keyspace: String, program: Program, query: &impl Message) -> Request {
        let query = Bytes::from(query.encode_to_vec());
        self.call(keyspace, Action::Query { program, query })
    }

    /// A query as of a version, if one is given.
    pub fn query_at(
        self,
        keyspace: String,
        program: Program,
        query: &impl Message,
        at: Option<Version>,
    ) -> Request {
        match at {
            None => self.query(keyspace, program, query),
            Some(_) => self.past(keyspace, program, query, at),
        }
    }

    /// A query of the past: as of a version, or of all that are kept.
    pub fn past(
        self,
        keyspace: String,
        program: Program,
        query: &impl Message,
        at: Option<Version>,
    ) -> Request {
        let query = Bytes::from(query.encode_to_vec());
        self.call(keyspace, Action::Past { program, query, at })
    }

    /// The same request, one more of it: without its request id, which names another command.
    pub fn anonymous(&self) -> Asked {
        Asked { request_id: None, ..self.clone() }
    }

    /// As a request; at a level of its own, if one is given.
    pub fn of(self, keyspace: String, level: Option<Consistency>, action: Action) -> Request {
        let consistency = level.or(self.consistency);
        Asked { consistency, ..self }.call(keyspace, action)
    }

    fn call(self, keyspace: String, action: Action) -> Request {
        Request::Call(Call {
            keyspace,
            action,
            consistency: self.consistency,
            session: self.session,
            request_id: self.request_id,
            timeout: self.timeout,
            trace: self.trace,
        })
    }
}

/// Reads a level and its session guarantees.
///
/// # Errors
/// If it is not in the language, or cannot be met yet.
pub fn level(text: &str) -> Result<Consistency, Problem> {
    Consistency::parse(text).map_err(|error| {
        let code = match error {
            LevelError::Unknown(_) => Code::UNKNOWN_CONSISTENCY,
            LevelError::Unavailable(_) => Code::UNAVAILABLE_CONSISTENCY,
        };
        Problem::new(code, error.to_string())
    })
}
