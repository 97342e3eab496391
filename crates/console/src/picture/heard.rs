//! What one node answered, question by question.

use std::{collections::VecDeque, sync::Arc};

use client::document::{Cluster, Keyspaces};

use crate::facts::{Doctor, Event, Events, Slo, Vitals};

/// Events of one node that are kept.
const EVENTS_MAX: usize = 500;

/// The last answers of one node.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// `/v1/cluster`.
    pub cluster: Word<Cluster>,
    /// `/v1/keyspaces`.
    pub keyspaces: Word<Keyspaces>,
    /// `/v1/vitals`.
    pub vitals: Word<Vitals>,
    /// `/v1/doctor`.
    pub doctor: Word<Doctor>,
    /// `/v1/slo`.
    pub slo: Word<Slo>,
    /// The newest events, oldest first; every picture shares them.
    pub events: VecDeque<Arc<Event>>,
    /// After which to ask for the next events.
    pub next_event: u64,
    /// Why the last question about events was not answered; `None` if it was.
    pub no_events: Option<String>,
}

/// What became of a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Said<T> {
    /// Not asked yet.
    Nothing,
    /// Answered.
    This(T),
    /// Not answered, with the reason for people.
    Refused(String),
}

/// The last answer to a question, and since when it is so.
#[derive(Clone, Debug, PartialEq)]
pub struct Word<T> {
    /// What became of the question when it was asked last.
    pub said: Said<T>,
    /// When it was answered last, in milliseconds since 1970; 0 for never.
    pub at_ms: u64,
    /// What it said when it last answered.
    before: Option<T>,
}

impl<T> Default for Word<T> {
    fn default() -> Word<T> {
        Word { said: Said::Nothing, at_ms: 0, before: None }
    }
}

impl<T> Word<T> {
    /// Takes note of an answer.
    pub fn note(&mut self, answer: Result<T, String>, now_ms: u64) {
        let said = match answer {
            Ok(value) => {
                self.at_ms = now_ms;
                Said::This(value)
            }
            Err(reason) => Said::Refused(reason),
        };
        if let Said::This(before) = std::mem::replace(&mut self.said, said) {
            self.before = Some(before);
        }
    }

    /// The last answer, however old.
    pub fn value(&self) -> Option<&T> {
        match &self.said {
            Said::This(value) => Some(value),
            _ => self.before.as_ref(),
        }
    }

    /// The answer, if the last question was answered.
    pub fn now(&self) -> Option<&T> {
        match &self.said {
            Said::This(value) => Some(value),
            _ => None,
        }
    }

    /// Why there is no answer.
    pub fn reason(&self) -> Option<&str> {
        match &self.said {
            Said::Refused(reason) => Some(reason),
            _ => None,
        }
    }
}

impl Heard {
    /// Takes note of an answer about events.
    pub fn note_events(&mut self, answer: Result<Events, String>) {
        let events = match answer {
            Ok(events) => events,
            Err(reason) => {
                self.no_events = Some(reason);
                return;
            }
        };
        self.no_events = None;
        if events.next < self.next_event {
            // It began again on an empty directory, and so did its numbers: ask from the first.
            self.next_event = 0;
            return;
        }
        self.next_event = events.next;
        let node = events.node;
        let named = |event| Arc::new(Event { node: node.clone(), ..event });
        self.events.extend(events.events.into_iter().map(named));
        let over = self.events.len().saturating_sub(EVENTS_MAX);
        self.events.drain(..over);
    }
}
