//! What clients of a keyspace with etcd's model ask, as it is written in a history.
//!
//! ```text
//!   {"process":0,"type":"invoke","f":"etcd","key":"etcd","value":{"put":{"key":"a","value":"1"}}}
//!   {"process":0,"type":"ok","f":"etcd","key":"etcd","value":{"put":{"revision":2}}}
//! ```
//!
//! `key` names the keyspace. A refusal is an answer like any other: `{"refused":"compacted"}`.

use serde::{Deserialize, Serialize};

use super::Recipe;

/// A request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Sets a key.
    Put(Put),
    /// Removes keys.
    Delete(Keys),
    /// Compares, then does one thing or the other, at one revision.
    Txn(Txn),
    /// Reads keys.
    Range(Range),
    /// Forgets what only reads before a revision need.
    Compact(Compact),
    /// Makes a lease.
    Grant(Grant),
    /// Gives leases their whole time again.
    KeepAlive(KeepAlive),
    /// Ends a lease.
    Revoke(Lease),
    /// Asks what a lease has left.
    TimeToLive(Lease),
    /// Queues for a lock.
    Lock(Stand),
    /// Stands for election.
    Campaign(Stand),
    /// Gives up a place in the queue of a lock.
    Unlock(Place),
    /// Gives up a candidacy.
    Resign(Place),
    /// Changes what a candidate says.
    Proclaim(Proclaim),
    /// Asks who leads.
    Leader(Name),
    /// Reads changes from a cursor on.
    Watch(Watch),
    /// A recipe.
    Recipe(Recipe),
}

/// A put.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Put {
    /// Which key.
    pub key: String,
    /// Its value.
    #[serde(default)]
    pub value: String,
    /// The lease that it ends with; 0 for none.
    #[serde(default, skip_serializing_if = "zero")]
    pub lease: i64,
    /// The lock that must be held, and its token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<(String, i64)>,
}

/// One key, or a range of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// The first.
    pub key: String,
    /// Up to but without this one; empty for one key, a single zero for all from `key` on.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub end: String,
}

/// A transaction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Txn {
    /// What must hold.
    #[serde(default)]
    pub compare: Vec<Compare>,
    /// What to do then.
    #[serde(default)]
    pub success: Vec<Step>,
    /// What to do else.
    #[serde(default)]
    pub failure: Vec<Step>,
}

/// What must hold of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compare {
    /// Which key.
    pub key: String,
    /// How it compares.
    #[serde(rename = "is")]
    pub holds: Relation,
    /// With what.
    pub to: Operand,
}

/// How a compare compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relation {
    /// Equal to the operand.
    #[serde(rename = "=")]
    Equal,
    /// Another than the operand.
    #[serde(rename = "!=")]
    NotEqual,
    /// Less than the operand.
    #[serde(rename = "<")]
    Less,
    /// Greater than the operand.
    #[serde(rename = ">")]
    Greater,
}

/// With what a compare compares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operand {
    /// The number of puts since the key was made.
    Version(i64),
    /// The revision that made the key.
    Create(i64),
    /// The revision that set it.
    Mod(i64),
    /// The value.
    Value(String),
    /// The lease.
    Lease(i64),
}

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Sets a key.
    Put(Put),
    /// Removes keys.
    Delete(Keys),
    /// Reads keys.
    Range(Keys),
}

/// A range.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// Which keys.
    #[serde(flatten)]
    pub keys: Keys,
    /// As of this revision; 0 for now.
    #[serde(default, skip_serializing_if = "zero")]
    pub revision: i64,
    /// At most so many; 0 for all.
    #[serde(default, skip_serializing_if = "zero")]
    pub limit: i64,
}

/// A compaction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compact {
    /// From this revision on everything stays readable.
    pub revision: i64,
}

/// A grant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// The id that the client chose.
    pub lease: i64,
    /// In seconds.
    pub ttl: i64,
}

/// A keep-alive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeepAlive {
    /// Which leases.
    pub leases: Vec<i64>,
}

/// A lease.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lease {
    /// Its id.
    pub lease: i64,
}

/// A place in a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stand {
    /// Which lock or election.
    pub name: String,
    /// The lease that the place ends with.
    pub lease: i64,
    /// What a candidate says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
}

/// A place that is given up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Its key.
    pub key: String,
    /// Only if the place was made at this revision; 0 for any.
    #[serde(default, skip_serializing_if = "zero")]
    pub token: i64,
}

/// What a candidate says from now on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proclaim {
    /// The key of the candidacy.
    pub key: String,
    /// The revision that made it.
    pub token: i64,
    /// Its lease.
    pub lease: i64,
    /// The new value.
    pub value: String,
}

/// A lock or an election.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Name {
    /// Which one.
    pub name: String,
}

/// A page of changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// Which watcher: its pages follow each other.
    pub watcher: u64,
    /// Which keys.
    #[serde(flatten)]
    pub keys: Keys,
    /// From this revision on, and in it from this change on.
    pub from: (i64, u32),
}

fn zero(number: &i64) -> bool {
    *number == 0
}

/// The end of a range that has none.
pub const NO_END: &str = "\0";

impl Keys {
    /// Every key.
    #[must_use]
    pub fn all() -> Keys {
        Keys { key: NO_END.into(), end: NO_END.into() }
    }

    /// One key.
    #[must_use]
    pub fn one(key: impl Into<String>) -> Keys {
        Keys { key: key.into(), end: String::new() }
    }

    /// Whether this names every key.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.end == NO_END && (self.key.is_empty() || self.key == NO_END)
    }

    /// Whether this names a key.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        match self.end.as_str() {
            "" => self.key == key,
            NO_END => self.key.as_str() <= key,
            end => self.key.as_str() <= key && key < end,
        }
    }
}

impl Ask {
    /// The guard that it carries.
    #[must_use]
    pub fn guard(&self) -> Option<(&str, i64)> {
        match self {
            Ask::Put(put) => put.guard.as_ref().map(|(name, token)| (name.as_str(), *token)),
            _ => None,
        }
    }

    /// The leases without which it is refused.
    #[must_use]
    pub fn leases(&self) -> &[i64] {
        match self {
            Ask::Put(put) if put.lease != 0 => std::slice::from_ref(&put.lease),
            Ask::Lock(stand) | Ask::Campaign(stand) => std::slice::from_ref(&stand.lease),
            Ask::Proclaim(proclaim) => std::slice::from_ref(&proclaim.lease),
            Ask::Revoke(lease) | Ask::TimeToLive(lease) => std::slice::from_ref(&lease.lease),
            Ask::KeepAlive(keep) => &keep.leases,
            Ask::Recipe(recipe) => recipe.lease().map_or(&[], std::slice::from_ref),
            _ => &[],
        }
    }
}

/// The key of a place in a queue: what etcd's recipes write.
#[must_use]
pub fn place(name: &str, lease: i64) -> String {
    let sign = if lease < 0 { "-" } else { "" };
    format!("{name}/{sign}{:x}", lease.unsigned_abs())
}
