//! Keyspaces with etcd's model, in the messages of the program.

use bytes::Bytes;
use contract::Program;
use layers::coordination::{self, Ask, Command, Outcome, Query, QueryReply, Reply};
use prost::Message;

use crate::{Client, Error, attempt::Plan, direct::Direct, pipe::Action};

/// A keyspace with the program `coordination`. What the program itself refuses is the inner result
/// of a call: the call was carried out, and nothing happened.
#[derive(Clone, Debug)]
pub struct Coordination {
    client: Client,
    keyspace: String,
}

impl Coordination {
    pub(crate) fn new(client: Client, keyspace: &str) -> Coordination {
        Coordination { client, keyspace: keyspace.to_owned() }
    }

    /// Carries a command out.
    ///
    /// # Errors
    /// If it was not done, or nobody knows.
    pub async fn act(
        &self,
        command: &Command,
    ) -> Result<Result<Outcome, coordination::Error>, Error> {
        let plan = Plan { keyspace: &self.keyspace, mutation: true, ..Plan::default() };
        let body = self.direct(Action::Mutate(command.encode_to_vec().into()), plan).await?;
        let reply = Reply::read(&body).map_err(|error| Error::protocol(error.0))?;
        Ok(reply.into_result())
    }

    /// Asks at level linearizable.
    ///
    /// # Errors
    /// If nobody could answer.
    pub async fn ask(
        &self,
        ask: Ask,
    ) -> Result<Result<coordination::Answer, coordination::Error>, Error> {
        let query = Bytes::from(Query::from(ask).encode_to_vec());
        let plan = Plan { keyspace: &self.keyspace, ..Plan::default() };
        let body = self.direct(Action::Query(query), plan).await?;
        let reply = QueryReply::read(&body).map_err(|error| Error::protocol(error.0))?;
        Ok(reply.into_result())
    }

    async fn direct(&self, action: Action, plan: Plan<'_>) -> Result<Bytes, Error> {
        let consistency = Some("linearizable");
        let program = Program::Coordination;
        let (body, _) = self.client.direct(Direct { program, action, consistency, plan }).await?;
        Ok(body)
    }
}
