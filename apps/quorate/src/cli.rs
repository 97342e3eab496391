//! The arguments of the command line.

use clap::{Args, Parser, Subcommand};
use client::{Client, Options, text::duration};
use kernel::{Duration, Version};

use crate::{
    commands::{
        bench, chaos, check, cluster, counter, dashboard, dev, doctor, etcd, events, fate, history,
        keyspace, kv, lab, recipe, server, sim, slo,
    },
    exit,
    show::Show,
};

/// A distributed data platform: say what your data must guarantee.
#[derive(Debug, Parser)]
#[command(name = "quorate", version, after_help = exit::HELP, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What every command understands.
    #[command(flatten)]
    pub global: Global,
}

/// What every command understands.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Nodes to talk to, `host:port`, separated by commas; the others are learned.
    #[arg(
        short,
        long,
        global = true,
        env = "QUORATE_ENDPOINTS",
        value_delimiter = ',',
        default_value = "127.0.0.1:7070"
    )]
    pub endpoints: Vec<String>,
    /// How long to try, retries included.
    #[arg(long, global = true, default_value = "5s", value_parser = parse_duration)]
    pub timeout: Duration,
    /// JSON for programs instead of tables for people.
    #[arg(long, global = true)]
    pub json: bool,
}

impl Global {
    /// How to print.
    pub fn show(&self) -> Show {
        Show::new(self.json)
    }

    /// A client of the cluster.
    pub fn client(&self) -> Client {
        let options = Options { timeout: self.timeout, ..Options::default() };
        Client::new(self.endpoints.clone(), options)
    }

    /// A client of one node only, which does not follow hints.
    pub fn client_of(&self, address: &str) -> Client {
        let options = Options { timeout: self.timeout, retry: false, ..Options::default() };
        Client::new([address], options)
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a cluster on this machine, ready to try.
    Dev(dev::Dev),
    /// Start one node.
    Server(server::Server),
    /// Create, look at, explain and drop keyspaces.
    #[command(subcommand)]
    Keyspace(keyspace::Keyspace),
    /// Set a key.
    Put(kv::Put),
    /// Read a key; the value goes to standard output as it is.
    Get(kv::Get),
    /// Remove a key.
    Delete(kv::Delete),
    /// Read a range of keys.
    Scan(kv::ScanKeys),
    /// Show the versions of a key that are kept.
    History(history::History),
    /// Add to a counter.
    Increment(counter::Increment),
    /// Read a counter.
    Count(counter::Count),
    /// What became of a mutation whose answer was lost.
    Fate(fate::FateOf),
    /// Run a command under a lock.
    Lock(recipe::Lock),
    /// Run a command while leading.
    Elect(recipe::Elect),
    /// Run a command that holds permits.
    Semaphore(recipe::Semaphore),
    /// Hold others up, or wait for each other.
    #[command(subcommand)]
    Barrier(recipe::Barrier),
    /// Register instances of services, list and watch them.
    #[command(subcommand)]
    Service(recipe::Service),
    /// Move from etcd, and back.
    #[command(subcommand)]
    Etcd(etcd::Etcd),
    /// Look at nodes and shards, and change them.
    #[command(subcommand)]
    Cluster(cluster::Cluster),
    /// Show what happened, on all nodes, by time.
    Events(events::Events),
    /// Find out what is wrong with the cluster, and who is the cause.
    Doctor(doctor::Doctor),
    /// Show what is left of the error budgets, and how fast they burn.
    Slo(slo::Slo),
    /// Print a dashboard for Grafana, in JSON.
    Dashboard(dashboard::Dashboard),
    /// Inject faults into a cluster that was started with chaos on.
    #[command(subcommand)]
    Chaos(chaos::Chaos),
    /// Judge a history of what clients invoked and saw.
    Check(check::Check),
    /// Run the whole cluster under simulated disasters.
    #[command(subcommand)]
    Sim(sim::Sim),
    /// Ask a question, predict, run it on the real engine, and read a report.
    #[command(subcommand)]
    Lab(lab::Lab),
    /// Measure throughput, latency and cost; drill failures.
    Bench(bench::Bench),
}

/// Reads a version for clap, with or without the quotes of an `ETag`.
pub fn parse_version(text: &str) -> Result<Version, String> {
    Version::parse(text.trim_matches('"')).ok_or_else(|| format!("'{text}' is no version"))
}

/// Reads a duration for clap.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| "write a duration as 250ms, 30s or 5m".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_arguments_may_stand_anywhere() {
        let words = ["quorate", "get", "default", "hello", "--json", "--timeout", "2s"];
        let cli = Cli::try_parse_from(words).unwrap();
        assert!(cli.global.json);
        assert_eq!(cli.global.timeout, Duration::from_secs(2));
    }
}
