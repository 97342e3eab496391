//! Protocols that users have clients for, in front of one database.
//!
//! ```text
//!   bytes ─▶ codec ─▶ map ─▶ database::Request ─▶ Backend ─▶ database::Answer ─▶ map ─▶ bytes
//!            └ pure functions, no socket ┘                                └ pure ┘
//! ```
//!
//! Each protocol is a room: `http`, `pipe` for many calls at a time on one connection, `etcd`. Codec
//! and map are pure and tested without sockets; only `serve` has hands. The rooms know no node:
//! they talk to a [`Backend`]. What is asked of HTTP and is no route of the API goes to [`Pages`].
#![allow(clippy::result_large_err, reason = "problems are rare, and boxing them would spread")]

mod ambient;
mod backend;
pub mod etcd;
pub mod http;
mod measure;
mod pages;
pub mod pipe;
mod slots;

pub use backend::Backend;
pub use measure::{Measures, Meter};
pub use pages::{Content, Pages, Shown, Visit};
