//! gRPC server reflection: what can be called here, told to tools that have no definitions.
//!
//! ```text
//!   json::schema (fields of messages) ─┐
//!   catalog (services and methods) ────┴─▶ describe ─▶ one file for each package ─▶ wire
//! ```
//!
//! The descriptors are built from the tables that JSON is read and written by, so they say what is
//! really understood. Fields of ours behind number 100 are left out, as etcd's clients leave them.

mod catalog;
mod describe;
mod wire;

pub use describe::answer;
pub use wire::ReflectionRequest;
