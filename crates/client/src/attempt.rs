//! One call: attempts until an answer, a final refusal, or the deadline.
//!
//! All attempts of a mutation carry one request id, so that however many of them arrive, one
//! takes effect. What must not be lost on the way is whether an attempt *may* have taken effect:
//! once one may, only an answer that knows the request id can say that it did not.

use kernel::Duration;

use crate::{
    ambient::{self, Moment},
    client::{Client, Shared},
    document::Problem,
    error::{Cause, Error},
    text::duration,
    wire::{Ask, Broken, Reply, Wire},
};

/// A call.
#[derive(Clone, Debug, Default)]
pub struct Call<'a> {
    pub method: &'a str,
    pub target: &'a str,
    pub headers: Vec<(&'a str, &'a str)>,
    pub body: &'a [u8],
    /// Whose leader serves it best; empty for the catalog.
    pub keyspace: &'a str,
    /// Whether it changes anything.
    pub mutation: bool,
    /// Whether any replica serves it as well as the leader.
    pub anywhere: bool,
    /// The caller's own request id; one is drawn for mutations otherwise.
    pub request_id: Option<&'a str>,
}

/// What one attempt came to.
enum Outcome {
    Answer(Reply),
    Refused(Problem),
    Failed { cause: Cause, sent: bool },
}

/// Codes that only a node that looked the request id up answers with.
const KNOWS_THE_ID: [&str; 4] =
    ["condition-failed", "counter-overflow", "request-cancelled", "request-id-reused"];

/// Codes that say "later", and mean it: going on at once would make things worse.
const WAIT: [&str; 2] = ["overloaded", "disk-full"];

impl Client {
    /// Carries a call out.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Reply, Error> {
        let shared = &self.shared;
        let deadline = ambient::now() + shared.options.timeout;
        let drawn = (call.mutation && call.request_id.is_none()).then(|| shared.request_id());
        let request_id = call.request_id.or(drawn.as_deref());
        let mut may_have_happened = false;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let outcome = shared.attempt(&call, request_id, deadline).await;
            let (cause, wait) = match outcome {
                Outcome::Answer(mut reply) => {
                    reply.attempts = attempts;
                    return Ok(reply);
                }
                Outcome::Refused(problem) => {
                    let knows = KNOWS_THE_ID.contains(&problem.code.as_str());
                    may_have_happened |= call.mutation && problem.effect == "unknown";
                    may_have_happened &= !knows;
                    let wait = retry(&problem).then(|| wait(&problem));
                    (Cause::Problem(Box::new(problem)), wait)
                }
                Outcome::Failed { cause, sent } => {
                    may_have_happened |= call.mutation && sent;
                    (cause, Some(Duration::ZERO))
                }
            };
            let wait = wait.map(|wait| wait.max(shared.backoff(attempts)));
            match wait.filter(|wait| shared.options.retry && ambient::now() + *wait < deadline) {
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
    async fn attempt(
        &self,
        call: &Call<'_>,
        request_id: Option<&str>,
        deadline: Moment,
    ) -> Outcome {
        let leader_wanted = !call.anywhere && !self.options.spread;
        let Some(address) = self.nodes.choose(call.keyspace, leader_wanted) else {
            let cause = Cause::Protocol("no address is known".into());
            return Outcome::Failed { cause, sent: false };
        };
        let until = deadline.min(ambient::now() + self.options.attempt_timeout);
        // The node gives up before we do, so that it can say why.
        let millis = until.saturating_duration_since(ambient::now()).mul_f64(0.9);
        let timeout = duration::format(millis.max(Duration::from_millis(1)));
        let token = self.token();
        let mut headers = call.headers.clone();
        headers.push(("quorate-timeout", &timeout));
        headers.extend(request_id.map(|id| ("idempotency-key", id)));
        headers.extend(token.as_deref().map(|token| ("quorate-session", token)));
        let ask = Ask { method: call.method, target: call.target, headers, body: call.body };
        let exchanged = ambient::until(until, self.exchange(&address, &ask)).await;
        let outcome = match exchanged {
            Some(Ok(reply)) => self.judge(call, reply),
            Some(Err(Broken { sent, error, .. })) => {
                Outcome::Failed { cause: Cause::Io(address.clone(), error), sent }
            }
            None => Outcome::Failed { cause: Cause::Deadline, sent: true },
        };
        if matches!(outcome, Outcome::Failed { .. }) {
            self.nodes.doubt(&address);
            self.pool.forget(&address);
        }
        outcome
    }

    fn judge(&self, call: &Call<'_>, reply: Reply) -> Outcome {
        if let Some(leader) = &reply.leader {
            self.nodes.hint(call.keyspace, leader);
        }
        self.observe(&reply);
        let missing = reply.status == 404 && reply.receipt.is_some();
        if reply.status < 400 || missing {
            return Outcome::Answer(reply);
        }
        match serde_json::from_slice(&reply.body) {
            Ok(problem) => Outcome::Refused(problem),
            Err(_) if call.method == "HEAD" => Outcome::Answer(reply),
            Err(error) => {
                let text = format!("status {} without a problem: {error}", reply.status);
                Outcome::Failed { cause: Cause::Protocol(text), sent: true }
            }
        }
    }

    /// One exchange on an idle connection, or on a new one if there is none or it is dead.
    async fn exchange(&self, address: &str, ask: &Ask<'_>) -> Result<Reply, Broken> {
        if let Some(wire) = self.pool.take(address) {
            match self.exchange_on(wire, address, ask).await {
                // The server closed the idle connection and never read this request.
                Err(Broken { answered: false, .. }) => self.pool.forget(address),
                done => return done,
            }
        }
        let connected = Wire::connect(address).await;
        let wire = connected.map_err(|error| Broken { sent: false, answered: false, error })?;
        self.exchange_on(wire, address, ask).await
    }

    async fn exchange_on(
        &self,
        mut wire: Wire,
        address: &str,
        ask: &Ask<'_>,
    ) -> Result<Reply, Broken> {
        let reply = wire.exchange(address, ask).await?;
        self.pool.give(address, wire);
        Ok(reply)
    }
}
