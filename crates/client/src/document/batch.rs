//! Atomic batches.

use serde::{Deserialize, Serialize};

/// The body of a batch: all operations take effect, in order, or none does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// What to do.
    pub operations: Vec<Operation>,
}

/// One operation of a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Operation {
    /// Sets a key.
    Put {
        /// The key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// The key, if it is not UTF-8.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key_base64: Option<String>,
        /// The value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<String>,
        /// The value, if it is not UTF-8.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value_base64: Option<String>,
        /// How long it lives: `30s`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ttl: Option<String>,
        /// A version that the key must have, or `*` if it must exist.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        if_match: Option<String>,
        /// `*` if the key must not exist.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        if_none_match: Option<String>,
    },
    /// Removes a key.
    Delete {
        /// The key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// The key, if it is not UTF-8.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key_base64: Option<String>,
        /// A version that the key must have, or `*` if it must exist.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        if_match: Option<String>,
    },
}

/// The answer to a batch that took effect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BatchReply {
    /// The version of everything it wrote.
    pub version: String,
    /// One per operation.
    pub outcomes: Vec<Outcome>,
}

/// What one operation found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether the key existed before.
    pub existed: bool,
    /// Its version before, if it existed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_tagged_and_unknown_fields_are_refused() {
        let put = r#"{"operations":[{"op":"put","key":"a","value":"1","if_none_match":"*"}]}"#;
        let batch: Batch = serde_json::from_str(put).unwrap();
        assert_eq!(serde_json::to_string(&batch).unwrap(), put);
        let typo = r#"{"operations":[{"op":"put","key":"a","value":"1","if_missing":"*"}]}"#;
        assert!(serde_json::from_str::<Batch>(typo).is_err());
    }
}
