//! Pages of keys, counters, and fates.

use serde::{Deserialize, Serialize};

use crate::text::base64;

/// A page of a scan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Keys in order, by bytes.
    pub items: Vec<Item>,
    /// Where the next page starts; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A key of a page. Bytes that are not UTF-8 are in the `_base64` twin of their field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The key, if it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_base64: Option<String>,
    /// The value; both fields are absent with `keys_only`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The value, if it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_base64: Option<String>,
    /// The version of the value.
    pub version: String,
    /// When it expires, in milliseconds since 1970; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
}

impl Item {
    /// The key's bytes; `None` if the document holds none.
    #[must_use]
    pub fn key_bytes(&self) -> Option<Vec<u8>> {
        join(self.key.as_deref(), self.key_base64.as_deref())
    }

    /// The value's bytes; `None` if the document holds none.
    #[must_use]
    pub fn value_bytes(&self) -> Option<Vec<u8>> {
        join(self.value.as_deref(), self.value_base64.as_deref())
    }
}

/// The versions of a key that are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The key, if it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_base64: Option<String>,
    /// Newest first. Where one ends before the next was written, the key did not exist.
    pub versions: Vec<Revision>,
    /// Where the next page starts: what was written before this version; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// One version of a key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    /// The value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The value, if it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_base64: Option<String>,
    /// The version of the write.
    pub version: String,
    /// The version that ended it: a later write, a deletion or expiry; absent of the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// When it was to expire, in milliseconds since 1970; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
}

impl Revision {
    /// The value's bytes; `None` if the document holds none.
    #[must_use]
    pub fn value_bytes(&self) -> Option<Vec<u8>> {
        join(self.value.as_deref(), self.value_base64.as_deref())
    }
}

/// Bytes as a pair of fields: plain if they are UTF-8, Base64 otherwise.
#[must_use]
pub fn split(bytes: &[u8]) -> (Option<String>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(base64::encode(bytes))),
    }
}

/// The inverse of [`split`]; `None` of no field, both fields, or damaged Base64.
#[must_use]
pub fn join(plain: Option<&str>, encoded: Option<&str>) -> Option<Vec<u8>> {
    match (plain, encoded) {
        (Some(text), None) => Some(text.as_bytes().to_vec()),
        (None, Some(text)) => base64::decode(text),
        _ => None,
    }
}

/// The body of an increment; an empty body adds 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Increment {
    /// How much; may be negative.
    pub by: i64,
}

/// A counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// The sum; 0 if it was never added to.
    pub value: i64,
    /// The version of the sum; absent if it was never added to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fate {
    /// Which request.
    pub request_id: String,
    /// What became of it.
    pub fate: FateKind,
    /// The receipt of the answer that was lost, if it took effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// The keyspace, if it took effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyspace: Option<String>,
    /// The version written; absent if it changed nothing (a failed condition).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Of an increment: the sum after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<i64>,
    /// The code of an answer that changed nothing: a failed condition, an overflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// The three fates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FateKind {
    /// It was carried out; this was the answer.
    Done,
    /// It was not carried out and never will be.
    NotDone,
    /// Nobody can say yet: ask again.
    UnknownYet,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_text_travel_as_base64() {
        for bytes in [&b"plain"[..], b"", &[0xff, 0x00]] {
            let (plain, encoded) = split(bytes);
            assert_eq!(join(plain.as_deref(), encoded.as_deref()), Some(bytes.to_vec()));
        }
        assert_eq!(join(None, None), None);
        assert_eq!(join(Some("a"), Some("Zg==")), None);
    }

    #[test]
    fn fates_have_the_names_of_the_glossary() {
        let text =
            serde_json::to_string(&[FateKind::Done, FateKind::NotDone, FateKind::UnknownYet]);
        assert_eq!(text.unwrap(), r#"["done","not-done","unknown-yet"]"#);
    }
}
