//! Typed client of Quorate's HTTP API.
//!
//! ```text
//!   Kv, Counters, Control      typed calls
//!        │
//!      attempt                 deadline, retries with one request id, what may have happened
//!        │
//!      nodes ── pool ── wire   where to go next, idle connections, HTTP/1.1
//!
//!   text       how keys, values and durations are spelled in URLs and JSON
//!   document   the JSON documents of the API, read here and written by the gateway
//! ```
//!
//! A call ends in one of three ways: with an answer and its [`Evidence`], with
//! [`Error::NotDone`], or with [`Error::Unknown`] and the request id whose fate can be asked.

mod ambient;
mod attempt;
mod client;
mod control;
mod counter;
pub mod document;
mod error;
mod evidence;
mod kv;
mod nodes;
mod pool;
pub mod text;
mod wire;

pub use client::{Client, Options};
pub use control::Control;
pub use counter::Counters;
pub use error::{Cause, Error};
pub use evidence::{Answer, Evidence, Receipt};
pub use kv::{If, Kv, Scan, Stored};
