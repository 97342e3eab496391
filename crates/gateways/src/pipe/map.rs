//! From a call to what must be asked, and from what came back to an answer: pure, total.

use std::sync::Arc;

use bytes::Bytes;
use client::pipe::{Action, Answer, Call, Done, Failed, Result as Told};
use contract::Program;
use database::{Answer as Came, Failure, Request, api, failure::Effect};
use kernel::{Duration, NodeId, RequestId, Version};

use crate::http::{Limits, Problem, code::Code, level, parse_session, parse_trace};

/// What calls are told apart by where they are counted.
pub const OPERATIONS: [&str; 4] = ["mutate", "query", "past", "none"];

/// The place of a call among [`OPERATIONS`].
pub fn operation(call: &Call) -> usize {
    match call.action {
        Some(Action::Mutate(_)) => 0,
        Some(Action::Query(_)) => 1,
        Some(Action::Past(_)) => 2,
        None => 3,
    }
}

/// What a call asks of the database.
///
/// # Errors
/// If a part of it is wrong.
pub fn request(call: Call, limits: &Limits) -> Result<Request, Problem> {
    let timeout = match call.timeout_ms {
        0 => limits.timeout_default,
        millis => Duration::from_millis(millis).min(limits.timeout_max),
    };
    Ok(Request::Call(api::Call {
        action: action(&call.program, call.action)?,
        consistency: some(&call.consistency).map(level).transpose()?,
        session: some(&call.session).map(parse_session).transpose()?,
        request_id: request_id(&call.request_id)?,
        timeout,
        trace: some(&call.traceparent).and_then(parse_trace).unwrap_or_default(),
        keyspace: call.keyspace,
    }))
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn action(program: &str, action: Option<Action>) -> Result<api::Action, Problem> {
    let refuse = |text: String| Problem::new(Code::INVALID_REQUEST, text);
    let Some(program) = Program::parse(program) else {
        return Err(refuse(format!("'{program}' is no program")));
    };
    let action = action.ok_or_else(|| refuse("the call says nothing".into()))?;
    if program == Program::Coordination {
        of_anybody(&action).map_err(|rejected| refuse(rejected.0))?;
    }
    Ok(match action {
        Action::Mutate(command) => api::Action::Mutate { program, command },
        Action::Query(query) => api::Action::Query { program, query },
        Action::Past(past) => {
            let at = match Version::from_bytes(&past.at) {
                None if past.at.is_empty() => None,
                None => return Err(refuse("'at' is no version".into())),
                version => version,
            };
            api::Action::Past { program, query: past.query, at }
        }
    })
}

/// Whoever has a pipe has not logged in: it must not say that it has.
fn of_anybody(action: &Action) -> Result<(), layers::Rejected> {
    match action {
        Action::Mutate(command) => layers::coordination::command_of_anybody(command),
        Action::Query(query) => layers::coordination::query_of_anybody(query),
        Action::Past(past) => layers::coordination::query_of_anybody(&past.query),
    }
}

fn request_id(bytes: &[u8]) -> Result<Option<RequestId>, Problem> {
    let wrong = || {
        let max = RequestId::LEN_MAX;
        let text = format!("a request id has 1 to {max} visible ASCII characters");
        Problem::new(Code::INVALID_REQUEST, text)
    };
    let read = |bytes| RequestId::new(bytes).ok_or_else(wrong);
    (!bytes.is_empty()).then(|| read(bytes)).transpose()
}

/// Where the HTTP clients of a node connect.
type HttpOf<'a> = &'a dyn Fn(NodeId) -> Option<Arc<str>>;

/// The answer to call `number`; also whether it was carried out, as an HTTP status.
pub fn answer(number: u64, came: Came, http_of: HttpOf<'_>) -> (Answer, u16) {
    let address = |node: NodeId| {
        let http = node.is_some().then(|| http_of(node)).flatten();
        http.map(|http| http.as_ref().to_owned()).unwrap_or_default()
    };
    match came {
        Came::Done(done) => {
            let leader = address(done.leader);
            let result = Some(Told::Done(self::done(done)));
            (Answer { number, leader, result, ..Answer::default() }, 200)
        }
        Came::Failed(Failure { leader, code, text, effect, retry_after }) => {
            let problem = Problem { effect, retry_after, ..Problem::new(Code::from(code), text) };
            let (answer, status) = refused(number, problem);
            (Answer { leader: address(leader), ..answer }, status)
        }
        other => {
            let text = format!("unexpected answer: {other:?}");
            refused(number, Problem::new(Code::INTERNAL, text))
        }
    }
}

/// The answer to call `number` that was not carried out; also its HTTP status.
pub fn refused(number: u64, problem: Problem) -> (Answer, u16) {
    let millis = |wait: Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX - 1);
    let failed = Failed {
        code: problem.code.name.into(),
        title: problem.code.title.into(),
        detail: problem.detail,
        status: problem.code.status.into(),
        unknown: problem.effect == Effect::Unknown,
        retry_after_plus_one: problem.retry_after.map_or(0, |wait| millis(wait) + 1),
    };
    let result = Some(Told::Failed(failed));
    (Answer { number, result, ..Answer::default() }, problem.code.status)
}

fn done(done: api::Done) -> Done {
    let receipt = done.receipt;
    let id = |id: &RequestId| Bytes::copy_from_slice(id.as_bytes());
    Done {
        body: done.body,
        session: done.session.token(),
        request_id: done.request_id.as_ref().map(id).unwrap_or_default(),
        repeated: done.repeated,
        consistency: receipt.consistency.to_string(),
        version: Bytes::copy_from_slice(&receipt.version.to_bytes()),
        staleness_plus_one: receipt.staleness_ms.map_or(0, |ms| ms.saturating_add(1)),
        replica: receipt.replica.0,
        acks: receipt.acks,
        durability: receipt.durability.name().into(),
        incarnation: receipt.incarnation.0,
    }
}
