//! `cargo run --release -p fuzz -- [--seconds N] [--seed S] [TARGET…]`

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use fuzz::{Hunt, Target};

/// Feeds mutated and random bytes to every decoder.
#[derive(Debug, Parser)]
struct Arguments {
    /// How long each target is fed
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Decides every input
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Feeds this input alone
    #[arg(long)]
    number: Option<u64>,
    /// Feeds these bytes alone
    #[arg(long)]
    hex: Option<String>,
    /// Lists the targets
    #[arg(long)]
    list: bool,
    /// Which decoders; all if none is named
    targets: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let all = fuzz::all();
    if arguments.list {
        all.iter().for_each(|target| println!("{}", target.name));
        return ExitCode::SUCCESS;
    }
    let unknown = arguments.targets.iter().find(|name| !all.iter().any(|t| t.name == **name));
    if let Some(unknown) = unknown {
        eprintln!("no target '{unknown}': --list lists them");
        return ExitCode::from(2);
    }
    let wanted = |target: &&Target| {
        arguments.targets.is_empty() || arguments.targets.iter().any(|name| name == target.name)
    };
    match all.iter().filter(wanted).try_for_each(|target| run(target, &arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(broken) => {
            eprintln!("{broken}");
            ExitCode::FAILURE
        }
    }
}

fn run(target: &Target, arguments: &Arguments) -> Result<(), String> {
    let hunt = Hunt::new(arguments.seed);
    let told = |(accepted, memory): (bool, usize)| {
        let verdict = if accepted { "accepted" } else { "refused" };
        println!("{}: {verdict}, {memory} bytes of memory", target.name);
    };
    if let Some(hex) = &arguments.hex {
        return fuzz::judge(target, &unhex(hex)?).map(told);
    }
    if let Some(number) = arguments.number {
        return hunt.one(target, number).map(told);
    }
    let figures = hunt.run(target, Duration::from_secs(arguments.seconds))?;
    println!(
        "{:<14} {:>10} inputs  {:>8.0} /s  {:>9} accepted  {:>10} refused  {:>6} KiB at most",
        target.name,
        figures.inputs,
        figures.inputs as f64 / figures.took.as_secs_f64(),
        figures.accepted,
        figures.refused,
        figures.memory_max >> 10,
    );
    Ok(())
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some((digit(high)? << 4 | digit(low)?) as u8),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
    bytes.ok_or_else(|| "--hex: pairs of hexadecimal digits".to_owned())
}
