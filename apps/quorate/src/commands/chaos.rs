//! `quorate chaos`: faults in a cluster that was started with chaos on.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use client::document::{self, Chaos as Fault, Direction};
use console::Order;
use kernel::Duration;

use crate::{
    cli::{Global, parse_duration},
    dev,
    exit::Failure,
    signal::{self, Signal},
};

/// Faults. A node is named by its id or as `leader` (of the keyspace `default`). Killing and
/// pausing need the node's process on this machine.
#[derive(Debug, Subcommand)]
pub enum Chaos {
    /// Kill a node's process (kill -9).
    Kill(Named),
    /// Stop a node's process without ending it (SIGSTOP).
    Pause(Named),
    /// Let a paused process go on.
    Resume(Named),
    /// Tell `quorate dev` to start a node that ended.
    Restart(Restart),
    /// Cut nodes off from all others.
    Partition(Partition),
    /// Hold back what arrives from a node's peers, or every sync of its disk.
    Slow(Slow),
    /// Let a node's disk say that it is full.
    Fill(Named),
    /// Let a node's replicas of a keyspace apply nothing of what is committed.
    Stall(Stall),
    /// Throw away every snapshot that is sent to a node.
    LoseSnapshots(Named),
    /// Shift a node's wall clock.
    Skew(Skew),
    /// End all faults on all nodes.
    Heal,
}

/// A node.
#[derive(Debug, Args)]
pub struct Named {
    /// Its id, or `leader`.
    node: String,
}

/// A node of a development cluster.
#[derive(Debug, Args)]
pub struct Restart {
    /// Its id.
    node: String,
    /// Where `quorate dev` keeps its data.
    #[arg(long, default_value = "./quorate-data")]
    data: PathBuf,
}

/// One side of a partition.
#[derive(Debug, Args)]
pub struct Partition {
    /// The nodes on this side.
    #[arg(required = true)]
    nodes: Vec<String>,
    /// Drop only what these nodes send.
    #[arg(long, conflicts_with = "incoming")]
    outgoing: bool,
    /// Drop only what these nodes are sent.
    #[arg(long)]
    incoming: bool,
}

/// A slow node.
#[derive(Debug, Args)]
pub struct Slow {
    /// Its id, or `leader`.
    node: String,
    /// For how long; 0ms ends it.
    #[arg(long, value_parser = parse_duration)]
    by: Duration,
    /// The disk in place of the network.
    #[arg(long)]
    disk: bool,
}

/// A replica that stands still.
#[derive(Debug, Args)]
pub struct Stall {
    /// The node's id, or `leader`.
    node: String,
    /// Of which keyspace.
    #[arg(long, default_value = "default")]
    keyspace: String,
}

/// A clock that is off.
#[derive(Debug, Args)]
pub struct Skew {
    /// Its id, or `leader`.
    node: String,
    /// By how many milliseconds; 0 ends it.
    #[arg(long, allow_hyphen_values = true)]
    by_ms: i64,
}

impl Chaos {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        if let Chaos::Restart(restart) = self {
            return restart.run(global).await;
        }
        let cluster = global.client().control().cluster().await?;
        let scene = Scene { global, cluster };
        match self {
            Chaos::Kill(Named { node }) => scene.signal(&node, Signal::Kill, "killed"),
            Chaos::Pause(Named { node }) => scene.signal(&node, Signal::Stop, "paused"),
            Chaos::Resume(Named { node }) => scene.signal(&node, Signal::Continue, "resumed"),
            Chaos::Partition(partition) => scene.partition(partition).await,
            Chaos::Slow(Slow { node, by, disk }) => {
                let delay_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
                let fault = if disk {
                    Fault::SlowDisk { delay_ms }
                } else {
                    Fault::Slow { nodes: vec![], delay_ms }
                };
                scene.inject(&node, fault).await
            }
            Chaos::Fill(Named { node }) => scene.inject(&node, Fault::FullDisk).await,
            Chaos::Stall(Stall { node, keyspace }) => {
                scene.inject(&node, Fault::StuckApply { keyspace }).await
            }
            Chaos::LoseSnapshots(Named { node }) => scene.inject(&node, Fault::LostSnapshots).await,
            Chaos::Skew(Skew { node, by_ms }) => scene.inject(&node, Fault::Skew { by_ms }).await,
            Chaos::Heal => scene.heal().await,
            Chaos::Restart(_) => Ok(()),
        }
    }
}

/// The cluster on which the faults play.
struct Scene<'a> {
    global: &'a Global,
    cluster: document::Cluster,
}

impl Scene<'_> {
    fn node(&self, name: &str) -> Result<&document::Node, Failure> {
        let shards = &self.cluster.shards;
        let default = shards.iter().find(|shard| shard.keyspace == "default");
        let leader = default.or(shards.first()).and_then(|shard| shard.leader.as_deref());
        let id = if name == "leader" { leader.unwrap_or(name) } else { name };
        let found = self.cluster.nodes.iter().find(|node| node.id == id);
        found.ok_or_else(|| Failure::not_found(format!("there is no node {id}")))
    }

    fn signal(&self, name: &str, signal: Signal, word: &str) -> Result<(), Failure> {
        let node = self.node(name)?;
        let pid = node.pid.ok_or_else(|| Failure::new(format!("{}: no process id", node.id)))?;
        signal::send(pid, signal)
            .map_err(|error| Failure::new(format!("{} (process {pid}): {error}", node.id)))?;
        self.done(&node.id, word)
    }

    async fn inject(&self, name: &str, fault: Fault) -> Result<(), Failure> {
        let node = self.node(name)?;
        self.global.client_of(&node.http).control().chaos(&fault).await?;
        self.done(&node.id, "has a fault; end it with: quorate chaos heal")
    }

    async fn partition(&self, partition: Partition) -> Result<(), Failure> {
        let mut side = Vec::new();
        for name in &partition.nodes {
            side.push(self.node(name)?);
        }
        let inside = |node: &document::Node| side.iter().any(|other| other.id == node.id);
        let outside: Vec<String> =
            self.cluster.nodes.iter().filter(|n| !inside(n)).map(|n| n.id.clone()).collect();
        if outside.is_empty() {
            return Err(Failure::usage("somebody must be on the other side"));
        }
        let direction = match (partition.outgoing, partition.incoming) {
            (true, _) => Direction::Outgoing,
            (_, true) => Direction::Incoming,
            _ => Direction::Both,
        };
        for node in &side {
            let fault = Fault::Partition { nodes: outside.clone(), direction };
            self.global.client_of(&node.http).control().chaos(&fault).await?;
        }
        let names: Vec<_> = side.iter().map(|node| node.id.as_str()).collect();
        self.done(&names.join(" "), &format!("cut off from {}", outside.join(" ")))
    }

    async fn heal(&self) -> Result<(), Failure> {
        let mut healed = Vec::new();
        for node in &self.cluster.nodes {
            match self.global.client_of(&node.http).control().chaos(&Fault::Heal).await {
                Ok(()) => healed.push(node.id.as_str()),
                // A node that does not run has no fault either.
                Err(error) => eprintln!("{}: {error}", node.id),
            }
        }
        self.done(&healed.join(" "), "healed")
    }

    fn done(&self, node: &str, word: &str) -> Result<(), Failure> {
        let document = serde_json::json!({ "node": node, "done": word });
        self.global.show().print(&document, || format!("{node} {word}"))
    }
}

impl Restart {
    async fn run(self, global: &Global) -> Result<(), Failure> {
        let order = Order::Restart { node: self.node.clone() };
        dev::ask(&self.data.join("control"), order).await.map_err(Failure::new)?;
        let document = serde_json::json!({ "node": self.node, "done": "restarted" });
        global.show().print(&document, || format!("{} restarted", self.node))
    }
}
