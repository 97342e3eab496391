//! The load generator of `quorate bench` against etcd, over gRPC as etcd's own clients speak it:
//! the same loop, the same keys, the same report.

use clap::Parser;
use etcd_client::{Client, KvClient};
use load::{Plan, Target};

/// Measure etcd.
#[derive(Debug, Parser)]
struct Arguments {
    /// Nodes to talk to; the first should be the leader.
    #[arg(long, value_delimiter = ',', default_value = "127.0.0.1:2379")]
    endpoints: Vec<String>,
    /// Connections; clients share them in turn. As many as clients if not said.
    #[arg(long)]
    connections: Option<u32>,
    /// Processes whose cost is counted.
    #[arg(long = "pid")]
    pids: Vec<u32>,
    #[command(flatten)]
    plan: Plan,
}

/// One client. Puts are durable on a majority and ranges linearizable by etcd's default.
struct Etcd(KvClient);

impl Target for Etcd {
    async fn write(&mut self, key: &str, value: &[u8]) -> Result<(), String> {
        self.0.put(key, value, None).await.map(drop).map_err(|error| error.to_string())
    }

    async fn read(&mut self, key: &str) -> Result<(), String> {
        self.0.get(key, None).await.map(drop).map_err(|error| error.to_string())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let plan = &arguments.plan;
    let wanted = arguments.connections.unwrap_or(plan.clients).clamp(1, plan.clients);
    let mut connections = Vec::new();
    for _ in 0..wanted {
        connections.push(Client::connect(&arguments.endpoints, None).await?);
    }
    let turn = connections.iter().cycle().take(plan.clients as usize);
    let targets = turn.map(|client| Etcd(client.kv_client())).collect();
    let report = load::run("etcd", targets, plan, &arguments.pids, false).await?;
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}
