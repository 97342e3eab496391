//! `quorate lock | elect | semaphore`: a command that runs while something is held.

use clap::Args;

use super::hold::{Held, Terms};
use crate::{cli::Global, exit::Failure};

/// Run a command under a lock.
///
/// The fencing token is in QUORATE_TOKEN: pass it on with every write that only the holder may make
/// (`Quorate-Guard: NAME TOKEN`). If the lock is lost, the command is ended.
#[derive(Debug, Args)]
pub struct Lock {
    /// Which keyspace; its program is coordination.
    keyspace: String,
    /// Which lock.
    name: String,
    #[command(flatten)]
    terms: Terms,
    /// What to run.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

impl Lock {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let ttl = self.terms.ttl;
        Held::with(global, &self.keyspace, ttl, async |held| self.under(held).await).await
    }

    async fn under(&self, held: &Held) -> Result<(), Failure> {
        let (name, wait) = (self.name.as_str(), self.terms.wait);
        let place =
            held.during(async { Ok(held.recipes.lock(name, &held.lease, wait).await?) }).await?;
        if !place.held {
            return Err(Failure::unavailable(format!("lock '{name}' was not free in time")));
        }
        let set = [("QUORATE_TOKEN", place.token.to_string()), ("QUORATE_LOCK", self.name.clone())];
        held.run(&self.command, &set).await
    }
}

/// Stand for election, and run a command while leading.
///
/// The fencing token is in QUORATE_TOKEN.
#[derive(Debug, Args)]
pub struct Elect {
    /// Which keyspace; its program is coordination.
    keyspace: String,
    /// Which election.
    name: String,
    /// What the leader says, for others to read.
    value: String,
    #[command(flatten)]
    terms: Terms,
    /// What to run.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

impl Elect {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let ttl = self.terms.ttl;
        Held::with(global, &self.keyspace, ttl, async |held| self.under(held).await).await
    }

    async fn under(&self, held: &Held) -> Result<(), Failure> {
        let (name, value, wait) = (self.name.as_str(), self.value.as_str(), self.terms.wait);
        let campaign = held.recipes.campaign(name, &held.lease, value, wait);
        let place = held.during(async { Ok(campaign.await?) }).await?;
        if !place.held {
            return Err(Failure::unavailable(format!("election '{name}' was not won in time")));
        }
        let set =
            [("QUORATE_TOKEN", place.token.to_string()), ("QUORATE_ELECTION", self.name.clone())];
        held.run(&self.command, &set).await
    }
}

/// Run a command that holds permits of a semaphore.
///
/// The fencing token is in QUORATE_TOKEN; in a guard the semaphore is named
/// `quorate/semaphores/NAME`.
#[derive(Debug, Args)]
pub struct Semaphore {
    /// Which keyspace; its program is coordination.
    keyspace: String,
    /// Which semaphore.
    name: String,
    /// How many permits it has: it is made if it is not there.
    #[arg(long)]
    permits: Option<u64>,
    /// How many to hold.
    #[arg(long, default_value_t = 1)]
    take: u64,
    #[command(flatten)]
    terms: Terms,
    /// What to run.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

impl Semaphore {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let ttl = self.terms.ttl;
        Held::with(global, &self.keyspace, ttl, async |held| self.under(held).await).await
    }

    async fn under(&self, held: &Held) -> Result<(), Failure> {
        let (name, limit) = (self.name.as_str(), self.permits.unwrap_or(0));
        let acquire = held.recipes.acquire(name, &held.lease, self.take, limit, self.terms.wait);
        let seat = held.during(async { Ok(acquire.await?) }).await?;
        if !seat.held {
            return Err(Failure::unavailable(format!("semaphore '{name}' had no room in time")));
        }
        let set =
            [("QUORATE_TOKEN", seat.token.to_string()), ("QUORATE_SEMAPHORE", self.name.clone())];
        held.run(&self.command, &set).await
    }
}
