//! Typed client of Quorate.
//!
//! ```text
//!   Kv, Counters, Coordination, Recipes, Control      typed calls
//!        │
//!      attempt                 deadline, retries with one request id, what may have happened
//!        ├─ nodes              where to go next
//!        ├─ direct ─ pipe      reads and writes: many at a time on one connection
//!        └─ request ─ pool ─ wire   documents: one at a time, HTTP/1.1
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
mod coordination;
mod counter;
mod direct;
pub mod document;
mod error;
mod evidence;
mod kv;
mod nodes;
mod observe;
pub mod pipe;
mod pool;
mod recipes;
mod request;
pub mod text;
mod wire;

pub use client::{Client, Options};
pub use control::Control;
pub use coordination::Coordination;
pub use counter::Counters;
pub use error::{Cause, Error};
pub use evidence::{Answer, Evidence, Receipt};
pub use kv::{If, Kv, Scan, Stored};
pub use recipes::Recipes;
