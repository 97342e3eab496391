//! What went wrong, as `application/problem+json` (RFC 9457).

use client::document;
use database::{Failure, failure::Effect};
use hyper::header::{ALLOW, CONTENT_TYPE, ETAG, HeaderValue, RETRY_AFTER};
use kernel::{Duration, NodeId, Version};

use super::{Response, code::Code, evidence, reply};

/// Something that went wrong, before it is rendered.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Which kind.
    pub code: Code,
    /// For the person who must act.
    pub detail: String,
    /// Whether a mutation may have happened.
    pub effect: Effect,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
    /// Who leads the shard, if known.
    pub leader: NodeId,
    /// The mutation's id, if it had one.
    pub request_id: Option<String>,
    /// The methods that the route has.
    pub allow: Option<&'static str>,
    /// After a failed condition: the current version of the key.
    pub current: Option<Version>,
    /// After a failed condition in a batch: which operation.
    pub operation: Option<u32>,
}

impl Problem {
    /// A problem that left nothing behind.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Problem {
        Problem {
            code,
            detail: detail.into(),
            effect: Effect::None,
            retry_after: None,
            leader: NodeId::NONE,
            request_id: None,
            allow: None,
            current: None,
            operation: None,
        }
    }

    /// The document, with the leader's address if `http_of` knows it.
    fn document(&self, http_of: evidence::HttpOf<'_>) -> document::Problem {
        let leader = self.leader.is_some().then(|| document::Leader {
            node: self.leader.to_string(),
            http: http_of(self.leader).map(|http| http.to_string()),
        });
        document::Problem {
            r#type: format!("/v1/errors/{}", self.code.name),
            title: self.code.title.into(),
            status: self.code.status,
            detail: self.detail.clone(),
            code: self.code.name.into(),
            effect: effect_name(self.effect).into(),
            retry_after_ms: self.retry_after.map(millis),
            request_id: self.request_id.clone(),
            leader,
            current_version: self.current.map(|version| version.to_string()),
            operation: self.operation,
        }
    }

    /// The document as bytes, without an address for the leader.
    pub(super) fn body(&self) -> Vec<u8> {
        serde_json::to_vec(&self.document(&|_| None)).unwrap_or_default()
    }

    /// The response.
    pub(super) fn response(&self, http_of: evidence::HttpOf<'_>) -> Response {
        let mut response = reply::json(self.code.status, &self.document(http_of));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(after) = self.retry_after {
            // Whole seconds are all that the header can say; the body is exact.
            headers.insert(RETRY_AFTER, HeaderValue::from(millis(after).div_ceil(1000).max(1)));
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if let Some(version) = self.current {
            evidence::insert(headers, ETAG, &format!("\"{version}\""));
        }
        if let Some(id) = &self.request_id {
            evidence::insert(headers, evidence::IDEMPOTENCY_KEY, id);
        }
        evidence::insert_leader(headers, self.leader, http_of);
        response
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        Problem {
            effect: failure.effect,
            retry_after: failure.retry_after,
            leader: failure.leader,
            ..Problem::new(failure.code.into(), failure.text)
        }
    }
}

fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::None => "none",
        Effect::Unknown => "unknown",
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_whether_it_may_have_happened_and_where_to_go() {
        let failure = Failure::new(database::Code::Unavailable, "no majority answers");
        let problem = Problem::from(failure.unknown().led_by(NodeId(2)));
        let document = problem.document(&|_| Some("127.0.0.1:7071".into()));
        assert_eq!((document.status, document.effect.as_str()), (503, "unknown"));
        assert_eq!(document.retry_after_ms, Some(200));
        assert_eq!(document.leader.and_then(|l| l.http).as_deref(), Some("127.0.0.1:7071"));
        let response = problem.response(&|_| None);
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(response.headers()["quorate-leader"], "\"n2\"");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
}
