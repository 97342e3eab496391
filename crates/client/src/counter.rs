//! Counters.

use kernel::Version;

use crate::{
    Answer, Client, Error, Evidence, attempt::Call, client::json, document::Count,
    kv::with_parameters, text::percent::encode_component,
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
        let target = format!("{}/increment", self.target(name));
        let body = format!("{{\"by\":{by}}}");
        let call = Call {
            method: "POST",
            target: &target,
            body: body.as_bytes(),
            keyspace: &self.keyspace,
            mutation: true,
            request_id: self.request_id.as_deref(),
            ..Call::default()
        };
        let reply = self.client.call(call).await?;
        let count: Count = json(&reply)?;
        Ok(Answer { value: count.value, evidence: Evidence::of(&reply) })
    }

    /// Reads a counter.
    ///
    /// # Errors
    /// If nobody could answer at this level.
    pub async fn count(&self, name: &[u8]) -> Result<Answer<i64>, Error> {
        let level = self.consistency.as_ref().map(|level| encode_component(level.as_bytes()));
        let at = self.as_of.map(|version| version.to_string());
        let target = with_parameters(self.target(name), &[("consistency", level), ("at", at)]);
        let anywhere = self.consistency.as_ref().is_some_and(|level| level != "linearizable");
        let call = Call {
            method: "GET",
            target: &target,
            keyspace: &self.keyspace,
            anywhere,
            ..Call::default()
        };
        let reply = self.client.call(call).await?;
        let count: Count = json(&reply)?;
        Ok(Answer { value: count.value, evidence: Evidence::of(&reply) })
    }

    fn target(&self, name: &[u8]) -> String {
        let keyspace = encode_component(self.keyspace.as_bytes());
        format!("/v1/counters/{keyspace}/{}", encode_component(name))
    }
}
