//! What a node can be asked about itself; the answer to each is one document.

use crate::event::Filter;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// What happened: [`crate::Events`].
    Events(Filter),
    /// How it is: its vitals, of so many seconds.
    Vitals(u32),
    /// Requests and what they went through: traces.
    Traces(Pick),
    /// One request, with what every node knows of it: traces.
    Trace(u128),
    /// What is left of every keyspace's error budget: objectives.
    Objectives {
        /// Only what this node counted.
        here: bool,
    },
    /// What is wrong, and who: a diagnosis.
    Doctor,
}

/// Which requests somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// So many of the slowest that are kept.
    Slowest(u32),
    /// So many of the newest that are kept.
    Recent(u32),
    /// All that is kept of one trace on this node alone.
    Here(u128),
}
