//! `quorate check`.

use std::path::PathBuf;

use check::{Model, Options, Verdict, check_file};
use clap::{Args, ValueEnum};

use crate::{
    cli::parse_duration,
    exit::Failure,
    show::{self, Show},
};

/// Judge a history of what clients invoked and saw.
#[derive(Debug, Args)]
pub struct Check {
    /// The history: one JSON event a line.
    file: PathBuf,
    /// What the keys are.
    #[arg(long, value_enum, default_value_t = Keys::Auto)]
    model: Keys,
    /// Judge also that reads are at most so old.
    #[arg(long, value_parser = parse_duration)]
    staleness: Option<kernel::Duration>,
    /// Draw the first counterexample into this file.
    #[arg(long)]
    svg: Option<PathBuf>,
}

/// What the keys of a history are.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Keys {
    /// Judge each key for what is done to it.
    Auto,
    /// Linearizable registers.
    Register,
    /// Linearizable counters.
    Counter,
    /// Grow-only sets.
    Set,
    /// Lists.
    Append,
    /// Session guarantees.
    Session,
}

impl Check {
    pub fn run(self, how: Show) -> Result<(), Failure> {
        let model = match self.model {
            Keys::Auto => Model::Auto,
            Keys::Register => Model::Register,
            Keys::Counter => Model::Counter,
            Keys::Set => Model::Set,
            Keys::Append => Model::Append,
            Keys::Session => Model::Session,
        };
        let nanos = |bound: kernel::Duration| u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        let options = Options { model, staleness: self.staleness.map(nanos), ..Options::default() };
        let report = check_file(&self.file, &options)
            .map_err(|error| Failure::usage(format!("{}: {error}", error.code())))?;
        let printed = match how.is_json() {
            true => show::line(&report.to_json()),
            false => show::line(&report.to_string()),
        };
        if let (Some(path), Some(svg)) = (&self.svg, report.to_svg()) {
            std::fs::write(path, svg)?;
        }
        match report.verdict {
            Verdict::Valid => printed,
            Verdict::Invalid => Err(Failure::verdict(true)),
            Verdict::Unknown => Err(Failure::verdict(false)),
        }
    }
}
