//! `quorate barrier`: hold others up, or meet them.

use clap::{Args, Subcommand};
use kernel::Duration;
use serde_json::json;

use super::hold::{Held, Terms};
use crate::{
    cli::{Global, parse_duration},
    exit::Failure,
};

/// Hold others up, or wait for each other.
#[derive(Debug, Subcommand)]
pub enum Barrier {
    /// Put a barrier up.
    Raise(Named),
    /// Take it away: all who wait go on.
    Lift(Named),
    /// Wait until it is down.
    Wait(Wait),
    /// Wait until so many are there, run a command, and wait until all have ended.
    Meet(Meet),
}

/// A barrier.
#[derive(Debug, Args)]
pub struct Named {
    /// Which keyspace; its program is coordination.
    keyspace: String,
    /// Which barrier.
    name: String,
}

/// Wait until a barrier is down.
#[derive(Debug, Args)]
pub struct Wait {
    #[command(flatten)]
    named: Named,
    /// How long to wait.
    #[arg(long, default_value = "1h", value_parser = parse_duration)]
    wait: Duration,
}

/// Wait for each other.
#[derive(Debug, Args)]
pub struct Meet {
    #[command(flatten)]
    named: Named,
    /// How many must be there; all say the same.
    #[arg(long)]
    count: u64,
    #[command(flatten)]
    terms: Terms,
    /// What to run when all are there.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

impl Barrier {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let say = |changed: bool, word: &str, was: &str| {
            let text = if changed { word } else { was }.to_owned();
            global.show().print(&json!({ "changed": changed }), || text)
        };
        match self {
            Barrier::Raise(Named { keyspace, name }) => {
                let settled = global.client().recipes(&keyspace).raise(&name).await?;
                say(settled.changed, "up", "was up")
            }
            Barrier::Lift(Named { keyspace, name }) => {
                let settled = global.client().recipes(&keyspace).lift(&name).await?;
                say(settled.changed, "down", "was down")
            }
            Barrier::Wait(Wait { named: Named { keyspace, name }, wait }) => {
                let barrier = global.client().recipes(&keyspace).pass(&name, wait).await?;
                match barrier.raised {
                    true => Err(Failure::unavailable(format!("barrier '{name}' is up still"))),
                    false => Ok(()),
                }
            }
            Barrier::Meet(meet) => meet.run(global).await,
        }
    }
}

impl Meet {
    async fn run(self, global: &Global) -> Result<(), Failure> {
        Held::with(global, &self.named.keyspace, self.terms.ttl, async |held| {
            self.under(held).await
        })
        .await
    }

    async fn under(&self, held: &Held) -> Result<(), Failure> {
        let (name, wait) = (self.named.name.as_str(), self.terms.wait);
        let enter = held.recipes.enter(name, &held.lease, self.count, wait);
        let gathering = held.during(async { Ok(enter.await?) }).await?;
        if !gathering.open {
            let text = format!("{} of {} were there in time", gathering.members, gathering.count);
            return Err(Failure::unavailable(text));
        }
        let done = held.run(&self.command, &[("QUORATE_BARRIER", name.to_owned())]).await;
        let depart = held.recipes.depart(name, &held.lease, wait);
        let left = held.during(async { Ok(depart.await?) }).await?;
        if left.members > 0 {
            return Err(Failure::unavailable(format!("{} have not left in time", left.members)));
        }
        done
    }
}
