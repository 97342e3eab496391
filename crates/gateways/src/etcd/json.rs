//! JSON for clients without gRPC: `POST /v3/kv/range` and the like, on the same port.
//!
//! ```text
//!   {"key": "Zm9v"} ─▶ read ─▶ protobuf ─▶ the call, as over gRPC ─▶ protobuf ─▶ write ─▶ JSON
//!                        └───────── schema ─────────────────────────────────────────┘
//! ```
//!
//! Names and forms are those of etcd's own gateway: bytes in base64, numbers of 64 bits as text,
//! enumerations by name, nothing that is zero. `schema` says which fields a message has; `read` and
//! `write` know no message. All of it is pure; [`super::serve`] has the socket.

mod read;
mod route;
pub mod schema;
mod write;

pub use read::read;
pub use route::{Call, Route, route};
pub use schema::Message as Shape;
pub use write::write;

#[cfg(test)]
mod tests;
