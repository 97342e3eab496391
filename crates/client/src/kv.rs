//! Keys and values.

use bytes::Bytes;
use kernel::{Duration, Version};

use crate::{
    Answer, Client, Error, Evidence,
    attempt::Call,
    client::json,
    document::{Batch, BatchReply, History, Page},
    text::{
        duration,
        percent::{encode_component, encode_path},
    },
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
        let at = self.as_of.map(|version| version.to_string());
        let parameters = [("consistency", self.consistency.as_deref()), ("at", at.as_deref())];
        let target = self.target(key, &parameters);
        let reply = self.client.call(self.read(&target)).await?;
        let evidence = Evidence::of(&reply);
        let expires_ms = reply.expires.and_then(|text| text.parse().ok());
        let value = (reply.status == 200).then_some(Stored { value: reply.body, expires_ms });
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
        let ttl = ttl.map(duration::format);
        let target = self.target(key, &[("ttl", ttl.as_deref())]);
        let condition = condition.map(header);
        let mut call = self.write("PUT", &target, value);
        call.headers.extend(condition.as_ref().map(|(name, value)| (*name, value.as_str())));
        let reply = self.client.call(call).await?;
        Ok(Answer { value: reply.status == 201, evidence: Evidence::of(&reply) })
    }

    /// Removes a key; tells whether it existed.
    ///
    /// # Errors
    /// If the condition did not hold, or it was not done, or nobody knows.
    pub async fn delete(&self, key: &[u8], condition: Option<If>) -> Result<Answer<bool>, Error> {
        let target = self.target(key, &[]);
        let condition = condition.map(header);
        let mut call = self.write("DELETE", &target, b"");
        call.headers.extend(condition.as_ref().map(|(name, value)| (*name, value.as_str())));
        let reply = self.client.call(call).await?;
        Ok(Answer { value: reply.existed, evidence: Evidence::of(&reply) })
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
        let reply = self.client.call(self.write("POST", &target, &body)).await?;
        Ok(Answer { value: json(&reply)?, evidence: Evidence::of(&reply) })
    }

    fn target(&self, key: &[u8], parameters: &[(&'static str, Option<&str>)]) -> String {
        let keyspace = encode_component(self.keyspace.as_bytes());
        let encode = |(name, value): &(&'static str, Option<&str>)| {
            (*name, value.map(|value| encode_component(value.as_bytes())))
        };
        let parameters: Vec<_> = parameters.iter().map(encode).collect();
        with_parameters(format!("/v1/kv/{keyspace}/{}", encode_path(key)), &parameters)
    }

    fn consistency(&self) -> Option<String> {
        self.consistency.as_ref().map(|level| encode_component(level.as_bytes()))
    }

    fn read<'a>(&'a self, target: &'a str) -> Call<'a> {
        let anywhere = self.consistency.as_ref().is_some_and(|level| level != "linearizable");
        Call { method: "GET", target, keyspace: &self.keyspace, anywhere, ..Call::default() }
    }

    fn write<'a>(&'a self, method: &'a str, target: &'a str, body: &'a [u8]) -> Call<'a> {
        Call {
            method,
            target,
            body,
            keyspace: &self.keyspace,
            mutation: true,
            request_id: self.request_id.as_deref(),
            ..Call::default()
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

fn header(condition: If) -> (&'static str, String) {
    match condition {
        If::Version(version) => ("if-match", format!("\"{version}\"")),
        If::Present => ("if-match", "*".into()),
        If::Absent => ("if-none-match", "*".into()),
    }
}
