//! Errors, as RFC 9457 problem details.

use serde::{Deserialize, Serialize};

/// What went wrong, whether it may have happened, and what to do next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// The page about this code: `/v1/errors/CODE`.
    pub r#type: String,
    /// The code in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened here, for the person who must act.
    pub detail: String,
    /// The stable code.
    pub code: String,
    /// `none`: it did not take effect and will not; `unknown`: it may have, or may yet.
    pub effect: String,
    /// When trying again makes sense, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The mutation's request id, if it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Who leads the shard, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader: Option<Leader>,
    /// After a failed condition: the current version of the key; absent if there is no key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_version: Option<String>,
    /// After a failed condition in a batch: which operation, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<u32>,
}

/// Where to send the next request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leader {
    /// The node: `n1`.
    pub node: String,
    /// Its HTTP address, `host:port`, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
}
