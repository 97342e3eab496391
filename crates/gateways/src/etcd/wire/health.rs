//! `grpc.health.v1`: whether it makes sense to ask here.

use prost::{Enumeration, Message};

/// Asks for a service; the empty name is the whole server.
#[derive(Clone, PartialEq, Message)]
pub struct HealthCheckRequest {
    /// Which.
    #[prost(string, tag = "1")]
    pub service: String,
}

/// How a service is.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct HealthCheckResponse {
    /// One of [`Serving`].
    #[prost(enumeration = "Serving", tag = "1")]
    pub status: i32,
}

/// How a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
#[allow(clippy::enum_variant_names, reason = "named as in the protocol")]
pub enum Serving {
    /// Nobody knows.
    Unknown = 0,
    /// It answers.
    Serving = 1,
    /// It does not: no leader is known.
    NotServing = 2,
    /// There is no such service.
    ServiceUnknown = 3,
}
