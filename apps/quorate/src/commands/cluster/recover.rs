//! `quorate cluster recover`: forced recovery of a cluster that has lost its majority for good.
//!
//! Works on the directory of one node that does not run, and talks to nobody.

use std::{fmt::Write as _, path::PathBuf};

use clap::Args;
use database::{Kept, Left};
use kernel::ClusterId;
use node::recover::{Recovered, reason, recover};
use serde_json::json;

use crate::{exit::Failure, show, show::Show};

/// A survivor.
#[derive(Debug, Args)]
pub struct Recover {
    /// Its data directory. The node must not run.
    #[arg(long)]
    data: PathBuf,
    /// Do it, to the cluster of this id. Without it nothing is changed, and what would become of the
    /// cluster is told.
    #[arg(long, value_name = "CLUSTER_ID", value_parser = parse)]
    confirm: Option<ClusterId>,
}

fn parse(text: &str) -> Result<ClusterId, String> {
    ClusterId::parse(text).ok_or_else(|| "a cluster's id has 32 hexadecimal digits".into())
}

impl Recover {
    pub fn run(self, show: Show) -> Result<(), Failure> {
        let recovered = recover(&self.data, self.confirm);
        let recovered = recovered.map_err(|error| Failure::new(error.to_string()))?;
        show.print(&document(&recovered), || text(&recovered, &self.data.display().to_string()))
    }
}

fn document(recovered: &Recovered) -> serde_json::Value {
    let Recovered { node, cluster, incarnation, plan, done } = recovered;
    let kept = |k: &Kept| {
        json!({
            "shard": k.shard.to_string(), "keyspace": k.keyspace,
            "last_index": k.index, "last_term": k.term, "applied_index": k.applied,
        })
    };
    let left = |l: &Left| {
        let shard = l.shard.to_string();
        json!({ "shard": shard, "keyspace": l.keyspace, "reason": reason(l.why) })
    };
    json!({
        "done": done,
        "cluster": cluster.to_string(),
        "node": node.to_string(),
        "incarnation": incarnation.0,
        "recovered": plan.kept.iter().map(kept).collect::<Vec<_>>(),
        "not_recovered": plan.left.iter().map(left).collect::<Vec<_>>(),
        "forgotten": plan.gone.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn text(recovered: &Recovered, data: &str) -> String {
    let Recovered { node, cluster, incarnation, plan, done } = recovered;
    let (goes, starts) = match done {
        true => ("goes on", "is now of"),
        false => ("would go on", "would be of"),
    };
    let mut text = format!(
        "cluster {cluster} {goes} with {node} alone; it {starts} incarnation {}\n",
        incarnation.0
    );
    let mut shards = show::table(&["shard", "keyspace", "becomes", "last entry", "of term"]);
    for kept in &plan.kept {
        shards.add_row([
            kept.shard.to_string(),
            show::or_dash(kept.keyspace.as_ref()),
            "recovered".into(),
            kept.index.to_string(),
            kept.term.to_string(),
        ]);
    }
    for left in &plan.left {
        shards.add_row([
            left.shard.to_string(),
            show::or_dash(left.keyspace.as_ref()),
            format!("NOT recovered: {}", reason(left.why)),
            "-".into(),
            "-".into(),
        ]);
    }
    let _ = writeln!(text, "{shards}\n");
    text.push_str(&consequences(recovered));
    let next = incarnation.0;
    let _ = match done {
        true => writeln!(
            text,
            "\nnow:\n  start {node} as before\n  start other nodes on empty directories with \
             --boot join --incarnation {next}\n  quorate cluster add, for each of them\n  \
             quorate cluster refill"
        ),
        false => writeln!(
            text,
            "\nnothing was changed. To do it:\n  \
             quorate cluster recover --data {data} --confirm {cluster}"
        ),
    };
    text
}

/// What is lost, said plainly.
fn consequences(Recovered { node, plan, .. }: &Recovered) -> String {
    let mut text = format!(
        "- Lost: whatever was acknowledged and is not on {node}: all entries after the last one \
         above.\n- Kept, though perhaps never acknowledged: all entries up to it.\n- Refused \
         from now on: sessions and cursors of before, and reads as of a version of before.\n"
    );
    if !plan.gone.is_empty() {
        let gone: Vec<String> = plan.gone.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "- Forgotten as members: {}. Never start them on their old directories again: among \
             themselves they would go on with the old history.",
            gone.join(", ")
        );
    }
    if !plan.left.is_empty() {
        text.push_str(
            "- Shards that are not recovered serve nobody. Another survivor may hold them: look \
             there first. To go on without their data: quorate keyspace drop.\n",
        );
    }
    text
}
