//! HTTP/JSON, version 1.
//!
//! ```text
//!   route     method and path ─▶ Route; the table of all routes
//!   query     names and values of a query string, none ignored
//!   evidence  headers: conditions, request ids, sessions, traces, timeouts, leader hints
//!   contract  contracts as TOML or JSON
//!   cursor    where the next page of a scan starts
//!   map       Route, query, headers, body ─▶ Plan (mostly a database::Request)
//!   recipe    locks, semaphores, services and the like: the same for coordination keyspaces
//!   reply     database::Answer ─▶ response
//!   code      every error code, its status and its page
//!   operation pages of codes that never travel over HTTP
//!   problem   what went wrong ─▶ application/problem+json
//!   openapi   the description of all this, checked against `route`
//!   exposition  figures in the two text formats
//!   dry       requests without a socket, for whoever throws any at the map
//!   serve     the hands: sockets, limits, timeouts, shutdown
//! ```
//!
//! Raw body in, raw body out, evidence in headers, built on standards: RFC 9110 conditions and
//! entity tags, RFC 9457 problems, RFC 9651 structured fields, W3C trace context.

pub mod code;
pub mod contract;
mod cursor;
mod dry;
mod evidence;
mod exposition;
mod map;
pub mod openapi;
mod operation;
mod problem;
mod query;
mod recipe;
mod reply;
pub mod route;
mod serve;

pub use dry::plan;
pub(crate) use evidence::{insert_trace, parse_session, parse_trace, trace};
pub use map::Plan;
pub(crate) use map::level;
pub use problem::Problem;
pub use serve::{Flow, Limits, serve};
pub(crate) use serve::{Patient, Room, Tally, read_body};

/// A response with its whole body.
type Response = hyper::Response<http_body_util::Full<bytes::Bytes>>;
