//! What clients were told.

use serde::{Deserialize, Serialize};

use super::{Ask, Outcome};

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Nothing happened.
    Refused(Refusal),
    /// A key was set.
    Put(Done),
    /// Keys were removed.
    Delete(Deleted),
    /// A transaction took effect.
    Txn(TxnDone),
    /// Keys.
    Range(Found),
    /// It is done: compaction, grant, revocation, a place given up, a proclamation.
    Done(Done),
    /// What each lease has, in seconds; 0 where there is none.
    KeepAlive(Kept),
    /// What a lease has left.
    TimeToLive(Left),
    /// A place in a queue.
    Place(Queued),
    /// Who leads.
    Leader(Leads),
    /// Changes.
    Watch(Page),
    /// What a recipe came to.
    Recipe(Outcome),
}

/// Why nothing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The revision is compacted.
    Compacted,
    /// The revision is still to come.
    Future,
    /// There is no such lease.
    LeaseNotFound,
    /// The guard's lock is not held at its token.
    Guard,
    /// The candidacy is over.
    NotLeader,
    /// Nobody stands.
    NoLeader,
    /// Something else.
    #[serde(other)]
    Other,
}

/// It is done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// The keyspace's revision then.
    pub revision: i64,
    /// What a put replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<Kv>,
}

/// Keys were removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deleted {
    /// The keyspace's revision then.
    pub revision: i64,
    /// How many.
    pub deleted: i64,
}

/// A transaction took effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TxnDone {
    /// The keyspace's revision then.
    pub revision: i64,
    /// Whether the compares held.
    pub succeeded: bool,
    /// One for each step.
    pub steps: Vec<StepDone>,
}

impl TxnDone {
    /// Whether it changed anything.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.steps.iter().any(|step| match step {
            StepDone::Put => true,
            StepDone::Deleted(count) => *count > 0,
            StepDone::Found(_) => false,
        })
    }
}

/// What a step of a transaction found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepDone {
    /// A key was set.
    Put,
    /// So many were removed.
    Deleted(i64),
    /// Keys.
    Found(Vec<Kv>),
}

/// Keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The keyspace's revision then.
    pub revision: i64,
    /// Keys and values.
    pub kvs: Vec<Kv>,
    /// How many there are, whatever the limit left out.
    pub count: i64,
}

/// A key and what stands under it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kv {
    /// The key.
    pub key: String,
    /// The value.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// The revision that made it.
    #[serde(default, skip_serializing_if = "zero")]
    pub create: i64,
    /// The revision that set it.
    #[serde(default, rename = "mod", skip_serializing_if = "zero")]
    pub modified: i64,
    /// How often it was set since it was made.
    #[serde(default, skip_serializing_if = "zero")]
    pub version: i64,
    /// The lease that it ends with.
    #[serde(default, skip_serializing_if = "zero")]
    pub lease: i64,
}

fn zero(number: &i64) -> bool {
    *number == 0
}

/// Leases and their times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The keyspace's revision then.
    pub revision: i64,
    /// Id, and seconds from now on; 0 if there is no such lease.
    pub leases: Vec<(i64, i64)>,
}

/// A lease.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Left {
    /// The keyspace's revision then.
    pub revision: i64,
    /// Seconds left; -1 if there is no such lease.
    pub ttl: i64,
    /// Seconds granted.
    pub granted: i64,
}

/// A place in a queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Queued {
    /// The keyspace's revision then.
    pub revision: i64,
    /// The key that is the place.
    pub key: String,
    /// The revision that made it: of the first, the fencing token.
    pub token: i64,
    /// Whether it is the first.
    pub held: bool,
    /// Else the place before it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub behind: String,
}

/// Who leads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leads {
    /// The keyspace's revision then.
    pub revision: i64,
    /// The leader's candidacy.
    pub kv: Kv,
}

/// A page of changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// The keyspace's revision, on the replica that answered.
    pub revision: i64,
    /// The changes.
    #[serde(default)]
    pub events: Vec<Change>,
    /// Where the next page starts.
    pub next: (i64, u32),
    /// If not 0, the start is compacted: the first revision that can be watched from.
    #[serde(default, skip_serializing_if = "zero")]
    pub compacted: i64,
}

/// A change of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Whether the key was removed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
    /// What stands there now; of a removal, the key and the revision.
    pub kv: Kv,
    /// What stood there before the revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<Kv>,
}

impl Answer {
    /// The keyspace's revision when it was given.
    #[must_use]
    pub fn revision(&self) -> Option<i64> {
        match self {
            Answer::Refused(_) => None,
            Answer::Put(done) | Answer::Done(done) => Some(done.revision),
            Answer::Delete(deleted) => Some(deleted.revision),
            Answer::Txn(txn) => Some(txn.revision),
            Answer::Range(found) => Some(found.revision),
            Answer::KeepAlive(kept) => Some(kept.revision),
            Answer::TimeToLive(left) => Some(left.revision),
            Answer::Place(queued) => Some(queued.revision),
            Answer::Leader(leads) => Some(leads.revision),
            Answer::Watch(page) => Some(page.revision),
            Answer::Recipe(outcome) => Some(outcome.revision),
        }
    }

    /// Whether this can be the answer to a request.
    #[must_use]
    pub fn fits(&self, ask: &Ask) -> bool {
        if let (Answer::Recipe(outcome), Ask::Recipe(recipe)) = (self, ask) {
            return recipe.fits(&outcome.what);
        }
        matches!(
            (self, ask),
            (Answer::Refused(_), _)
                | (Answer::Put(_), Ask::Put(_))
                | (Answer::Delete(_), Ask::Delete(_))
                | (Answer::Txn(_), Ask::Txn(_))
                | (Answer::Range(_), Ask::Range(_))
                | (Answer::KeepAlive(_), Ask::KeepAlive(_))
                | (Answer::TimeToLive(_), Ask::TimeToLive(_))
                | (Answer::Place(_), Ask::Lock(_) | Ask::Campaign(_))
                | (Answer::Leader(_), Ask::Leader(_))
                | (Answer::Watch(_), Ask::Watch(_))
                | (
                    Answer::Done(_),
                    Ask::Compact(_)
                        | Ask::Grant(_)
                        | Ask::Revoke(_)
                        | Ask::Unlock(_)
                        | Ask::Resign(_)
                        | Ask::Proclaim(_)
                )
        )
    }
}
