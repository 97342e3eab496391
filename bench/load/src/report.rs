//! What came out, for people and programs.

use std::fmt::Write;

use hdrhistogram::Histogram;
use kernel::Duration;
use serde::{Deserialize, Serialize};

use crate::{Plan, Usage, run::histogram};

/// The result of a run. The same for every system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Which system.
    pub target: String,
    /// What was sent.
    pub plan: Plan,
    /// How long was measured, in seconds.
    pub seconds: f64,
    /// Requests that were answered.
    pub operations: u64,
    /// Requests that failed; they are in no other figure.
    pub errors: u64,
    /// The first failure.
    pub first_error: Option<String>,
    /// Answers per second.
    pub throughput: f64,
    /// How long reads took.
    pub reads: Latency,
    /// How long writes took.
    pub writes: Latency,
    /// What the servers cost, all together.
    pub servers: Side,
    /// What this load generator cost.
    pub generator: Side,
}

/// Percentiles, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// How many.
    pub count: u64,
    /// The mean.
    pub mean_us: f64,
    /// The median.
    pub p50_us: u64,
    /// 90 of 100 were faster.
    pub p90_us: u64,
    /// 99 of 100 were faster.
    pub p99_us: u64,
    /// 999 of 1000 were faster.
    pub p999_us: u64,
    /// The slowest.
    pub max_us: u64,
}

/// The cost of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// Processor time while it was measured, in seconds.
    pub cpu_seconds: f64,
    /// Processor time per answer, in microseconds.
    pub cpu_us_per_operation: f64,
    /// Resident memory at the end, in bytes.
    pub rss_bytes: u64,
}

/// What the clients counted.
pub(crate) struct Tally {
    reads: Histogram<u64>,
    writes: Histogram<u64>,
    errors: u64,
    first_error: Option<String>,
}

impl Tally {
    pub fn new() -> Tally {
        Tally { reads: histogram(), writes: histogram(), errors: 0, first_error: None }
    }

    pub fn record(&mut self, read: bool, took: Duration, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => {
                let side = if read { &mut self.reads } else { &mut self.writes };
                side.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1));
            }
            Err(error) => {
                self.errors += 1;
                self.first_error.get_or_insert(error);
            }
        }
    }

    /// Requests that were answered or failed.
    pub fn ended(&self) -> u64 {
        self.reads.len() + self.writes.len() + self.errors
    }

    pub fn report(
        &self,
        target: &str,
        plan: &Plan,
        took: Duration,
        servers: Usage,
        own: Usage,
    ) -> Report {
        let operations = self.reads.len() + self.writes.len();
        let side = |usage: Usage| Side {
            cpu_seconds: usage.cpu_seconds,
            cpu_us_per_operation: usage.cpu_seconds * 1e6 / operations.max(1) as f64,
            rss_bytes: usage.rss_bytes,
        };
        Report {
            target: target.into(),
            plan: plan.clone(),
            seconds: took.as_secs_f64(),
            operations,
            errors: self.errors,
            first_error: self.first_error.clone(),
            throughput: operations as f64 / took.as_secs_f64().max(1e-9),
            reads: latency(&self.reads),
            writes: latency(&self.writes),
            servers: side(servers),
            generator: side(own),
        }
    }
}

fn latency(histogram: &Histogram<u64>) -> Latency {
    if histogram.is_empty() {
        return Latency::default();
    }
    Latency {
        count: histogram.len(),
        mean_us: histogram.mean(),
        p50_us: histogram.value_at_quantile(0.5),
        p90_us: histogram.value_at_quantile(0.9),
        p99_us: histogram.value_at_quantile(0.99),
        p999_us: histogram.value_at_quantile(0.999),
        max_us: histogram.max(),
    }
}

impl Report {
    /// Names and values of the figures, for a table.
    #[must_use]
    pub fn rows(&self) -> Vec<(String, String)> {
        let mut rows = vec![
            ("answers per second".to_owned(), format!("{:.0}", self.throughput)),
            ("answers".to_owned(), self.operations.to_string()),
            ("failures".to_owned(), self.errors.to_string()),
        ];
        for (name, latency) in [("reads", &self.reads), ("writes", &self.writes)] {
            if latency.count > 0 {
                rows.push((
                    format!("{name}: p50 / p90 / p99 / p99.9 / max"),
                    [
                        latency.p50_us,
                        latency.p90_us,
                        latency.p99_us,
                        latency.p999_us,
                        latency.max_us,
                    ]
                    .map(millis)
                    .join(" / "),
                ));
            }
        }
        for (name, side) in [("servers", &self.servers), ("generator", &self.generator)] {
            rows.push((
                format!("{name}: CPU per answer, memory"),
                format!("{:.1} us, {} MiB", side.cpu_us_per_operation, side.rss_bytes >> 20),
            ));
        }
        if let Some(error) = &self.first_error {
            rows.push(("first failure".to_owned(), error.clone()));
        }
        rows
    }

    /// The figures as a Markdown table.
    #[must_use]
    pub fn markdown(&self) -> String {
        let plan = &self.plan;
        let mut text = format!(
            "{}: {} clients, {} % reads, {} B values, {} keys, {:.0} s\n\n| figure | value |\n|---|---|\n",
            self.target, plan.clients, plan.reads, plan.value_size, plan.keys, self.seconds
        );
        for (name, value) in self.rows() {
            let _ = writeln!(text, "| {name} | {} |", value.replace('|', "\\|"));
        }
        text
    }
}

fn millis(us: u64) -> String {
    format!("{:.2} ms", us as f64 / 1000.0)
}
