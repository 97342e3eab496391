//! Guards: a write that takes effect only while a lock is held.
//!
//! ```text
//!   quorate-guard: NAME TOKEN      NAME percent-encoded; TOKEN the create revision of the place that
//!                                  holds the lock, or of the candidacy that won the election
//! ```
//!
//! The header may stand several times, on gRPC and on JSON. The program checks the guards at the
//! place of the log where it carries the write out, so a holder that was paused until another one
//! took over is refused, however late its write arrives.

use bytes::{BufMut, BytesMut};
use client::text::percent;
use database::api::Action;
use hyper::HeaderMap;
use layers::coordination::{Command, Guard, limits::GUARDS_MAX};
use prost::Message;

use super::{
    grpc::{Code, Status},
    map::Plan,
};

/// The header.
const GUARD: &str = "quorate-guard";

/// The guards of a call.
///
/// # Errors
/// If one cannot be read, or there are too many.
pub fn of(headers: &HeaderMap) -> Result<Vec<Guard>, Status> {
    let mut guards = Vec::new();
    for value in headers.get_all(GUARD) {
        let guard = value.to_str().ok().and_then(read).ok_or_else(|| {
            wrong("a guard is the name of a lock, percent-encoded, and the token of its holder")
        })?;
        guards.push(guard);
        if guards.len() > GUARDS_MAX {
            return Err(wrong("too many guards"));
        }
    }
    Ok(guards)
}

fn read(value: &str) -> Option<Guard> {
    let (name, token) = value.trim().split_once(' ')?;
    let name = percent::decode_path(name).filter(|name| !name.is_empty())?;
    Some(Guard { name: name.into(), token: token.trim().parse().ok()? })
}

/// Puts guards on a call.
///
/// # Errors
/// If the call is none that can be guarded: it does not write, or in more than one step.
pub fn put(plan: Plan, guards: Vec<Guard>) -> Result<Plan, Status> {
    if guards.is_empty() {
        return Ok(plan);
    }
    match plan {
        Plan::Ask(mut asked) => match &mut asked.action {
            Action::Mutate { command, .. } => {
                // What is behind a message is merged with it.
                let mut guarded = BytesMut::from(&command[..]);
                let guards = Command { guards, ..Command::default() };
                guarded.put(&guards.encode_to_vec()[..]);
                *command = guarded.freeze();
                Ok(Plan::Ask(asked))
            }
            _ => Err(wrong("a guard is for writes")),
        },
        Plan::Queue(..) | Plan::Task(_) => Err(wrong("this call cannot be guarded")),
    }
}

fn wrong(text: &str) -> Status {
    Status::new(Code::InvalidArgument, format!("quorate: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::{map, method::Unary};
    use layers::coordination::{PutRequest, RangeRequest};

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|v| (GUARD.parse().unwrap(), v.parse().unwrap())).collect()
    }

    #[test]
    fn a_guard_is_a_name_and_a_token() {
        let guard = |name: &'static str, token| Guard { name: name.into(), token };
        let read = of(&headers(&["jobs%2Fone%20two 7", " other  -1 "])).unwrap();
        assert_eq!(read, [guard("jobs/one two", 7), guard("other", -1)]);
        assert_eq!(of(&headers(&[])), Ok(Vec::new()));
        for bad in ["", "jobs", " 7", "jobs seven", "jobs%2 7", "jobs 7 8"] {
            assert!(of(&headers(&[bad])).is_err(), "{bad}");
        }
        assert!(of(&headers(&["jobs 7"; GUARDS_MAX + 1])).is_err());
    }

    #[test]
    fn a_guarded_command_is_the_same_command_with_guards() {
        let request = PutRequest { key: "k".into(), ..PutRequest::default() };
        let plan = map::plan(Unary::Put, &request.encode_to_vec().into(), &None).unwrap();
        let guard = Guard { name: "jobs".into(), token: 7 };
        let Ok(Plan::Ask(asked)) = put(plan, vec![guard.clone()]) else { panic!() };
        let Action::Mutate { command, .. } = asked.action else { panic!() };
        let command = Command::read(&command).unwrap();
        assert_eq!(command.guards, std::slice::from_ref(&guard));
        assert_eq!(command.act, Some(layers::coordination::Act::Put(request)));
        let request = RangeRequest { key: "k".into(), ..RangeRequest::default() };
        let plan = map::plan(Unary::Range, &request.encode_to_vec().into(), &None).unwrap();
        assert!(put(plan, vec![guard]).is_err());
    }
}
