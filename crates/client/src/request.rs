//! Calls that travel as HTTP requests, one at a time on a connection.

use crate::{
    attempt::{Attempt, Exchange, Outcome, Plan},
    client::{Client, Shared},
    error::{Cause, Error},
    text::duration,
    wire::{Ask, Broken, Reply, Wire},
};

/// A request.
#[derive(Clone, Debug, Default)]
pub struct Call<'a> {
    pub method: &'a str,
    pub target: &'a str,
    pub headers: Vec<(&'a str, &'a str)>,
    pub body: &'a [u8],
    pub plan: Plan<'a>,
}

impl Client {
    /// Carries a request out.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Reply, Error> {
        let (mut reply, attempts) = self.carry_out(&call).await?;
        reply.attempts = attempts;
        Ok(reply)
    }
}

impl Exchange for Call<'_> {
    type Reply = Reply;

    fn plan(&self) -> Plan<'_> {
        self.plan
    }

    async fn once(&self, shared: &Shared, attempt: Attempt<'_>) -> Outcome<Reply> {
        let timeout = duration::format(attempt.timeout);
        let token = shared.token();
        let mut headers = self.headers.clone();
        headers.push(("quorate-timeout", &timeout));
        headers.extend(attempt.request_id.map(|id| ("idempotency-key", id)));
        headers.extend(token.as_deref().map(|token| ("quorate-session", token)));
        let ask = Ask { method: self.method, target: self.target, headers, body: self.body };
        match shared.exchange(attempt.address, &ask).await {
            Ok(reply) => self.judge(shared, reply),
            Err(Broken { sent, error, .. }) => {
                Outcome::Failed { cause: Cause::Io(attempt.address.to_owned(), error), sent }
            }
        }
    }
}

impl Call<'_> {
    fn judge(&self, shared: &Shared, reply: Reply) -> Outcome<Reply> {
        if let Some(leader) = &reply.leader {
            shared.nodes.hint(self.plan.keyspace, leader);
        }
        if let Some(token) = &reply.session {
            shared.observe(token);
        }
        let missing = reply.status == 404 && reply.receipt.is_some();
        if reply.status < 400 || missing {
            return Outcome::Answer(reply);
        }
        match serde_json::from_slice(&reply.body) {
            Ok(problem) => Outcome::Refused(Box::new(problem)),
            Err(_) if self.method == "HEAD" => Outcome::Answer(reply),
            Err(error) => {
                let text = format!("status {} without a problem: {error}", reply.status);
                Outcome::Failed { cause: Cause::Protocol(text), sent: true }
            }
        }
    }
}

impl Shared {
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
