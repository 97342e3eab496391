//! What is asked and answered.

use serde::{Deserialize, Serialize};

/// A recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recipe {
    /// Makes a key that is not there.
    Create(Create),
    /// Queues for permits.
    Acquire(Acquire),
    /// Gives permits back.
    Release(Under),
    /// Asks who holds permits.
    Semaphore(Named),
    /// Puts a barrier up.
    Raise(Raise),
    /// Takes it away.
    Lift(Named),
    /// Asks whether it is up.
    Barrier(Named),
    /// Joins those who wait for each other.
    Enter(Enter),
    /// Leaves them.
    Leave(Under),
    /// Registers an instance.
    Register(Register),
    /// Says how an instance is.
    Report(Report),
    /// Asks which instances there are.
    Instances(Named),
}

/// Makes a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Create {
    /// What it begins with.
    pub prefix: String,
    /// Its value.
    pub value: String,
    /// The lease that it ends with; 0 for none.
    pub lease: i64,
    /// Whether it is numbered.
    pub sequential: bool,
}

/// Queues for permits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Acquire {
    /// Which semaphore.
    pub name: String,
    /// Whose.
    pub lease: i64,
    /// How many.
    pub permits: u64,
    /// How many there are.
    pub limit: u64,
}

/// Something by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Named {
    /// Its name.
    pub name: String,
}

/// Something of a lease, by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Under {
    /// Its name.
    pub name: String,
    /// Whose.
    pub lease: i64,
}

/// Puts a barrier up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Raise {
    /// Which.
    pub name: String,
    /// The lease that it ends with; 0 for none.
    pub lease: i64,
}

/// Joins those who wait for each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Enter {
    /// Which double barrier.
    pub name: String,
    /// Whose.
    pub lease: i64,
    /// How many it takes.
    pub count: u64,
}

/// Registers an instance as passing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Register {
    /// Service and instance, with a slash between.
    pub name: String,
    /// Whose.
    pub lease: i64,
    /// What it says of itself.
    pub value: String,
}

/// Says how an instance is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Service and instance.
    pub name: String,
    /// Whose.
    pub lease: i64,
    /// How it is.
    pub health: String,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The keyspace's revision then.
    pub revision: i64,
    /// The rest.
    pub what: What,
}

/// What came of it, beside the revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A key was made.
    Created(String),
    /// A place: its token, and whether its permits are held.
    Seat(i64, bool),
    /// How many permits there are, and each place: token, permits, whether they are held.
    Semaphore(u64, Vec<(i64, u64, bool)>),
    /// Whether the barrier is up.
    Barrier(bool),
    /// How many are there, how many it takes, whether so many have been there.
    Gathering(u64, u64, bool),
    /// Whether something was changed.
    Changed(bool),
    /// Instances.
    Instances(Vec<Instance>),
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Service and instance.
    pub name: String,
    /// What it says of itself.
    pub value: String,
    /// How it is.
    pub health: String,
    /// Whose.
    pub lease: i64,
}

impl Recipe {
    /// The lease without which it is refused.
    #[must_use]
    pub fn lease(&self) -> Option<&i64> {
        let lease = match self {
            Recipe::Create(create) => &create.lease,
            Recipe::Acquire(acquire) => &acquire.lease,
            Recipe::Raise(raise) => &raise.lease,
            Recipe::Enter(enter) => &enter.lease,
            Recipe::Register(register) => &register.lease,
            _ => return None,
        };
        Some(lease).filter(|lease| **lease != 0)
    }

    /// Whether this can be its answer.
    #[must_use]
    pub fn fits(&self, what: &What) -> bool {
        matches!(
            (self, what),
            (Recipe::Create(_), What::Created(_))
                | (Recipe::Acquire(_), What::Seat(..))
                | (Recipe::Semaphore(_), What::Semaphore(..))
                | (Recipe::Barrier(_), What::Barrier(_))
                | (Recipe::Enter(_) | Recipe::Leave(_), What::Gathering(..))
                | (Recipe::Instances(_), What::Instances(_))
                | (
                    Recipe::Release(_)
                        | Recipe::Raise(_)
                        | Recipe::Lift(_)
                        | Recipe::Register(_)
                        | Recipe::Report(_),
                    What::Changed(_)
                )
        )
    }
}
