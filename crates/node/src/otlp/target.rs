//! Where the collector is.

use std::fmt;

/// An endpoint: `http://host:port`, or with a path before `/v1/traces`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `host:port`.
    pub authority: String,
    /// What stands before `/v1/…`; empty, or with a slash in front and none at the end.
    pub prefix: String,
}

impl Target {
    /// Reads an endpoint.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Target, String> {
        let refuse = |why: &str| Err(format!("{text:?}: {why}"));
        if text.starts_with("https://") {
            return refuse("TLS is not built in: send to a collector on this machine");
        }
        let Some(rest) = text.strip_prefix("http://") else {
            return refuse("an endpoint is http://host:port");
        };
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, path.trim_end_matches('/')),
            None => (rest, ""),
        };
        if !super::super::config::is_address(authority) {
            return refuse("an endpoint is http://host:port; OTLP over HTTP has port 4318");
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
        if !path.chars().all(plain) {
            return refuse("the path has characters that need no explanation in a URL");
        }
        let prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Target { authority: authority.to_owned(), prefix })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_and_refused_by_name() {
        let target = Target::parse("http://127.0.0.1:4318/a/b/").unwrap();
        assert_eq!((target.authority.as_str(), target.prefix.as_str()), ("127.0.0.1:4318", "/a/b"));
        assert_eq!(target.to_string(), "http://127.0.0.1:4318/a/b");
        assert_eq!(Target::parse("http://h:1/").unwrap().prefix, "");
        for text in ["h:1", "http://h", "http://h:x", "http://h:1/a b", "http://h:1/a?b"] {
            assert!(Target::parse(text).is_err(), "{text}");
        }
        assert!(Target::parse("https://h:1").unwrap_err().contains("TLS"));
    }
}
