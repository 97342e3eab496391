//! The etcd gateway through real sockets, in front of the program on one engine.
#![allow(clippy::disallowed_methods, reason = "a test may start tasks and wait")]

mod auth;
mod client;
mod fake;
mod hostile;
mod json;
mod keys;
mod leader;
mod leases;
mod measured;
mod recipes;
mod reflection;
mod snapshots;
mod traces;
mod watches;
