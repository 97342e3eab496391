//! Counters.

use bytes::Bytes;
use contract::Program;
use kernel::Version;
use layers::counter::{Command, Query, Reply};
use prost::Message;

use crate::{
    Answer, Client, Error,
    attempt::Plan,
    direct::{Direct, refused},
    error::Cause,
    pipe::{Action, Past},
};

/// The counters of a keyspace.
#[derive(Clone, Debug)]
pub struct Counters {
    client: Client,
    keyspace: String,
    consistency: Option<String>,
    request_id: Option<String>,
    as_of: Option<Version>,
}

impl Counters {
    pub(crate) fn new(client: Client, keyspace: &str) -> Counters {
        Counters {
            client,
            keyspace: keyspace.to_owned(),
            consistency: None,
            request_id: None,
            as_of: None,
        }
    }

    /// The same counters, read at another level.
    #[must_use]
    pub fn at(mut self, consistency: &str) -> Counters {
        self.consistency = Some(consistency.to_owned());
        self
    }

    /// The same counters; the next increment carries this request id.
    #[must_use]
    pub fn request_id(mut self, id: &str) -> Counters {
        self.request_id = Some(id.to_owned());
        self
    }

    /// The same counters, read as they were at a version; needs a contract that keeps `history`.
    #[must_use]
    pub fn as_of(mut self, version: Version) -> Counters {
        self.as_of = Some(version);
        self
    }

    /// Adds to a counter; the answer is the sum after it.
    ///
    /// # Errors
    /// If the sum would overflow, or it was not done, or nobody knows.
    pub async fn increment(&self, name: &[u8], by: i64) -> Result<Answer<i64>, Error> {
        let command = Command { name: Bytes::copy_from_slice(name), by };
        let request_id = self.request_id.as_deref();
        let plan = Plan { keyspace: &self.keyspace, mutation: true, request_id, anywhere: false };
        self.direct(Action::Mutate(command.encode_to_vec().into()), plan).await
    }

    /// Reads a counter.
    ///
    /// # Errors
    /// If nobody could answer at this level.
    pub async fn count(&self, name: &[u8]) -> Result<Answer<i64>, Error> {
        let query = Bytes::from(Query { name: Bytes::copy_from_slice(name) }.encode_to_vec());
        let action = match self.as_of {
            None => Action::Query(query),
            Some(at) => Action::Past(Past { query, at: Bytes::copy_from_slice(&at.to_bytes()) }),
        };
        let anywhere = self.consistency.as_ref().is_some_and(|level| level != "linearizable");
        let plan = Plan { keyspace: &self.keyspace, anywhere, ..Plan::default() };
        self.direct(action, plan).await
    }

    async fn direct(&self, action: Action, plan: Plan<'_>) -> Result<Answer<i64>, Error> {
        let consistency = self.consistency.as_deref();
        let call = Direct { program: Program::Counter, action, consistency, plan };
        let (body, mut evidence) = self.client.direct(call).await?;
        let reply = Reply::read(&body).map_err(|error| Error::protocol(error.0))?;
        if let Some(detail) = reply.refusal() {
            let mut problem =
                refused("counter-overflow", "The counter would overflow", 409, detail);
            problem.request_id = evidence.request_id;
            return Err(Error::NotDone(Cause::Problem(Box::new(problem))));
        }
        evidence.version = Version::from_bytes(&reply.version);
        Ok(Answer { value: reply.value, evidence })
    }
}
