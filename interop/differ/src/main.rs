//! The same random requests to two servers that speak etcd's protocol: every answer must be the
//! same.
//!
//! ```text
//!              ┌──▶ etcd ─────▶ answer ─▶ as text ─┐
//!   request ───┤                                   ├─ equal, or a documented difference
//!              └──▶ Quorate ──▶ answer ─▶ as text ─┘
//! ```
//!
//! ```sh
//! cargo run --release -p differ -- --left 127.0.0.1:2379 --right 127.0.0.1:7270 --requests 200000
//! ```
//!
//! Both servers have to be fresh. Requests go one after the other, so that both servers see the
//! same order; those that wait (locks, elections) are kept open beside. `--plant N` changes one
//! server behind the harness's back before request N: the run has to fail.

mod ambient;
mod call;
mod differences;
#[expect(dead_code, reason = "it draws more than etcd has")]
#[path = "../../../crates/layers/tests/coordination/draw.rs"]
mod draw;
mod message;
mod normal;
mod observers;
mod run;
mod waiting;
mod watches;
mod wire;

use clap::Parser;
use run::Run;
use wire::Server;

/// Compare two servers that speak etcd's protocol.
#[derive(Debug, Parser)]
struct Arguments {
    /// The nodes of etcd, `host:port`, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "127.0.0.1:2379")]
    left: Vec<String>,
    /// The nodes of Quorate.
    #[arg(long, value_delimiter = ',', default_value = "127.0.0.1:7270")]
    right: Vec<String>,
    /// How many requests.
    #[arg(long, default_value_t = 20_000)]
    requests: u64,
    /// Which ones.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Report differences and go on, as long as both are in the same state.
    #[arg(long)]
    all: bool,
    /// Leave out requests that wait.
    #[arg(long)]
    hasty: bool,
    /// Change the right server behind the harness's back before this request.
    #[arg(long)]
    plant: Option<u64>,
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    match compare(&arguments).await {
        Ok(true) => std::process::ExitCode::SUCCESS,
        Ok(false) => std::process::ExitCode::FAILURE,
        Err(error) => {
            eprintln!("seed {}: {error}", arguments.seed);
            std::process::ExitCode::FAILURE
        }
    }
}

async fn compare(arguments: &Arguments) -> Result<bool, String> {
    let servers = [Server::open(&arguments.left).await?, Server::open(&arguments.right).await?];
    let mut run = Run::open(servers, arguments).await?;
    for at in 0..arguments.requests {
        if arguments.plant == Some(at) {
            run.plant().await;
        }
        run.step(at).await.map_err(|error| format!("request {at}: {error}"))?;
    }
    run.agree().await?;
    Ok(run.report())
}
