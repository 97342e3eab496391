//! The commands, one file each.

pub mod bench;
pub mod chaos;
pub mod check;
pub mod cluster;
pub mod counter;
pub mod dashboard;
pub mod dev;
pub mod doctor;
pub mod etcd;
pub mod events;
pub mod fate;
pub mod history;
pub mod keyspace;
pub mod kv;
pub mod lab;
pub mod recipe;
pub mod server;
pub mod sim;
pub mod slo;

use std::io::{IsTerminal, Read, Write};

use tokio::runtime::{Builder, Runtime};

use crate::{
    cli::{Cli, Command},
    exit::Failure,
};

/// Carries a command out.
pub fn run(cli: Cli) -> Result<(), Failure> {
    let global = cli.global;
    match cli.command {
        Command::Server(command) => command.run(),
        Command::Dashboard(command) => command.run(),
        Command::Check(command) => command.run(global.show()),
        Command::Sim(command) => command.run(global.show()),
        Command::Lab(command) => threads(None)?.block_on(command.run(global.show())),
        Command::Bench(command) => threads(None)?.block_on(command.run(&global)),
        Command::Dev(command) => single()?.block_on(command.run(&global)),
        Command::Keyspace(command) => single()?.block_on(command.run(&global)),
        Command::Put(command) => single()?.block_on(command.run(&global)),
        Command::Get(command) => single()?.block_on(command.run(&global)),
        Command::Delete(command) => single()?.block_on(command.run(&global)),
        Command::Scan(command) => single()?.block_on(command.run(&global)),
        Command::History(command) => single()?.block_on(command.run(&global)),
        Command::Increment(command) => single()?.block_on(command.run(&global)),
        Command::Count(command) => single()?.block_on(command.run(&global)),
        Command::Fate(command) => single()?.block_on(command.run(&global)),
        Command::Lock(command) => single()?.block_on(command.run(&global)),
        Command::Elect(command) => single()?.block_on(command.run(&global)),
        Command::Semaphore(command) => single()?.block_on(command.run(&global)),
        Command::Barrier(command) => single()?.block_on(command.run(&global)),
        Command::Service(command) => single()?.block_on(command.run(&global)),
        Command::Etcd(command) => single()?.block_on(command.run(&global)),
        Command::Events(command) => single()?.block_on(command.run(&global)),
        Command::Slo(command) => single()?.block_on(command.run(&global)),
        Command::Doctor(command) => single()?.block_on(command.run(&global)),
        Command::Cluster(command) => single()?.block_on(command.run(&global)),
        Command::Chaos(command) => single()?.block_on(command.run(&global)),
    }
}

/// A runtime for a command that mostly waits.
fn single() -> Result<Runtime, Failure> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// A runtime for a command that works; as many threads as the machine has if not said.
fn threads(count: Option<usize>) -> Result<Runtime, Failure> {
    let mut builder = Builder::new_multi_thread();
    if let Some(count) = count {
        builder.worker_threads(count);
    }
    Ok(builder.enable_all().build()?)
}

/// Standard input to its end, if the argument is absent or `-`.
fn argument_or_stdin(argument: Option<&str>) -> Result<Vec<u8>, Failure> {
    match argument {
        Some(text) if text != "-" => Ok(text.as_bytes().to_vec()),
        _ => {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes)?;
            Ok(bytes)
        }
    }
}

/// Bytes as they are; on a terminal a line break follows, so that the prompt stands alone.
fn print_raw(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    if out.is_terminal() && !bytes.ends_with(b"\n") {
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}
