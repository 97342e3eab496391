//! What an answer is worth.

use kernel::Version;

use crate::wire::Reply;

/// An answer with its evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<T> {
    /// What was asked for.
    pub value: T,
    /// What it is worth.
    pub evidence: Evidence,
}

/// The evidence on an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// The receipt.
    pub receipt: Receipt,
    /// The version of the key, or of what was written.
    pub version: Option<Version>,
    /// The request id of a mutation.
    pub request_id: Option<String>,
    /// Whether this is the kept answer of an earlier attempt.
    pub repeated: bool,
    /// How many attempts it took.
    pub attempts: u32,
}

impl Evidence {
    pub(crate) fn of(reply: &Reply) -> Evidence {
        Evidence {
            receipt: Receipt(Form::Text(reply.receipt.clone().unwrap_or_default())),
            version: reply.etag.as_deref().and_then(|tag| Version::parse(tag.trim_matches('"'))),
            request_id: reply.request_id.clone(),
            repeated: reply.repeated,
            attempts: reply.attempts,
        }
    }
}

/// What an answer is worth, as the dictionary of the header `Quorate-Receipt`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt(Form);

/// As it came: most receipts are never read, so none is written out before it is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Text(String),
    Fields(contract::Receipt),
}

impl Default for Form {
    fn default() -> Form {
        Form::Text(String::new())
    }
}

impl From<contract::Receipt> for Receipt {
    fn from(receipt: contract::Receipt) -> Receipt {
        Receipt(Form::Fields(receipt))
    }
}

impl std::fmt::Display for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Form::Text(text) => f.write_str(text),
            Form::Fields(receipt) => f.write_str(&receipt.header()),
        }
    }
}

impl Receipt {
    /// A member of the dictionary, without quotes: `level`, `staleness`, `replica`, `acks` …
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        self.to_string().split(", ").find_map(|member| match member.split_once('=') {
            Some((key, value)) if key == name => Some(value.trim_matches('"').to_owned()),
            None if member == name => Some("true".to_owned()),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_read_by_name() {
        let text = "level=eventual, version=\"1-ff-7\", replica=\"n2\", monotonic-reads";
        let receipt = Receipt(Form::Text(text.into()));
        assert_eq!(receipt.get("level").as_deref(), Some("eventual"));
        assert_eq!(receipt.get("version").as_deref(), Some("1-ff-7"));
        assert_eq!(receipt.get("monotonic-reads").as_deref(), Some("true"));
        assert_eq!(receipt.get("acks"), None);
    }
}
