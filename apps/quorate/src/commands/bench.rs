//! `quorate bench`.

use std::{io::IsTerminal, path::PathBuf};

use clap::{Args, Subcommand};
use kernel::Duration;
use load::{Plan, Report};

use crate::{
    ambient,
    bench::{KvTarget, drill::Drill},
    cli::Global,
    exit::Failure,
    show,
};

/// Nodes tell each other their processes within so long.
const ACQUAINTANCE: Duration = Duration::from_secs(3);

/// Measure a cluster: throughput, latency, and what an answer costs.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Bench {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    run: Run,
}

/// Other things to measure.
#[derive(Debug, Subcommand)]
enum What {
    /// Kill or stop nodes under load; how long do writes stand still, is anything lost?
    Failover(Drill),
}

/// A run of a workload.
#[derive(Debug, Args)]
struct Run {
    #[command(flatten)]
    plan: Plan,
    /// Which keyspace.
    #[arg(long, default_value = "default")]
    keyspace: String,
    /// The level of reads.
    #[arg(long)]
    consistency: Option<String>,
    /// Connections that the clients share in turn.
    #[arg(long, default_value_t = 8)]
    connections: u32,
    /// Send to all nodes in turn instead of to the leader.
    #[arg(long)]
    spread: bool,
    /// Processes whose cost is counted; the cluster's own if not said.
    #[arg(long = "pid")]
    pids: Vec<u32>,
    /// Write the report here, as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Write the report here, as Markdown.
    #[arg(long)]
    markdown: Option<PathBuf>,
}

impl Bench {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        match self.what {
            Some(What::Failover(drill)) => drill.run(global).await,
            None => self.run.run(global).await,
        }
    }
}

impl Run {
    async fn run(self, global: &Global) -> Result<(), Failure> {
        let cluster = acquainted(global).await?;
        let endpoints: Vec<String> = cluster.nodes.iter().map(|node| node.http.clone()).collect();
        let pids: Vec<u32> = match self.pids.is_empty() {
            true => cluster.nodes.iter().filter_map(|node| node.pid).collect(),
            false => self.pids,
        };
        if pids.len() < cluster.nodes.len() {
            eprintln!("the cost is that of {} of {} nodes", pids.len(), cluster.nodes.len());
        }
        let connection = |_| {
            let target = KvTarget::new(&endpoints, &self.keyspace, self.spread, global.timeout);
            target.at(self.consistency.as_deref())
        };
        let connections: Vec<KvTarget> =
            (0..self.connections.clamp(1, self.plan.clients)).map(connection).collect();
        let turns = connections.iter().cycle().take(self.plan.clients as usize);
        let targets = turns.cloned().collect();
        let progress = !global.json && std::io::stderr().is_terminal();
        let report = load::run("quorate", targets, &self.plan, &pids, progress).await;
        let report = report.map_err(Failure::usage)?;
        if let Some(path) = &self.report {
            let json = serde_json::to_string_pretty(&report);
            std::fs::write(path, json.map_err(|e| Failure::new(e.to_string()))?)?;
        }
        if let Some(path) = &self.markdown {
            std::fs::write(path, report.markdown())?;
        }
        global.show().print(&report, || table(&report))?;
        match report.operations {
            0 => Err(Failure::unavailable("no request was answered")),
            _ => Ok(()),
        }
    }
}

/// The cluster, once its nodes know each other's processes: what a cost is counted by.
async fn acquainted(global: &Global) -> Result<client::document::Cluster, Failure> {
    let control = global.client().control();
    let deadline = ambient::now() + ACQUAINTANCE;
    loop {
        let cluster = control.cluster().await?;
        let known = cluster.nodes.iter().all(|node| node.pid.is_some());
        if known || ambient::now() >= deadline {
            return Ok(cluster);
        }
        ambient::sleep(Duration::from_millis(50)).await;
    }
}

fn table(report: &Report) -> String {
    let mut table = show::table(&["figure", "value"]);
    for (name, value) in report.rows() {
        table.add_row([name, value]);
    }
    table.to_string()
}
