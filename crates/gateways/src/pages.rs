//! Pages for people beside the API: whatever is asked of the HTTP server outside of it.

use std::pin::Pin;

use bytes::Bytes;
use hyper::{HeaderMap, Method};
use tokio::sync::mpsc;

/// Who answers what no route of the API does.
pub trait Pages: Send + Sync + 'static {
    /// Answers a visit, within a time that a person waits.
    fn visit(&self, visit: Visit) -> Pin<Box<dyn Future<Output = Shown> + Send + '_>>;
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Visit {
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    /// The path, percent-encoded.
    pub path: String,
    /// After the `?`, percent-encoded.
    pub query: String,
    /// The whole body, at most as large as a document may be.
    pub body: Bytes,
}

impl Visit {
    /// A visit that a test makes up.
    #[must_use]
    pub fn made_up(method: &str, path: &str, headers: &[(&str, &str)]) -> Visit {
        let mut visit = Visit {
            method: Method::from_bytes(method.as_bytes()).unwrap_or_default(),
            path: path.to_owned(),
            ..Visit::default()
        };
        for (name, value) in headers {
            let name = hyper::header::HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, value.parse()) {
                visit.headers.insert(name, value);
            }
        }
        visit
    }

    /// The method: `GET`.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// A header; `None` if it is absent or no text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What is shown.
#[derive(Debug)]
pub struct Shown {
    /// The status of HTTP.
    pub status: u16,
    /// Names (in lower case) and values; what is no header of HTTP is left out.
    pub headers: Vec<(&'static str, String)>,
    /// What follows.
    pub content: Content,
}

/// The body of what is shown.
#[derive(Debug)]
pub enum Content {
    /// All of it.
    Whole(Bytes),
    /// Piece by piece, until the sender is dropped.
    Stream(mpsc::Receiver<Bytes>),
}

/// Whether a path belongs to the API, whatever it is.
pub(crate) fn is_api(path: &str) -> bool {
    let own = ["/healthz", "/readyz", "/metrics", "/v1"];
    own.contains(&path) || path.starts_with("/v1/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_the_api_is_not_a_page() {
        for path in ["/v1", "/v1/", "/v1/kv/a/b", "/metrics", "/healthz", "/readyz"] {
            assert!(is_api(path), "{path}");
        }
        for path in ["/", "/v10", "/events", "/metrics/x", ""] {
            assert!(!is_api(path), "{path}");
        }
    }

    #[test]
    fn a_made_up_visit_reads_like_a_real_one() {
        let visit = Visit::made_up("POST", "/chaos", &[("origin", "http://a"), ("bad name", "x")]);
        assert_eq!((visit.method(), visit.header("origin")), ("POST", Some("http://a")));
        assert_eq!(visit.header("bad name"), None);
    }
}
