//! The flight recorder: a ring of events within two bounds.

use alloc::{
    collections::{BTreeMap, VecDeque},
    string::String,
    vec::Vec,
};

use super::{Event, Severity};
use crate::time;

/// Every start begins with the next million of ids: those that were given to events that were lost
/// with the process are never given again.
const IDS_PER_START: u64 = 1_000_000;
/// JavaScript tells larger numbers apart no more.
const ID_MAX: u64 = 1 << 53;

/// Keeps the newest events.
#[derive(Clone, Debug)]
pub struct Recorder {
    events: VecDeque<Event>,
    /// The id of the newest; 0 before the first.
    newest: u64,
    start: u64,
    bytes: usize,
    events_max: usize,
    bytes_max: usize,
    keyspaces: BTreeMap<u64, String>,
}

/// Which events somebody wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only what came after this id.
    pub after: u64,
    /// Only this kind.
    pub kind: Option<String>,
    /// Only what is at least so bad.
    pub severity: Severity,
    /// At most so many.
    pub limit: usize,
}

impl Filter {
    /// Whether an event is wanted; its place in the list is another matter.
    #[must_use]
    pub fn takes(&self, event: &Event) -> bool {
        let kind = self.kind.as_ref().is_none_or(|kind| *kind == event.kind);
        event.id > self.after && kind && event.severity >= self.severity
    }
}

impl Recorder {
    /// An empty recorder that holds at most so many events and bytes.
    #[must_use]
    pub fn new(events_max: usize, bytes_max: usize) -> Recorder {
        Recorder {
            events: VecDeque::new(),
            newest: 0,
            start: 1,
            bytes: 0,
            events_max,
            bytes_max,
            keyspaces: BTreeMap::new(),
        }
    }

    /// Takes what is left of earlier starts, oldest first, and begins the next one.
    pub fn resume(&mut self, before: Vec<Event>) {
        for event in before {
            if event.id > self.newest && event.id < ID_MAX {
                self.newest = event.id;
                self.start = event.start.saturating_add(1);
                self.keep(event);
            }
        }
        if self.newest > 0 {
            self.newest = (self.newest / IDS_PER_START + 1) * IDS_PER_START;
        }
    }

    /// Records an event that happened now; gives its id.
    pub fn record(&mut self, unix_ms: u64, mut event: Event) -> u64 {
        self.newest += 1;
        event.id = self.newest;
        event.start = self.start;
        event.time = time::rfc3339(unix_ms);
        if event.keyspace.is_none() {
            let shard = event.shard.as_ref();
            event.keyspace = shard.and_then(|shard| self.keyspaces.get(shard)).cloned();
        }
        self.keep(event);
        self.newest
    }

    fn keep(&mut self, event: Event) {
        self.bytes += event.weight();
        self.events.push_back(event);
        while self.events.len() > self.events_max || self.bytes > self.bytes_max {
            let Some(gone) = self.events.pop_front() else { break };
            self.bytes -= gone.weight();
        }
    }

    /// Learns which keyspace every shard is of; events that came before the names get them too.
    pub fn learn(&mut self, keyspaces: BTreeMap<u64, String>) {
        if keyspaces == self.keyspaces {
            return;
        }
        for event in self.events.iter_mut().filter(|event| event.keyspace.is_none()) {
            if let Some(name) = event.shard.and_then(|shard| keyspaces.get(&shard)) {
                self.bytes += name.len();
                event.keyspace = Some(name.clone());
            }
        }
        self.keyspaces = keyspaces;
    }

    /// The id of the newest event; 0 before the first.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// Which start of the node this is, from 1.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Everything that it holds, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.events.iter()
    }

    /// The wanted events, oldest first, and the id after which to ask for more. Without `after` the
    /// newest are given, with it those that follow.
    #[must_use]
    pub fn read(&self, filter: &Filter) -> (Vec<Event>, u64) {
        let wanted = self.events.iter().filter(|event| filter.takes(event));
        if filter.after == 0 {
            let mut newest: Vec<Event> = wanted.rev().take(filter.limit).cloned().collect();
            newest.reverse();
            return (newest, self.newest);
        }
        let events: Vec<Event> = wanted.take(filter.limit).cloned().collect();
        let whole = events.len() < filter.limit;
        let last = events.last().map_or(filter.after, |event| event.id);
        (events, if whole { self.newest.max(filter.after) } else { last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::ToString, vec};
    use proptest::prelude::*;

    fn event(kind: &str, severity: Severity) -> Event {
        Event::new(kind, severity, "it happened").shard(4)
    }

    fn ids(events: &[Event]) -> Vec<u64> {
        events.iter().map(|event| event.id).collect()
    }

    #[test]
    fn the_newest_are_given_first_and_then_what_follows() {
        let mut recorder = Recorder::new(5, 1 << 20);
        recorder.record(1, event("early", Severity::Info));
        recorder.learn(BTreeMap::from([(4, "carts".to_string())]));
        assert_eq!(recorder.events[0].keyspace.as_deref(), Some("carts"), "named afterwards");
        let mut recorder = Recorder::new(5, 1 << 20);
        recorder.learn(BTreeMap::from([(4, "carts".to_string())]));
        for at in 1..=7 {
            let kind = if at % 2 == 0 { "even" } else { "odd" };
            let severity = if at == 6 { Severity::Alarm } else { Severity::Info };
            assert_eq!(recorder.record(at, event(kind, severity)), at);
        }
        let read = |after, limit, kind: Option<&str>, severity| {
            let kind = kind.map(ToString::to_string);
            let (events, next) = recorder.read(&Filter { after, kind, severity, limit });
            (ids(&events), next)
        };
        let info = Severity::Info;
        assert_eq!(read(0, 2, None, info), (vec![6, 7], 7), "the newest");
        assert_eq!(read(0, 99, None, info), (vec![3, 4, 5, 6, 7], 7), "no more than five");
        assert_eq!(read(3, 2, None, info), (vec![4, 5], 5), "a page");
        assert_eq!(read(5, 2, None, info), (vec![6, 7], 7));
        assert_eq!(read(3, 9, Some("odd"), info), (vec![5, 7], 7));
        assert_eq!(read(0, 9, None, Severity::Warning), (vec![6], 7));
        assert_eq!(read(7, 9, None, info), (vec![], 7));
        let newest = recorder.iter().next_back().unwrap();
        assert_eq!(newest.keyspace.as_deref(), Some("carts"));
        assert_eq!(newest.time, "1970-01-01T00:00:00.007Z");
    }

    #[test]
    fn a_start_goes_on_after_the_last_one_and_gives_no_id_twice() {
        let mut first = Recorder::new(5, 1 << 20);
        first.resume(Vec::new());
        (1..=3).for_each(|at| _ = first.record(at, event("early", Severity::Info)));
        let all: Vec<Event> = first.iter().cloned().collect();
        let mut second = Recorder::new(5, 1 << 20);
        // The third was shown to somebody, and lost.
        second.resume(all[..2].to_vec());
        assert_eq!((second.newest(), second.start()), (1_000_000, 2));
        second.record(9, event("late", Severity::Info));
        let (held, next) = second.read(&Filter { limit: 9, ..Filter::default() });
        let marks: Vec<_> = held.iter().map(|event| (event.id, event.start)).collect();
        assert_eq!(marks, [(1, 1), (2, 1), (1_000_001, 2)]);
        let after = second.read(&Filter { after: 3, limit: 9, ..Filter::default() });
        assert_eq!((ids(&after.0), after.1), (vec![1_000_001], next), "a stream goes on");
        let mut third = Recorder::new(2, 1 << 20);
        third.resume([held.clone(), held].concat());
        assert_eq!((third.newest(), third.start()), (2_000_000, 3));
        assert_eq!(third.iter().map(|event| event.id).collect::<Vec<_>>(), [2, 1_000_001]);
    }

    proptest! {
        #[test]
        fn bounds_hold_and_no_page_skips_an_event(
            texts in proptest::collection::vec(0usize..2000, 1..60),
            limit in 1usize..9,
        ) {
            let mut recorder = Recorder::new(30, 20_000);
            for text in &texts {
                let text = "x".repeat(*text);
                recorder.record(1, Event::new("k", Severity::Info, text));
                prop_assert!(recorder.events.len() <= 30 && recorder.bytes <= 20_000);
            }
            let held = ids(&recorder.events.iter().cloned().collect::<Vec<_>>());
            let mut after = held.first().map_or(0, |first| first.saturating_sub(1));
            let mut seen = Vec::new();
            while after > 0 && after < recorder.newest() {
                let filter = Filter { after, limit, ..Filter::default() };
                let (events, next) = recorder.read(&filter);
                prop_assert!(next > after);
                seen.extend(ids(&events));
                after = next;
            }
            prop_assert!(held.first() == Some(&1) || seen == held);
        }
    }
}
