//! Keys and values.

use bytes::Bytes;
use contract::Program;
use kernel::{Duration, Version, clock::hybrid::Timestamp};
use layers::kv::{Command, Condition, Delete, Get, Operation, Put, Query, QueryReply, Reply};
use prost::Message;

use crate::{
    Answer, Client, Error, Evidence,
    attempt::Plan,
    client::json,
    direct::{Direct, refused},
    document::{Batch, BatchReply, History, Page},
    error::Cause,
    pipe::{Action, Past},
    request::Call,
    text::percent::encode_component,
};

/// The keys of a keyspace.
#[derive(Clone, Debug)]
pub struct Kv {
    client: Client,
    keyspace: String,
    consistency: Option<String>,
    request_id: Option<String>,
    as_of: Option<Version>,
}

/// A condition on the version of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum If {
    /// The key has this version.
    Version(Version),
    /// The key exists.
    Present,
    /// The key does not exist.
    Absent,
}

/// A value that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The value.
    pub value: Bytes,
    /// When it expires, in milliseconds since 1970; `None` for never.
    pub expires_ms: Option<u64>,
}

/// What to read of a range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Only keys that start with this.
    pub prefix: Vec<u8>,
    /// From this key on.
    pub start: Vec<u8>,
    /// Up to but without this key; empty for the end.
    pub end: Vec<u8>,
    /// At most so many items; 0 for the server's default.
    pub limit: u32,
    /// The cursor of the page before.
    pub cursor: Option<String>,
    /// Leave the values out.
    pub keys_only: bool,
}

impl Kv {
    pub(crate) fn new(client: Client, keyspace: &str) -> Kv {
        Kv {
            client,
            keyspace: keyspace.to_owned(),
            consistency: None,
            request_id: None,
            as_of: None,
        }
    }

    /// The same keys, read at another level: `eventual+monotonic-reads`.
    #[must_use]
    pub fn at(mut self, consistency: &str) -> Kv {
        self.consistency = Some(consistency.to_owned());
        self
    }

    /// The same keys; the next mutation carries this request id.
    #[must_use]
    pub fn request_id(mut self, id: &str) -> Kv {
        self.request_id = Some(id.to_owned());
        self
    }

    /// The same keys, read as they were at a version; needs a contract that keeps `history`.
    #[must_use]
    pub fn as_of(mut self, version: Version) -> Kv {
        self.as_of = Some(version);
        self
    }

    /// Reads a key; `None` if it does not exist.
    ///
    /// # Errors
    /// If nobody could answer at this level.
    pub async fn get(&self, key: &[u8]) -> Result<Answer<Option<Stored>>, Error> {
        let key = Bytes::copy_from_slice(key);
        let query = Bytes::from(Query::from(Get { key }).encode_to_vec());
        let action = match self.as_of {
            None => Action::Query(query),
            Some(at) => Action::Past(Past { query, at: Bytes::copy_from_slice(&at.to_bytes()) }),
        };
        let plan = self.reading();
        let (body, mut evidence) = self.direct(action, plan).await?;
        let reply = QueryReply::read(&body).map_err(|error| Error::protocol(error.0))?;
        let item = reply.items.into_iter().next();
        evidence.version = item.as_ref().and_then(|item| Version::from_bytes(&item.version));
        let value = item.map(|item| Stored {
            value: item.value,
            expires_ms: (item.deadline > 0).then(|| Timestamp(item.deadline).millis()),
        });
        Ok(Answer { value, evidence })
    }

    /// Sets a key; tells whether it was created. The version is in the evidence.
    ///
    /// # Errors
    /// If the condition did not hold, or it was not done, or nobody knows.
    pub async fn put(
        &self,
        key: &[u8],
        value: &[u8],
        condition: Option<If>,
        ttl: Option<Duration>,
    ) -> Result<Answer<bool>, Error> {
        let ttl_ms = match ttl {
            None => 0,
            Some(ttl) => u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1),
        };
        let put = Put {
            key: Bytes::copy_from_slice(key),
            value: Bytes::copy_from_slice(value),
            ttl_ms,
            condition: condition.map(Into::into),
        };
        let (existed, evidence) = self.change(put).await?;
        Ok(Answer { value: !existed, evidence })
    }

    /// Removes a key; tells whether it existed.
    ///
    /// # Errors
    /// If the condition did not hold, or it was not done, or nobody knows.
    pub async fn delete(&self, key: &[u8], condition: Option<If>) -> Result<Answer<bool>, Error> {
        let key = Bytes::copy_from_slice(key);
        let delete = Delete { key, condition: condition.map(Into::into) };
        let (value, evidence) = self.change(delete).await?;
        Ok(Answer { value, evidence })
    }

    /// Carries one operation out; tells whether the key existed before.
    async fn change(&self, operation: impl Into<Operation>) -> Result<(bool, Evidence), Error> {
        let command = Command::one(operation).encode_to_vec();
        let plan = self.writing();
        let (body, mut evidence) = self.direct(Action::Mutate(command.into()), plan).await?;
        let reply = Reply::read(&body).map_err(|error| Error::protocol(error.0))?;
        if let Some(detail) = reply.refusal() {
            let mut problem =
                refused("condition-failed", "The condition did not hold", 412, detail);
            problem.request_id = evidence.request_id;
            problem.current_version = reply.found().map(|version| version.to_string());
            return Err(Error::NotDone(Cause::Problem(Box::new(problem))));
        }
        evidence.version = Version::from_bytes(&reply.version);
        let existed = reply.outcomes.first().is_some_and(|outcome| outcome.existed);
        Ok((existed, evidence))
    }

    async fn direct(&self, action: Action, plan: Plan<'_>) -> Result<(Bytes, Evidence), Error> {
        let consistency = self.consistency.as_deref();
        self.client.direct(Direct { program: Program::Kv, action, consistency, plan }).await
    }

    /// Reads a page of a range.
    ///
    /// # Errors
    /// If nobody could answer at this level.
    pub async fn scan(&self, scan: &Scan) -> Result<Answer<Page>, Error> {
        let some = |bytes: &[u8]| (!bytes.is_empty()).then(|| encode_component(bytes));
        let limit = (scan.limit > 0).then(|| scan.limit.to_string());
        let parameters = [
            ("prefix", some(&scan.prefix)),
            ("start", some(&scan.start)),
            ("end", some(&scan.end)),
            ("limit", limit),
            ("cursor", scan.cursor.clone()),
            ("keys_only", scan.keys_only.then(|| "true".into())),
            ("consistency", self.consistency()),
            ("at", self.as_of.map(|version| version.to_string())),
        ];
        let path = format!("/v1/kv/{}", encode_component(self.keyspace.as_bytes()));
        let target = with_parameters(path, &parameters);
        let reply = self.client.call(self.read(&target)).await?;
        Ok(Answer { value: json(&reply)?, evidence: Evidence::of(&reply) })
    }

    /// Reads the versions of a key that are kept, newest first: those written before a version,
    /// or all; at most `limit`, 0 for the server's default.
    ///
    /// # Errors
    /// If the keyspace keeps no history, or nobody could answer at this level.
    pub async fn history(
        &self,
        key: &[u8],
        before: Option<Version>,
        limit: u32,
    ) -> Result<Answer<History>, Error> {
        let parameters = [
            ("key", Some(encode_component(key))),
            ("before", before.map(|version| version.to_string())),
            ("limit", (limit > 0).then(|| limit.to_string())),
            ("consistency", self.consistency()),
        ];
        let path = format!("/v1/kv/{}:history", encode_component(self.keyspace.as_bytes()));
        let target = with_parameters(path, &parameters);
        let reply = self.client.call(self.read(&target)).await?;
        Ok(Answer { value: json(&reply)?, evidence: Evidence::of(&reply) })
    }

    /// Carries operations out as one.
    ///
    /// # Errors
    /// If a condition did not hold, or it was not done, or nobody knows.
    pub async fn batch(&self, batch: &Batch) -> Result<Answer<BatchReply>, Error> {
        let target = format!("/v1/kv/{}:batch", encode_component(self.keyspace.as_bytes()));
        let body = serde_json::to_vec(batch).map_err(|e| Error::protocol(e.to_string()))?;
        let plan = self.writing();
        let call = Call { method: "POST", target: &target, body: &body, plan, ..Call::default() };
        let reply = self.client.call(call).await?;
        Ok(Answer { value: json(&reply)?, evidence: Evidence::of(&reply) })
    }

    fn consistency(&self) -> Option<String> {
        self.consistency.as_ref().map(|level| encode_component(level.as_bytes()))
    }

    fn reading(&self) -> Plan<'_> {
        let anywhere = self.consistency.as_ref().is_some_and(|level| level != "linearizable");
        Plan { keyspace: &self.keyspace, anywhere, ..Plan::default() }
    }

    fn writing(&self) -> Plan<'_> {
        let request_id = self.request_id.as_deref();
        Plan { keyspace: &self.keyspace, mutation: true, request_id, ..Plan::default() }
    }

    fn read<'a>(&'a self, target: &'a str) -> Call<'a> {
        Call { method: "GET", target, plan: self.reading(), ..Call::default() }
    }
}

impl From<If> for Condition {
    fn from(condition: If) -> Condition {
        match condition {
            If::Version(version) => Condition::version(version),
            If::Present => Condition::present(),
            If::Absent => Condition::absent(),
        }
    }
}

/// A path with those parameters that are given; values are encoded already.
pub(crate) fn with_parameters(mut target: String, parameters: &[(&str, Option<String>)]) -> String {
    let given = parameters.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    for (at, (name, value)) in given.enumerate() {
        target.push_str(&format!("{}{name}={value}", if at == 0 { '?' } else { '&' }));
    }
    target
}
