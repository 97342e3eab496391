//! The load generator of `quorate bench` against etcd, over gRPC as etcd's own clients speak it:
//! the same loop, the same keys, the same report.

mod etcd;

use clap::Parser;
use etcd::Etcd;
use load::Plan;
use tonic::transport::Endpoint;

/// Measure etcd.
#[derive(Debug, Parser)]
struct Arguments {
    /// The node to talk to, `host:port`: the leader, or requests pay a forward.
    #[arg(long, default_value = "127.0.0.1:2379")]
    endpoint: String,
    /// Connections; clients share them in turn. As many as clients if not said.
    #[arg(long)]
    connections: Option<u32>,
    /// Processes whose cost is counted.
    #[arg(long = "pid")]
    pids: Vec<u32>,
    #[command(flatten)]
    plan: Plan,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let plan = &arguments.plan;
    let wanted = arguments.connections.unwrap_or(plan.clients).clamp(1, plan.clients);
    let endpoint = Endpoint::from_shared(format!("http://{}", arguments.endpoint))?;
    let mut connections = Vec::new();
    for _ in 0..wanted {
        connections.push(endpoint.connect().await?);
    }
    let turn = connections.iter().cycle().take(plan.clients as usize);
    let targets = turn.map(|channel| Etcd::new(channel.clone())).collect();
    let report = load::run("etcd", targets, plan, &arguments.pids, false).await?;
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}
