//! Load on a cluster, and what its failures cost.
//!
//! ```text
//!   kv         one client of the load generator in `bench/load`
//!   drill      a cluster of processes, clients that record, faults, verdict
//!   recorder   what the clients invoked and saw, for `quorate check`
//! ```

pub mod drill;
mod kv;
mod recorder;
mod traffic;

pub use kv::KvTarget;
