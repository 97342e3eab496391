//! The host of the database process: everything that touches the machine.
//!
//! ```text
//!   gateways ─▶ Handle::ask ─┐                                 ┌─▶ journal thread ─▶ FileDisk
//!                            ├─▶ inbox ─▶ worker ─▶ effects ───┼─▶ flush thread ───▶ LsmEngine
//!   peers ───▶ transport ────┘   (owns the process)            ├─▶ links ──────────▶ peers
//!                                                              └─▶ replies ────────▶ askers
//! ```
//!
//! The process decides, this crate carries out: it knows sockets, files, threads and clocks, and
//! nothing about consensus. Batches, not items, cross from thread to thread.
#![forbid(unsafe_code)]

pub mod ambient;
mod asker;
mod changes;
pub mod chaos;
pub mod config;
pub mod data_dir;
pub mod disk;
pub mod flight;
pub mod flush;
pub mod handle;
mod hands;
pub mod history;
pub mod hold;
pub mod journal;
pub mod keyspaces;
pub mod life;
pub mod logs;
pub mod lsm;
pub mod mailbox;
pub mod metrics;
pub mod objectives;
pub mod observe;
pub mod otlp;
pub mod quarantine;
pub mod recover;
pub mod room;
pub mod starts;
mod stores;
pub mod timers;
pub mod transport;
pub mod vitals;
mod watch;
pub mod worker;

pub use chaos::{Chaos, Fault};
pub use config::{Config, ConfigError};
pub use handle::{Handle, Status};
pub use life::{Node, RunningNode, StartError};
