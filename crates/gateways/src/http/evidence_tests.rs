//! Headers are read totally.

use proptest::prelude::*;

use super::*;

fn headers(name: &HeaderName, value: &[u8]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(name.clone(), HeaderValue::from_bytes(value).ok()?);
    Some(headers)
}

fn with(name: &HeaderName, value: &str) -> HeaderMap {
    headers(name, value.as_bytes()).unwrap()
}

#[test]
fn conditions_are_a_version_or_a_star() {
    let version = Version::parse("1-ff-7").unwrap();
    let read = |name, text| conditions(&with(name, text));
    assert_eq!(read(&IF_MATCH, "\"1-ff-7\""), Ok((Some(Tag::Version(version)), None)));
    assert_eq!(read(&IF_MATCH, "*"), Ok((Some(Tag::Any), None)));
    assert_eq!(read(&IF_NONE_MATCH, "*"), Ok((None, Some(Tag::Any))));
    for bad in ["W/\"1-ff-7\"", "\"1-ff-7\", \"1-ff-8\"", "\"other\"", ""] {
        assert_eq!(read(&IF_MATCH, bad).unwrap_err().code, Code::INVALID_HEADER, "{bad}");
    }
    let mut both = with(&IF_MATCH, "*");
    both.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
    assert!(conditions(&both).is_err());
}

#[test]
fn a_request_id_may_be_quoted() {
    for text in ["order-17", "\"order-17\""] {
        let id = request_id(&with(&IDEMPOTENCY_KEY, text)).unwrap().unwrap();
        assert_eq!(id.as_str(), "order-17");
    }
    assert!(request_id(&with(&IDEMPOTENCY_KEY, "two words")).is_err());
    assert_eq!(request_id(&HeaderMap::new()), Ok(None));
}

#[test]
fn a_trace_goes_out_as_it_came_in() {
    let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let read = trace(&with(&TRACEPARENT, text));
    assert!(read.sampled);
    let mut out = HeaderMap::new();
    insert_trace(&mut out, read);
    assert_eq!(out[TRACEPARENT], text);
    insert_trace(&mut out, Trace { trace_id: 6 << 64 | 10, ..Trace::default() });
    let ours = trace(&out);
    assert_eq!((ours.trace_id, ours.span_id), (6 << 64 | 10, 11), "the standard allows no zero");
    for bad in ["", "00-0-0-0", &text.replace("00-4", "ff-4"), &text.to_uppercase()] {
        assert_eq!(trace(&with(&TRACEPARENT, bad)), Trace::default(), "{bad}");
    }
}

#[test]
fn a_leader_hint_names_the_address_if_it_is_known() {
    let mut out = HeaderMap::new();
    insert_leader(&mut out, NodeId(2), &|_| Some("127.0.0.1:7071".into()));
    assert_eq!(out[LEADER], "\"n2\";http=\"127.0.0.1:7071\"");
    let mut out = HeaderMap::new();
    insert_leader(&mut out, NodeId::NONE, &|_| None);
    assert!(out.is_empty());
}

#[test]
fn a_header_given_twice_is_refused() {
    let mut twice = with(&TIMEOUT, "1s");
    twice.append(TIMEOUT, HeaderValue::from_static("2s"));
    assert_eq!(timeout(&twice).unwrap_err().code, Code::INVALID_HEADER);
}

proptest! {
    #[test]
    fn any_value_is_handled(value: Vec<u8>) {
        for name in [IF_MATCH, IF_NONE_MATCH, IDEMPOTENCY_KEY, SESSION, TIMEOUT, TRACEPARENT] {
            if let Some(headers) = headers(&name, &value) {
                let _ = (conditions(&headers), request_id(&headers), session(&headers));
                let _ = (timeout(&headers), trace(&headers));
            }
        }
    }
}
