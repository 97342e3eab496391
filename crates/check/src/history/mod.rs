//! A history: what clients invoked, and what they were told.
//!
//! The file is the field's own: one JSON object a line, one line for the invocation of an
//! operation and one for its completion (Jepsen; Kingsbury and Alvaro, "Elle", VLDB 2020, §2).
//!
//! ```text
//!   {"process":0,"type":"invoke","f":"write","key":"x","value":1,"time":100}
//!   {"process":1,"type":"invoke","f":"read","key":"x","value":null,"time":120}
//!   {"process":0,"type":"ok","f":"write","key":"x","value":1,"time":180}
//!   {"process":1,"type":"ok","f":"read","key":"x","value":1,"time":190}
//! ```
//!
//! `ok`: it happened, and the value is what the client saw. `fail`: it did not happen. `info`, or
//! no completion: nobody knows; it may have happened at any moment after its invocation, or
//! never.
//!
//! Lines are in the order in which things happened. Only where every line carries a time and
//! these times run backwards somewhere (recorders that were merged) does time decide.
//!
//! In memory an operation is one small [`Op`]; values are interned, so that the checkers compare
//! numbers and a million operations fit in some hundred megabytes.

mod error;
mod event;
mod level;
mod op;
mod pair;
mod read;
mod shape;
mod value;

#[cfg(test)]
mod tests;

use crate::etcd::{Answer, Ask};

pub use error::HistoryError;
pub use event::{Event, Kind, Process, Verb};
pub use level::Promise;
pub use op::{Action, Micro, OPEN, Op, Outcome, Seen, Span};
pub use pair::{Builder, KeyShape};
pub use read::{ReadLimits, read};
pub use value::{Datum, ValueId, Values};

/// Operations in the order of their invocation, with the tables that they refer to.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Every operation of a client.
    pub ops: Vec<Op>,
    /// The interned keys and values.
    pub values: Values,
    /// The elements of all lists that reads returned; see [`Span`].
    pub lists: Vec<ValueId>,
    /// The parts of all transactions; see [`Action::Txn`].
    pub micros: Vec<Micro>,
    /// The requests to keyspaces with etcd's model, and their answers; see [`Action::Etcd`].
    pub deeds: Vec<(Ask, Option<Answer>)>,
    /// Lines of processes that are not clients, such as the nemesis.
    pub ignored: u64,
    /// Events whose time was before that of the line above them.
    pub reordered: u64,
}

impl History {
    /// Builds a history from events in memory. Errors name the event's position, from 1.
    pub fn from_events(events: impl IntoIterator<Item = Event>) -> Result<History, HistoryError> {
        let mut builder = Builder::new(KeyShape::Auto);
        for (at, event) in events.into_iter().enumerate() {
            builder.push(event, at as u64 + 1)?;
        }
        Ok(builder.finish())
    }

    /// The elements of a list.
    #[must_use]
    pub fn list(&self, span: Span) -> &[ValueId] {
        self.lists.get(span.range()).unwrap_or_default()
    }

    /// The parts of a transaction.
    #[must_use]
    pub fn parts(&self, span: Span) -> &[Micro] {
        self.micros.get(span.range()).unwrap_or_default()
    }

    /// The value that a register's read returned; a list counts as one value.
    #[must_use]
    pub fn whole(&self, seen: Seen) -> ValueId {
        match seen {
            Seen::Nothing => ValueId::NULL,
            Seen::Value(value) => value,
            Seen::List(span) => {
                let parts: Vec<String> =
                    self.list(span).iter().map(|&v| self.values.text(v)).collect();
                self.values.find(&format!("[{}]", parts.join(",")))
            }
        }
    }
}
