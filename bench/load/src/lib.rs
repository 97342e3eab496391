//! The load generator, the same for every system that is measured.
//!
//! ```text
//!   Plan ─▶ run ─▶ one task per client ─▶ Target::read / Target::write
//!             │        └ keys (uniform, Zipfian), mix, schedule
//!             └─▶ Report: throughput, percentiles, CPU and memory of the servers
//! ```
//!
//! A *closed* loop sends the next request when the answer to the last one is there: it measures
//! capacity. An *open* loop sends at a fixed rate and measures each request from the moment at
//! which it should have been sent, so that a stall of the server is felt by every request that it
//! delayed and not by one only (coordinated omission; Tene, 2013).

mod ambient;
mod keys;
mod plan;
mod process;
mod report;
mod run;

pub use keys::{Distribution, Keys};
pub use plan::Plan;
pub use process::{Usage, usage};
pub use report::{Latency, Report, Side};
pub use run::run;

/// A system under load, as one client sees it.
pub trait Target: Send + 'static {
    /// Sets a key durably.
    fn write(&mut self, key: &str, value: &[u8])
    -> impl Future<Output = Result<(), String>> + Send;

    /// Reads a key linearizably; a missing key is no error.
    fn read(&mut self, key: &str) -> impl Future<Output = Result<(), String>> + Send;
}
