//! `quorate lock | elect | semaphore | barrier | service`: what a coordination keyspace is for.
//!
//! ```text
//!   grant a lease ─▶ take a place, wait ─▶ CMD … ─▶ revoke the lease
//!        └──────── keep the lease alive all the time ─────┘
//!                  lost? CMD is ended: it must not go on as if it held something
//! ```

mod barrier;
mod hold;
mod lock;
mod service;

pub use barrier::Barrier;
pub use lock::{Elect, Lock, Semaphore};
pub use service::Service;
