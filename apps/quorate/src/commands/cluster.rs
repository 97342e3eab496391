//! `quorate cluster status | add | remove | replace | drain | refill | transfer | recover`.

mod recover;
mod refill;
mod status;

use clap::{Args, Subcommand};
use client::{
    Control,
    document::{self, AddNode, CATALOG, Move, Shard},
};
use kernel::Duration;

use crate::{ambient, cli::Global, exit::Failure};

/// Between looks whether a replica has moved.
const POLL: Duration = Duration::from_millis(100);
/// How long one replica may take to move.
const MOVE: Duration = Duration::from_secs(300);

/// Nodes and shards.
#[derive(Debug, Subcommand)]
pub enum Cluster {
    /// Nodes and shards, as the node that is asked knows them. Every other node is asked whether
    /// it is there; what is shown of one that does not answer is what was last heard of it.
    Status,
    /// Make a node known, so that it may get replicas.
    Add(Add),
    /// Forget a node that holds no replica any more and votes nowhere.
    Remove(Named),
    /// Move every replica from one node to another, then forget the first.
    Replace(Replace),
    /// Move every replica away from a node, wherever there is room.
    Drain(Named),
    /// Give every shard as many replicas as its contract asks for, where there is room.
    Refill,
    /// Hand leadership of a shard over.
    Transfer(Transfer),
    /// Go on with one survivor when the majority is lost for good. Works on its data directory; what
    /// the survivor never got is lost.
    Recover(recover::Recover),
}

/// A node to add.
#[derive(Debug, Args)]
pub struct Add {
    /// Its id: n4.
    node: String,
    /// Where HTTP clients connect.
    #[arg(long)]
    http: String,
    /// Where peers connect.
    #[arg(long)]
    peer: String,
    /// Labels: `zone=a`. May be repeated.
    #[arg(long = "label", value_name = "NAME=VALUE")]
    labels: Vec<String>,
}

/// A node.
#[derive(Debug, Args)]
pub struct Named {
    /// Its id: n1.
    node: String,
}

/// Two nodes.
#[derive(Debug, Args)]
pub struct Replace {
    /// The node that goes.
    old: String,
    /// The node that takes its place; it must be a member already.
    new: String,
}

/// A shard and perhaps a node.
#[derive(Debug, Args)]
pub struct Transfer {
    /// The shard: s1.
    shard: String,
    /// To whom; the best follower otherwise.
    #[arg(long)]
    to: Option<String>,
}

impl Cluster {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let control = global.client().control();
        let done = |text: String| {
            global.show().print(&serde_json::json!({ "done": text }), || text.clone())
        };
        match self {
            Cluster::Status => {
                let cluster = status::ask(control.cluster().await?, global).await;
                global.show().print(&cluster, || status::text(&cluster))
            }
            Cluster::Add(add) => {
                control.add(&add.document()?).await?;
                done(format!("{} is known; move replicas to it with drain or replace", add.node))
            }
            Cluster::Remove(Named { node }) => {
                control.remove(&node).await?;
                done(format!("{node} is forgotten"))
            }
            Cluster::Replace(Replace { old, new }) => {
                let moved = drain(&control, &old, Some(&new)).await?;
                control.remove(&old).await?;
                done(format!("{moved} replicas moved from {old} to {new}; {old} is forgotten"))
            }
            Cluster::Drain(Named { node }) => {
                let moved = drain(&control, &node, None).await?;
                done(format!("{moved} replicas moved away from {node}"))
            }
            Cluster::Refill => {
                let (made, dead) = refill::refill(&control).await?;
                done(match dead.is_empty() {
                    true => format!("{made} replicas made"),
                    false => format!("{made} replicas made; without a leader: {}", dead.join(", ")),
                })
            }
            Cluster::Recover(command) => command.run(global.show()),
            Cluster::Transfer(Transfer { shard, to }) => {
                control.transfer(&shard, to.as_deref()).await?;
                done(format!("{shard} changes its leader"))
            }
        }
    }
}

impl Add {
    fn document(&self) -> Result<AddNode, Failure> {
        let pair = |label: &String| {
            let pair = label.split_once('=').map(|(name, value)| (name.into(), value.into()));
            pair.ok_or_else(|| Failure::usage(format!("--label {label}: write NAME=VALUE")))
        };
        Ok(AddNode {
            id: self.node.clone(),
            http: self.http.clone(),
            peer: self.peer.clone(),
            labels: self.labels.iter().map(pair).collect::<Result<_, _>>()?,
        })
    }
}

/// Moves every replica away from a node, one after another; to one node if it is named.
async fn drain(control: &Control, from: &str, to: Option<&str>) -> Result<usize, Failure> {
    let cluster = control.cluster().await?;
    if !cluster.nodes.iter().any(|node| node.id == from) {
        return Err(Failure::not_found(format!("there is no node {from}")));
    }
    // The catalog's own group follows the members by itself.
    let placed = cluster.shards.iter().filter(|shard| shard.keyspace != CATALOG);
    let held: Vec<&Shard> = placed.filter(|shard| holds(shard, from)).collect();
    for shard in &held {
        let free = |node: &&document::Node| {
            node.health == "healthy" && node.id != from && !holds(shard, &node.id)
        };
        let target = match to {
            Some(to) => Some(to.to_owned()),
            None => cluster.nodes.iter().find(free).map(|node| node.id.clone()),
        };
        let Some(target) = target else {
            return Err(Failure::unavailable(format!(
                "no healthy node is free to take {} ({}): add one first",
                shard.id, shard.keyspace
            )));
        };
        let change = Move { from: Some(from.into()), to: Some(target.clone()) };
        control.move_replica(&shard.id, &change).await?;
        left(control, &shard.id, from).await?;
    }
    // An earlier drain may have been cut short.
    for shard in cluster.shards.iter().filter(|shard| leaves(shard, from)) {
        left(control, &shard.id, from).await?;
    }
    Ok(held.len())
}

/// Waits until the group of a shard has settled without a node.
async fn left(control: &Control, shard: &str, node: &str) -> Result<(), Failure> {
    let deadline = ambient::now() + MOVE;
    while ambient::now() < deadline {
        let cluster = control.cluster().await?;
        let found = cluster.shards.iter().find(|other| other.id == shard);
        if found.is_none_or(|s| !holds(s, node) && !leaves(s, node)) {
            return Ok(());
        }
        ambient::sleep(POLL).await;
    }
    Err(Failure::unavailable(format!("{shard} did not move away from {node} in time")))
}

fn holds(shard: &Shard, node: &str) -> bool {
    shard.replicas.iter().any(|replica| replica.node == node)
}

fn leaves(shard: &Shard, node: &str) -> bool {
    shard.leaving.iter().any(|leaving| leaving == node)
}
