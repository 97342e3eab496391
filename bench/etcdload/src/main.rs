//! The load generator of `quorate bench` against servers that speak etcd's protocol, etcd and
//! Quorate alike: the same loop, the same keys, the same report.

mod ambient;
mod failover;
mod grpc;
mod http2;
mod paths;
mod status;
mod watch;
mod work;

use clap::{Parser, Subcommand};
use grpc::Connection;
use load::Plan;
use work::{Client, Work};

/// Measure a server that speaks etcd's protocol.
#[derive(Debug, Parser)]
struct Arguments {
    /// The nodes to talk to, `host:port`, separated by commas.
    #[arg(long, default_value = "127.0.0.1:2379", value_delimiter = ',')]
    endpoint: Vec<String>,
    /// Connections; clients share them in turn. As many as clients if not said.
    #[arg(long)]
    connections: Option<u32>,
    /// Processes whose cost is counted.
    #[arg(long = "pid")]
    pids: Vec<u32>,
    /// How the report calls the server.
    #[arg(long, default_value = "etcd")]
    name: String,
    /// What clients do.
    #[arg(long, value_enum, default_value_t = Work::Kv)]
    work: Work,
    #[command(flatten)]
    plan: Plan,
    #[command(subcommand)]
    other: Option<Other>,
}

/// What is measured otherwise.
#[derive(Debug, Subcommand)]
enum Other {
    /// Watchers and a writer.
    Watch(watch::Watching),
    /// How long writes stand still while nodes fail, and whether an acknowledged one is lost.
    Failover(failover::Failover),
    /// What every node says of itself: who it is, who leads, whether it serves.
    Status,
}

// One thread: more would only make the connections and their clients wait for each other.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    match &arguments.other {
        Some(Other::Failover(failover)) => return Ok(failover.run(&arguments.endpoint).await?),
        Some(Other::Status) => {
            println!("{}", status::of_all(&arguments.endpoint).await);
            return Ok(());
        }
        Some(Other::Watch(_)) | None => {}
    }
    let plan = &arguments.plan;
    let wanted = arguments.connections.unwrap_or(plan.clients).max(1);
    let mut connections = Vec::new();
    for endpoint in arguments.endpoint.iter().cycle().take(wanted as usize) {
        connections.push(Connection::open(endpoint).await?);
    }
    if let Some(Other::Watch(watching)) = &arguments.other {
        let report = watch::run(&connections, watching, &arguments.pids).await?;
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    let turn = connections.iter().cycle().take(plan.clients as usize).enumerate();
    let targets = turn
        .map(|(number, connection)| Client::new(connection.clone(), arguments.work, number))
        .collect();
    let report = load::run(&arguments.name, targets, plan, &arguments.pids, false).await?;
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}
