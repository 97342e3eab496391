//! Locks, semaphores, barriers, services and leases. Leases are written as they stand in keys: in
//! hexadecimal.

use serde::{Deserialize, Serialize};

/// A lease, and the seconds that it lives on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Its id.
    pub lease: String,
    /// Seconds.
    pub ttl_s: i64,
}

/// A place in the queue of a lock or an election.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Whether it is the first.
    pub held: bool,
    /// Its fencing token.
    pub token: i64,
}

/// Permits of a semaphore, held or waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Whether they are held.
    pub held: bool,
    /// The fencing token.
    pub token: i64,
    /// How many.
    pub permits: u64,
    /// Whose.
    pub lease: String,
}

/// A barrier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barrier {
    /// Whether it is up.
    pub raised: bool,
}

/// Those who wait for each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gathering {
    /// How many are there.
    pub members: u64,
    /// How many it takes.
    pub count: u64,
    /// Whether so many have been there.
    pub open: bool,
}

/// Whether something had to be changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// It had.
    pub changed: bool,
}

/// An instance of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Which service.
    pub service: String,
    /// Which instance of it.
    pub instance: String,
    /// What it says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The same, if it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_base64: Option<String>,
    /// `passing`, `warning` or `critical`.
    pub health: String,
    /// Why.
    #[serde(default)]
    pub note: String,
    /// The lease that it ends with.
    pub lease: String,
    /// The revision that registered it.
    pub since: i64,
    /// The newest revision that changed it or its health.
    pub changed: i64,
}

/// Instances of services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instances {
    /// By service and name.
    pub instances: Vec<Instance>,
    /// Where the next page starts; absent on the last.
    #[serde(default)]
    pub cursor: Option<String>,
    /// The revision of this state: ask for what is newer.
    pub revision: i64,
}
