//! `/v1/traces`: requests with what they went through.

use serde::Deserialize;

/// Requests that a node remembers.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Traces {
    /// Who tells.
    pub node: String,
    /// The requests.
    pub requests: Vec<Request>,
}

/// One request.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Request {
    /// Its trace: 32 hexadecimal digits.
    pub trace_id: String,
    /// `read` or `write`.
    pub op: String,
    /// Of which keyspace.
    pub keyspace: String,
    /// How it ended.
    pub outcome: String,
    /// When it arrived, as RFC 3339.
    pub started: String,
    /// How long it took.
    pub took_us: u64,
    /// What it went through.
    pub stages: Vec<Span>,
}

/// A stage of a request.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Span {
    /// Its name: `queue`.
    pub stage: String,
    /// Where.
    pub node: String,
    /// When it began, after the arrival; may be below zero where clocks of nodes differ.
    pub start_us: i64,
    /// How long it took.
    pub took_us: u64,
}
