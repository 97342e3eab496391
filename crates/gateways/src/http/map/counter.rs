//! Counters.

use bytes::Bytes;
use client::document::Increment;
use contract::Program;
use layers::counter::{Command, Query};

use super::super::{Problem, code::Code, query::Query as Parameters, recipe};
use super::{Asked, Expect, Inbound, Plan, json};

pub fn add(
    asked: Asked,
    inbound: &Inbound<'_>,
    keyspace: String,
    name: Bytes,
) -> Result<Plan, Problem> {
    if !recipe::guards(inbound.headers)?.is_empty() {
        let detail = "a guard is checked in the commit of the write, and a keyspace of counters has \
                      no locks; nothing was changed";
        return Err(Problem::new(Code::GUARD_ELSEWHERE, detail));
    }
    let Increment { by } =
        if inbound.body.is_empty() { Increment { by: 1 } } else { json(&inbound.body)? };
    let request = asked.mutate(keyspace, Program::Counter, &Command { name, by });
    Ok(Plan::Ask(request, Expect::Increment))
}

pub fn read(
    asked: Asked,
    query: &mut Parameters,
    keyspace: String,
    name: Bytes,
) -> Result<Plan, Problem> {
    let at = query.version("at")?;
    let request = asked.query_at(keyspace, Program::Counter, &Query { name }, at);
    Ok(Plan::Ask(request, Expect::Count))
}
