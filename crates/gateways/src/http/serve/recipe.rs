//! Coordination, with hands: commands and questions, and waiting for what they ask for.
//!
//! ```text
//!   command ─▶ reached? ── yes ─▶ answer
//!                  │ no
//!                  ▼
//!   join the pulse ─▶ look ─▶ reached, or out of time? ─▶ answer
//!                      ▲            │ no
//!                      └── a change that concerns it
//! ```
//!
//! Whoever waits has joined the pulse before the last look, so nothing that happens behind the look
//! is missed. What was taken before the wait stays taken when it ends, or when the caller goes away:
//! it ends with its lease.

mod pulse;

use bytes::Bytes;
use contract::{Consistency, Program};
use database::{
    Answer, Code as Failed,
    api::{Action, Call, Done, Trace},
};
use hyper::StatusCode;
use kernel::Duration;
use layers::coordination::{
    self as wire, Act, Ask, ChangesRequest, Command, LeaseRenewRequest, Outcome, Query, QueryReply,
    RecipeAct, Reply,
};
use prost::Message;

use super::Shared;
use crate::{
    Backend, ambient,
    http::{
        Problem, Response,
        code::Code,
        map::Asked,
        recipe::{Goal, Job, Seen, Work, problem, show},
        reply::Surroundings,
    },
};
pub use pulse::Pulses;

/// Carries a job out and renders what came of it.
pub async fn carry_out<B: Backend>(shared: &Shared<B>, job: Job) -> Result<Response, Problem> {
    let guarded = !job.guards.is_empty();
    let runner = Runner { shared, job };
    match runner.run().await {
        Ok(Found { seen, done, late }) => {
            let goal = runner.job.wait.as_ref().map(|(goal, _)| goal);
            let http_of = &|node| shared.backend.http_of(node);
            let mut response = show(seen, goal, &done, &Surroundings { http_of, keyspaces: &[] })?;
            if late {
                *response.status_mut() = StatusCode::ACCEPTED;
            }
            Ok(response)
        }
        Err(problem) if guarded && problem.code == Code::PROGRAM_MISMATCH => {
            let detail = "a guard is checked in the commit of the write, so the lock must lie in \
                          the write's own keyspace, and that must be one with the program \
                          coordination; nothing was changed";
            Err(Problem::new(Code::GUARD_ELSEWHERE, detail))
        }
        Err(problem) => Err(problem),
    }
}

/// What a job came to.
struct Found {
    seen: Seen,
    done: Done,
    /// What was waited for did not come in time.
    late: bool,
}

impl Found {
    fn now((seen, done): (Seen, Done)) -> Found {
        Found { seen, done, late: false }
    }
}

struct Runner<'s, B> {
    shared: &'s Shared<B>,
    job: Job,
}

impl<B: Backend> Runner<'_, B> {
    async fn run(&self) -> Result<Found, Problem> {
        let (seen, done) = match &self.job.work {
            Work::Act(act) => self.act(act.clone(), self.job.asked.clone()).await?,
            Work::Ask(ask) => self.ask(ask.clone()).await?,
            Work::Look => match &self.job.wait {
                Some((goal, wait)) => {
                    return self.wait(goal, *wait).await;
                }
                None => return Err(Problem::new(Code::INTERNAL, "nothing to do")),
            },
            Work::Under { grant, act } => self.under(*grant, act.clone()).await?,
            Work::Beat { lease, report } => self.beat(*lease, report.clone()).await?,
        };
        match &self.job.wait {
            Some((goal, wait)) if !goal.reached(&seen) && !wait.is_zero() => {
                self.wait(goal, *wait).await
            }
            _ => Ok(Found::now((seen, done))),
        }
    }

    /// Asks the node.
    async fn call(
        &self,
        asked: Asked,
        consistency: Option<Consistency>,
        action: Action,
    ) -> Result<Done, Problem> {
        let request = asked.of(self.job.keyspace.clone(), consistency, action);
        match self.shared.backend.ask(request).await {
            Answer::Done(done) => Ok(done),
            Answer::Failed(failure) => Err(failure.into()),
            other => Err(Problem::new(Code::INTERNAL, format!("unexpected answer: {other:?}"))),
        }
    }

    async fn act(&self, act: Act, asked: Asked) -> Result<(Seen, Done), Problem> {
        let guards = self.job.guards.clone();
        let command = Command { guards, ..Command::new(act) };
        command.check().map_err(problem)?;
        let action = Action::Mutate {
            program: Program::Coordination,
            command: command.encode_to_vec().into(),
        };
        let done = self.call(asked, None, action).await?;
        let reply = Reply::read(&done.body).map_err(|error| broken(&error))?;
        match reply.into_result() {
            Ok(outcome) => Ok((outcome.into(), done)),
            Err(error) => Err(Problem {
                leader: done.leader,
                request_id: done.request_id.as_ref().map(Into::into),
                ..problem(error)
            }),
        }
    }

    async fn ask(&self, ask: Ask) -> Result<(Seen, Done), Problem> {
        let (answer, done) = self.told(ask, None).await?;
        Ok((Seen::Answer(answer), done))
    }

    async fn told(
        &self,
        ask: Ask,
        consistency: Option<Consistency>,
    ) -> Result<(wire::Answer, Done), Problem> {
        let query = Query::from(ask);
        query.check().map_err(problem)?;
        let program = Program::Coordination;
        let action = Action::Query { program, query: query.encode_to_vec().into() };
        let done = self.call(self.job.asked.clone(), consistency, action).await?;
        let reply = QueryReply::read(&done.body).map_err(|error| broken(&error))?;
        Ok((reply.into_result().map_err(problem)?, done))
    }

    /// Grants a lease, and carries a command out under it.
    async fn under(
        &self,
        grant: wire::LeaseGrantRequest,
        act: Act,
    ) -> Result<(Seen, Done), Problem> {
        // The request id names the registration: a repeat of it leaves a lease that nobody uses.
        let (granted, _) = self.act(Act::LeaseGrant(grant), self.job.asked.anonymous()).await?;
        let Seen::Outcome(Outcome::LeaseGrant(lease)) = granted else { return Err(unexpected()) };
        let act = match act {
            Act::Recipe(mut recipe) => {
                if let Some(RecipeAct::Register(register)) = &mut recipe.act {
                    register.lease = lease.id;
                }
                Act::Recipe(recipe)
            }
            other => other,
        };
        let (_, done) = self.act(act, self.job.asked.clone()).await?;
        Ok((Seen::Granted(lease.id, lease.ttl), done))
    }

    /// Keeps a lease alive; in the log if the leader says so. Then says how an instance is.
    async fn beat(
        &self,
        id: i64,
        report: Option<wire::ReportRequest>,
    ) -> Result<(Seen, Done), Problem> {
        let ids = vec![id];
        let ask = Ask::LeaseKeepAlive(LeaseRenewRequest { ids: ids.clone() });
        let (told, mut done) = self.told(ask, Some(Consistency::LINEARIZABLE)).await?;
        let wire::Answer::LeaseKeepAlive(kept) = told else { return Err(unexpected()) };
        let mut kept = kept.leases.into_iter().next().ok_or_else(unexpected)?;
        if kept.ttl > 0 && kept.log_it {
            let renew = Act::LeaseRenew(LeaseRenewRequest { ids });
            let (seen, logged) = self.act(renew, self.job.asked.anonymous()).await?;
            let Seen::Outcome(Outcome::LeaseRenew(renewed)) = seen else {
                return Err(unexpected());
            };
            kept = renewed.leases.into_iter().next().ok_or_else(unexpected)?;
            done = logged;
        }
        if kept.ttl <= 0 {
            return Err(Problem::new(Code::LEASE_NOT_FOUND, "there is no such lease"));
        }
        let mut changed = false;
        if let Some(report) = report {
            let act = Act::Recipe(wire::RecipeRequest { act: Some(RecipeAct::Report(report)) });
            let (seen, reported) = self.act(act, self.job.asked.clone()).await?;
            changed = matches!(
                seen,
                Seen::Recipe(_, wire::RecipeOutcome::Settled(settled)) if settled.changed
            );
            done = reported;
        }
        Ok((Seen::Kept(id, kept.ttl, changed), done))
    }

    /// Waits for a goal at most so long; what was seen last.
    async fn wait(&self, goal: &Goal, wait: Duration) -> Result<Found, Problem> {
        let level = Some(Consistency::LINEARIZABLE);
        let (told, done) = self.told(goal.probe(), level).await?;
        let seen = Seen::Answer(told);
        if self.reached(goal, &seen).await? {
            return Ok(Found { seen, done, late: false });
        }
        if wait.is_zero() {
            return Ok(Found { seen, done, late: true });
        }
        let Ok(_room) = self.shared.waiting.try_acquire() else {
            return Err(Problem::new(Code::OVERLOADED, "too many requests wait here"));
        };
        let mut left = ambient::start_sleep(wait);
        let mut pulse = tokio::select! {
            pulse = self.shared.pulses.join(&self.shared.backend, &self.job.keyspace) => pulse,
            () = &mut left => return Ok(Found { seen, done, late: true }),
        };
        loop {
            let (told, done) = self.told(goal.probe(), level).await?;
            let seen = Seen::Answer(told);
            if self.reached(goal, &seen).await? {
                return Ok(Found { seen, done, late: false });
            }
            let revision = revision(&seen);
            tokio::select! {
                () = pulse.concerned(goal, revision) => {}
                () = &mut left => return Ok(Found { seen, done, late: true }),
            }
        }
    }

    async fn reached(&self, goal: &Goal, seen: &Seen) -> Result<bool, Problem> {
        match goal {
            Goal::Newer { after, .. } => self.changed_since(goal, *after).await,
            goal => Ok(goal.reached(seen)),
        }
    }

    /// Whether something that concerns a goal has changed since a revision. What is compacted has.
    async fn changed_since(&self, goal: &Goal, after: i64) -> Result<bool, Problem> {
        let mut next = (after.saturating_add(1), 0);
        loop {
            let request = ChangesRequest {
                key: Bytes::from_static(b"quorate/"),
                range_end: Bytes::from_static(b"quorate0"),
                start_revision: next.0,
                start_sub: next.1,
                ..ChangesRequest::default()
            };
            let level = Some(Consistency::LINEARIZABLE);
            let (told, _) = self.told(Ask::Changes(request), level).await?;
            let wire::Answer::Changes(page) = told else { return Err(unexpected()) };
            let mut events = page.events.iter();
            let concerns = events.any(|event| {
                event.kv.as_ref().is_some_and(|kv| goal.concerns(event.r#type, &kv.key))
            });
            if concerns || page.compact_revision != 0 {
                return Ok(true);
            }
            if !page.more {
                return Ok(false);
            }
            next = (page.next_revision, page.next_sub);
        }
    }
}

/// The revision of what was seen.
fn revision(seen: &Seen) -> i64 {
    let header = match seen {
        Seen::Answer(wire::Answer::Queue(queue)) => queue.header,
        Seen::Answer(wire::Answer::Recipe(answer)) => answer.header,
        _ => None,
    };
    header.map_or(0, |header| header.revision)
}

fn broken(error: &layers::Rejected) -> Problem {
    Problem::new(Code::INTERNAL, error.0.clone())
}

fn unexpected() -> Problem {
    Problem::new(Code::INTERNAL, "an answer to another question")
}

/// Whether an answer says that the keyspace runs another program.
pub fn is_mismatch(answer: &Answer) -> bool {
    matches!(answer, Answer::Failed(failure) if failure.code == Failed::ProgramMismatch)
}

/// A call that nobody asked for by himself.
fn own(keyspace: &str, query: Bytes, timeout: Duration) -> Call {
    Call {
        keyspace: keyspace.to_owned(),
        action: Action::Query { program: Program::Coordination, query },
        consistency: Some(Consistency::EVENTUAL),
        session: None,
        request_id: None,
        timeout,
        trace: Trace::default(),
    }
}
