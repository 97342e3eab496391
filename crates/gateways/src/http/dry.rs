//! Requests without a socket: what the codec hands over, as text and bytes.

use bytes::Bytes;
use hyper::{
    HeaderMap, Method, Uri,
    header::{HeaderName, HeaderValue},
};

use super::{
    Limits, Plan, Problem,
    code::Code,
    map::{self, Inbound},
    route,
};

/// What a request comes to. Headers that no HTTP message can hold are left out.
///
/// # Errors
/// As the answer to the request would say.
pub fn plan(
    method: &str,
    target: &str,
    headers: &[(&str, &[u8])],
    body: Bytes,
    limits: &Limits,
) -> Result<Plan, Problem> {
    let no_http = |what: &str| Problem::new(Code::ROUTE_NOT_FOUND, format!("{what} of no request"));
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| no_http("the method"))?;
    let target: Uri = target.parse().map_err(|_| no_http("the target"))?;
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    }
    let route = route::parse(&method, target.path())?;
    let _ = map::echo(&map);
    map::plan(route, Inbound { query: target.query(), headers: &map, body, limits })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_planned_as_if_it_had_come_by_a_socket() {
        let plan = |method, target, headers: &[(&str, &[u8])]| {
            super::plan(method, target, headers, Bytes::new(), &Limits::default())
        };
        assert!(matches!(plan("GET", "/v1/kv/carts/a", &[]), Ok(Plan::Either(..))));
        let refused = plan("GET", "/v1/kv/carts/a", &[("quorate-timeout", b"soon")]);
        assert_eq!(refused.unwrap_err().code, Code::INVALID_HEADER);
        assert_eq!(plan("GET", "no path", &[]).unwrap_err().code, Code::ROUTE_NOT_FOUND);
        assert!(plan("GET", "/", &[("no header", b""), ("x", b"\n")]).is_ok());
    }
}
