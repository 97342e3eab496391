//! One call: attempts until an answer, a final refusal, or the deadline.
//!
//! All attempts of a mutation carry one request id, so that however many of them arrive, one
//! takes effect. What must not be lost on the way is whether an attempt *may* have taken effect:
//! once one may, only an answer that knows the request id can say that it did not.
//!
//! How one attempt travels is an [`Exchange`]: an HTTP request (`request`) or a call on a pipe
//! (`direct`).

use kernel::Duration;

use crate::{
    ambient::{self, Moment},
    client::{Client, Shared},
    document::Problem,
    error::{Cause, Error},
};

/// What decides where a call goes and how often it is tried.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan<'a> {
    /// Whose leader serves it best; empty for the catalog.
    pub keyspace: &'a str,
    /// Whether it changes anything.
    pub mutation: bool,
    /// Whether any replica serves it as well as the leader.
    pub anywhere: bool,
    /// The caller's own request id; one is drawn for mutations otherwise.
    pub request_id: Option<&'a str>,
}

/// One attempt.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// Where it goes, `host:port`.
    pub address: &'a str,
    /// The id of a mutation.
    pub request_id: Option<&'a str>,
    /// How long the server is to try; it gives up before we do, so that it can say why.
    pub timeout: Duration,
}

/// How an attempt travels.
pub trait Exchange {
    /// What a server answers.
    type Reply: Send;

    /// Where the call goes.
    fn plan(&self) -> Plan<'_>;

    /// Sends it once and waits for what becomes of it.
    fn once(
        &self,
        shared: &Shared,
        attempt: Attempt<'_>,
    ) -> impl Future<Output = Outcome<Self::Reply>> + Send;
}

/// What one attempt came to.
pub enum Outcome<R> {
    Answer(R),
    Refused(Box<Problem>),
    Failed { cause: Cause, sent: bool },
}

/// The least time that another attempt must have. One that the deadline cuts off may have taken
/// effect: it would make "nobody knows" of what is known not to be done.
const ATTEMPT_MIN: Duration = Duration::from_millis(5);

/// Codes that only a node that looked the request id up answers with.
const KNOWS_THE_ID: [&str; 4] =
    ["condition-failed", "counter-overflow", "request-cancelled", "request-id-reused"];

/// Codes that say "later", and mean it: going on at once would make things worse.
const WAIT: [&str; 2] = ["overloaded", "disk-full"];

/// Codes of a node that cannot reach the others, or not in time: the next attempt goes elsewhere, even
/// if this node was the leader. It may be cut off and not know it.
const ELSEWHERE: [&str; 2] = ["deadline-exceeded", "unavailable"];

impl Client {
    /// Carries a call out; tells how many attempts it took.
    pub(crate) async fn carry_out<X: Exchange>(
        &self,
        exchange: &X,
    ) -> Result<(X::Reply, u32), Error> {
        let shared = &self.shared;
        let plan = exchange.plan();
        let deadline = ambient::now() + shared.options.timeout;
        let drawn = (plan.mutation && plan.request_id.is_none()).then(|| shared.request_id());
        let request_id = plan.request_id.or(drawn.as_deref());
        let mut may_have_happened = false;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let outcome = shared.attempt(exchange, &plan, request_id, deadline).await;
            let (cause, wait) = match outcome {
                Outcome::Answer(reply) => return Ok((reply, attempts)),
                Outcome::Refused(problem) => {
                    let knows = KNOWS_THE_ID.contains(&problem.code.as_str());
                    may_have_happened |= plan.mutation && problem.effect == "unknown";
                    may_have_happened &= !knows;
                    let wait = retry(&problem).then(|| wait(&problem));
                    (Cause::Problem(problem), wait)
                }
                Outcome::Failed { cause, sent } => {
                    may_have_happened |= plan.mutation && sent;
                    (cause, Some(Duration::ZERO))
                }
            };
            let wait = wait.map(|wait| wait.max(shared.backoff(attempts)));
            let in_time = |wait: &Duration| ambient::now() + *wait + ATTEMPT_MIN < deadline;
            match wait.filter(|wait| shared.options.retry && in_time(wait)) {
                Some(wait) => ambient::sleep(wait).await,
                None => return Err(give_up(may_have_happened, request_id, cause)),
            }
        }
    }
}

fn give_up(may_have_happened: bool, request_id: Option<&str>, cause: Cause) -> Error {
    match request_id {
        Some(id) if may_have_happened => Error::Unknown { request_id: id.to_owned(), cause },
        _ => Error::NotDone(cause),
    }
}

fn retry(problem: &Problem) -> bool {
    problem.retry_after_ms.is_some() || problem.effect == "unknown"
}

fn wait(problem: &Problem) -> Duration {
    match problem.retry_after_ms {
        Some(millis) if WAIT.contains(&problem.code.as_str()) => Duration::from_millis(millis),
        _ => Duration::ZERO,
    }
}

impl Shared {
    async fn attempt<X: Exchange>(
        &self,
        exchange: &X,
        plan: &Plan<'_>,
        request_id: Option<&str>,
        deadline: Moment,
    ) -> Outcome<X::Reply> {
        let leader_wanted = !plan.anywhere && !self.options.spread;
        let Some(address) = self.nodes.choose(plan.keyspace, leader_wanted) else {
            let cause = Cause::Protocol("no address is known".into());
            return Outcome::Failed { cause, sent: false };
        };
        let now = ambient::now();
        let until = deadline.min(now + self.options.attempt_timeout);
        let timeout = until.saturating_duration_since(now).mul_f64(0.9);
        let timeout = timeout.max(Duration::from_millis(1));
        let attempt = Attempt { address: &address, request_id, timeout };
        let outcome = match ambient::until(until, exchange.once(self, attempt)).await {
            Some(outcome) => outcome,
            None => Outcome::Failed { cause: Cause::Deadline, sent: true },
        };
        match &outcome {
            Outcome::Failed { .. } => {
                self.nodes.doubt(&address);
                self.pool.forget(&address);
                self.pipes.forget(&address);
            }
            Outcome::Refused(problem) if ELSEWHERE.contains(&problem.code.as_str()) => {
                self.nodes.doubt(&address);
            }
            _ => {}
        }
        outcome
    }
}
