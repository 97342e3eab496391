//! A watcher: it reads changes page by page, at any replica, and goes on where it was.
//!
//! Some watch all keys, some a few; pages are short, so that they cut revisions. Now and then one
//! goes back, as a client that starts anew. One that is told that its place is compacted goes on
//! at the first revision that is left. The *chronicler* does neither, and reads to the very end.

use check::{
    etcd::{Answer, Ask, Keys, Range, Watch},
    history::{Event, Kind, Verb},
};
use contract::Consistency;
use database::Request;
use kernel::{Duration, Instant, NodeId, Rng};
use sim::Outcome;

use super::{Chronicled, KEYSPACE, record};
use crate::{
    actor::Actor,
    attempt::{Attempt, Next},
};

/// How many watchers there are.
pub(super) const WATCHERS: u64 = 3;
/// Between two looks for something new, on average.
const PERIOD: Duration = Duration::from_millis(250);

/// A watcher and where it is.
pub(super) struct Watcher {
    id: u64,
    process: u64,
    nodes: u64,
    node: u64,
    keys: Keys,
    at: (i64, u32),
    next_at: Instant,
    busy: Option<(Ask, Attempt)>,
    rng: Rng,
    chronicled: Chronicled,
    end: End,
}

/// How far a watcher is with its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// It watches.
    Open,
    /// The chronicler reads to the newest revision.
    Reading,
    /// Then all keys.
    Looking,
    /// It is done.
    Done,
}

impl Watcher {
    pub(super) fn new(
        id: u64,
        process: u64,
        nodes: u64,
        mut rng: Rng,
        chronicled: Chronicled,
    ) -> Watcher {
        let all = Keys { key: String::new(), end: Keys::all().end };
        let keys = match id {
            2 => Keys { key: "k1".into(), end: "lock1/".into() },
            _ => all,
        };
        let (node, next_at) = (rng.range(1, nodes), Instant::ZERO);
        let (at, busy, end) = ((1, 0), None, End::Open);
        Watcher { id, process, nodes, node, keys, at, next_at, busy, rng, chronicled, end }
    }

    fn chronicles(&self) -> bool {
        self.id == 0
    }

    fn event(&self, kind: Kind, level: Option<Consistency>, now: Instant) -> Event {
        let event = Event::new(self.process, kind, Verb::Etcd).key(KEYSPACE).at(now.0 as i64);
        Event { level: level.map(|level| level.to_string()), ..event }
    }

    /// A page, or all keys at the end.
    fn got(&mut self, now: Instant, answer: &Answer, level: Option<Consistency>) {
        let pause = self.rng.duration(Duration::ZERO, PERIOD * 2);
        self.next_at = now + pause;
        match answer {
            Answer::Watch(page) if page.compacted != 0 => self.at = (page.compacted, 0),
            Answer::Watch(page) => {
                let more = page.next.0 <= page.revision;
                self.at = page.next;
                if more {
                    self.next_at = now;
                } else if self.end == End::Reading && level.is_none() {
                    (self.end, self.next_at) = (End::Looking, now);
                }
                self.moves();
            }
            _ => self.end = End::Done,
        }
    }

    /// Where it asks next.
    fn moves(&mut self) {
        if self.chronicles() {
            self.chronicled.set(self.at.0 - 1);
        } else if self.rng.chance(0.02) {
            let back = self.rng.below(60) as i64;
            self.at = ((self.at.0 - back).max(1), 0);
        }
        if self.rng.chance(0.2) {
            self.node = self.rng.range(1, self.nodes);
        }
    }
}

impl Actor for Watcher {
    fn idle(&self) -> bool {
        matches!(self.end, End::Open | End::Done)
    }

    fn look_back(&mut self) {
        self.end = if self.chronicles() { End::Reading } else { End::Done };
    }

    fn due(&self) -> Instant {
        match &self.busy {
            Some((_, attempt)) => attempt.deadline,
            None if self.end == End::Done => Instant::NEVER,
            None => self.next_at,
        }
    }

    fn next(&mut self, now: Instant, history: &mut Vec<Event>) -> Option<(NodeId, Request)> {
        if self.busy.is_some() || self.end == End::Done || now < self.next_at {
            return None;
        }
        let (keys, from) = (self.keys.clone(), self.at);
        let (ask, level) = match self.end {
            End::Looking => (Ask::Range(Range { keys: Keys::all(), revision: 0, limit: 0 }), None),
            End::Reading => (Ask::Watch(Watch { watcher: self.id, keys, from }), None),
            _ => {
                let level = Some(Consistency::EVENTUAL);
                (Ask::Watch(Watch { watcher: self.id, keys, from }), level)
            }
        };
        let limit = if self.rng.chance(0.5) { self.rng.range(1, 7) as u32 } else { 0 };
        let action = record::sent(&ask, limit);
        let request = Attempt::call(KEYSPACE, action, level, None, &mut self.rng);
        let attempt = Attempt::new(now, (self.node, self.nodes), request, false);
        let value = serde_json::to_value(&ask).unwrap_or_default();
        history.push(self.event(Kind::Invoke, level, now).value(value));
        let first = attempt.ask();
        self.busy = Some((ask, attempt));
        Some(first)
    }

    fn answered(
        &mut self,
        now: Instant,
        answer: Option<Outcome<database::Answer>>,
        history: &mut Vec<Event>,
    ) -> Option<(NodeId, Request)> {
        let (ask, mut attempt) = self.busy.take()?;
        let level = attempt.request.consistency;
        let read = match attempt.answered(now, answer) {
            Next::Ask(node, request) => {
                self.busy = Some((ask, attempt));
                return Some((node, request));
            }
            Next::Done(done) => record::read(&done.body),
            Next::Failed | Next::Unknown => None,
        };
        match read {
            Some(answer) => {
                let value = serde_json::to_value(&answer).unwrap_or_default();
                history.push(self.event(Kind::Ok, level, now).value(value));
                self.got(now, &answer, level);
            }
            None => {
                history.push(self.event(Kind::Fail, level, now));
                self.node = self.node % self.nodes + 1;
                self.next_at = now + PERIOD;
            }
        }
        None
    }
}
