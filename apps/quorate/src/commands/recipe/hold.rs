//! Running a command under a lease.

use std::process::ExitStatus;

use clap::Args;
use client::{Cause, Error, Recipes};
use kernel::Duration;
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
};

use crate::{
    ambient,
    cli::{Global, parse_duration},
    exit::Failure,
    signal::{Signal, send},
};

/// How long a command that has lost its lease may take to end in good order.
const GRACE: Duration = Duration::from_secs(5);

/// What every command under a lease understands.
#[derive(Clone, Debug, Args)]
pub struct Terms {
    /// How long what is held outlives this process, should it die.
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub ttl: Duration,
    /// How long to wait for it.
    #[arg(long, default_value = "1h", value_parser = parse_duration)]
    pub wait: Duration,
}

/// A lease that is kept alive as long as somebody polls [`Held::keep`].
pub struct Held {
    pub recipes: Recipes,
    pub lease: String,
    ttl: Duration,
}

impl Held {
    /// Does something under a new lease, and ends the lease.
    pub async fn with(
        global: &Global,
        keyspace: &str,
        ttl: Duration,
        work: impl AsyncFnOnce(&Held) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let held = Held::new(global, keyspace, ttl).await?;
        let done = work(&held).await;
        held.release().await;
        done
    }

    /// Grants a lease.
    async fn new(global: &Global, keyspace: &str, ttl: Duration) -> Result<Held, Failure> {
        let recipes = global.client().recipes(keyspace);
        let granted = recipes.grant(ttl).await?;
        let ttl = Duration::from_secs(granted.ttl_s.unsigned_abs());
        Ok(Held { recipes, lease: granted.lease, ttl })
    }

    /// Keeps the lease alive; returns when it is lost, with the reason. A keep-alive that fails is
    /// tried again until the time that the last good one gave is over.
    pub async fn keep(&self) -> Failure {
        let mut until = ambient::now() + self.ttl;
        loop {
            ambient::sleep(self.ttl / 3).await;
            let asked = ambient::now();
            let left = until.saturating_duration_since(asked);
            match ambient::within(left, self.recipes.keep_alive(&self.lease)).await {
                Some(Ok(_)) => until = asked + self.ttl,
                Some(Err(error)) if !ended(&error) && ambient::now() < until => {}
                _ => return Failure::conflict("the lease is lost, and what was held with it"),
            }
        }
    }

    /// Does something while the lease is kept alive.
    pub async fn during<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            done = work => done,
            lost = self.keep() => Err(lost),
        }
    }

    /// Runs a command while the lease is kept alive, with these variables set.
    pub async fn run(&self, command: &[String], set: &[(&str, String)]) -> Result<(), Failure> {
        let [program, arguments @ ..] = command else {
            return Err(Failure::usage("give a command to run: -- CMD …"));
        };
        let mut child = Command::new(program)
            .args(arguments)
            .envs(set.iter().map(|(name, value)| (*name, value)))
            .env("QUORATE_LEASE", &self.lease)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Failure::new(format!("{program}: {error}")))?;
        let ended = tokio::select! {
            ended = child.wait() => ended?,
            lost = self.keep() => {
                end(&mut child).await;
                return Err(lost);
            }
            told = told_to_end() => {
                told?;
                end(&mut child).await;
                return Err(Failure::new("ended, and the command with it"));
            }
        };
        status(ended)
    }

    /// Ends the lease: what was held is free at once. If that fails it is free when its time is over.
    async fn release(self) {
        let _ = self.recipes.revoke(&self.lease).await;
    }
}

/// Waits until this process is told to end: the command must not outlive what holds its lease.
async fn told_to_end() -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn ended(error: &Error) -> bool {
    matches!(error, Error::NotDone(Cause::Problem(problem)) if problem.code == "lease-not-found")
}

/// Ends a command: first it is asked to.
async fn end(child: &mut Child) {
    if let Some(pid) = child.id() {
        let _ = send(pid, Signal::Term);
    }
    if ambient::within(GRACE, child.wait()).await.is_none() {
        let _ = child.kill().await;
    }
}

fn status(ended: ExitStatus) -> Result<(), Failure> {
    match ended.code() {
        Some(0) => Ok(()),
        Some(code) => Err(Failure::of_child(u8::try_from(code).unwrap_or(1))),
        None => Err(Failure::new("the command was ended by a signal")),
    }
}
