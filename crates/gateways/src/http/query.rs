//! Query strings. A parameter that nobody reads is an error: a misspelt `consistency` must not
//! silently mean the default.

use client::text::{duration, percent};
use kernel::{Duration, Version};

use super::{Problem, code::Code};

/// Names and values, each read at most once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(Vec<u8>, Vec<u8>)>);

impl Query {
    /// Splits and decodes a query string; `+` is a space, as forms have it.
    ///
    /// # Errors
    /// If an escape is cut or a name occurs twice.
    pub fn parse(text: Option<&str>) -> Result<Query, Problem> {
        let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for pair in text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |part| percent::decode_query(part);
            let (Some(name), Some(value)) = (decode(name), decode(value)) else {
                return Err(refuse(format!("'{pair}' is not percent-encoded")));
            };
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(refuse(format!("'{}' is given twice", String::from_utf8_lossy(&name))));
            }
            pairs.push((name, value));
        }
        Ok(Query(pairs))
    }

    /// Takes the bytes of a parameter.
    pub fn bytes(&mut self, name: &str) -> Option<Vec<u8>> {
        let at = self.0.iter().position(|(other, _)| other == name.as_bytes())?;
        Some(self.0.swap_remove(at).1)
    }

    /// Takes the text of a parameter.
    ///
    /// # Errors
    /// If it is not UTF-8.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        self.bytes(name)
            .map(|bytes| {
                String::from_utf8(bytes).map_err(|_| refuse(format!("{name} is not UTF-8")))
            })
            .transpose()
    }

    /// Takes a duration, `30s`.
    ///
    /// # Errors
    /// If it is none.
    pub fn duration(&mut self, name: &str) -> Result<Option<Duration>, Problem> {
        let read = |text: String| {
            duration::parse(&text).ok_or_else(|| {
                refuse(format!("{name}={text}: write a duration as 250ms, 30s or 5m"))
            })
        };
        self.text(name)?.map(read).transpose()
    }

    /// Takes a version as `ETag` gives it, with or without its quotes.
    ///
    /// # Errors
    /// If it is none.
    pub fn version(&mut self, name: &str) -> Result<Option<Version>, Problem> {
        let read = |text: String| {
            let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            Version::parse(bare.unwrap_or(&text)).ok_or_else(|| {
                refuse(format!("{name}={text}: give a version, as ETag and receipts have it"))
            })
        };
        self.text(name)?.map(read).transpose()
    }

    /// Takes a whole number.
    ///
    /// # Errors
    /// If it is none.
    pub fn number(&mut self, name: &str) -> Result<Option<u32>, Problem> {
        let read = |text: String| {
            text.parse().map_err(|_| refuse(format!("{name}={text}: not a whole number")))
        };
        self.text(name)?.map(read).transpose()
    }

    /// Takes a long whole number.
    ///
    /// # Errors
    /// If it is none.
    pub fn long(&mut self, name: &str) -> Result<Option<u64>, Problem> {
        let read = |text: String| {
            text.parse().map_err(|_| refuse(format!("{name}={text}: not a whole number")))
        };
        self.text(name)?.map(read).transpose()
    }

    /// Takes a switch: `name`, `name=true` or `name=false`.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn switch(&mut self, name: &str) -> Result<bool, Problem> {
        match self.text(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(other) => Err(refuse(format!("{name}={other}: say true or false"))),
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// If a parameter was not read.
    pub fn finish(self) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                Err(refuse(format!("'{}' is no parameter here", String::from_utf8_lossy(name))))
            }
        }
    }
}

fn refuse(detail: String) -> Problem {
    Problem::new(Code::INVALID_PARAMETER, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_parameter_is_read_once_or_refused() {
        let mut query = Query::parse(Some("prefix=a%2Fb&limit=10&keys_only&timeout=2s")).unwrap();
        assert_eq!(query.bytes("prefix"), Some(b"a/b".to_vec()));
        assert_eq!(query.number("limit").unwrap(), Some(10));
        assert!(query.switch("keys_only").unwrap());
        assert_eq!(query.clone().finish().unwrap_err().code, Code::INVALID_PARAMETER);
        assert_eq!(query.duration("timeout").unwrap(), Some(Duration::from_secs(2)));
        query.finish().unwrap();
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for text in ["a=%", "a=1&a=2"] {
            assert!(Query::parse(Some(text)).is_err(), "{text}");
        }
        let mut query = Query::parse(Some("timeout=soon&limit=-1&s=maybe&t=%ff")).unwrap();
        assert!(query.duration("timeout").unwrap_err().detail.contains("timeout=soon"));
        assert!(query.number("limit").is_err() && query.switch("s").is_err());
        assert!(query.text("t").is_err());
        let mut query = Query::parse(Some("at=1-ff&b=%221-ff-7%22&c=1-ff-7")).unwrap();
        assert!(query.version("at").is_err());
        assert_eq!(query.version("b").unwrap(), Version::parse("1-ff-7"));
        assert_eq!(query.version("c").unwrap(), Version::parse("1-ff-7"));
    }

    proptest! {
        #[test]
        fn any_text_is_handled(text: String) {
            if let Ok(mut query) = Query::parse(Some(&text)) {
                let _ = (query.text("a"), query.number("b"), query.switch("c"), query.finish());
            }
        }
    }
}
