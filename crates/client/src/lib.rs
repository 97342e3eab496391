//! Typed client of Quorate's HTTP API.
//!
//! ```text
//!   text       how keys, values and durations are spelled in URLs and JSON
//!   document   the JSON documents of the API, read here and written by the gateway
//! ```

pub mod document;
pub mod text;
