//! Load on a cluster, and what its failures cost.
//!
//! ```text
//!   kv         one client of the load generator in `bench/load`
//!   drill      a cluster of processes, clients that record, faults, verdict
//!   traffic    clients that read and write, here and under `quorate dev`
//!   recorder   what they invoked and saw, for `quorate check`
//! ```

pub mod drill;
mod kv;
pub mod recorder;
pub mod traffic;

pub use kv::KvTarget;
