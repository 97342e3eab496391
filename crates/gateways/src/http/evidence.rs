//! Headers with a meaning of ours: conditions, request ids, sessions, traces, timeouts, hints.

use std::sync::Arc;

use contract::Session;
use database::api::Trace;
use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH},
};
use kernel::{Duration, NodeId, RequestId, Version};

use super::{Problem, code::Code};
use client::text::duration;

/// The evidence on an answer (RFC 9651 dictionary).
pub const RECEIPT: HeaderName = HeaderName::from_static("quorate-receipt");
/// What the client has seen, in and out.
pub const SESSION: HeaderName = HeaderName::from_static("quorate-session");
/// The client's name for a mutation, in and out.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Whether the answer is the kept one of an earlier attempt.
pub const REPEATED: HeaderName = HeaderName::from_static("quorate-repeated");
/// Whether a deleted key existed.
pub const EXISTED: HeaderName = HeaderName::from_static("quorate-existed");
/// Who leads the shard: `"n2";http="127.0.0.1:7071"`.
pub const LEADER: HeaderName = HeaderName::from_static("quorate-leader");
/// When the key expires, in milliseconds since 1970.
pub const EXPIRES: HeaderName = HeaderName::from_static("quorate-expires");
/// How long to try.
pub const TIMEOUT: HeaderName = HeaderName::from_static("quorate-timeout");
/// The lease that a key of a coordination keyspace ends with, in hexadecimal.
pub const LEASE: HeaderName = HeaderName::from_static("quorate-lease");
/// The revision that made such a key: of a place in a queue, its fencing token.
pub const TOKEN: HeaderName = HeaderName::from_static("quorate-token");
/// W3C trace context, in and out.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Looks up where the HTTP clients of a node connect.
pub type HttpOf<'a> = &'a dyn Fn(NodeId) -> Option<Arc<str>>;

/// A condition of RFC 9110 on the version of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// `*`: any version.
    Any,
    /// This version.
    Version(Version),
    /// This revision of a key of a coordination keyspace.
    Revision(i64),
}

/// Reads `If-Match` and `If-None-Match`.
///
/// # Errors
/// If one is no single strong entity tag or `*`, or both are given.
pub fn conditions(headers: &HeaderMap) -> Result<(Option<Tag>, Option<Tag>), Problem> {
    let matches = header(headers, &IF_MATCH)?.map(|text| tag(&IF_MATCH, text)).transpose()?;
    let none =
        header(headers, &IF_NONE_MATCH)?.map(|text| tag(&IF_NONE_MATCH, text)).transpose()?;
    if matches.is_some() && none.is_some() {
        return Err(refuse("If-Match and If-None-Match cannot both be asked"));
    }
    Ok((matches, none))
}

/// Reads one entity tag or `*`.
pub(super) fn parse_tag(text: &str) -> Option<Tag> {
    if text == "*" {
        return Some(Tag::Any);
    }
    let text = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    if let Some(revision) = text.strip_prefix('r') {
        return revision.parse().ok().filter(|at| *at > 0).map(Tag::Revision);
    }
    Version::parse(text).map(Tag::Version)
}

fn tag(name: &HeaderName, text: &str) -> Result<Tag, Problem> {
    parse_tag(text).ok_or_else(|| {
        refuse(format!("{name}: {text}: give one version in quotes, as ETag gave it, or *"))
    })
}

/// Reads `Idempotency-Key`, with or without quotes.
///
/// # Errors
/// If it is no request id.
pub fn request_id(headers: &HeaderMap) -> Result<Option<RequestId>, Problem> {
    let Some(text) = header(headers, &IDEMPOTENCY_KEY)? else { return Ok(None) };
    let bare = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    match RequestId::new(bare.as_bytes()) {
        Some(id) => Ok(Some(id)),
        None => Err(refuse(format!(
            "Idempotency-Key has 1 to {} visible ASCII characters",
            RequestId::LEN_MAX
        ))),
    }
}

/// Reads `Quorate-Session`.
///
/// # Errors
/// If it is no token.
pub fn session(headers: &HeaderMap) -> Result<Option<Session>, Problem> {
    header(headers, &SESSION)?.map(parse_session).transpose()
}

/// Reads a session token.
///
/// # Errors
/// If it is none.
pub(crate) fn parse_session(text: &str) -> Result<Session, Problem> {
    Session::parse(text).map_err(|e| Problem::new(Code::SESSION_MALFORMED, e.to_string()))
}

/// Reads `Quorate-Timeout`.
///
/// # Errors
/// If it is no duration.
pub fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let read = |text: &str| {
        duration::parse(text)
            .ok_or_else(|| refuse(format!("Quorate-Timeout: {text}: write 250ms, 30s or 5m")))
    };
    header(headers, &TIMEOUT)?.map(read).transpose()
}

/// Reads `traceparent`. As the standard demands, one that cannot be read is as good as none.
#[must_use]
pub fn trace(headers: &HeaderMap) -> Trace {
    header(headers, &TRACEPARENT).ok().flatten().and_then(parse_trace).unwrap_or_default()
}

/// Reads the value of a `traceparent`.
pub(crate) fn parse_trace(text: &str) -> Option<Trace> {
    let (version, rest) = text.split_at_checked(2)?;
    let mut parts = rest.strip_prefix('-')?.split('-');
    let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
    let lower_hex = |t: &str| t.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let shaped = trace.len() == 32 && span.len() == 16 && flags.len() == 2;
    let known = version == "00" && parts.next().is_none();
    let later = version != "00" && version != "ff";
    if !shaped || !(known || later) || ![version, trace, span, flags].into_iter().all(lower_hex) {
        return None;
    }
    let (trace_id, span_id) =
        (u128::from_str_radix(trace, 16).ok()?, u64::from_str_radix(span, 16).ok()?);
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
    (trace_id != 0 && span_id != 0).then_some(Trace { trace_id, span_id, sampled })
}

/// Writes `traceparent`, if there is a trace.
pub fn insert_trace(headers: &mut HeaderMap, trace: Trace) {
    let Trace { trace_id, span_id, sampled } = trace;
    if trace_id == 0 {
        return;
    }
    // One that the node named has no span above it, and the standard allows no zero.
    let span_id = if span_id == 0 { trace_id as u64 | 1 } else { span_id };
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    put_hex(&mut text[3..35], trace_id);
    put_hex(&mut text[36..52], span_id.into());
    put_hex(&mut text[53..], sampled.into());
    if let Ok(mut value) = HeaderValue::from_bytes(&text) {
        // No two answers have the same, so that HTTP/2 need not remember it for the next one.
        value.set_sensitive(true);
        headers.insert(TRACEPARENT, value);
    }
}

/// Writes a number in as many hexadecimal digits as there is room for: every answer has some, and
/// formatting costs several times as much.
fn put_hex(into: &mut [u8], mut number: u128) {
    for digit in into.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

/// Writes the leader hint, if one leads.
pub fn insert_leader(headers: &mut HeaderMap, leader: NodeId, http_of: HttpOf<'_>) {
    if leader.is_some() {
        let text = match http_of(leader) {
            Some(http) => format!("\"{leader}\";http=\"{http}\""),
            None => format!("\"{leader}\""),
        };
        insert(headers, LEADER, &text);
    }
}

/// Writes a header; text that is no header value (an address with a line break) is left out.
pub fn insert(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refuse(format!("{name} is given twice")));
    }
    value.to_str().map(Some).map_err(|_| refuse(format!("{name} is not visible ASCII")))
}

pub(super) fn refuse(detail: impl Into<String>) -> Problem {
    Problem::new(Code::INVALID_HEADER, detail)
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
