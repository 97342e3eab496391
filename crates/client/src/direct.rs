//! Calls that travel on a pipe, in the program's own encoding.

use bytes::Bytes;
use contract::{Consistency, Durability, Program, Receipt};
use kernel::{Incarnation, NodeId, Version};

use crate::{
    Evidence,
    attempt::{Attempt, Exchange, Outcome, Plan},
    client::{Client, Shared},
    document::Problem,
    error::{Cause, Error},
    pipe::{self, Action, Answer, Done, Failed},
};

/// A call.
#[derive(Clone, Debug)]
pub struct Direct<'a> {
    pub program: Program,
    pub action: Action,
    /// The level asked for.
    pub consistency: Option<&'a str>,
    pub plan: Plan<'a>,
}

impl Client {
    /// Carries a call out; gives the program's reply.
    pub(crate) async fn direct(&self, call: Direct<'_>) -> Result<(Bytes, Evidence), Error> {
        let (done, attempts) = self.carry_out(&call).await?;
        let evidence = evidence(&done, attempts);
        Ok((done.body, evidence))
    }
}

impl Exchange for Direct<'_> {
    type Reply = Done;

    fn plan(&self) -> Plan<'_> {
        self.plan
    }

    async fn once(&self, shared: &Shared, attempt: Attempt<'_>) -> Outcome<Done> {
        let failed = |error, sent| Outcome::Failed {
            cause: Cause::Io(attempt.address.to_owned(), error),
            sent,
        };
        let pipe = match shared.pipes.to(attempt.address).await {
            Ok(pipe) => pipe,
            Err(error) => return failed(error, false),
        };
        let id = attempt.request_id.unwrap_or_default();
        let call = pipe::Call {
            number: 0,
            keyspace: self.plan.keyspace.to_owned(),
            program: self.program.name().to_owned(),
            timeout_ms: u64::try_from(attempt.timeout.as_millis()).unwrap_or(u64::MAX).max(1),
            consistency: self.consistency.unwrap_or_default().to_owned(),
            session: shared.token().unwrap_or_default(),
            request_id: Bytes::copy_from_slice(id.as_bytes()),
            traceparent: String::new(),
            action: Some(self.action.clone()),
        };
        match pipe.call(call).await {
            Ok(answer) => self.judge(shared, answer),
            Err((error, sent)) => failed(error, sent),
        }
    }
}

impl Direct<'_> {
    fn judge(&self, shared: &Shared, answer: Answer) -> Outcome<Done> {
        if !answer.leader.is_empty() {
            shared.nodes.leads(self.plan.keyspace, &answer.leader);
        }
        match answer.result {
            Some(pipe::Result::Done(done)) => {
                if !done.session.is_empty() {
                    shared.observe(&done.session);
                }
                Outcome::Answer(done)
            }
            Some(pipe::Result::Failed(failed)) => Outcome::Refused(Box::new(problem(failed))),
            None => {
                let cause = Cause::Protocol("an answer that says nothing".into());
                Outcome::Failed { cause, sent: true }
            }
        }
    }
}

fn problem(failed: Failed) -> Problem {
    Problem {
        r#type: format!("/v1/errors/{}", failed.code),
        title: failed.title,
        status: u16::try_from(failed.status).unwrap_or(500),
        detail: failed.detail,
        code: failed.code,
        effect: if failed.unknown { "unknown" } else { "none" }.into(),
        retry_after_ms: failed.retry_after_plus_one.checked_sub(1),
        ..Problem::default()
    }
}

fn evidence(done: &Done, attempts: u32) -> Evidence {
    Evidence {
        receipt: receipt(done).into(),
        version: None,
        request_id: String::from_utf8(done.request_id.to_vec()).ok().filter(|id| !id.is_empty()),
        repeated: done.repeated,
        attempts,
    }
}

fn receipt(done: &Done) -> Receipt {
    Receipt {
        consistency: Consistency::parse(&done.consistency).unwrap_or(Consistency::EVENTUAL),
        version: Version::from_bytes(&done.version).unwrap_or_default(),
        staleness_ms: done.staleness_plus_one.checked_sub(1),
        replica: NodeId(done.replica),
        acks: done.acks,
        durability: Durability::parse(&done.durability).unwrap_or(Durability::Disk),
        incarnation: Incarnation(done.incarnation),
    }
}

/// A refusal that the program itself gave, as the HTTP API words it.
pub fn refused(code: &str, title: &str, status: u16, detail: String) -> Problem {
    Problem {
        r#type: format!("/v1/errors/{code}"),
        title: title.into(),
        status,
        detail,
        code: code.into(),
        effect: "none".into(),
        ..Problem::default()
    }
}
