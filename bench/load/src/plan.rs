//! What to send, as arguments of a command line.

use clap::Args;
use kernel::Duration;
use serde::{Deserialize, Serialize};

use crate::Distribution;

/// A workload.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
pub struct Plan {
    /// Clients at the same time, each with a connection of its own.
    #[arg(long, default_value_t = 64)]
    pub clients: u32,
    /// How many of a hundred requests are reads.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub reads: u8,
    /// Different keys.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub keys: u64,
    /// How keys are chosen.
    #[arg(long, value_enum, default_value_t = Distribution::Uniform)]
    pub distribution: Distribution,
    /// Skew of the Zipfian distribution, 0 (uniform) to below 1.
    #[arg(long, default_value_t = 0.99)]
    pub theta: f64,
    /// Bytes of a value.
    #[arg(long, default_value_t = 256)]
    pub value_size: usize,
    /// Requests per second of all clients together: an open loop; a closed one if absent.
    #[arg(long)]
    pub rate: Option<f64>,
    /// How long to measure, in seconds.
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// End after so many requests, if that is sooner.
    #[arg(long)]
    pub operations: Option<u64>,
    /// How long to run before measuring, in seconds.
    #[arg(long, default_value_t = 2.0)]
    pub warm_up: f64,
    /// Decides keys and the order of reads and writes.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl Plan {
    /// Refuses what cannot be run.
    ///
    /// # Errors
    /// Names the argument.
    pub fn check(&self) -> Result<(), String> {
        let rate_fits = self.rate.is_none_or(|rate| rate.is_finite() && rate > 0.0);
        let time_fits = |s: f64| s.is_finite() && (0.0..=86_400.0).contains(&s);
        if self.clients == 0 || self.clients > 100_000 {
            return Err("--clients is 1 to 100000".into());
        }
        if !(0.0..1.0).contains(&self.theta) {
            return Err("--theta is 0 to below 1".into());
        }
        if !rate_fits || !time_fits(self.seconds) || !time_fits(self.warm_up) {
            return Err("--rate, --seconds and --warm-up are positive numbers, up to a day".into());
        }
        Ok(())
    }

    pub(crate) fn warm_up(&self) -> Duration {
        Duration::from_secs_f64(self.warm_up)
    }

    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// Between two requests of one client in an open loop.
    pub(crate) fn interval(&self) -> Option<Duration> {
        self.rate.map(|rate| Duration::from_secs_f64(f64::from(self.clients) / rate))
    }
}
