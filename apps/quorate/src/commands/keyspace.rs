//! `quorate keyspace create | list | show | explain | drop`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use client::document;

use crate::{cli::Global, exit::Failure, show};

/// Keyspaces and their contracts.
#[derive(Debug, Subcommand)]
pub enum Keyspace {
    /// Create a keyspace; the same contract again changes nothing.
    Create(Create),
    /// All keyspaces.
    List,
    /// One keyspace with its whole contract.
    Show(Named),
    /// What the contract costs and what happens in failures.
    Explain(Named),
    /// Remove a keyspace and its data.
    Drop(Named),
}

/// Create a keyspace.
#[derive(Debug, Args)]
pub struct Create {
    /// Its name.
    name: String,
    /// The contract, in TOML.
    #[arg(short, long)]
    file: Option<PathBuf>,
    /// Who interprets commands: kv, counter or coordination.
    #[arg(long, conflicts_with = "file")]
    program: Option<String>,
    /// Copies: 1, 3, 5 or 7.
    #[arg(long, conflicts_with = "file")]
    replicas: Option<u32>,
}

/// A keyspace.
#[derive(Debug, Args)]
pub struct Named {
    /// Its name.
    name: String,
}

impl Keyspace {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let control = global.client().control();
        let show = global.show();
        match self {
            Keyspace::Create(create) => {
                let contract = create.contract()?;
                let (keyspace, new) = control.create(&create.name, &contract).await?;
                show.print(&keyspace, || {
                    let word = if new { "created" } else { "exists with this contract" };
                    format!("{} {word}", keyspace.name)
                })
            }
            Keyspace::List => {
                let all = control.keyspaces().await?;
                show.print(&all, || list(&all.keyspaces))
            }
            Keyspace::Show(Named { name }) => {
                let keyspace = control.keyspace(&name).await?;
                show.print(&keyspace, || contract(&keyspace))
            }
            Keyspace::Explain(Named { name }) => {
                let explanation = control.explain(&name).await?;
                show.print(&explanation, || explanation.lines.join("\n"))
            }
            Keyspace::Drop(Named { name }) => {
                control.drop(&name).await?;
                show.print(&serde_json::json!({ "dropped": name }), || format!("{name} dropped"))
            }
        }
    }
}

impl Create {
    fn contract(&self) -> Result<String, Failure> {
        if let Some(path) = &self.file {
            return std::fs::read_to_string(path)
                .map_err(|error| Failure::usage(format!("{}: {error}", path.display())));
        }
        let program = self.program.as_ref().map(|program| format!("program = {program:?}\n"));
        let replicas = self.replicas.map(|replicas| format!("replicas = {replicas}\n"));
        Ok([program, replicas].into_iter().flatten().collect())
    }
}

fn list(keyspaces: &[document::Keyspace]) -> String {
    let mut table = show::table(&["keyspace", "program", "replicas", "read", "shards"]);
    for keyspace in keyspaces {
        let field = |name: &str| plain(&keyspace.contract[name]);
        table.add_row([
            keyspace.name.clone(),
            field("program"),
            field("replicas"),
            field("read"),
            keyspace.shards.join(" "),
        ]);
    }
    table.to_string()
}

fn contract(keyspace: &document::Keyspace) -> String {
    let mut table = show::table(&["field", "promise"]);
    table.add_row(["id".to_owned(), keyspace.id.clone()]);
    table.add_row(["shards".to_owned(), keyspace.shards.join(" ")]);
    for (name, value) in keyspace.contract.as_object().into_iter().flatten() {
        if name != "shards" {
            table.add_row([name.clone(), plain(value)]);
        }
    }
    format!("{}\n{table}", keyspace.name)
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
