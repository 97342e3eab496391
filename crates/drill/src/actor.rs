//! Whoever asks the cluster during a run, and writes down what was answered.

use std::collections::BTreeMap;

use check::history::Event;
use database::{Answer, Request};
use kernel::{Instant, NodeId, ShardId};
use sim::Outcome;

/// A client of the cluster. It does one thing at a time.
pub trait Actor {
    /// Whether the run need not wait for it.
    fn idle(&self) -> bool;

    /// It changes nothing any more, beyond what is under way.
    fn rest(&mut self) {}

    /// Nobody changes anything any more: it looks how everything ended, if that is its part.
    fn look_back(&mut self) {}

    /// What it was told and must not have been.
    fn wrong(&self) -> Option<&str> {
        None
    }

    /// When something must be done without an answer.
    fn due(&self) -> Instant;

    /// What it asks next, if its time has come.
    fn next(&mut self, now: Instant, history: &mut Vec<Event>) -> Option<(NodeId, Request)>;

    /// What its read must show at least, by shard; `committed` is what is committed now. Empty while
    /// it reads nothing.
    fn floor(&self, _committed: &BTreeMap<ShardId, u64>) -> BTreeMap<ShardId, u64> {
        BTreeMap::new()
    }

    /// The answer to what it asked last, or its deadline. What it asks next, if anything.
    fn answered(
        &mut self,
        now: Instant,
        answer: Option<Outcome<Answer>>,
        history: &mut Vec<Event>,
    ) -> Option<(NodeId, Request)>;
}
