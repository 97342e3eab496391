//! Who may do what: headers that keep a page to itself, and orders that come from our own pages.
//!
//! An order changes the cluster, so it must come from a person on one of our pages. A page of
//! another site can make a browser send a form here, but it can forge neither `Origin` nor
//! `Sec-Fetch-Site`. It can have its own name point at our address (DNS rebinding); then `Origin` and
//! `Host` agree, so `Host` must be an address, `localhost`, or what the node calls itself.

use gateways::Visit;

/// The headers of every page. `others` are the consoles of the other nodes, which the script asks
/// whether they live when this one does not answer.
pub fn headers(others: &[String]) -> Vec<(&'static str, String)> {
    let others: String = others.iter().map(|other| format!(" http://{other}")).collect();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         frame-src 'self'; connect-src 'self'{others}; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    let mut headers = plain();
    headers.push(("content-security-policy", policy));
    headers
}

/// The headers of a recorded run, which has scripts of its own: it is cut off from everything,
/// this console included.
pub fn sandboxed() -> Vec<(&'static str, String)> {
    let policy = "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; \
                  style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";
    let mut headers = plain();
    headers.push(("content-security-policy", policy.to_owned()));
    headers
}

/// The headers of everything.
pub fn plain() -> Vec<(&'static str, String)> {
    vec![
        ("x-content-type-options", "nosniff".to_owned()),
        ("referrer-policy", "no-referrer".to_owned()),
        ("cross-origin-opener-policy", "same-origin".to_owned()),
    ]
}

/// Whether an order comes from a page of ours; `own` is the node's address.
///
/// # Errors
/// Why not, for the person who gave it.
pub fn check(visit: &Visit, own: &str) -> Result<(), String> {
    let Some(host) = visit.header("host") else { return Err("no Host header".into()) };
    if !is_ours(host, own) {
        return Err(format!("{host} is no name of this node: use its address or {own}"));
    }
    let foreign = "this order comes from another site";
    match visit.header("origin") {
        Some(origin) if origin != format!("http://{host}") => return Err(foreign.into()),
        Some(_) => {}
        None if visit.header("sec-fetch-site") == Some("same-origin") => {}
        None => return Err("an order needs an Origin header: give it on the page".into()),
    }
    match visit.header("sec-fetch-site") {
        Some("same-origin") | None => Ok(()),
        Some(_) => Err(foreign.into()),
    }
}

/// Whether a value of `Host` names this node and cannot be another site's name for it.
fn is_ours(host: &str, own: &str) -> bool {
    if host.parse::<std::net::SocketAddr>().is_ok() || host.parse::<std::net::IpAddr>().is_ok() {
        return true;
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    host == own || name == "localhost"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(headers: &[(&str, &str)]) -> Result<(), String> {
        check(&Visit::made_up("POST", "/chaos", headers), "db1.example:7070")
    }

    #[test]
    fn orders_of_our_own_pages_are_taken() {
        for host in ["127.0.0.1:7070", "[::1]:7070", "localhost:7070", "db1.example:7070"] {
            let origin = format!("http://{host}");
            assert_eq!(ask(&[("host", host), ("origin", &origin)]), Ok(()), "{host}");
            let same = [("host", host), ("origin", &origin), ("sec-fetch-site", "same-origin")];
            assert_eq!(ask(&same), Ok(()), "{host}");
        }
        assert_eq!(ask(&[("host", "127.0.0.1"), ("sec-fetch-site", "same-origin")]), Ok(()));
    }

    #[test]
    fn orders_of_other_sites_are_not() {
        let host = ("host", "127.0.0.1:7070");
        let own = ("origin", "http://127.0.0.1:7070");
        for headers in [
            vec![host],
            vec![own],
            vec![host, ("origin", "http://evil.example")],
            vec![host, ("origin", "null")],
            vec![host, ("origin", "http://127.0.0.1:7071")],
            vec![host, own, ("sec-fetch-site", "cross-site")],
            vec![host, ("sec-fetch-site", "same-site")],
            vec![("host", "evil.example:7070"), ("origin", "http://evil.example:7070")],
        ] {
            assert!(ask(&headers).is_err(), "{headers:?}");
        }
    }

    #[test]
    fn pages_load_nothing_and_run_nothing_from_elsewhere() {
        let headers = headers(&["127.0.0.1:7071".into()]);
        let (_, policy) = headers.iter().find(|(n, _)| *n == "content-security-policy").unwrap();
        assert!(policy.contains("connect-src 'self' http://127.0.0.1:7071;"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(sandboxed().iter().any(|(_, value)| value.starts_with("sandbox allow-scripts;")));
    }
}
