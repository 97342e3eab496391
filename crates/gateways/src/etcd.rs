//! etcd v3, for every etcd client: gRPC, and JSON for those who have none.
//!
//! ```text
//!   HTTP/2 ─▶ grpc ─▶ method ─▶ map ─▶ Backend ─▶ map ─▶ grpc ─▶ HTTP/2
//!                                └ more than one question: service, watch
//! ```
//!
//! A node serves one keyspace with the program `coordination`, whose messages are etcd's own: a
//! request is read once, put into the program's envelope and sent to the log, and what the program
//! answers goes out as it is, with the header filled in.
//!
//! `auth` knows who calls. `grpc`, `json`, `method`, `map`, `wire`, `facts`, `failure` are pure.
//! `serve` has the sockets, `service` the calls that are more than one question, `watch` the
//! watches, `reflection` what can be called. ADR 13 says why it is so.

pub mod auth;
pub mod facts;
mod failure;
mod figures;
pub mod grpc;
mod guard;
pub mod json;
mod limits;
pub mod map;
pub mod method;
mod operation;
mod reflection;
mod serve;
mod service;
pub mod snapshot;
mod terms;
mod watch;
pub mod wire;

pub use figures::Figures;
pub(crate) use guard::of as guards;
pub use limits::Limits;
#[cfg(test)]
pub(crate) use operation::operations;
pub use serve::serve;
