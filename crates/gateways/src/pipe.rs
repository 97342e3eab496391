//! Pipes: many calls under way on one connection, in the programs' own encodings.
//!
//! ```text
//!   map     a call ─▶ database::Request, an answer back; pure, total
//!   serve   the hands: a reader that starts calls, a writer that sends what they came to
//! ```
//!
//! The messages, and what a pipe is, stand with the client: [`client::pipe`].

use std::sync::Arc;

use crate::measure::{Measures, Meters};

mod map;
mod serve;

pub use map::request;
pub(crate) use serve::{Around, run};

/// What calls are told apart by where they are counted; see [`map::operation`].
pub(crate) fn operations() -> impl Iterator<Item = String> {
    map::OPERATIONS.map(str::to_owned).into_iter()
}

/// Where the durations of calls go.
pub(crate) fn meters(source: Option<Arc<dyn Measures>>) -> Meters {
    Meters::new(source, "pipe", operations())
}
