//! `quorate sim`: the whole cluster under the simulator.

use std::{
    num::NonZeroUsize,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration as Span,
};

use clap::{Args, Subcommand};
use drill::{Outcome, Run, report};
use indicatif::{ProgressBar, ProgressStyle};
use kernel::Duration;
use sim::Plan;

use crate::{ambient, exit::Failure, show::Show};

/// Run a cluster under simulated disasters, and look at what went wrong.
#[derive(Debug, Subcommand)]
pub enum Sim {
    /// Run seeds; every failure leaves a folder.
    Run(Seeds),
    /// Run a plan or a seed again, write its folder and print the verdict.
    Replay(Replay),
    /// Remove faults and operations from a failing run while it still fails.
    Shrink(Replay),
}

/// Which seeds to run.
#[derive(Debug, Args)]
pub struct Seeds {
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Where failures leave their folders.
    #[arg(long, default_value = "failures")]
    out: PathBuf,
    /// Run every seed twice and compare the hashes of what happened.
    #[arg(long)]
    twice: bool,
    /// How many seeds run at the same time; as many as there are processors if not said.
    #[arg(long)]
    jobs: Option<NonZeroUsize>,
}

/// What to run again.
#[derive(Debug, Args)]
pub struct Replay {
    /// A `plan.json`, or a seed.
    what: String,
    /// Where to write the folder.
    #[arg(long, default_value = "failures/replay")]
    out: PathBuf,
    /// Candidates that shrinking may run.
    #[arg(long, default_value_t = 300)]
    budget: u64,
}

/// What a sweep found.
#[derive(Default)]
struct Totals {
    failed: Vec<u64>,
    unknown: u64,
    operations: [u64; 3],
    span: Duration,
}

impl Totals {
    fn and(mut self, other: Totals) -> Totals {
        self.failed.extend(other.failed);
        self.unknown += other.unknown;
        self.span += other.span;
        for (total, count) in self.operations.iter_mut().zip(other.operations) {
            *total += count;
        }
        self
    }
}

impl Sim {
    pub fn run(self, show: Show) -> Result<(), Failure> {
        match self {
            Sim::Run(seeds) => seeds.run(show),
            Sim::Replay(replay) => replay.run(),
            Sim::Shrink(replay) => replay.shrink(),
        }
    }
}

impl Seeds {
    fn run(self, show: Show) -> Result<(), Failure> {
        println!(
            "seeds {} to {}",
            self.from,
            self.from.saturating_add(self.seeds).saturating_sub(1)
        );
        let bar = ProgressBar::new(self.seeds);
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {pos}/{len} seeds, {eta} left {msg}")
        {
            bar.set_style(style);
        }
        let began = ambient::now();
        let mut totals = self.sweep(&bar)?;
        totals.failed.sort_unstable();
        bar.finish_and_clear();
        self.summary(&totals, began.elapsed(), show);
        if totals.failed.is_empty() { Ok(()) } else { Err(Failure::verdict(true)) }
    }

    /// Runs all seeds, each on one thread: what happens in a run does not depend on the others.
    fn sweep(&self, bar: &ProgressBar) -> Result<Totals, Failure> {
        let end = self.from.saturating_add(self.seeds);
        let next = AtomicU64::new(self.from);
        let worker = || -> Result<Totals, Failure> {
            let mut totals = Totals::default();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= end {
                    return Ok(totals);
                }
                // What cannot be written down ends the sweep of all.
                self.one(seed, bar, &mut totals)
                    .inspect_err(|_| next.store(end, Ordering::Relaxed))?;
                bar.inc(1);
            }
        };
        let jobs = self.jobs.or_else(|| std::thread::available_parallelism().ok());
        let done = ambient::on_threads(jobs.map_or(1, NonZeroUsize::get), worker);
        done.into_iter().try_fold(Totals::default(), |all, one| Ok(all.and(one?)))
    }

    fn one(&self, seed: u64, bar: &ProgressBar, totals: &mut Totals) -> Result<(), Failure> {
        let run = Run::of_seed(seed);
        let (report, _) = run.go(None);
        totals.span += report.span;
        for (total, count) in totals.operations.iter_mut().zip(report.operations) {
            *total += count;
        }
        if self.twice && run.go(None).0.trace_hash != report.trace_hash {
            totals.failed.push(seed);
            bar.suspend(|| println!("seed {seed}: two runs of it differ"));
        }
        match &report.outcome {
            Outcome::Valid => {}
            Outcome::Unknown(why) => {
                totals.unknown += 1;
                bar.suspend(|| println!("seed {seed}: not judged: {why}"));
            }
            Outcome::Failed { by, why } => {
                totals.failed.push(seed);
                let folder = self.out.join(format!("seed-{seed}"));
                bar.suspend(|| println!("seed {seed}: {by}: {why}\n  see {}", folder.display()));
                report::write(&run, &folder, "failure", ambient::unix_s())?;
            }
        }
        Ok(())
    }

    fn summary(&self, totals: &Totals, took: Span, show: Show) {
        let speed = totals.span.as_secs_f64() / took.as_secs_f64().max(f64::EPSILON);
        let [ok, fail, info] = totals.operations;
        if show.is_json() {
            let json = serde_json::json!({
                "from": self.from, "seeds": self.seeds, "failed": totals.failed,
                "unknown": totals.unknown, "ok": ok, "fail": fail, "info": info,
                "virtual_seconds": totals.span.as_secs(), "seconds": took.as_secs_f64(),
                "speed": speed,
            });
            println!("{json}");
            return;
        }
        println!(
            "{} seeds in {:.1} s: {} failed, {} not judged; {ok} operations ok, {fail} failed, \
             {info} unknown; {:.0} s of virtual time, {speed:.0} × real time",
            self.seeds,
            took.as_secs_f64(),
            totals.failed.len(),
            totals.unknown,
            totals.span.as_secs_f64(),
        );
        if !totals.failed.is_empty() {
            println!("replay one: quorate sim replay {}", totals.failed[0]);
        }
    }
}

impl Replay {
    fn load(&self) -> Result<Run, Failure> {
        if let Ok(seed) = self.what.parse() {
            return Ok(Run::of_seed(seed));
        }
        let text = std::fs::read_to_string(&self.what)?;
        let plan = Plan::from_json(&text)
            .map_err(|error| Failure::usage(format!("{}: {error}", self.what)))?;
        Ok(report::replay(plan))
    }

    fn run(self) -> Result<(), Failure> {
        let run = self.load()?;
        println!("seed {}\n{}", run.plan.seed, run.plan.options);
        let outcome = report::write(&run, &self.out, "replay", ambient::unix_s())?;
        println!("{outcome:?}\nsee {}", self.out.display());
        match outcome {
            Outcome::Valid => Ok(()),
            Outcome::Unknown(_) => Err(Failure::verdict(false)),
            Outcome::Failed { .. } => Err(Failure::verdict(true)),
        }
    }

    fn shrink(self) -> Result<(), Failure> {
        let run = self.load()?;
        println!(
            "seed {}, {} faults, {} operations",
            run.plan.seed,
            run.plan.schedule.len(),
            run.operations.len() + run.coordination.len()
        );
        let shrunk = report::smaller(&run, self.budget);
        let small = report::run_of(&shrunk.candidate);
        println!(
            "{} faults and {} operations left after {} runs",
            small.plan.schedule.len(),
            small.operations.len() + small.coordination.len(),
            shrunk.runs
        );
        let outcome = report::write(&small, &self.out, "replay", ambient::unix_s())?;
        println!("{outcome:?}\nsee {}", self.out.display());
        Ok(())
    }
}
