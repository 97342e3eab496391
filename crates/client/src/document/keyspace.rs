//! Keyspaces and their contracts.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A keyspace as the catalog knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Keyspace {
    /// Its id, never used again: `k1`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it promises, in the fields of the contract language.
    pub contract: Value,
    /// Its shards: `s1`.
    pub shards: Vec<String>,
}

/// All keyspaces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Keyspaces {
    /// In the order of their names.
    pub keyspaces: Vec<Keyspace>,
}

/// What a contract costs and what happens in failures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Which keyspace.
    pub keyspace: String,
    /// One sentence a line.
    pub lines: Vec<String>,
}
