//! Pipes: many calls under way on one connection, in the programs' own encodings.
//!
//! ```text
//!   map     a call ─▶ database::Request, an answer back; pure, total
//!   serve   the hands: a reader that starts calls, a writer that sends what they came to
//! ```
//!
//! The messages, and what a pipe is, stand with the client: [`client::pipe`].

mod map;
mod serve;

pub use map::request;
pub(crate) use serve::{Around, run};
