//! `quorate service`: say where something runs, and how it is; see what runs.

use clap::{Args, Subcommand};
use client::document::Instances;
use kernel::Duration;

use super::hold::Held;
use crate::{
    cli::{Global, parse_duration},
    exit::Failure,
    show,
};

/// Register instances of services, list and watch them.
#[derive(Debug, Subcommand)]
pub enum Service {
    /// Register an instance while a command runs.
    Register(Register),
    /// Say how an instance is: a heartbeat.
    Report(Report),
    /// List instances.
    List(List),
    /// Print the instances whenever something changes.
    Watch(List),
}

/// Register an instance while a command runs; it is off when the command, or this process, ends.
#[derive(Debug, Args)]
pub struct Register {
    /// Which keyspace; its program is coordination.
    keyspace: String,
    /// Which service.
    service: String,
    /// Which instance of it.
    instance: String,
    /// What it says of itself: an address, JSON, whatever clients want.
    value: String,
    /// How long the registration outlives this process, should it die.
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    ttl: Duration,
    /// What to run.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

/// Say how an instance is.
#[derive(Debug, Args)]
pub struct Report {
    /// Which keyspace.
    keyspace: String,
    /// Which service.
    service: String,
    /// Which instance of it.
    instance: String,
    /// How it is.
    #[arg(value_parser = ["passing", "warning", "critical"])]
    health: String,
    /// Why.
    #[arg(long, default_value = "")]
    note: String,
    /// The lease that it is registered under.
    #[arg(long, env = "QUORATE_LEASE")]
    lease: String,
}

/// List instances.
#[derive(Debug, Args)]
pub struct List {
    /// Which keyspace.
    keyspace: String,
    /// Of which service; all if absent.
    service: Option<String>,
    /// Only those that are passing.
    #[arg(long)]
    passing: bool,
}

impl Service {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        match self {
            Service::Register(register) => register.run(global).await,
            Service::Report(report) => report.run(global).await,
            Service::List(list) => {
                let found = list.ask(global, 0, Duration::ZERO).await?;
                global.show().print(&found, || table(&found))
            }
            Service::Watch(list) => list.watch(global).await,
        }
    }
}

impl Register {
    async fn run(self, global: &Global) -> Result<(), Failure> {
        Held::with(global, &self.keyspace, self.ttl, async |held| self.under(held).await).await
    }

    async fn under(&self, held: &Held) -> Result<(), Failure> {
        let (service, instance) = (self.service.as_str(), self.instance.as_str());
        held.recipes.register(service, instance, &held.lease, self.value.as_bytes()).await?;
        let set = [("QUORATE_SERVICE", service.to_owned()), ("QUORATE_INSTANCE", instance.into())];
        held.run(&self.command, &set).await
    }
}

impl Report {
    async fn run(self, global: &Global) -> Result<(), Failure> {
        let recipes = global.client().recipes(&self.keyspace);
        let kept = recipes
            .heartbeat(&self.service, &self.instance, &self.lease, &self.health, &self.note)
            .await?;
        global.show().print(&kept, || format!("{}, for {} s from now on", self.health, kept.ttl_s))
    }
}

impl List {
    async fn ask(&self, global: &Global, after: i64, wait: Duration) -> Result<Instances, Failure> {
        let recipes = global.client().recipes(&self.keyspace);
        Ok(recipes.instances(self.service.as_deref(), self.passing, after, wait).await?)
    }

    /// For ever. Nothing is printed twice: an answer that came late looks like the one before.
    async fn watch(&self, global: &Global) -> Result<(), Failure> {
        let mut shown = None;
        let mut after = 0;
        loop {
            let found = self.ask(global, after, Duration::from_secs(60)).await?;
            after = found.revision;
            if shown.as_ref() != Some(&found.instances) {
                global.show().print(&found, || table(&found))?;
                shown = Some(found.instances);
            }
        }
    }
}

fn table(found: &Instances) -> String {
    let mut table = show::table(&["service", "instance", "health", "value", "note", "lease"]);
    for one in &found.instances {
        let value = one.value.clone().or_else(|| one.value_base64.clone()).unwrap_or_default();
        table.add_row(vec![
            comfy_table::Cell::new(&one.service),
            comfy_table::Cell::new(&one.instance),
            show::state(&one.health),
            comfy_table::Cell::new(value),
            comfy_table::Cell::new(&one.note),
            comfy_table::Cell::new(&one.lease),
        ]);
    }
    table.to_string()
}
